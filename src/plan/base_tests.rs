//! Bases over a real fold: branches that hold, lack and take back what others completed.
use std::collections::BTreeMap;

use super::fixture::{World, id, oid, qualified};
use super::status::Status;
use crate::ledger::{Answer, Block, Builder, Note, Oid, Question, Transition, View, fold_with, questions, write};

/// A history in the making: branches that grow, commit by commit.
struct Git {
    world: World,
    builder: Builder,
    heads: BTreeMap<String, Oid>,
    upstream: BTreeMap<String, Oid>,
    count: u32,
    /// What Git would say of every revert.
    reverts: Answer,
}

impl Git {
    fn new<'t>(specs: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let (heads, upstream) = (BTreeMap::new(), BTreeMap::new());
        let (world, builder) = (World::new(specs), Builder::new());
        let mut git = Self { world, builder, heads, upstream, count: 0, reverts: Answer::Inverse };
        git.commit("main", &[], None);
        git
    }

    fn commit(&mut self, branch: &str, others: &[Oid], message: Option<(&str, bool)>) -> Oid {
        self.count += 1;
        let commit = oid(self.count);
        let parents: Vec<Oid> = self.heads.get(branch).into_iter().chain(others).copied().collect();
        let note = message.map(|(text, same_tree)| Note {
            message: text.as_bytes().into(),
            same_tree,
            time: i64::from(self.count),
            author: "A <a@example.org>".into(),
        });
        self.builder.push(commit, &parents, note);
        self.heads.insert(branch.into(), commit);
        commit
    }

    fn branch(&mut self, name: &str, from: &str) {
        self.heads.insert(name.into(), self.heads[from]);
    }

    fn event(&mut self, name: &str, status: Transition, target: &str) -> Oid {
        let begins = status == Transition::InProgress;
        let block = Block {
            spec: Some(qualified(name)),
            status: Some(status),
            attempt: Some(1),
            run: begins.then(|| format!("{}@here", self.count)),
            agent: begins.then(|| "steps".into()),
            target: begins.then(|| target.into()),
            ..Block::default()
        };
        let branch = qualified(name).branch();
        self.commit(&branch, &[], Some((&write("an event", "", &block), true)))
    }

    /// Works a spec on its own branch, from the tip of its target.
    fn complete(&mut self, name: &str, target: &str) {
        self.branch(&qualified(name).branch(), target);
        self.event(name, Transition::InProgress, target);
        self.commit(&qualified(name).branch(), &[], None);
        self.event(name, Transition::Completed, target);
    }

    fn merge(&mut self, from: &str, into: &str) -> Oid {
        self.commit(into, &[self.heads[from]], None)
    }

    /// Completes a spec and lands it, its branch gone.
    fn land(&mut self, name: &str, target: &str) -> Oid {
        self.complete(name, target);
        let merge = self.merge(&qualified(name).branch(), target);
        self.heads.remove(&qualified(name).branch());
        merge
    }

    fn revert(&mut self, branch: &str, commit: Oid) {
        let text = format!("Revert\n\nThis reverts commit {commit}.\n");
        self.commit(branch, &[], Some((&text, false)));
    }

    /// The project as it is seen from `main`.
    fn world(self) -> World {
        let Self { mut world, builder, heads, upstream, reverts, .. } = self;
        let tips = heads
            .iter()
            .map(|(name, tip)| (name.clone(), vec![*tip].into_iter().chain(upstream.get(name).copied()).collect()));
        world.view = View { branches: tips.collect(), ..View::at(heads["main"]) };
        world.history = builder.finish();
        let asked = questions(&world.history, &world.view);
        let answer = |question: &Question| match question {
            Question::Reverts { .. } | Question::RevertsSide { .. } => reverts,
            Question::Squashed { .. } => Answer::NotFound,
            Question::Dropped { .. } => Answer::No,
        };
        let answers = asked.iter().map(|question| (*question, answer(question))).collect();
        world.ledger = fold_with(&world.history, &world.view, &answers).ledger;
        world.branches = heads.keys().filter(|name| name.starts_with("chant/")).cloned().collect();
        world
    }
}

fn blockers(world: &World, name: &str) -> Vec<String> {
    world.row(name).blocked_by.into_iter().map(|b| b.reason).collect()
}

#[test]
fn what_was_landed_is_in_the_base_of_what_starts_from_there() {
    let mut git = Git::new([("1-a", ""), ("2-b", "depends_on: [1-a]")]);
    git.land("1-a", "main");
    let world = git.world();
    assert_eq!((world.status("1-a"), world.status("2-b")), (Status::Completed, Status::Ready));
}

#[test]
fn what_is_in_review_counts_where_a_person_has_merged_it() {
    let mut git = Git::new([("1-a", ""), ("2-b", "depends_on: [1-a]\ntarget: release"), ("3-c", "depends_on: [1-a]")]);
    git.branch("release", "main");
    git.complete("1-a", "main");
    git.merge("chant/1-a", "release");
    let world = git.world();
    assert_eq!((world.status("1-a"), world.status("2-b")), (Status::InReview, Status::Ready));
    assert_eq!(blockers(&world, "3-c"), ["1-a is in review on chant/1-a, not in main"]);
}

