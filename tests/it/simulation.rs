//! The scheduler, simulated: very many specs with random dependencies, durations and failures, on a clock that is only a
//! number. Seeded, so that a bad run can be run again.
//!
//! `cargo bench --bench simulation` runs it with a million specs and prints the figures; `CHANT_SPECS` and `CHANT_SEED`
//! choose another world.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use chant::ledger::{Builder, Ledger, Oid, View};
use chant::plan::{self, Action, Ended, Happened, Input, Live, Policy, Schedule};
use chant::spec::{self, Set, Spec, SpecId};

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A project of so many specs: drivers of up to ten members, some after each other, and what each depends on.
fn project(count: usize, dice: &mut fastrand::Rng) -> Vec<Spec> {
    let mut specs = Vec::with_capacity(count);
    let mut tops: Vec<String> = Vec::new();
    while specs.len() < count {
        let top = format!("{:07}-s", tops.len());
        // A few of those shortly before, so that there are long chains and much that stands alone.
        let before = |dice: &mut fastrand::Rng| {
            let window = tops.len().min(5_000);
            let needs = (0..dice.usize(0..4))
                .filter(|_| window > 0)
                .map(|_| tops[tops.len() - 1 - dice.usize(0..window)].clone());
            needs.collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join("', '")
        };
        let needs = before(dice);
        let needs = if needs.is_empty() { String::new() } else { format!("depends_on: ['{needs}']\n") };
        let members = if dice.u8(0..10) == 0 { dice.usize(1..=10).min(count - specs.len() - 1) } else { 0 };
        let kind = if members > 0 { "type: driver\n" } else { "" };
        specs.push(parsed(&top, &format!("{kind}{needs}")));
        for n in 1..=members {
            let needs = if n > 1 && dice.bool() {
                format!("depends_on: ['{top}.{}']\n", dice.usize(1..n))
            } else {
                String::new()
            };
            specs.push(parsed(&format!("{top}.{n}"), &needs));
        }
        tops.push(top);
    }
    specs
}

/// One chain that is numbered after everything else, as long as the rest takes with so many side by side.
fn chain(from: usize, length: usize) -> Vec<Spec> {
    let name = |n: usize| format!("{:07}-chain", from + n);
    let needs = |n: usize| if n > 0 { format!("depends_on: ['{}']\n", name(n - 1)) } else { String::new() };
    (0..length).map(|n| parsed(&name(n), &needs(n))).collect()
}

fn parsed(id: &str, front: &str) -> Spec {
    let text = format!("---\n{front}---\n# T\n");
    spec::parse(&id.parse().unwrap(), id, text.as_bytes()).spec.unwrap()
}

/// What a run came to.
struct Run {
    makespan: u64,
    /// What no order could be shorter than: all work over all hands, or the longest chain.
    bound: u64,
    ended: BTreeMap<&'static str, usize>,
}

