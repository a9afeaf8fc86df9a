//! One child: how it starts, what it is given, how it ends.

use std::time::Duration;

use chant::agent::transcript::{HEAD, LAST, TAIL};
use chant::agent::{How, Job};
use rustix::process::Signal;

use super::*;

#[tokio::test]
async fn a_job_reports_the_exit_code_and_the_last_output() {
    let place = Place::new();
    let mut job = Job::start(place.order("echo out; echo err >&2; exit 7")).unwrap();
    let outcome = job.wait().await;
    assert_eq!((outcome.how, outcome.tail.as_str(), outcome.strays), (How::Exited(7), "out\nerr\n", 0));
    assert_eq!(job.wait().await.how, How::Exited(7), "asked again, it says the same");
}

#[tokio::test]
async fn a_signal_of_somebody_else_is_told_from_an_exit() {
    let place = Place::new();
    let outcome = Job::start(place.order("kill -USR1 $$")).unwrap().wait().await;
    assert_eq!(outcome.how, How::Signalled(libc::SIGUSR1));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_outcome_with_a_reason() {
    let place = Place::new();
    let mut order = place.order("");
    order.argv = vec!["no-such-program-anywhere".into()];
    let How::CouldNotStart(why) = Job::start(order).unwrap().wait().await.how else { panic!("it did start") };
    assert!(why.contains("No such file"), "{why}");
    let mut order = place.order("true");
    order.cwd = place.path("no-such-directory");
    assert!(matches!(Job::start(order).unwrap().wait().await.how, How::CouldNotStart(_)));
}

#[tokio::test]
async fn the_environment_is_what_the_order_says_and_nothing_else() {
    let place = Place::new();
    let mut order = place.order("env | sort | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^PATH=; pwd");
    order.env.push(("ODD".into(), "a\"b c".into()));
    let outcome = Job::start(order).unwrap().wait().await;
    let here = place.dir.path().canonicalize().unwrap();
    assert_eq!(outcome.tail, format!("ODD=a\"b c\n{}\n", here.display()));
}

#[tokio::test]
async fn a_relative_program_is_looked_for_where_it_runs() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let script = place.path("tool");
    std::fs::write(&script, "#!/bin/sh\necho ran\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut order = place.order("");
    order.argv = vec!["./tool".into()];
    assert_eq!(Job::start(order).unwrap().wait().await.tail, "ran\n");
}

#[tokio::test]
async fn the_child_reads_all_of_its_standard_input() {
    let place = Place::new();
    let mut order = place.order("wc -c; sh -c 'read x; echo $?'");
    order.stdin = vec![b'x'; 5 << 20];
    let outcome = Job::start(order).unwrap().wait().await;
    assert_eq!(outcome.tail.split_whitespace().collect::<Vec<_>>(), ["5242880", "1"], "all, and then the end");
}

#[tokio::test]
async fn standard_input_larger_than_a_pipe_that_nobody_reads_blocks_nobody() {
    let place = Place::new();
    let mut order = place.order("exit 3");
    order.stdin = vec![b'x'; 20 << 20];
    assert_eq!(Job::start(order).unwrap().wait().await.how, How::Exited(3));
}

#[tokio::test]
async fn the_child_has_default_signals_a_group_of_its_own_and_a_session_that_is_not_ours() {
    let place = Place::new();
    let outcome =
        Job::start(place.order("grep -E '^Sig(Blk|Ign)' /proc/self/status; ps -o pid=,pgid=,sess= -p $$; true"))
            .unwrap()
            .wait()
            .await;
    let masks = outcome.tail.lines().filter_map(|line| line.strip_prefix("Sig")?.split_once(":\t"));
    // The two that the C library keeps to itself are whatever they were for the test.
    let set = masks.filter(|(_, mask)| u64::from_str_radix(mask, 16).unwrap() & !(3 << 31) != 0);
    assert_eq!(set.count(), 0, "{}", outcome.tail);
    if let Some(line) = outcome.tail.lines().find(|line| !line.starts_with("Sig")) {
        let ids: Vec<i32> = line.split_whitespace().filter_map(|id| id.parse().ok()).collect();
        if let [pid, group, session] = ids[..] {
            // From /proc: in a container whose session was made outside, our own is 0, which `getsid` of rustix refuses.
            let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
            let ours: i32 = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap().parse().unwrap();
            assert!(pid == group && session != ours && session != pid, "{line}");
        }
    }
}

#[tokio::test]
async fn time_that_is_up_ends_the_child() {
    let place = Place::new();
    let mut order = place.order("echo $$ > pid; exec sleep 600");
    order.timeout = Some(Duration::from_millis(200));
    let outcome = Job::start(order).unwrap().wait().await;
    assert_eq!(outcome.how, How::TimedOut);
    assert!(outcome.duration >= Duration::from_millis(200), "{:?}", outcome.duration);
    assert!(!alive(place.pids("pid", 1)[0]));
}

#[tokio::test]
async fn a_child_that_is_stopped_may_clean_up_within_its_grace() {
    let place = Place::new();
    let script = "trap 'echo cleaned > cleaned; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let (mut job, mut heard) = watched(place.order(script));
    says(&mut heard, "ready").await;
    job.stop();
    let outcome = job.wait().await;
    assert_eq!(outcome.how, How::Stopped, "{outcome:?}");
    assert_eq!(std::fs::read_to_string(place.path("cleaned")).unwrap(), "cleaned\n");
}

#[tokio::test]
async fn a_child_that_ignores_the_wish_is_killed_after_its_grace() {
    let place = Place::new();
    let mut order = place.order("trap '' TERM; echo $$ > pid; echo ready; while :; do sleep 0.05; done");
    order.grace = Duration::from_millis(300);
    let (mut job, mut heard) = watched(order);
    says(&mut heard, "ready").await;
    let asked = Instant::now();
    job.stop();
    let outcome = job.wait().await;
    assert_eq!(outcome.how, How::Stopped, "{outcome:?}");
    assert!(asked.elapsed() >= Duration::from_millis(300), "not before its grace was over");
    assert!(!alive(place.pids("pid", 1)[0]));
}

#[tokio::test]
async fn a_second_wish_ends_it_at_once() {
    let place = Place::new();
    let mut order = place.order("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    order.grace = Duration::from_secs(600);
    let (mut job, mut heard) = watched(order);
    says(&mut heard, "ready").await;
    job.stop();
    job.kill();
    assert_eq!(tokio::time::timeout(PATIENCE, job.wait()).await.unwrap().how, How::Stopped);
}

#[tokio::test]
async fn a_child_that_suspended_itself_can_be_stopped_too() {
    let place = Place::new();
    let (mut job, mut heard) = watched(place.order("trap 'exit 0' TERM; echo $$ > pid; echo ready; kill -STOP $$"));
    says(&mut heard, "ready").await;
    let pid = place.pids("pid", 1)[0];
    eventually("it is suspended", || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") T "));
    job.stop();
    assert_eq!(tokio::time::timeout(PATIENCE, job.wait()).await.unwrap().how, How::Stopped);
}

#[tokio::test]
async fn dropping_a_job_ends_its_child() {
    let place = Place::new();
    let (job, mut heard) = watched(place.order("echo $$ > pid; echo ready; exec sleep 600"));
    says(&mut heard, "ready").await;
    drop(job);
    let pid = place.pids("pid", 1)[0];
    tokio::task::spawn_blocking(move || eventually("the child has ended", || !alive(pid))).await.unwrap();
}

#[tokio::test]
async fn waiting_may_be_given_up_and_taken_up_again() {
    let place = Place::new();
    place.fifo("go");
    let mut job = Job::start(place.order("read x < go; exit 5")).unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(20), job.wait()).await.is_err());
    let _open = place.go("go");
    assert_eq!(job.wait().await.how, How::Exited(5));
}