#[test]
fn what_only_the_upstream_has_is_not_in_the_base_and_the_way_out_is_a_pull() {
    let mut git = Git::new([("1-a", ""), ("2-b", "depends_on: [1-a]")]);
    let behind = git.heads["main"];
    git.land("1-a", "main");
    let ahead = git.heads.insert("main".into(), behind).unwrap();
    git.upstream.insert("main".into(), ahead);
    let world = git.world();
    assert_eq!(world.status("1-a"), Status::Completed);
    assert_eq!(blockers(&world, "2-b"), ["1-a has landed on the upstream of main: `git pull` brings it"]);
    assert_eq!(world.attention("2-b"), blockers(&world, "2-b")[0]);
}

#[test]
fn what_lands_while_a_driver_is_at_work_is_there_for_its_next_member() {
    let specs = [("1-a", ""), ("2-d", "type: driver"), ("2-d.1", ""), ("2-d.2", "depends_on: [1-a, 2-d.1]")];
    let mut git = Git::new(specs);
    git.branch("chant/2-d", "main");
    git.event("2-d", Transition::InProgress, "main");
    git.land("2-d.1", "chant/2-d");
    git.land("1-a", "main");
    let world = git.world();
    assert_eq!(world.status("2-d.1"), Status::Completed);
    assert_eq!(blockers(&world, "2-d.2"), Vec::<String>::new(), "the driver's branch takes main in first");
    assert_eq!(world.status("2-d"), Status::InProgress);
}

#[test]
fn what_was_reverted_outside_is_reverted_for_members_though_their_drivers_branch_still_holds_it() {
    let mut git = Git::new([("1-a", ""), ("2-d", "type: driver\ndepends_on: [1-a]"), ("2-d.1", "")]);
    let landing = git.land("1-a", "main");
    git.branch("chant/2-d", "main");
    git.event("2-d", Transition::InProgress, "main");
    git.revert("main", landing);
    let world = git.world();
    assert_eq!(world.status("1-a"), Status::Ready);
    assert_eq!(world.status("2-d.1"), Status::Blocked);
    assert_eq!(blockers(&world, "2-d.1"), ["1-a is not done yet (its driver 2-d depends on it)"]);
}

#[test]
fn members_that_landed_with_their_driver_are_there_for_everybody_and_a_revert_takes_all_back() {
    let specs = [("1-d", "type: driver"), ("1-d.1", ""), ("1-d.2", ""), ("2-b", "depends_on: [1-d.1]")];
    let work = |git: &mut Git| {
        git.branch("chant/1-d", "main");
        git.event("1-d", Transition::InProgress, "main");
        git.land("1-d.1", "chant/1-d");
        git.land("1-d.2", "chant/1-d");
        git.event("1-d", Transition::Completed, "main");
        let merge = git.merge("chant/1-d", "main");
        git.heads.remove("chant/1-d");
        merge
    };
    let mut git = Git::new(specs);
    work(&mut git);
    let world = git.world();
    for done in ["1-d", "1-d.1", "1-d.2"] {
        assert_eq!(world.status(done), Status::Completed, "{done}");
    }
    assert_eq!(world.status("2-b"), Status::Ready);

    let mut git = Git::new(specs);
    let merge = work(&mut git);
    git.revert("main", merge);
    let world = git.world();
    for undone in ["1-d", "1-d.1", "1-d.2"] {
        assert_eq!(world.status(undone), Status::Ready, "{undone}");
    }
    assert_eq!(world.status("2-b"), Status::Blocked);
    assert!(world.attention("1-d").starts_with("its landing was reverted by "), "{}", world.attention("1-d"));
    assert_eq!(world.attention("1-d.1"), "");
    assert_eq!(world.board().row(&id("2-b")).unwrap().blocked_by.len(), 1);
}

#[test]
fn a_revert_of_a_part_leaves_the_landing_and_waits_for_a_person() {
    let mut git = Git::new([("1-a", ""), ("2-b", "depends_on: [1-a]")]);
    let landing = git.land("1-a", "main");
    git.revert("main", landing);
    git.reverts = Answer::Partial;
    let world = git.world();
    assert_eq!((world.status("1-a"), world.status("2-b")), (Status::Completed, Status::Ready));
    assert!(world.attention("1-a").contains("takes back a part"), "{}", world.attention("1-a"));
}

#[test]
fn looked_at_from_one_revision_alone_its_history_is_every_base() {
    let mut git = Git::new([("1-a", ""), ("2-d", "type: driver\ndepends_on: [1-a]"), ("2-d.1", "")]);
    git.land("1-a", "main");
    let mut world = git.world();
    world.view = View::at(world.view.from);
    world.ledger = fold_with(&world.history, &world.view, &BTreeMap::new()).ledger;
    world.branches.clear();
    for target in [Some("main".to_owned()), None] {
        world.target = target;
        assert_eq!((world.status("1-a"), world.status("2-d.1")), (Status::Completed, Status::Ready));
    }
}
