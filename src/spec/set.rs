//! The specs of one project, with what they say of each other resolved.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use super::id::{ById, SpecId};
use super::lookup::{self, Lookup};
use super::model::{Spec, SpecRef};

/// The specs of one project, in natural order.
#[derive(Debug, Clone, Default)]
pub struct Set {
    #[allow(clippy::vec_box, reason = "each is large, and moved about until it is in its place")]
    specs: Vec<Box<Spec>>,
    /// Where each is among them.
    places: ById<usize>,
    /// Once somebody has asked.
    by_number: OnceLock<HashMap<String, SpecId>>,
    drivers: ById<SpecId>,
    members: ById<Vec<SpecId>>,
    depends_on: ById<Vec<SpecId>>,
    former: BTreeMap<SpecId, SpecId>,
    problems: BTreeMap<SpecId, Vec<Problem>>,
}

/// Something that a spec says of another, and that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A name that finds no spec, or more than one. Where the key is `depends_on`, the spec cannot be ready.
    Unresolved {
        /// `depends_on` or `members`.
        key: &'static str,
        /// The name.
        reference: SpecRef,
        /// Why it finds none.
        why: Lookup,
    },
    /// `members:` names a spec that has another driver already; that one counts.
    TwoDrivers {
        /// The name.
        reference: SpecRef,
        /// The driver that counts.
        other: SpecId,
    },
    /// `members:` names the spec itself or a driver above it.
    MemberOfItself {
        /// The name.
        reference: SpecRef,
    },
    /// A member waits for its own driver, which waits for it: not counted.
    DependsOnDriver {
        /// The name.
        reference: SpecRef,
    },
    /// A driver waits for its own member, as it does anyway: not counted.
    DependsOnMember {
        /// The name.
        reference: SpecRef,
    },
}

impl Set {
    /// Resolves what the specs say of each other. What does not hold is kept under [`problems`](Self::problems). Of two
    /// specs with one id the first counts.
    pub fn new<S: Into<Box<Spec>>>(specs: Vec<S>) -> Self {
        let mut specs: Vec<Box<Spec>> = specs.into_iter().map(S::into).collect();
        specs.sort_by(|a, b| a.id.cmp(&b.id));
        specs.dedup_by(|later, first| later.id == first.id);
        let places = specs.iter().enumerate().map(|(at, spec)| (spec.id.clone(), at)).collect();
        let mut set = Self { specs, places, ..Self::default() };
        set.find_members();
        set.find_dependencies();
        for spec in &set.specs {
            for old in &spec.formerly {
                set.former.entry(old.clone()).or_insert_with(|| spec.id.clone());
            }
        }
        set
    }

    /// Numbers that one spec alone has, however many zeros are written before them.
    fn by_number(&self) -> &HashMap<String, SpecId> {
        self.by_number.get_or_init(|| {
            let mut count: HashMap<String, (usize, &SpecId)> = HashMap::new();
            for id in self.ids() {
                if let Some(number) = id.number() {
                    count.entry(lookup::plain_number(&number)).or_insert((0, id)).0 += 1;
                }
            }
            let alone = count.into_iter().filter(|(_, (times, _))| *times == 1);
            alone.map(|(number, (_, id))| (number, id.clone())).collect()
        })
    }

    fn find_members(&mut self) {
        let named = self.references("members", |spec| &spec.members);
        for (driver, reference, member) in named {
            match self.drivers.get(&member) {
                Some(other) if *other != driver => {
                    let other = other.clone();
                    self.problem(&driver, Problem::TwoDrivers { reference, other });
                }
                Some(_) => {}
                None if self.is_above(&member, &driver) => self.problem(&driver, Problem::MemberOfItself { reference }),
                None => drop(self.drivers.insert(member, driver)),
            }
        }
        for id in self.specs.iter().map(|spec| &spec.id) {
            // `release-1.2` is no member of a `release-1` that is no driver.
            let driver = id.driver().filter(|driver| self.get(driver).is_some_and(Spec::is_driver));
            if let Some(driver) = driver.filter(|driver| !self.drivers.contains_key(id) && !self.is_above(id, driver)) {
                self.drivers.insert(id.clone(), driver);
            }
        }
        for id in self.specs.iter().map(|spec| &spec.id) {
            if let Some(driver) = self.drivers.get(id) {
                self.members.entry(driver.clone()).or_default().push(id.clone());
            }
        }
    }

    fn find_dependencies(&mut self) {
        let named = self.references("depends_on", |spec| &spec.depends_on);
        for (id, reference, other) in named {
            if id != other && self.is_above(&other, &id) {
                self.problem(&id, Problem::DependsOnDriver { reference });
            } else if id != other && self.is_above(&id, &other) {
                self.problem(&id, Problem::DependsOnMember { reference });
            } else {
                let own = self.depends_on.entry(id).or_default();
                if !own.contains(&other) {
                    own.push(other);
                }
            }
        }
    }

