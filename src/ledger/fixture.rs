//! Histories made by hand, for the tests of the fold.

use super::*;
use crate::spec::Qualified;

/// Commits in the order in which they were made, the view of them, and Git's answers.
#[derive(Clone)]
pub struct World {
    pub commits: Vec<(Oid, Vec<Oid>, Option<Note>)>,
    pub shallow: Vec<Oid>,
    pub view: View,
    pub answers: Answers,
    runs: u32,
}

pub fn oid(n: u32) -> Oid {
    let mut bytes = [0; 20];
    // Scattered, as hashes are, so that nothing hangs on the order of ids.
    bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
    bytes[4..8].copy_from_slice(&n.to_be_bytes());
    Oid::from_bytes(&bytes).unwrap()
}

/// A fold whose answers are at hand.
pub fn fold_with(h: &History, v: &View, answers: &Answers) -> Folded {
    let Ok(folded) = fold(h, v, |_| Ok::<_, std::convert::Infallible>(answers.clone()));
    folded
}

/// What a fold asks.
pub fn questions(h: &History, v: &View) -> Vec<Question> {
    let mut all = Vec::new();
    let Ok(_) = fold(h, v, |asked| {
        all = asked.to_vec();
        Ok::<_, std::convert::Infallible>(Answers::new())
    });
    all
}

pub fn name(text: &str) -> Qualified {
    text.parse().unwrap()
}

impl World {
    /// A root commit, and `main` and HEAD on it.
    pub fn new() -> Self {
        let (commits, shallow, answers) = (Vec::new(), Vec::new(), Answers::new());
        let mut world = Self { commits, shallow, view: View::at(oid(1)), answers, runs: 0 };
        let root = world.work(&[]);
        world.main(root);
        world
    }

    fn push(&mut self, parents: &[Oid], note: Option<Note>) -> Oid {
        let id = oid(u32::try_from(self.commits.len()).unwrap() + 1);
        self.commits.push((id, parents.to_vec(), note));
        id
    }

    /// A commit that says nothing.
    pub fn work(&mut self, parents: &[Oid]) -> Oid {
        self.push(parents, None)
    }

    /// A commit that says something.
    pub fn say(&mut self, parents: &[Oid], message: &str, same_tree: bool) -> Oid {
        // The later a commit, the earlier its date: dates lie here.
        let time = -i64::try_from(self.commits.len()).unwrap();
        let note = Note { message: message.as_bytes().into(), same_tree, time, author: "A <a@b>".into() };
        self.push(parents, Some(note))
    }

    pub fn event(&mut self, on: Oid, spec: &str, attempt: u32, block: Block) -> Oid {
        let block = Block { spec: Some(name(spec)), attempt: Some(attempt), ..block };
        self.say(&[on], &write("an event", "", &block), true)
    }

    pub fn status(&mut self, on: Oid, spec: &str, attempt: u32, status: Transition) -> Oid {
        self.event(on, spec, attempt, Block { status: Some(status), ..Block::default() })
    }

    /// A claim by a run of its own.
    pub fn start(&mut self, on: Oid, spec: &str, attempt: u32, target: &str) -> Oid {
        self.runs += 1;
        let run = format!("run{}@here", self.runs);
        self.start_as(on, spec, attempt, target, &run)
    }

    pub fn start_as(&mut self, on: Oid, spec: &str, attempt: u32, target: &str, run: &str) -> Oid {
        let (status, run, target) = (Some(Transition::InProgress), Some(run.into()), Some(target.into()));
        self.event(on, spec, attempt, Block { status, run, target, ..Block::default() })
    }

    pub fn complete(&mut self, on: Oid, spec: &str, attempt: u32) -> Oid {
        self.status(on, spec, attempt, Transition::Completed)
    }

