//! The real clients, from the npm registry, against a model of our own, in a network namespace with nothing but loopback.
//!
//! `.ci/run` installs them; where one is not there this is said aloud and nothing is tried. The namespace has its own
//! processes as well, so that what is left behind can be counted. The test starts itself again inside of it: the model and
//! chant run there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::running;
use crate::harness::model::Model;
use crate::harness::{Output, Sandbox, run, until};
use crate::run_example;

/// Where `.ci/run` puts a client; nothing, said aloud, where it has not.
fn client(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    let bin = home.join(".cache/chant/clis/node_modules/.bin");
    if bin.join(name).exists() {
        return Some(bin);
    }
    eprintln!("not tried here: {name} is not installed in {}", bin.display());
    None
}

/// `unshare` with nothing but loopback, where it is permitted.
fn alone() -> Vec<&'static str> {
    let inside = ["unshare", "-n", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"];
    let tried = Command::new(inside[0]).args(&inside[1..]).arg("ip link set lo up").stderr(Stdio::null()).status();
    if tried.is_ok_and(|status| status.success()) {
        return [&inside[..], &["ip link set lo up && exec \"$@\"", "_"]].concat();
    }
    eprintln!("no namespace here: the clients run in the open");
    Vec::new()
}

/// How a client is told where its model is: configuration of the agent, with the place of `@` to be filled in.
const CLIENTS: [(&str, &str); 3] = [
    (
        "claude",
        "{ model: claude-opus-4-5, env: { ANTHROPIC_BASE_URL: '@', ANTHROPIC_API_KEY: dummy, CLAUDE_CODE_MAX_RETRIES: 1 } }",
    ),
    (
        "codex",
        "{ model: gpt-5.1-codex, env: { XKEY: dummy }, args: [-c, 'model_provider=\"x\"', -c, \
         'model_providers.x={name=\"x\",base_url=\"@/v1\",env_key=\"XKEY\",wire_api=\"responses\",request_max_retries=1,\
         stream_max_retries=1}'] }",
    ),
    (
        "opencode",
        "{ model: fake/m, env: { OPENCODE_DISABLE_MODELS_FETCH: 1, OPENCODE_DISABLE_DEFAULT_PLUGINS: 1, \
         OPENCODE_CONFIG_CONTENT: '{\"provider\":{\"fake\":{\"npm\":\"@ai-sdk/openai-compatible\",\"name\":\"fake\",\"options\":\
         {\"baseURL\":\"@/v1\",\"apiKey\":\"dummy\"},\"models\":{\"m\":{\"name\":\"m\",\"cost\":{\"input\":1,\"output\":2},\
         \"limit\":{\"context\":100000,\"output\":4096}}}}},\"share\":\"disabled\"}' } }",
    ),
];

fn described(name: &str, url: &str) -> String {
    let agent = CLIENTS.iter().find(|(client, _)| *client == name).unwrap().1;
    agent.replace("@/v1", &format!("{url}/v1")).replace("'@'", &format!("'{url}'"))
}

fn settings(name: &str, url: &str, rest: &str) -> String {
    format!("agent: {name}\nagents:\n  {name}: {}\n{rest}\n", described(name, url))
}

