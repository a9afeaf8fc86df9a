//! What holds for every kind of agent, held against every kind of agent; and then what is special about each.

use std::path::Path;
use std::time::Duration;

use chant::agent::{
    Agent, AgentError, CommandAgent, How, Lock, Performed, Person, Script, Steps, Task, Terms, perform,
};
use chant::env::Vars;
use tokio::sync::watch;

use super::*;

fn vars() -> Vars {
    [(OsString::from("PATH"), std::env::var_os("PATH").unwrap())].into_iter().collect()
}

/// A kind of agent with a script to run, and how it carries it out.
struct Kind {
    name: &'static str,
    make: fn(&str) -> Made,
}

/// An agent, and the steps of a spec for it.
type Made = (Box<dyn Agent>, Vec<Script>);

const KINDS: [Kind; 3] = [
    Kind {
        name: "command",
        make: |script| (Box::new(CommandAgent::new("analyst", ["sh", "-e", "-c", script], &vars())), Vec::new()),
    },
    Kind {
        name: "steps",
        make: |script| (Box::new(Steps::new(&vars())), vec![Script { line: 12, script: script.to_owned() }]),
    },
    Kind { name: "person", make: |_| (Box::new(Person), Vec::new()) },
];

fn task(place: &Place, steps: Vec<Script>) -> Task {
    let project = place.path("tree/project");
    std::fs::create_dir_all(project.join(".chant/specs")).unwrap();
    Task {
        spec: "kpi/001-x".into(),
        attempt: 2,
        run: "abc@box".into(),
        branch: "chant/kpi/001-x".into(),
        target: "main".into(),
        worktree: place.path("tree"),
        spec_file: project.join(".chant/specs/001-x.md"),
        project_dir: project,
        prompt: "please do\n".into(),
        dollars: None,
        tokens: None,
        steps,
        env: vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap()),
            ("CHANT_SPEC".into(), "of the run around".into()),
            ("PWD".into(), "/elsewhere".into()),
        ],
    }
}