    /// A start, one commit of work, and the completing event: the commits of all three.
    pub fn attempt(&mut self, on: Oid, spec: &str, attempt: u32, target: &str) -> [Oid; 3] {
        let start = self.start(on, spec, attempt, target);
        let work = self.work(&[start]);
        [start, work, self.complete(work, spec, attempt)]
    }

    /// A commit with landing lines.
    pub fn land(&mut self, parents: &[Oid], brings: &[(&str, u32, Oid)]) -> Oid {
        let landing = |(spec, attempt, commit): &(&str, u32, Oid)| Landing {
            spec: name(spec),
            attempt: *attempt,
            commit: *commit,
        };
        let block = Block { landings: brings.iter().map(landing).collect(), ..Block::default() };
        self.say(parents, &write("a landing", "", &block), false)
    }

    /// A commit that says that it reverts another, and really does.
    pub fn revert(&mut self, on: Oid, of: Oid) -> Oid {
        self.revert_as(on, of, Answer::Inverse)
    }

    pub fn revert_as(&mut self, on: Oid, of: Oid, answer: Answer) -> Oid {
        let revert = self.say(&[on], &format!("Revert \"x\"\n\nThis reverts commit {of}.\n"), false);
        self.answers.insert(Question::Reverts { revert, reverted: of }, answer);
        revert
    }

    pub fn branch(&mut self, name: &str, tip: Oid) {
        self.view.branches.insert(name.into(), vec![tip]);
    }

    /// Moves `main`, which is checked out.
    pub fn main(&mut self, tip: Oid) {
        self.branch("main", tip);
        self.view.from = tip;
    }

    pub fn history(&self) -> History {
        self.history_in(&(0..self.commits.len()).collect::<Vec<_>>())
    }

    pub fn history_in(&self, order: &[usize]) -> History {
        let mut builder = Builder::new();
        for (id, parents, note) in order.iter().map(|i| &self.commits[*i]) {
            builder.push(*id, parents, note.clone());
        }
        self.shallow.iter().for_each(|id| builder.shallow(*id));
        builder.finish()
    }

    pub fn questions(&self) -> Vec<Question> {
        questions(&self.history(), &self.view)
    }

    /// The ledger. What the fold used must have been asked.
    pub fn ledger(&self) -> Ledger {
        let (h, asked) = (self.history(), self.questions());
        let answers = self.answers.iter().filter(|(q, _)| asked.contains(q)).map(|(q, a)| (*q, *a)).collect();
        fold_with(&h, &self.view, &answers).ledger
    }

    pub fn record(&self, spec: &str) -> Record {
        self.ledger().record(&name(spec)).unwrap().clone()
    }

    /// The state of a spec, and how it came into its target.
    pub fn stands(&self, spec: &str) -> (State, Option<How>) {
        let record = self.record(spec);
        (record.state, record.landing.map(|landing| landing.how))
    }

    pub fn in_base(&self, spec: &str, base: Oid) -> bool {
        self.ledger().in_base(&self.history(), &name(spec), base)
    }

    pub fn anomalies(&self) -> Vec<String> {
        self.ledger().anomalies.into_iter().map(|anomaly| anomaly.message).collect()
    }
}

/// As a log that a person can follow.
impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (id, parents, note) in &self.commits {
            let parents: Vec<String> = parents.iter().map(Oid::short).collect();
            let text = note.as_ref().map(|n| (n.same_tree, String::from_utf8_lossy(&n.message).replace('\n', " | ")));
            writeln!(f, "{} <- {parents:?} {text:?}", id.short())?;
        }
        let tips = |tips: &Vec<Oid>| tips.iter().map(Oid::short).collect::<Vec<_>>().join(" ");
        let branches: Vec<String> =
            self.view.branches.iter().map(|(name, at)| format!("{name}: {}", tips(at))).collect();
        writeln!(f, "from {}, {branches:?}, aliases {:?}", self.view.from.short(), self.view.aliases)?;
        writeln!(f, "shallow {:?}, answers {:?}", tips(&self.shallow), self.answers)
    }
}