/// Starts this test again in its other role, inside of the namespace.
fn inside(role: &str, sandbox: &Sandbox, bin: &Path) -> Output {
    let own = std::env::current_exe().unwrap();
    let outside = alone();
    let mut argv: Vec<&str> = outside;
    argv.push(own.to_str().unwrap());
    let mut command = sandbox.command(argv[0], &sandbox.root);
    command.args(&argv[1..]);
    command.args(["--exact", "clients::real::in_another_role", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("CHANT_TEST_ROLE", role).env("CHANT_TEST_DIR", &sandbox.root);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{}", bin.display(), path.display()));
    run(&mut command)
}

#[test]
#[ignore = "the other side of tests that need a namespace of their own"]
fn in_another_role() {
    let Some(role) = std::env::var_os("CHANT_TEST_ROLE") else { return };
    let root = PathBuf::from(std::env::var_os("CHANT_TEST_DIR").unwrap());
    let role = role.into_string().unwrap();
    match role.split_once(' ') {
        Some(("client", name)) => play(&root, name),
        Some(("example", dir)) => {
            let model = Model::start("sh agents/crew.sh");
            let config = std::fs::read_to_string(root.join(dir).join(".chant/config.yaml")).unwrap();
            let config = config.replace("agent: crew", "agent: claude").replace(
                "agents:\n",
                &format!(
                    "agents:\n  claude: {}\n",
                    described("claude", &format!("http://127.0.0.1:{}/ok", model.port))
                ),
            );
            std::fs::write(root.join(dir).join(".chant/config.yaml"), config).unwrap();
            git(&root, &["commit", "--quiet", "--all", "-m", "a real model"]);
            for id in ["001", "002"] {
                let out = chant(&root.join(dir), &["work", id]);
                assert_eq!(out.code, 0, "{}", out.all());
            }
        }
        _ => panic!("no role {role}"),
    }
}

fn chant(dir: &Path, args: &[&str]) -> Output {
    run(Command::new(crate::harness::chant()).args(args).current_dir(dir))
}

fn git(dir: &Path, args: &[&str]) -> String {
    run(Command::new("git").args(args).current_dir(dir)).ok().out
}

/// Everything that can become of one client, one after the other, each with a spec of its own.
fn play(root: &Path, name: &str) {
    let model = Model::start("echo hello > $CHANT_ATTEMPT.txt");
    let url = |how: &str| format!("http://127.0.0.1:{}/{how}", model.port);
    let as_it_is = |how: &str, rest: &str| {
        std::fs::write(root.join(".chant/config.yaml"), settings(name, &url(how), rest)).unwrap();
        git(root, &["commit", "--quiet", "--all", "--allow-empty", "-m", how]);
    };
    let trailers = || git(root, &["log", "--all", "-1", "--format=%(trailers)", "--grep", ": completed$"]);

    as_it_is("ok", "timeout: 90s");
    let out = chant(root, &["work", "001"]);
    assert_eq!(out.code, 0, "{}", out.all());
    let told = trailers();
    assert!(told.contains("Chant-Tokens: 2100"), "{told}");
    assert!(told.contains("Chant-Cost: 0.0") == (name != "codex"), "{told}");
    assert!(told.contains(&format!("Assisted-by: {name}:")), "{told}");
    let log = chant(root, &["log", "001"]).out;
    assert!(log.contains("Done.") && log.contains("2.1k tokens"), "{log}");

    as_it_is("401", "timeout: 90s");
    let out = chant(root, &["work", "002"]);
    assert!(out.code == 3 && out.err.contains("not signed in"), "{}", out.all());

    // Some try again for minutes by themselves: what only waits is ended as what does nothing.
    for (spec, status) in [("003", "429"), ("004", "500")] {
        as_it_is(status, "timeout: 40s\nidle: 20s");
        let out = chant(root, &["work", spec]);
        assert!(out.code == 3 && out.err.contains("has no room"), "{status}: {}", out.all());
    }

    as_it_is("hang", "timeout: 90s\nidle: 20s");
    let out = chant(root, &["work", "005"]);
    assert!(out.code == 1 && out.err.contains("did nothing for 20 s"), "{}", out.all());

    // With the engine everything goes that it started.
    as_it_is("hang", "timeout: 90s");
    let before = Model::start("true");
    let config = settings(name, &format!("http://127.0.0.1:{}/hang", before.port), "timeout: 90s");
    std::fs::write(root.join(".chant/config.yaml"), config).unwrap();
    git(root, &["commit", "--quiet", "--all", "-m", "a model of its own"]);
    let mut engine = Command::new(crate::harness::chant())
        .args(["work", "006"])
        .current_dir(root)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the client asks its model", || before.was_asked());
    let clients = running(root);
    assert!(!clients.is_empty(), "the client runs in its worktree");
    engine.kill().unwrap();
    engine.wait().unwrap();
    until("nothing is left of it", || running(root).is_empty());
}

fn everything(name: &str) {
    let Some(bin) = client(name) else { return };
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", settings(name, "http://127.0.0.1:1", ""));
    for n in 1..=6 {
        sandbox.spec(&format!("00{n}-x"), "", &["There is a greeting $ grep -q hello 1.txt"], "");
        if n > 1 {
            sandbox.spec(&format!("00{n}-x"), "", &["There is a file $ test -f never.txt"], "");
        }
    }
    sandbox.commit("specs");
    let out = inside(&format!("client {name}"), &sandbox, &bin);
    assert_eq!(out.code, 0, "{}", out.all());
    assert_eq!(sandbox.read("1.txt"), "hello\n");
    assert_eq!(sandbox.status("001-x"), "completed");
    sandbox.assert_fsck();
}

#[test]
fn claude_code_itself_from_its_edits_to_a_server_that_never_answers() {
    everything("claude");
}

#[test]
fn codex_itself_from_its_edits_to_a_server_that_never_answers() {
    everything("codex");
}

#[test]
fn opencode_itself_from_its_edits_to_a_server_that_never_answers() {
    everything("opencode");
}

#[test]
fn the_example_worked_by_claude_code_itself() {
    let Some(bin) = client("claude") else { return };
    let sandbox = run_example::example();
    let out = inside(&format!("example {}", run_example::DIR), &sandbox, &bin);
    assert_eq!(out.code, 0, "{}", out.all());
    let show = sandbox.chant_in(run_example::DIR, ["show", "002", "--json"]).ok().json();
    assert_eq!((&show["status"], &show["kpi"]["landed"]), (&"completed".into(), &6.2.into()), "{show:#}");
    let assisted = sandbox.git(["log", "--format=%(trailers:key=Assisted-by,valueonly)"]).ok().out;
    assert!(assisted.contains("claude:claude-opus-4-5"), "{assisted}");
}