/// Carries a run out on a clock of its own, and holds it to its laws.
fn simulate(specs: Vec<Spec>, jobs: usize, failing: f64, dice: &mut fastrand::Rng) -> Run {
    let set = Set::new(specs);
    let tip = Oid::from_bytes(&[1; 20]).unwrap();
    let (ledger, history, live) = (Ledger::default(), Builder::new().finish(), Live::default());
    let view = View { branches: BTreeMap::from([("main".into(), vec![tip])]), ..View::at(tip) };
    let input = Input {
        set: &set,
        project: None,
        ledger: &ledger,
        history: &history,
        view: &view,
        live: &live,
        default_target: Some("main"),
        branches: &BTreeSet::new(),
        policy: &Policy::default(),
        review_all: false,
        by_request: false,
    };
    let board = plan::board(&input);
    let wanted: Vec<SpecId> = set.ids().cloned().collect();
    let mut schedule = Schedule::new(&wanted, &board, &set, jobs);
    // When each landed, and how long the chain was that ended with it.
    let mut landed: HashMap<SpecId, (u64, u64)> = HashMap::new();
    let mut over: HashMap<SpecId, &'static str> = HashMap::new();
    let mut running: BinaryHeap<Reverse<(u64, SpecId, u64)>> = BinaryHeap::new();
    let (mut now, mut work, mut longest) = (0, 0, 0);
    let mut done = false;
    let mut actions = schedule.step(None);
    loop {
        for action in actions.drain(..) {
            assert!(!done, "nothing comes after the end");
            match action {
                Action::Start(id) | Action::Finish(id) => {
                    let spec = set.get(&id).unwrap();
                    let driver = set.driver_of(&id);
                    let named = [Some(spec), driver.and_then(|driver| set.get(driver))].into_iter().flatten();
                    let named = named.flat_map(|spec| &spec.depends_on).map(|need| need.text.parse().unwrap());
                    let mut chain = 0;
                    for need in named.chain(set.members_of(&id).iter().cloned()) {
                        let (at, length) =
                            *landed.get(&need).unwrap_or_else(|| panic!("{id} ran before {need} landed"));
                        assert!(at <= now);
                        chain = chain.max(length);
                    }
                    // From a second to a quarter of an hour, most of them short; a driver only proves and lands.
                    let took = if spec.is_driver() { 1 } else { f64::exp(dice.f64() * 6.8) as u64 };
                    (work, longest) = (work + took, longest.max(chain + took));
                    running.push(Reverse((now + took, id, chain + took)));
                    assert!(running.len() <= jobs);
                }
                Action::Blocked(id, _) => assert!(over.insert(id, "blocked").is_none()),
                Action::Stop(_) => panic!("nobody asked for it"),
                Action::Done => done = true,
            }
        }
        let Some(Reverse((at, id, chain))) = running.pop() else { break };
        now = at;
        let fails = dice.f64() < failing;
        if !fails {
            landed.insert(id.clone(), (now, chain));
        }
        let before = over.insert(id.clone(), if fails { "failed" } else { "landed" });
        assert!(before.is_none(), "{id} ended twice");
        actions = schedule.step(Some(Happened::Ended { id, how: if fails { Ended::Failed } else { Ended::Landed } }));
    }
    assert!(done && over.len() == wanted.len(), "every spec ends: {} of {}", over.len(), wanted.len());
    let mut ended = BTreeMap::new();
    over.values().for_each(|how| *ended.entry(*how).or_default() += 1);
    Run { makespan: now, bound: longest.max(work.div_ceil(jobs as u64)), ended }
}

fn shown(name: &str, jobs: usize, run: &Run) -> f64 {
    let over = run.makespan as f64 / run.bound as f64;
    let ended: Vec<String> = run.ended.iter().map(|(how, count)| format!("{count} {how}")).collect();
    println!("| {name}, {jobs} side by side | {} | {:.3} |", ended.join(", "), over);
    over
}

/// Worlds of so many specs, worked by few hands and by many.
pub fn worlds(count: usize, hands: [usize; 2]) {
    let count = usize::try_from(asked("CHANT_SPECS", count as u64)).unwrap();
    let seed = asked("CHANT_SEED", 7);
    println!("| {count} specs, seed {seed} | how they ended | makespan / bound |\n|---|---|---|");
    for jobs in hands {
        let mut dice = fastrand::Rng::with_seed(seed);
        let specs = project(count, &mut dice);
        let run = simulate(specs, jobs, 0.0, &mut dice);
        assert_eq!(run.ended["landed"], count, "nothing holds them up");
        assert!(shown("no failures", jobs, &run) <= 1.05);
        let mut specs = project(count, &mut dice);
        specs.extend(chain(count, count / jobs / 2));
        assert!(shown("a late chain", jobs, &simulate(specs, jobs, 0.0, &mut dice)) <= 1.05);
        let specs = project(count, &mut dice);
        let run = simulate(specs, jobs, 0.01, &mut dice);
        assert!(run.ended["failed"] > 0 && run.ended["blocked"] > 0);
        assert!(shown("one in a hundred fails", jobs, &run) <= 1.05);
    }
}

#[cfg(test)]
#[test]
fn every_spec_ends_in_its_order_and_no_run_takes_much_longer_than_it_must() {
    worlds(3_000, [4, 12]);
}