    /// Every reference under a key that finds its spec, in natural order of the specs that hold them.
    fn references(&mut self, key: &'static str, of: impl Fn(&Spec) -> &[SpecRef]) -> Vec<(SpecId, SpecRef, SpecId)> {
        let mut found = Vec::new();
        let mut problems = Vec::new();
        // One missing spec may be named by thousands, and looking for what was meant is slow.
        let mut known = HashMap::new();
        for spec in &self.specs {
            let id = &spec.id;
            for reference in of(spec) {
                match known.entry(reference.text.as_str()).or_insert_with(|| self.resolve(&reference.text)) {
                    Ok(other) => found.push((id.clone(), reference.clone(), SpecId::clone(other))),
                    Err(why) => problems.push((id.clone(), reference.clone(), why.clone())),
                }
            }
        }
        for (id, reference, why) in problems {
            self.problem(&id, Problem::Unresolved { key, reference, why });
        }
        found
    }

    fn problem(&mut self, id: &SpecId, problem: Problem) {
        self.problems.entry(id.clone()).or_default().push(problem);
    }

    /// Whether the one is the other, its driver, or a driver above that.
    fn is_above(&self, upper: &SpecId, lower: &SpecId) -> bool {
        upper == lower || self.drivers_of(lower).any(|driver| driver == upper)
    }

    /// The spec of this very id.
    pub fn get(&self, id: &SpecId) -> Option<&Spec> {
        self.places.get(id).map(|at| &*self.specs[*at])
    }

    /// Where each is among [`all`](Self::iter), by its id.
    pub fn places(&self) -> &ById<usize> {
        &self.places
    }

    /// All specs, in natural order.
    pub fn iter(&self) -> impl Iterator<Item = &Spec> + Clone {
        self.specs.iter().map(Box::as_ref)
    }

    /// All ids, in natural order.
    pub fn ids(&self) -> impl Iterator<Item = &SpecId> + Clone {
        self.iter().map(|spec| &spec.id)
    }

    /// How many specs there are.
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether there is no spec at all.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// Finds the one spec that a name cut short stands for.
    ///
    /// # Errors
    /// Where none or more than one answers, as [`resolve`](super::resolve) has it.
    pub fn resolve(&self, query: &str) -> Result<&SpecId, Lookup> {
        let exact = query.parse().ok().and_then(|id| self.get(&id)).map(|spec| &spec.id);
        let number = || query.starts_with(|c: char| c.is_ascii_digit()).then(|| lookup::plain_number(query));
        match exact.or_else(|| self.by_number().get(&number()?)) {
            Some(id) => Ok(id),
            None => lookup::resolve(query, self.ids()),
        }
    }

    /// The driver that a spec is a member of: by `members:`, else by its suffix.
    pub fn driver_of(&self, id: &SpecId) -> Option<&SpecId> {
        self.drivers.get(id)
    }

