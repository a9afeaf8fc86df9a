//! Whatever a child started ends with it.

use std::time::Duration;

use chant::agent::{How, Job};
use rustix::process::Signal;

use super::*;

/// Starts `sleep` as far away from its parent as a process can get: in a session of its own, its parent gone.
const DAEMON: &str = "( setsid sh -c 'echo $$ >> pids; exec sleep 600' & ) ;";
/// The same, deaf to TERM.
const DEAF_DAEMON: &str = "( setsid sh -c \"trap '' TERM; echo \\$\\$ >> pids; while :; do sleep 0.05; done\" & ) ;";
const BOTH_STARTED: &str = "while [ \"$(grep -c . pids 2>/dev/null)\" != 2 ]; do sleep 0.01; done;";

#[tokio::test]
async fn a_background_process_left_behind_is_ended_and_counted() {
    let place = Place::new();
    let outcome = Job::start(place.order("sleep 600 & echo $! > pids; exit 4")).unwrap().wait().await;
    assert_eq!((outcome.how, outcome.strays), (How::Exited(4), 1));
    assert!(!alive(place.pids("pids", 1)[0]));
}

#[tokio::test]
async fn daemons_left_behind_are_ended_even_where_they_ignore_the_wish() {
    let place = Place::new();
    let mut order = place.order(&format!("{DAEMON} {DEAF_DAEMON} {BOTH_STARTED} exit 0"));
    order.grace = Duration::from_millis(200);
    let outcome = Job::start(order).unwrap().wait().await;
    assert_eq!(outcome.how, How::Exited(0), "{outcome:?}");
    assert!(outcome.strays >= 2, "{} strays", outcome.strays);
    assert!(place.pids("pids", 2).into_iter().all(|pid| !alive(pid)));
}

#[tokio::test]
async fn stopping_reaches_daemons_as_well() {
    let place = Place::new();
    let mut order = place.order(&format!("{DAEMON} {DEAF_DAEMON} {BOTH_STARTED} echo ready; exec sleep 600"));
    order.grace = Duration::from_millis(200);
    let (mut job, mut heard) = watched(order);
    says(&mut heard, "ready").await;
    job.stop();
    let outcome = job.wait().await;
    assert_eq!(outcome.how, How::Stopped, "{outcome:?}");
    assert!(place.pids("pids", 2).into_iter().all(|pid| !alive(pid)));
}

#[tokio::test]
async fn what_is_about_to_end_by_itself_is_no_stray() {
    let place = Place::new();
    place.fifo("go");
    // The reader ends as soon as the shell, its only writer, has.
    let outcome =
        Job::start(place.order("cat < go > copied & exec 3> go; echo last words >&3; exit 0")).unwrap().wait().await;
    assert_eq!((outcome.how, outcome.strays), (How::Exited(0), 0));
    assert_eq!(std::fs::read_to_string(place.path("copied")).unwrap(), "last words\n");
}

#[tokio::test]
async fn a_process_that_forks_as_it_dies_does_not_get_away() {
    let place = Place::new();
    let breeding = "breed() { trap '(breed) & (breed) & exit' TERM; echo x >> born; while :; do sleep 0.02; done; }; \
                    (breed) & (breed) & echo ready; while :; do sleep 0.05; done";
    let mut order = place.order(breeding);
    order.grace = Duration::from_millis(100);
    let (mut job, mut heard) = watched(order);
    says(&mut heard, "ready").await;
    job.stop();
    let session = job.pid().unwrap();
    tokio::time::timeout(PATIENCE, job.wait()).await.expect("it comes to an end");
    let alive_in_session = std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let session_of =
            stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(3)?.parse::<u32>().ok());
        session_of == Some(session)
    });
    assert!(!alive_in_session, "nothing of its session is left");
}

#[tokio::test]
async fn a_killed_supervisor_is_told_and_takes_its_session_with_it() {
    let place = Place::new();
    let (mut job, mut heard) =
        watched(place.order("sleep 600 & echo $! >> pids; echo $$ >> pids; echo ready; while :; do sleep 0.05; done"));
    says(&mut heard, "ready").await;
    signal(job.pid().unwrap(), Signal::KILL);
    let outcome = tokio::time::timeout(PATIENCE, job.wait()).await.expect("no waiting for a report");
    assert_eq!(outcome.how, How::SupervisorLost);
    for pid in place.pids("pids", 2) {
        eventually("the session is buried", || !alive(pid));
    }
}

#[tokio::test]
async fn a_run_is_recognised_from_within_also_by_a_daemon() {
    let place = Place::new();
    let exe = std::env::current_exe().unwrap();
    let ask = format!("'{}' --exact agent::in_another_role --ignored", exe.display());
    for (how, script) in [
        ("directly", format!("{ask} >/dev/null; cat asked")),
        (
            "as a daemon",
            format!(
                "( setsid sh -c '{}; echo > told' & ); while [ ! -e told ]; do sleep 0.01; done; cat asked",
                ask.replace('\'', "")
            ),
        ),
    ] {
        let mut order = place.order(&script);
        order.label = "kpi/001-x".into();
        order.env.push(("CHANT_TEST_ROLE".into(), "asker".into()));
        order.env.push(("CHANT_TEST_DIR".into(), place.dir.path().into()));
        order.env.push(("CHANT_TEST_SCRIPT".into(), "".into()));
        let outcome = Job::start(order).unwrap().wait().await;
        assert!(outcome.tail.ends_with("Some(\"kpi/001-x\")"), "{how}: {}", outcome.tail);
        for left in ["asked", "told"] {
            std::fs::remove_file(place.path(left)).ok();
        }
    }
}
