//! The engine dies, and everything it started dies with it: only then is the lock free.

use chant::agent::Lock;
use rustix::process::Signal;

use super::*;

/// Three kinds of process to leave behind, each with its id in a line of `pids`, none willing to end.
const STUBBORN: &str = "trap '' TERM; echo $$ >> pids; \
    sh -c \"trap '' TERM; echo \\$\\$ >> pids; while :; do sleep 0.05; done\" & \
    ( setsid sh -c \"trap '' TERM; echo \\$\\$ >> pids; while :; do sleep 0.05; done\" & ) ; \
    while :; do sleep 0.05; done";

fn all_dead_once_the_lock_is_free(place: &Place, pids: &[i32]) {
    let lock = place.path("lock");
    eventually("the lock is free", || !Lock::is_held(&lock).unwrap());
    let left: Vec<_> = pids.iter().filter(|pid| alive(**pid)).collect();
    assert!(left.is_empty(), "alive although the lock is free: {left:?}");
    assert!(Lock::try_take(&lock).unwrap().is_some());
}

#[test]
fn an_engine_killed_outright_takes_its_agents_with_it_daemons_too() {
    let place = Place::new();
    let mut engine = Played::start(&mut role("engine", place.dir.path(), STUBBORN));
    let pids = place.pids("pids", 3);
    assert!(pids.iter().all(|pid| alive(*pid)) && Lock::is_held(&place.path("lock")).unwrap());
    engine.0.kill().unwrap();
    engine.0.wait().unwrap();
    all_dead_once_the_lock_is_free(&place, &pids);
}

#[test]
fn the_lock_stays_held_while_an_agent_outlives_its_engine() {
    let place = Place::new();
    place.fifo("go");
    // TERM makes it wait for the test: until then it lives, engine or not.
    let script = "trap 'read x < go; echo gone > gone; exit 0' TERM; echo $$ >> pids; while :; do sleep 0.05; done";
    let mut command = role("engine", place.dir.path(), script);
    command.env("CHANT_TEST_GRACE", "20000");
    let mut engine = Played::start(&mut command);
    let pids = place.pids("pids", 1);
    engine.0.kill().unwrap();
    engine.0.wait().unwrap();
    let lock = place.path("lock");
    assert!(Lock::is_held(&lock).unwrap() && Lock::try_take(&lock).unwrap().is_none(), "the agent still runs");
    let _open = place.go("go");
    all_dead_once_the_lock_is_free(&place, &pids);
    assert!(place.path("gone").exists());
}

#[test]
fn time_is_up_also_where_the_engine_hangs() {
    let place = Place::new();
    let mut command = role("engine", place.dir.path(), STUBBORN);
    command.env("CHANT_TEST_TIMEOUT", "1500");
    let engine = Played::start(&mut command);
    let pids = place.pids("pids", 3);
    signal(engine.0.id(), Signal::STOP);
    eventually("the supervisor has ended them", || !pids.iter().any(|pid| alive(*pid)));
    assert!(Lock::is_held(&place.path("lock")).unwrap(), "the engine still has its share of the lock");
    signal(engine.0.id(), Signal::CONT);
}

#[test]
fn engines_killed_at_any_moment_of_their_start_leave_nothing() {
    for round in 0..30u64 {
        let place = Place::new();
        let mut engine = Played::start(&mut role("engine", place.dir.path(), STUBBORN));
        let lock = place.path("lock");
        eventually("the engine has begun", || Lock::is_held(&lock).unwrap());
        // Spread over the milliseconds that a start takes; whatever the moment, the outcome must be the same.
        std::thread::sleep(std::time::Duration::from_micros(round * 400));
        engine.0.kill().unwrap();
        engine.0.wait().unwrap();
        eventually("the lock is free", || !Lock::is_held(&lock).unwrap());
        let text = std::fs::read_to_string(place.path("pids")).unwrap_or_default();
        assert!(text.lines().filter_map(|line| line.parse().ok()).all(|pid: i32| !alive(pid)), "round {round}");
    }
}

#[tokio::test]
async fn the_agent_has_no_descriptor_of_the_lock() {
    let place = Place::new();
    let lock = Lock::try_take(&place.path("lock")).unwrap().unwrap();
    let mut order = place.order("ls -l /proc/self/fd/; echo ready; read x < go");
    place.fifo("go");
    order.hold = vec![lock.share().unwrap()];
    let (mut job, mut heard) = watched(order);
    says(&mut heard, "ready").await;
    drop(lock);
    assert!(Lock::is_held(&place.path("lock")).unwrap(), "the job goes on");
    let _open = place.go("go");
    let outcome = job.wait().await;
    assert!(!outcome.tail.contains("lock") && outcome.tail.contains("pipe:"), "{}", outcome.tail);
    assert!(!Lock::is_held(&place.path("lock")).unwrap(), "free as soon as the job is over");
}