#[tokio::test]
async fn a_child_that_closes_its_output_early_is_still_waited_for() {
    let place = Place::new();
    place.fifo("go");
    let (mut job, mut heard) = watched(place.order("echo closing; exec >&- 2>&-; read x < go; exit 6"));
    says(&mut heard, "closing").await;
    let _open = place.go("go");
    assert_eq!(job.wait().await.how, How::Exited(6));
}

#[tokio::test]
async fn last_words_are_safe_to_show_and_the_transcript_keeps_the_bytes() {
    let place = Place::new();
    let mut order =
        place.order(r"printf '\033[31mred\033[0m\n\033]0;title\007caf\303\251 \377\n\n10%%\r20%%\rno line feed'");
    order.transcript = Some(place.path("deep/transcript"));
    let (mut job, mut heard) = watched(order);
    let outcome = job.wait().await;
    let mut lines = Vec::new();
    while let Some(line) = heard.recv().await {
        lines.push(line);
    }
    assert_eq!(lines, ["red", "café \u{fffd}", "10%", "20%", "no line feed"]);
    assert_eq!(outcome.tail, "red\ncafé \u{fffd}\n\n10%\n20%\nno line feed");
    let bytes = std::fs::read(place.path("deep/transcript")).unwrap();
    assert!(bytes.starts_with(b"\x1b[31mred\x1b[0m\n\x1b]0;title\x07caf\xc3\xa9 \xff\n"));
}