    /// The driver, the driver's driver and so on, the nearest first.
    pub fn drivers_of<'a>(&'a self, id: &SpecId) -> impl Iterator<Item = &'a SpecId> {
        std::iter::successors(self.driver_of(id), |driver| self.driver_of(driver))
    }

    /// The direct members of a driver, in natural order.
    pub fn members_of(&self, id: &SpecId) -> &[SpecId] {
        self.members.get(id).map_or(&[], Vec::as_slice)
    }

    /// What a spec itself depends on, in the order of its file, without its own drivers and members.
    pub fn own_depends_on(&self, id: &SpecId) -> &[SpecId] {
        self.depends_on.get(id).map_or(&[], Vec::as_slice)
    }

    /// What a spec depends on, its own first, then what it inherits from its drivers; each once.
    pub fn depends_on(&self, id: &SpecId) -> Vec<SpecId> {
        let mut all: Vec<SpecId> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let own = self.own_depends_on(id);
        let inherited = self.drivers_of(id).flat_map(|driver| self.own_depends_on(driver));
        for dependency in own.iter().chain(inherited) {
            if seen.insert(dependency) {
                all.push(dependency.clone());
            }
        }
        all
    }

    /// The spec that once had this id. A spec that has it now comes first: see [`get`](Self::get).
    pub fn by_former_name(&self, id: &SpecId) -> Option<&SpecId> {
        self.former.get(id)
    }

    /// What does not hold of what a spec says of others.
    pub fn problems(&self, id: &SpecId) -> &[Problem] {
        self.problems.get(id).map_or(&[], Vec::as_slice)
    }

    /// The names under `depends_on` that find no spec, with why: such a spec cannot be ready. A member's drivers count.
    pub fn dangling(&self, id: &SpecId) -> Vec<(&SpecRef, &Lookup)> {
        std::iter::once(id)
            .chain(self.drivers_of(id))
            .flat_map(|id| self.problems(id))
            .filter_map(|problem| match problem {
                Problem::Unresolved { key: "depends_on", reference, why } => Some((reference, why)),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A set of specs, each given as its id and the lines of its frontmatter.
    pub fn set(specs: &[(&str, &str)]) -> Set {
        let parse = |(id, front): &(&str, &str)| {
            let text = format!("---\n{front}\n---\n# Title of {id}\n\n## Acceptance Criteria\n\n- [ ] done\n");
            let parsed = super::super::parse(&id.parse().unwrap(), &format!("{id}.md"), text.as_bytes());
            parsed.spec.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
        };
        Set::new(specs.iter().map(parse).collect())
    }

    pub fn id(text: &str) -> SpecId {
        text.parse().unwrap()
    }

    fn names(ids: &[SpecId]) -> Vec<&str> {
        ids.iter().map(SpecId::as_str).collect()
    }

    #[test]
    fn members_come_from_the_suffix_and_from_the_driver_s_list() {
        let set = set(&[
            ("002-x", "members: [7, 002.2]"),
            ("002-x.1", ""),
            ("002-x.2", "type: driver"),
            ("002-x.10", ""),
            ("002-x.2.1", ""),
            ("007-y", ""),
        ]);
        assert_eq!(names(set.members_of(&id("002-x"))), ["002-x.1", "002-x.2", "002-x.10", "007-y"]);
        assert_eq!(names(set.members_of(&id("002-x.2"))), ["002-x.2.1"]);
        assert_eq!(set.drivers_of(&id("002-x.2.1")).map(SpecId::as_str).collect::<Vec<_>>(), ["002-x.2", "002-x"]);
        let plain = self::set(&[("release-1", ""), ("release-1.2", "")]);
        assert_eq!(plain.driver_of(&id("release-1.2")), None, "only a driver has members");
        assert_eq!(set.iter().count(), set.len());
    }

    #[test]
    fn members_inherit_what_their_drivers_depend_on() {
        let set = set(&[
            ("001-a", ""),
            ("002-x", "type: driver\ndepends_on: 001"),
            ("002-x.1", ""),
            ("002-x.2", "depends_on: [002.1, 1]"),
        ]);
        assert_eq!(names(&set.depends_on(&id("002-x.1"))), ["001-a"]);
        assert_eq!(names(&set.depends_on(&id("002-x.2"))), ["002-x.1", "001-a"]);
        assert_eq!(names(set.own_depends_on(&id("002-x.1"))), [""; 0]);
    }

    #[test]
    fn a_member_that_names_its_own_driver_waits_for_nobody() {
        let set = set(&[
            ("002-x", "type: driver\ndepends_on: [002.1]"),
            ("002-x.1", "depends_on: [002]"),
            ("003-y", "depends_on: [003]"),
        ]);
        assert!(set.depends_on(&id("002-x.1")).is_empty() && set.depends_on(&id("002-x")).is_empty());
        assert!(matches!(set.problems(&id("002-x.1")), [Problem::DependsOnDriver { .. }]));
        assert!(matches!(set.problems(&id("002-x")), [Problem::DependsOnMember { .. }]));
        assert_eq!(names(&set.depends_on(&id("003-y"))), ["003-y"], "a spec that waits for itself is a cycle");
    }

    #[test]
    fn a_name_that_finds_nothing_is_kept_as_a_problem_of_all_it_concerns() {
        let set = set(&[("001-a", "type: driver\ndepends_on: [009, 001-b]"), ("001-a.1", "members: nobody")]);
        assert_eq!(set.dangling(&id("001-a")).len(), 2);
        assert_eq!(set.dangling(&id("001-a.1")).len(), 2, "inherited");
        assert!(matches!(set.problems(&id("001-a.1")), [Problem::Unresolved { key: "members", .. }]));
    }

    #[test]
    fn drivers_that_are_members_of_each_other_do_not_hang_anything() {
        let set = set(&[
            ("001-a", "members: [002]"),
            ("002-b", "members: [001, 003, 002]"),
            ("003-c", ""),
            ("004-d", "members: 003"),
        ]);
        assert_eq!(set.driver_of(&id("002-b")), Some(&id("001-a")));
        assert_eq!(set.driver_of(&id("001-a")), None);
        assert_eq!(set.driver_of(&id("003-c")), Some(&id("002-b")));
        assert!(matches!(set.problems(&id("004-d")), [Problem::TwoDrivers { .. }]));
        assert_eq!(set.problems(&id("002-b")).len(), 2);
    }

    #[test]
    fn a_renamed_spec_is_found_by_its_old_name() {
        let set = set(&[("002-new", "formerly: [001-old, 001-older]")]);
        assert_eq!(set.by_former_name(&id("001-older")), Some(&id("002-new")));
        assert_eq!(set.by_former_name(&id("001")), None);
    }

    proptest! {
        #[test]
        fn the_quick_way_to_a_spec_finds_what_the_plain_way_finds(
            stems in proptest::collection::btree_set("0?[12](-[ab])?(\\.[12]){0,2}", 0..8),
            query in "0?[12](-[ab])?(\\.[12]){0,2}",
        ) {
            let specs: Vec<(&str, &str)> = stems.iter().map(|stem| (stem.as_str(), "")).collect();
            let set = set(&specs);
            prop_assert_eq!(set.resolve(&query), lookup::resolve(&query, set.ids()));
        }
    }
}
