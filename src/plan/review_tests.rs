use super::*;
use crate::ledger::{Block, Builder, Note, Transition, write};
use crate::spec::Qualified;

const ADA: &str = "Ada <ada@example.org>";
const BOB: &str = "Bob <bob@example.org>";
const EVE: &str = "Eve <eve@elsewhere.example>";

/// A spec's events on one branch, folded.
struct Story {
    commits: Vec<(Oid, Vec<Oid>, Option<Note>)>,
}

impl Story {
    fn new() -> Self {
        Self { commits: vec![(oid(1), Vec::new(), None)] }
    }

    fn tip(&self) -> Oid {
        self.commits[self.commits.len() - 1].0
    }

    fn push_on(&mut self, parent: Oid, note: Option<Note>) -> Oid {
        let id = oid(u32::try_from(self.commits.len()).unwrap() + 1);
        self.commits.push((id, vec![parent], note));
        id
    }

    fn event_on(&mut self, parent: Oid, author: &str, block: Block) -> Oid {
        let block = Block { spec: Some(spec()), attempt: Some(block.attempt.unwrap_or(1)), ..block };
        let message = write("event", "", &block).into_bytes();
        let note = Note { message: message.into(), same_tree: true, time: 0, author: author.into() };
        self.push_on(parent, Some(note))
    }

    fn event(&mut self, author: &str, block: Block) -> Oid {
        self.event_on(self.tip(), author, block)
    }

    fn status(&mut self, status: Transition) -> Oid {
        let target = (status == Transition::InProgress).then(|| "main".to_owned());
        self.event(ADA, Block { status: Some(status), target, run: Some("1@here".into()), ..Block::default() })
    }

    fn completed(&mut self) -> Oid {
        self.status(Transition::InProgress);
        self.work();
        self.status(Transition::Completed)
    }

    fn work(&mut self) -> Oid {
        self.push_on(self.tip(), None)
    }

    fn approve(&mut self, by: &str) -> Oid {
        self.event(by, approval(Approval::Approved, 1))
    }

    fn words(&self, policy: &Policy, subject: &Subject) -> Words {
        let mut builder = Builder::new();
        for (id, parents, note) in &self.commits {
            builder.push(*id, parents, note.clone());
        }
        let history = builder.finish();
        let tips: Vec<Oid> = self.commits.iter().map(|(id, ..)| *id).collect();
        let mut view = crate::ledger::View::at(oid(1));
        view.branches.insert("main".into(), vec![oid(1)]);
        view.branches.insert("chant/x".into(), tips);
        let ledger = crate::ledger::fold_with(&history, &view, &crate::ledger::Answers::new()).ledger;
        words(ledger.record(&spec()), &history, policy, subject)
    }

    fn done(&self, policy: &Policy) -> Words {
        self.words(policy, &Subject::Done { workers: &BTreeSet::from([mail(ADA)]), moved: false })
    }
}

fn oid(n: u32) -> Oid {
    crate::plan::fixture::oid(n)
}

fn spec() -> Qualified {
    crate::plan::fixture::qualified("x")
}

fn approval(word: Approval, attempt: u32) -> Block {
    let reason = (word == Approval::Rejected).then(|| "too thin".to_owned());
    Block { approval: Some(word), attempt: Some(attempt), reason, ..Block::default() }
}

#[test]
fn an_approval_counts_for_the_completion_that_it_follows_and_a_new_commit_voids_it() {
    let mut story = Story::new();
    story.completed();
    assert!(!story.done(&Policy::default()).suffice());
    story.approve(BOB);
    let words = story.done(&Policy::default());
    assert!(words.suffice() && words.approved == [BOB]);
    story.work();
    story.status(Transition::InProgress);
    story.status(Transition::Completed);
    let words = story.done(&Policy::default());
    assert!(!words.suffice() && words.approved.is_empty());
    assert!(words.void[0].contains("before") && words.void[0].contains("Bob"), "{words:?}");
    story.approve(BOB);
    assert!(story.done(&Policy::default()).suffice());
}

#[test]
fn an_approval_that_work_separates_from_the_completion_does_not_count() {
    let mut story = Story::new();
    story.completed();
    story.work();
    story.approve(BOB);
    assert!(!story.done(&Policy::default()).suffice());
}