fn terms<'a>(place: &Place, locks: &'a [&'a Lock]) -> Terms<'a> {
    Terms {
        label: "kpi/001-x".into(),
        repo: place.dir.path().into(),
        program: PathBuf::from(env!("CARGO_BIN_EXE_chant")),
        timeout: None,
        grace: Duration::from_millis(200),
        cage: None,
        transcript: Some(place.path("transcript")),
        watch: None,
        ear: None,
        mask: chant::agent::Mask::default(),
        locks,
    }
}

async fn carry_out(place: &Place, agent: &dyn Agent, task: &Task) -> Performed {
    let (_stop, never) = watch::channel(false);
    perform(agent.order(task).unwrap(), &terms(place, &[]), never).await.unwrap()
}

#[tokio::test]
async fn every_kind_is_given_its_task_or_runs_nothing_at_all() {
    for kind in KINDS {
        let place = Place::new();
        let script = "pwd; cat; env | grep ^CHANT_ | sort; echo $PWD";
        let (agent, steps) = (kind.make)(script);
        let task = task(&place, steps);
        assert_eq!(agent.check(&task.project_dir), Ok(()), "{}", kind.name);
        assert!(!agent.name().is_empty() && !agent.name().contains(char::is_control));
        let done = carry_out(&place, &*agent, &task).await;
        assert_eq!((&done.how, &done.failed), (&How::Exited(0), &None), "{}: {}", kind.name, done.tail);
        if agent.is_person() {
            assert!(agent.order(&task).unwrap().is_empty(), "a person is no program");
            continue;
        }
        let (tree, project) = (task.worktree.display(), task.project_dir.display());
        let wanted = format!(
            "{project}\nplease do\nCHANT_ATTEMPT=2\nCHANT_BRANCH=chant/kpi/001-x\nCHANT_RUN=abc@box\n\
             CHANT_SPEC=kpi/001-x\nCHANT_SPEC_FILE={project}/.chant/specs/001-x.md\nCHANT_TARGET=main\n\
             CHANT_WORKTREE={tree}\n{project}\n"
        );
        assert_eq!(done.tail, wanted, "{}", kind.name);
        assert_eq!(std::fs::read_to_string(place.path("transcript")).unwrap(), wanted, "{}", kind.name);
    }
}

#[tokio::test]
async fn every_kind_that_runs_fails_by_name_at_the_first_command_that_fails() {
    for kind in KINDS {
        let place = Place::new();
        let (agent, steps) = (kind.make)("echo before; false; echo after > after");
        let task = task(&place, steps);
        if agent.is_person() {
            continue;
        }
        let done = carry_out(&place, &*agent, &task).await;
        let named = if kind.name == "steps" { ".chant/specs/001-x.md:12" } else { "sh" };
        assert_eq!((done.how, done.failed.as_deref()), (How::Exited(1), Some(named)), "{}", kind.name);
        assert!(!task.project_dir.join("after").exists());
    }
}

#[tokio::test]
async fn every_kind_that_runs_can_be_stopped_and_times_out() {
    for kind in KINDS {
        let place = Place::new();
        let (agent, steps) = (kind.make)("echo ready; sleep 600");
        let task = task(&place, steps);
        if agent.is_person() {
            continue;
        }
        let mut terms = terms(&place, &[]);
        let (tell, mut heard) = unbounded_channel();
        terms.watch = Some(tell);
        let (stop, wish) = watch::channel(false);
        let (done, ()) = tokio::join!(perform(agent.order(&task).unwrap(), &terms, wish), async {
            says(&mut heard, "ready").await;
            stop.send(true).unwrap();
        });
        assert_eq!(done.unwrap().how, How::Stopped, "{}", kind.name);

        terms.timeout = Some(Duration::from_millis(100));
        let (_stop, never) = watch::channel(false);
        let done = perform(agent.order(&task).unwrap(), &terms, never).await.unwrap();
        assert_eq!(done.how, How::TimedOut, "{}", kind.name);
    }
}

#[tokio::test]
async fn every_kind_that_runs_holds_the_locks_it_is_given() {
    for kind in KINDS {
        let place = Place::new();
        let (agent, steps) = (kind.make)("echo ready; sleep 600");
        let task = task(&place, steps);
        if agent.is_person() {
            continue;
        }
        let path = place.path("lock");
        let lock = Lock::try_take(&path).unwrap().unwrap();
        let locks = [&lock];
        let mut terms = terms(&place, &locks);
        let (tell, mut heard) = unbounded_channel();
        terms.watch = Some(tell);
        let (stop, wish) = watch::channel(false);
        let errands = agent.order(&task).unwrap();
        let (done, ()) = tokio::join!(perform(errands, &terms, wish), async {
            says(&mut heard, "ready").await;
            stop.send(true).unwrap();
        });
        assert_eq!(done.unwrap().how, How::Stopped);
        drop(lock);
        assert!(!Lock::is_held(&path).unwrap(), "{}: nobody is left to hold it", kind.name);
    }
}

#[tokio::test]
async fn steps_run_in_order_share_their_time_and_stop_at_the_first_failure() {
    let place = Place::new();
    let step = |line, script: &str| Script { line, script: script.into() };
    let task = task(&place, vec![step(3, "echo one"), step(7, "echo two; exit 9"), step(11, "echo three")]);
    let done = carry_out(&place, &Steps::new(&vars()), &task).await;
    assert_eq!((done.how, done.failed.as_deref()), (How::Exited(9), Some(".chant/specs/001-x.md:7")));
    assert_eq!(std::fs::read_to_string(place.path("transcript")).unwrap(), "one\ntwo\n");
}

#[tokio::test]
async fn the_shells_own_complaint_names_the_step() {
    let place = Place::new();
    let task = task(&place, vec![Script { line: 3, script: "if".into() }]);
    let done = carry_out(&place, &Steps::new(&vars()), &task).await;
    assert!(!done.how.is_success() && done.tail.contains(".chant/specs/001-x.md:3"), "{}", done.tail);
}

#[test]
fn steps_without_any_or_with_a_giant_are_refused() {
    let place = Place::new();
    let steps = Steps::new(&vars());
    assert!(matches!(steps.order(&task(&place, Vec::new())), Err(AgentError::NoSteps { .. })));
    let giant = Script { line: 5, script: "#".repeat(200_000) };
    let refused = steps.order(&task(&place, vec![giant])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the step at .chant/specs/001-x.md:5 has 200000 bytes, which is more than a program can be given"
    );
}

#[test]
fn a_program_that_cannot_run_is_found_before_anything_is_claimed() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let dir = place.dir.path();
    let check = |argv: &[&str]| CommandAgent::new("analyst", argv.to_vec(), &vars()).check(dir);
    assert!(matches!(check(&[]), Err(AgentError::Empty { .. })));
    assert!(matches!(check(&[""]), Err(AgentError::Empty { .. })));
    assert!(matches!(check(&["no-such-program"]), Err(AgentError::NotOnPath { .. })));
    assert!(matches!(check(&["agents/analyst.sh"]), Err(AgentError::NoSuchFile { .. })));
    std::fs::create_dir(place.path("agents")).unwrap();
    assert!(matches!(check(&["./agents"]), Err(AgentError::NoSuchFile { .. })), "a directory is no program");
    let script = place.path("agents/analyst.sh");
    std::fs::write(&script, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = check(&["agents/analyst.sh"]).unwrap_err();
    assert!(matches!(refused, AgentError::NotExecutable { .. }));
    let help = miette::Diagnostic::help(&refused).unwrap().to_string();
    assert!(help.contains("chmod +x agents/analyst.sh") && help.contains("[\"sh\", \"agents/analyst.sh\"]"), "{help}");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(check(&["agents/analyst.sh"]), Ok(()));
    assert_eq!(check(&["sh", "anything"]), Ok(()));
    assert_eq!(check(&[Path::new("/bin/sh").to_str().unwrap()]), Ok(()));
}

#[tokio::test]
async fn a_relative_program_runs_from_the_worktree_not_from_elsewhere() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let task = task(&place, Vec::new());
    let script = task.project_dir.join("go.sh");
    std::fs::write(&script, "#!/bin/sh\necho \"$1 in $PWD\"\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let agent = CommandAgent::new("own", ["./go.sh", "here"], &vars());
    let done = carry_out(&place, &agent, &task).await;
    assert_eq!(done.tail, format!("here in {}\n", task.project_dir.display()));
}

#[test]
fn performing_can_be_moved_between_threads() {
    fn movable<T: Send>(_: T) {}
    let place = Place::new();
    let (_stop, never) = watch::channel(false);
    movable(perform(Vec::new(), &terms(&place, &[]), never));
}