#[tokio::test]
async fn a_second_job_appends_to_the_transcript_of_the_first() {
    let place = Place::new();
    for word in ["one", "two"] {
        let mut order = place.order(&format!("echo {word}"));
        order.transcript = Some(place.path("transcript"));
        Job::start(order).unwrap().wait().await;
    }
    assert_eq!(std::fs::read_to_string(place.path("transcript")).unwrap(), "one\ntwo\n");
}

#[tokio::test]
async fn a_gigabyte_of_output_costs_neither_memory_nor_disk() {
    fn peak() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }
    let place = Place::new();
    let before = peak();
    let mut order = place.order("echo first; head -c 1073741824 /dev/zero; echo; echo last");
    order.transcript = Some(place.path("transcript"));
    let outcome = Job::start(order).unwrap().wait().await;
    assert_eq!(outcome.how, How::Exited(0), "{outcome:?}");
    assert!(outcome.tail.ends_with("last\n") && outcome.tail.len() <= TAIL);
    let file = std::fs::read(place.path("transcript")).unwrap();
    assert!(file.starts_with(b"first\n") && file.ends_with(b"last\n"));
    assert!((file.len() as u64) < HEAD + LAST as u64 + 200, "{} bytes on disk", file.len());
    let dropped = (1u64 << 30) + 12 - HEAD - LAST as u64;
    let marker = format!("\n[chant: {dropped} bytes of output left out here]\n");
    assert!(file.windows(marker.len()).any(|window| window == marker.as_bytes()), "the gap is named");
    // The other tests of this process, and the buffer just read, are in the figure as well.
    assert!(peak() - before < 200 << 20, "{} bytes more at the peak", peak() - before);
}

#[tokio::test]
async fn a_flood_of_lines_reaches_the_watcher_as_a_trickle() {
    let place = Place::new();
    let (mut job, mut heard) = watched(place.order("yes flood | head -n 1000000; echo the end"));
    job.wait().await;
    let mut lines = Vec::new();
    while let Some(line) = heard.recv().await {
        lines.push(line);
    }
    assert!(lines.len() < 100_000, "{} lines", lines.len());
    assert_eq!(lines.last().unwrap(), "the end");
}

#[tokio::test]
async fn held_back_words_are_passed_on_while_the_child_goes_on_in_silence() {
    let place = Place::new();
    place.fifo("go");
    let (mut job, mut heard) = watched(place.order("yes flood | head -n 5000; echo thinking; read x < go"));
    says(&mut heard, "thinking").await;
    let _open = place.go("go");
    assert_eq!(job.wait().await.how, How::Exited(0));
}

#[tokio::test]
async fn a_stranger_who_holds_the_output_open_does_not_keep_us_waiting() {
    let place = Place::new();
    place.fifo("go");
    let (mut job, mut heard) = watched(place.order("echo ready; read x < go; echo done"));
    says(&mut heard, "ready").await;
    let output = format!("/proc/{}/fd/2", job.pid().unwrap());
    let stranger = std::fs::OpenOptions::new().write(true).open(output).unwrap();
    let _open = place.go("go");
    let outcome = tokio::time::timeout(PATIENCE, job.wait()).await.expect("no waiting for the stranger");
    assert_eq!((outcome.how, outcome.tail.as_str()), (How::Exited(0), "ready\ndone\n"));
    drop(stranger);
}

#[tokio::test]
async fn fifty_jobs_run_side_by_side() {
    let place = Place::new();
    let mut jobs: Vec<Job> = (0..50).map(|n| Job::start(place.order(&format!("exit {n}"))).unwrap()).collect();
    for (n, job) in jobs.iter_mut().enumerate() {
        assert_eq!(job.wait().await.how, How::Exited(i32::try_from(n).unwrap()));
    }
}

#[tokio::test]
async fn a_supervisor_that_is_asked_to_end_ends_its_child_first() {
    let place = Place::new();
    let (mut job, mut heard) =
        watched(place.order("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"));
    says(&mut heard, "ready").await;
    signal(job.pid().unwrap(), Signal::TERM);
    let outcome = job.wait().await;
    assert_eq!(outcome.how, How::Stopped);
    assert!(outcome.tail.contains("bye"), "{}", outcome.tail);
}