#[test]
fn commits_after_the_completion_void_the_approvals_before_they_are_proven() {
    let mut story = Story::new();
    story.completed();
    story.approve(BOB);
    story.work();
    let words = story.words(&Policy::default(), &Subject::Done { workers: &BTreeSet::new(), moved: true });
    assert!(!words.suffice() && words.void == [format!("the approval of {BOB} does not count: commits came after it")]);
}

#[test]
fn an_approval_of_the_plan_is_none_of_the_work_and_nothing_is_said_against_it() {
    let mut story = Story::new();
    story.approve(BOB);
    story.completed();
    let words = story.done(&Policy::default());
    assert!(!words.suffice() && words.void.is_empty(), "{words:?}");
    story.approve(BOB);
    assert!(story.done(&Policy::default()).suffice());
}

#[test]
fn as_many_as_it_takes_each_counted_once_and_only_those_who_may() {
    let policy = Policy::new(&["*@example.org".to_owned()], 2, true);
    let mut story = Story::new();
    story.completed();
    story.approve(BOB);
    story.approve("Robert <BOB@Example.org>");
    story.approve(EVE);
    let words = story.done(&policy);
    assert_eq!((words.suffice(), words.approved.len(), words.state().as_str()), (false, 1, "1 of 2 approvals"));
    assert!(words.void[0].contains("review.approvers"), "{words:?}");
    story.approve(ADA);
    assert!(story.done(&policy).suffice());
}

#[test]
fn who_did_the_work_cannot_approve_it_where_that_is_not_wanted() {
    let strict = Policy::new(&[], 1, false);
    let mut story = Story::new();
    story.completed();
    story.approve(ADA);
    assert!(story.done(&Policy::default()).suffice());
    let words = story.done(&strict);
    assert!(!words.suffice() && words.void[0].contains("did the work"), "{words:?}");
    story.approve(BOB);
    assert!(story.done(&strict).suffice());
}

#[test]
fn the_last_word_of_a_person_counts_and_a_rejection_outweighs_approvals_of_others() {
    let mut story = Story::new();
    story.completed();
    story.approve(ADA);
    story.event(BOB, approval(Approval::Rejected, 1));
    let words = story.done(&Policy::default());
    assert_eq!((words.suffice(), words.state().as_str()), (false, "rejected by Bob <bob@example.org>: too thin"));
    story.approve(BOB);
    assert!(story.done(&Policy::default()).suffice());
}

#[test]
fn of_two_words_of_one_person_that_know_nothing_of_each_other_the_rejection_counts() {
    for rejection_first in [true, false] {
        let mut story = Story::new();
        let done = story.completed();
        let mut blocks = [approval(Approval::Approved, 1), approval(Approval::Rejected, 1)];
        if rejection_first {
            blocks.reverse();
        }
        for block in blocks {
            story.event_on(done, BOB, block);
        }
        assert!(!story.done(&Policy::default()).suffice());
    }
}

#[test]
fn an_approval_of_the_attempt_to_come_counts_for_that_one_and_that_spec_alone() {
    let mut story = Story::new();
    let given = story.approve(BOB);
    let none = BTreeSet::new();
    assert!(story.words(&Policy::default(), &Subject::Coming(&none)).suffice());
    let stale = BTreeSet::from([given]);
    let words = story.words(&Policy::default(), &Subject::Coming(&stale));
    assert!(!words.suffice() && words.void[0].contains("changed"), "{words:?}");
    story.status(Transition::InProgress);
    story.status(Transition::Failed);
    assert!(!story.words(&Policy::default(), &Subject::Coming(&none)).suffice());
    story.event(BOB, approval(Approval::Approved, 2));
    assert!(story.words(&Policy::default(), &Subject::Coming(&none)).suffice());
}

#[test]
fn an_address_is_found_in_whatever_stands_there() {
    for (text, found) in
        [("Ada <Ada@X.org>", "ada@x.org"), ("ada@x.org", "ada@x.org"), ("<>", ""), ("A <b> <c@d>", "c@d")]
    {
        assert_eq!(mail(text), found);
    }
}
