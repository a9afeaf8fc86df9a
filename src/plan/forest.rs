//! Which spec stands under which driver, by number and never round in a ring.
use super::effort;

/// Drivers and their members, as a forest.
#[derive(Debug, Clone, Default)]
pub struct Forest {
    driver: Vec<Option<usize>>,
    depth: Vec<usize>,
}

impl Forest {
    /// Hangs every spec under its driver. Where drivers are one another's members, the link that closes the ring is
    /// left out.
    pub fn new(mut driver: Vec<Option<usize>>) -> Self {
        const UNKNOWN: usize = usize::MAX;
        let mut depth = vec![UNKNOWN; driver.len()];
        let mut on_path = vec![false; driver.len()];
        for i in 0..driver.len() {
            let mut path = Vec::new();
            let mut at = i;
            while depth[at] == UNKNOWN && !on_path[at] {
                effort::step();
                on_path[at] = true;
                path.push(at);
                match driver[at] {
                    Some(up) if on_path[up] => driver[at] = None,
                    Some(up) => at = up,
                    None => {}
                }
            }
            for &v in path.iter().rev() {
                on_path[v] = false;
                depth[v] = driver[v].map_or(0, |up| depth[up] + 1);
            }
        }
        Self { driver, depth }
    }

    /// The driver of spec `i`.
    pub fn driver(&self, i: usize) -> Option<usize> {
        self.driver[i]
    }

    /// How many drivers stand above spec `i`.
    pub fn depth(&self, i: usize) -> usize {
        self.depth[i]
    }

    /// What must land so that `dependency` is in the base of `dependent`, and the part of the plan that waits for it.
    ///
    /// Members land on their driver's branch, so what stands under another driver comes only with the outermost driver
    /// that the two do not share. Members of one driver wait for each other themselves.
    pub fn lift(&self, dependency: usize, dependent: usize) -> (usize, usize) {
        let (mut a, mut b) = (dependency, dependent);
        while self.depth[b] > self.depth[a] {
            b = self.driver[b].unwrap_or(b);
        }
        if a == b {
            return (dependency, dependent);
        }
        while self.depth[a] > self.depth[b] {
            let inner = a;
            a = self.driver[a].unwrap_or(a);
            if a == b {
                return (inner, dependent);
            }
        }
        while self.driver[a] != self.driver[b] {
            effort::step();
            a = self.driver[a].unwrap_or(a);
            b = self.driver[b].unwrap_or(b);
        }
        (a, b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_another_driver_comes_with_the_outermost_driver_not_shared() {
        // 0 drives 1 and 2; 1 drives 3, 2 drives 4; 5 stands alone, 6 drives 7.
        let forest = Forest::new(vec![None, Some(0), Some(0), Some(1), Some(2), None, None, Some(6)]);
        assert_eq!(forest.lift(3, 4), (1, 2), "under one driver, its members wait for each other");
        assert_eq!(forest.lift(3, 5), (0, 5));
        assert_eq!(forest.lift(5, 3), (5, 0));
        assert_eq!(forest.lift(3, 7), (0, 6));
        assert_eq!(forest.lift(1, 2), (1, 2));
        assert_eq!(forest.lift(0, 3), (0, 3), "one's own driver is never there");
        assert_eq!(forest.lift(3, 0), (1, 0), "a driver that waits for what is under it");
        assert_eq!(forest.lift(5, 5), (5, 5));
    }

    #[test]
    fn drivers_that_are_one_anothers_members_do_not_hang_in_a_ring() {
        let forest = Forest::new(vec![Some(1), Some(2), Some(0), Some(3)]);
        let roots = (0..4).filter(|&i| forest.driver(i).is_none()).count();
        assert_eq!(roots, 2);
        assert!((0..4).all(|i| forest.depth(i) <= 2));
    }
}
