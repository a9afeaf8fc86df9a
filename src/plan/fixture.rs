//! A project as the tests tell of it: specs as text, and what the ledger says of each.
use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{
    Anomaly, Approval, Block, Builder, Entry, History, How, In, Landed, Ledger, Oid, Record, State, Tally, Transition,
    View,
};
use crate::spec::{Qualified, Set, Spec, SpecId, parse};

use super::review::Policy;
use super::status::{Board, Input, Live, Row, Status, board};

pub const HERE: &str = "here";

pub fn id(text: &str) -> SpecId {
    text.parse().unwrap()
}

pub fn oid(n: u32) -> Oid {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    Oid::from_bytes(&bytes).unwrap()
}

pub struct World {
    specs: Vec<Spec>,
    pub ledger: Ledger,
    pub history: History,
    pub view: View,
    pub live: Live,
    pub target: Option<String>,
    pub branches: BTreeSet<String>,
    pub policy: Policy,
    pub review_all: bool,
    pub by_request: bool,
    clock: u32,
}

impl World {
    /// A project with `main` checked out, and these specs: an id, and lines of frontmatter.
    pub fn new<'t>(specs: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let specs = specs.into_iter().map(|(name, front)| {
            let text =
                format!("---\n{front}\n---\n# Title of {name}\n\n## Acceptance Criteria\n\n- [ ] one\n- [ ] two\n");
            parse(&id(name), &format!("{name}.md"), text.as_bytes()).spec.unwrap()
        });
        Self {
            specs: specs.collect(),
            ledger: Ledger::default(),
            history: Builder::new().finish(),
            view: View { branches: BTreeMap::from([("main".into(), vec![oid(1)])]), ..View::at(oid(1)) },
            live: Live { host: HERE.into(), ..Live::default() },
            target: Some("main".into()),
            branches: BTreeSet::new(),
            policy: Policy::default(),
            review_all: false,
            by_request: false,
            clock: 100,
        }
    }

    pub fn see<R>(&self, look: impl FnOnce(&Input, &Board) -> R) -> R {
        let set = Set::new(self.specs.clone());
        let input = Input {
            set: &set,
            project: None,
            ledger: &self.ledger,
            history: &self.history,
            view: &self.view,
            live: &self.live,
            default_target: self.target.as_deref(),
            branches: &self.branches,
            policy: &self.policy,
            review_all: self.review_all,
            by_request: self.by_request,
        };
        look(&input, &board(&input))
    }

    pub fn board(&self) -> Board {
        self.see(|_, board| board.clone())
    }

    pub fn row(&self, name: &str) -> Row {
        self.board().row(&id(name)).unwrap().clone()
    }

    pub fn status(&self, name: &str) -> Status {
        self.row(name).status
    }

    pub fn attention(&self, name: &str) -> String {
        self.row(name).attention.unwrap_or_default()
    }

    fn tick(&mut self) -> Oid {
        self.clock += 1;
        oid(self.clock)
    }

    /// The branch of a spec is there, with its tip.
    pub fn branch(&mut self, name: &str) -> &mut Self {
        let tip = self.tip();
        let branch = qualified(name).branch();
        self.view.branches.insert(branch.clone(), vec![tip]);
        self.branches.insert(branch);
        self
    }

    pub fn tip(&mut self) -> Oid {
        self.tick()
    }

    fn target_of(&self, name: &str) -> String {
        let set = Set::new(self.specs.clone());
        let driver = set.driver_of(&id(name)).map(|driver| qualified(driver.as_str()).branch());
        let named = set.get(&id(name)).and_then(|spec| spec.target.clone());
        driver.or(named).or_else(|| self.target.clone()).unwrap_or_else(|| "main".into())
    }

    pub fn event(&mut self, name: &str, attempt: u32, block: Block) -> Entry {
        let block = Block { spec: Some(qualified(name)), attempt: Some(attempt), ..block };
        let commit = self.tick();
        let entry = Entry { commit, block, time: i64::from(self.clock), author: "A U Thor <a@example.org>".into() };
        let record = self.ledger.specs.entry(qualified(name)).or_insert_with(new_record);
        record.entries.push(entry.clone());
        if entry.block.status.is_some() {
            record.highest = record.highest.max(attempt);
            record.attempt = attempt;
        }
        entry
    }

    fn record(&mut self, name: &str) -> &mut Record {
        self.ledger.specs.entry(qualified(name)).or_insert_with(new_record)
    }

    /// The next attempt begins, in a run on this machine.
    pub fn begin(&mut self, name: &str) -> &mut Self {
        self.begin_as(name, "run@here", "steps")
    }

    pub fn begin_as(&mut self, name: &str, run: &str, agent: &str) -> &mut Self {
        let attempt = self.record(name).highest + 1;
        let block = Block {
            status: Some(Transition::InProgress),
            run: Some(run.into()),
            agent: Some(agent.into()),
            target: Some(self.target_of(name)),
            ..Block::default()
        };
        let entry = Box::new(self.event(name, attempt, block));
        let record = self.record(name);
        *record = Record {
            state: State::InProgress,
            start: Some(entry.clone()),
            decided_by: Some(entry.commit),
            last_start: Some(entry),
            landing: None,
            reverted: None,
            in_target: In::No,
            ..record.clone()
        };
        self
    }

    fn decide(&mut self, name: &str, status: Transition, state: State, block: Block) -> &mut Self {
        let attempt = self.record(name).attempt;
        let entry = self.event(name, attempt, Block { status: Some(status), ..block });
        let record = self.record(name);
        record.state = state;
        record.decided_by = Some(entry.commit);
        self
    }

    pub fn complete(&mut self, name: &str) -> &mut Self {
        if self.record(name).state != State::InProgress {
            self.begin(name);
        }
        let criteria = Some(Tally { verified: 1, claimed: 1, unmet: 0 });
        self.decide(name, Transition::Completed, State::Completed, Block { criteria, ..Block::default() })
    }

    pub fn fail(&mut self, name: &str, reason: &str) -> &mut Self {
        self.begin(name);
        let state = State::Failed { reason: Some(reason.into()) };
        let block = Block { reason: Some(reason.into()), ..Block::default() };
        self.decide(name, Transition::Failed, state, block)
    }

    pub fn cancel(&mut self, name: &str) -> &mut Self {
        self.decide(name, Transition::Cancelled, State::Cancelled { reason: None }, Block::default())
    }

    pub fn reset(&mut self, name: &str) -> &mut Self {
        self.decide(name, Transition::Pending, State::Reset, Block::default())
    }

    /// Completed, and in its target.
    pub fn land(&mut self, name: &str) -> &mut Self {
        let target = self.target_of(name);
        self.land_on(name, &target)
    }

    pub fn land_on(&mut self, name: &str, target: &str) -> &mut Self {
        self.complete(name);
        let landed = Landed { how: How::Ancestry, commit: self.tick(), target: target.into() };
        self.landed(name, landed);
        self
    }

    /// With a driver goes all that has landed on its branch.
    fn landed(&mut self, name: &str, landed: Landed) {
        let record = self.record(name);
        let before = record.landing.replace(landed.clone());
        record.in_target = In::Yes(landed.clone());
        record.reverted = None;
        let set = Set::new(self.specs.clone());
        for member in set.members_of(&id(name)) {
            let branch = qualified(name).branch();
            let with_it = |l: &Landed| l.target == branch || before.as_ref().is_some_and(|b| b.target == l.target);
            if self.record(member.as_str()).landing.as_ref().is_some_and(with_it) {
                self.landed(member.as_str(), Landed { how: How::ThroughDriver, ..landed.clone() });
            }
        }
    }

    /// A revert takes a landing back, and with a driver's its members'.
    pub fn revert(&mut self, names: &[&str]) -> &mut Self {
        let revert = self.tick();
        for name in names {
            let record = self.record(name);
            record.landing = None;
            record.in_target = In::No;
            record.reverted = Some(revert);
        }
        self
    }

    pub fn review(&mut self, name: &str, attempt: u32, approval: Approval) -> &mut Self {
        let block = Block { approval: Some(approval), reason: Some("too soon".into()), ..Block::default() };
        let entry = self.event(name, attempt, block);
        self.record(name).approval = Some(Box::new((approval, entry)));
        self
    }

    pub fn anomaly(&mut self, name: &str, message: &str) -> &mut Self {
        let commit = Some(self.tick());
        self.ledger.anomalies.push(Anomaly { commit, spec: Some(qualified(name)), message: message.into() });
        self
    }
}

pub fn qualified(name: &str) -> Qualified {
    Qualified { project: None, id: id(name) }
}

fn new_record() -> Record {
    Record {
        attempt: 0,
        highest: 0,
        state: State::New,
        entries: Vec::new(),
        start: None,
        last_start: None,
        approval: None,
        landing: None,
        decided_by: None,
        reverted: None,
        in_target: In::No,
    }
}
