//! What a config means, what is said of a bad one, and who outranks whom.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::env::Vars;
use crate::spec::{Diagnostic, Severity};

fn nothing(_: &str) -> Option<String> {
    None
}

fn load(text: &str) -> (Settings, Vec<Diagnostic>) {
    Settings::load(Some(("config.yaml", text.as_bytes())), &nothing, &Vars::default(), &Flags::default())
}

fn vars(pairs: &[(&str, &str)]) -> Vars {
    pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

fn plain(diagnostics: &[Diagnostic]) -> Vec<(Severity, String, Vec<&str>)> {
    let plain = |d: &Diagnostic| format!("{d} ({})", d.help.clone().unwrap_or_default());
    let texts = |d| Diagnostic::origin(d).text.as_ref();
    diagnostics
        .iter()
        .map(|d| (d.severity, plain(d), d.labels.iter().map(|(span, _)| &texts(d)[span.clone()]).collect()))
        .collect()
}

#[track_caller]
fn only(text: &str, severity: Severity, part: &str, underlined: &str) {
    let (_, said) = load(text);
    let said = plain(&said);
    let [(found, message, texts)] = &said[..] else { panic!("not one: {said:?}") };
    assert!(*found == severity && message.contains(part) && texts.contains(&underlined), "{said:?}");
}

const WHOLE: &str = r#"---
project: kpi
target: main
agent: analyst
jobs: 2
land: review
timeout: 90m
retries: 1
remote: origin
lease: 30m
forge: gitlab
trust: signed
agents:
  analyst:
    command: ["sh", "-c", "a\nb", 3]
    env: { A: b, N: 01, EMPTY: }
    timeout: 5m
    model: none
  me: { kind: person }
review: { approvers: [ada@example.org, "*@board.example"], count: 2, self: false }
worktree: { dir: ../trees, setup: "npm ci", keep: [target, node_modules] }
red_first: required
frozen: [tests/**, spec]
strict: true
overlap: serialize
conflicts: retry
idle: 10m
budget: { attempt: 2 usd, run: 100k tokens }
rotation: [claude]
sandbox: { write: [~/.npm, /dev/shm], net: none, pass_env: "AWS_*" }
transcripts: 500k
"#;

#[test]
fn a_project_without_a_file_works_on_defaults() {
    let (settings, said) = Settings::load(None, &nothing, &Vars::default(), &Flags::default());
    assert_eq!((&settings, &said[..]), (&Settings::default(), &[][..]));
    assert_eq!(
        (settings.jobs.value, settings.timeout.value, settings.retries.value),
        (4, Duration::from_secs(3600), 0)
    );
    assert!(settings.entries().iter().all(|entry| entry.origin == Origin::Default));
    for empty in ["", "\u{feff}# nothing\n", "---\n"] {
        assert_eq!(load(empty), (Settings::default(), Vec::new()), "{empty:?}");
    }
}

#[test]
fn a_whole_config_is_read_with_the_line_of_every_value() {
    let (settings, said) = load(WHOLE);
    assert_eq!(said, []);
    let entries: Vec<_> = settings.entries().into_iter().map(|e| (e.key, e.value, e.origin.to_string())).collect();
    let expected = [
        ("project", "kpi", 2),
        ("target", "main", 3),
        ("agent", "analyst", 4),
        ("prompt", "(as the spec's type says)", 0),
        ("jobs", "2", 5),
        ("land", "review", 6),
        ("timeout", "1h30m", 7),
        ("idle", "10m", 27),
        ("budget", "2.00 usd for each attempt, 100000 tokens for each run", 28),
        ("rotation", "claude", 29),
        ("retries", "1", 8),
        ("remote", "origin", 9),
        ("lease", "30m", 10),
        ("forge", "gitlab", 11),
        ("forge.url", "(as the remote's URL tells)", 0),
        ("trust", "signed", 12),
        ("review.approvers", "ada@example.org, *@board.example", 20),
        ("review.count", "2", 20),
        ("review.self", "false", 20),
        ("overlap", "serialize", 25),
        ("conflicts", "retry", 26),
        ("transcripts", "500KiB", 31),
        ("red_first", "required", 22),
        ("frozen", "tests/**, spec", 23),
        ("strict", "true", 24),
        ("worktree.dir", "../trees", 21),
        ("worktree.setup", "npm ci", 21),
        ("worktree.keep", "target, node_modules", 21),
        ("sandbox", "on", 30),
        ("sandbox.write", "~/.npm, /dev/shm", 30),
        ("sandbox.net", "none", 30),
        ("sandbox.pass_env", "AWS_*", 30),
        ("agents.analyst", "sh -c a\nb 3", 14),
        ("agents.me", "person", 19),
    ];
    let origin = |line| if line == 0 { "default".to_owned() } else { format!("config.yaml:{line}") };
    let expected = expected.map(|(key, value, line)| (key.to_owned(), value.to_owned(), origin(line)));
    assert_eq!(entries, expected);
    let analyst = &settings.agents["analyst"];
    assert_eq!(
        analyst.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(),
        [("A", "b"), ("EMPTY", ""), ("N", "01")]
    );
    assert_eq!(analyst.timeout, Some(Duration::from_secs(300)));
}

#[test]
fn an_agent_is_what_it_says_or_what_its_name_says_or_a_command() {
    let kind = |text: &str| {
        let (settings, said) = load(&format!("agents: {{ {text} }}\n"));
        assert_eq!(said, [], "{text}");
        let (_, agent) = settings.agents.into_iter().next().unwrap();
        agent
    };
    assert_eq!(kind("claude: {}").kind, AgentKind::Claude);
    assert_eq!(kind("claude: { command: [claude, -p] }").kind, AgentKind::Command);
    assert_eq!(kind("claude: { kind: claude, command: [claude-next] }").kind, AgentKind::Claude);
    assert_eq!(kind("second: { kind: codex }").kind, AgentKind::Codex);
    let whole = kind("second: { kind: codex, model: m, args: [-c, 3], pass_env: KEY, idle: 5m, limit: 2, weight: 9 }");
    assert_eq!((whole.args, whole.pass_env), (vec!["-c".to_owned(), "3".to_owned()], vec!["KEY".to_owned()]));
    assert_eq!((whole.idle, whole.limit, whole.weight), (Some(Duration::from_secs(300)), Some(2), 9));
    // The command of a server starts it, whatever its name, and may be a line of plain words.
    let server = kind("acp: { command: \"gemini --experimental-acp\", model: m }");
    assert_eq!(
        (server.kind, server.command),
        (AgentKind::Acp, vec!["gemini".to_owned(), "--experimental-acp".to_owned()])
    );
    assert_eq!(kind("own: { command: [\"a b\"], kind: acp }").command, ["a b"]);
    let local =
        kind("local: { kind: openai, base_url: \"http://[::1]:11434/v1/\", key_env: K, max_turns: 9, model: m }");
    assert_eq!(local.base_url.as_deref(), Some("http://[::1]:11434/v1"));
    assert_eq!((local.key_env.as_deref(), local.max_turns), (Some("K"), Some(9)));
    assert_eq!(kind("openai: { model: m }").kind, AgentKind::Openai);
    let wrong = |agent: &str, part: &str, underlined: &str| {
        only(&format!("agents: {{ {agent} }}\n"), Severity::Error, part, underlined);
    };
    wrong("acp: {}", "has no command that starts its server", "acp");
    wrong("own: { kind: acp, command: \"sh -c 'x'\" }", "a program and its arguments", "\"sh -c 'x'\"");
    wrong("own: { command: \"sh -c x\" }", "a program and its arguments", "\"sh -c x\"");
    wrong("claude: { base_url: \"http://x/v1\" }", "takes no `base_url`", "claude");
    wrong("local: { kind: openai, command: [x] }", "runs no command", "local");
    wrong("local: { kind: openai, base_url: \"x/v1\" }", "an address", "\"x/v1\"");
    wrong("local: { kind: openai, base_url: \"http://a:b@x/v1\" }", "without name and password", "\"http://a:b@x/v1\"");
    wrong("local: { kind: openai, max_turns: 0 }", "from 1 on", "0");
    wrong("local: { kind: openai, bas_url: x }", "did you mean `base_url`?", "bas_url");
    wrong("claude: { modle: m }", "did you mean `model`?", "modle");
    wrong("cluade: {}", "did you mean `claude`?", "cluade");
    wrong("second: { kind: codx }", "did you mean `codex`?", "codx");
    wrong("claude: { kind: codex }", "`claude` is an agent of chant's own", "claude");
    wrong("own: { command: [x], args: [y] }", "takes no `args`", "own");
    wrong("claude: { limit: 0 }", "`limit` wants a whole number from 1 on", "0");
    wrong("claude: { pass_env: [CHANT_X] }", "chant sets its own variables", "CHANT_X");
    only("budget: 2.50\n", Severity::Error, "an amount of dollars or tokens", "2.50");
    only("budget: { run: 1 eur }\n", Severity::Error, "an amount of dollars or tokens", "1 eur");
    only("budget: { usd: 1, atempt: 1 usd }\n", Severity::Error, "`budget` knows no key `atempt`", "atempt");
    only("rotation: [claude, person]\n", Severity::Error, "`person` cannot be in the rotation", "person");
}

#[test]
fn a_flag_outranks_the_environment_which_outranks_git_config_which_outranks_the_file() {
    let file = "jobs: 1\nretries: 1\ntimeout: 1m\ntarget: a\nland: review\n";
    let git = |key: &str| ["chant.jobs", "chant.retries", "chant.timeout"].contains(&key).then(|| "2".to_owned());
    let vars = vars(&[("CHANT_JOBS", "3"), ("CHANT_RETRIES", "3"), ("CHANT_WORKTREE_KEEP", "x, y")]);
    let flags = Flags { jobs: Some(4), ..Flags::default() };
    let (settings, said) = Settings::load(Some(("c", file.as_bytes())), &git, &vars, &flags);
    assert_eq!(said, []);
    assert_eq!(settings.jobs, Set { value: 4, origin: Origin::Flag("--jobs") });
    assert_eq!(settings.retries, Set { value: 3, origin: Origin::Env("CHANT_RETRIES".into()) });
    assert_eq!(settings.timeout, Set { value: Duration::from_secs(2), origin: Origin::Git("chant.timeout".into()) });
    assert_eq!(settings.land, Set { value: Landing::Review, origin: Origin::File { name: "c".into(), line: 5 } });
    assert_eq!(settings.worktree_keep.value, ["x", "y"]);
}

#[test]
fn every_setting_but_the_name_of_the_project_can_be_overridden_from_both_places() {
    for (key, value) in [
        ("target", "t"),
        ("agent", "steps"),
        ("jobs", "9"),
        ("land", "review"),
        ("timeout", "9s"),
        ("retries", "9"),
        ("remote", "r"),
        ("lease", "9s"),
        ("forge", "gerrit"),
        ("forge.url", "https://code.example/api"),
        ("worktree.dir", "d"),
        ("worktree.setup", "s"),
        ("worktree.keep", "k"),
        ("sandbox", "off"),
        ("sandbox.write", "/w"),
        ("sandbox.net", "none"),
    ] {
        let git = |asked: &str| (asked == format!("chant.{key}")).then(|| value.to_owned());
        let variable = format!("CHANT_{}", key.replace('.', "_").to_uppercase());
        let by_git = Settings::load(None, &git, &Vars::default(), &Flags::default());
        let by_env = Settings::load(None, &nothing, &vars(&[(&variable, value)]), &Flags::default());
        for (origin, (settings, said)) in
            [(Origin::Git(format!("chant.{key}")), by_git), (Origin::Env(variable), by_env)]
        {
            assert_eq!(said, []);
            let entry = settings.entries().into_iter().find(|entry| entry.key == key).unwrap();
            assert_eq!((entry.value.as_str(), entry.origin), (value, origin));
        }
    }
    let git = |key: &str| (key == "chant.project").then(|| "x".to_owned());
    assert_eq!(Settings::load(None, &git, &vars(&[("CHANT_PROJECT", "x")]), &Flags::default()).0.project.value, None);
}

#[test]
fn the_target_of_a_run_is_not_taken_for_the_wish_of_a_user() {
    let target =
        |pairs: &[(&str, &str)]| Settings::load(None, &nothing, &vars(pairs), &Flags::default()).0.target.value;
    assert_eq!(target(&[("CHANT_TARGET", "x")]).as_deref(), Some("x"));
    assert_eq!(target(&[("CHANT_TARGET", "x"), ("CHANT_RUN", "1@host")]), None);
}

#[test]
fn an_empty_override_takes_back_what_the_file_says() {
    let (settings, said) =
        Settings::load(Some(("c", b"target: a")), &nothing, &vars(&[("CHANT_TARGET", "")]), &Flags::default());
    assert_eq!((settings.target.value, said), (None, Vec::new()));
}

#[test]
fn a_bad_override_is_underlined_and_says_where_it_came_from() {
    let git = |key: &str| (key == "chant.jobs").then(|| "many".to_owned());
    let (settings, said) = Settings::load(
        None,
        &git,
        &vars(&[("CHANT_LAND", "maybe"), ("CHANT_WORKTREE_KEEP", "a, ../b")]),
        &Flags::default(),
    );
    assert_eq!(settings.jobs.value, 4);
    let names: Vec<&str> = said.iter().map(|d| d.origin().name.as_ref()).collect();
    assert_eq!(names, ["git config chant.jobs", "$CHANT_LAND", "$CHANT_WORKTREE_KEEP"]);
    let underlined: Vec<_> = plain(&said)
        .into_iter()
        .flat_map(|(_, _, texts)| texts.into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(underlined, ["many", "maybe", "../b"]);
    assert!(format!("{:?}", miette::Report::new(said[0].clone())).contains("git config chant.jobs:1:1"));
}

#[test]
fn a_bad_value_in_the_file_is_underlined() {
    use Severity::{Error, Warning};
    let agent = |fields: &str| format!("agents:\n  a: {{{fields}}}\n");
    only("job: 3", Warning, "did you mean `jobs`?", "job");
    only("jobs: 0", Error, "from 1 on", "0");
    only("jobs: 1\njobs: 2", Error, "there twice", "jobs");
    only("forge: gihtub", Error, "forge", "gihtub");
    only("forge: {url: 'https://evil'}", Error, "forge", "{url: 'https://evil'}");
    only("land: atuo", Error, "did you mean `auto`?", "atuo");
    only("timeout: soon", Error, "as in `90s`", "soon");
    only("project: a/b", Error, "holds a `/`", "a/b");
    only("worktree: {keep: [a, /b]}", Error, "is absolute", "/b");
    only("sandbox: maybe", Error, "does not take `maybe`", "maybe");
    only("sandbox: {write: [here]}", Error, "wants paths from `/` or `~/`", "here");
    only("sandbox: {write: [/]}", Error, "to every agent", "/");
    only("sandbox: {write: [~/.]}", Error, "to every agent", "~/.");
    only("sandbox: {write: [/var/../home]}", Error, "without `..`", "/var/../home");
    only("sandbox: {write: [/x/.git/hooks]}", Error, "a repository's own directory", "/x/.git/hooks");
    only("sandbox: {write: ~/x/.GIT}", Error, "a repository's own directory", "~/x/.GIT");
    only("sandbox: {net: some}", Error, "does not take `some`", "some");
    only("sandbox: {pass_env: [\"A=b\"]}", Error, "wants names of variables", "\"A=b\"");
    only("worktree: {kep: a}", Error, "did you mean `keep`?", "kep");
    only("worktree: {setup: [a]}", Error, "a shell command", "[a]");
    only("agents: [a]", Error, "`key: value` pairs", "[a]");
    only("agent: analist\nagents: {analyst: {command: x}}", Warning, "did you mean `analyst`?", "analist");
    only(&agent("comand: [x], kind: steps"), Error, "did you mean `command`?", "comand");
    only(&agent(""), Error, "has no command", "a");
    only(&agent("command: sh agents/x.sh"), Error, "as a list", "sh agents/x.sh");
    only(&agent("command: [sh, [x]]"), Error, "as a list", "[sh, [x]]");
    only(&agent("command: []"), Error, "as a list", "[]");
    only(&agent("kind: persn"), Error, "did you mean `person`?", "persn");
    only(&agent("kind: person, command: [x]"), Error, "runs no command", "a");
    only(&agent("kind: person, timeout: 3m"), Error, "no `timeout` ends", "a");
    only(&agent("kind: person, idle: 3m"), Error, "no `idle` ends", "a");
    only(&agent("command: x, env: {CHANT_RUN: y}"), Error, "its own variables", "CHANT_RUN");
    only(&agent("command: x, env: {A: [y]}"), Error, "`A` wants a text", "[y]");
    only("agents: {steps: {kind: command, command: x}}", Error, "chant's own", "steps");
    only("agents: {'a:b': {command: x}}", Error, "cannot be called", "'a:b'");
    only("agents: &x {a: {command: x}}", Error, "anchors and aliases", "&x");
    only("jobs: [1", Error, "not YAML", "");
    only("target: \"-x\"", Error, "begins with a `-`", "\"-x\"");
    only("target: no such", Error, "holds a space", "no such");
    only("rotation: [claude, steps, steps]", Error, "twice", "steps");
    only("worktree: 5", Error, "`worktree` wants `key: value` pairs", "5");
    only("worktree: {dir: .}", Error, "holds nothing else", ".");
    only("worktree: {dir: a/.GIT/b}", Error, "holds nothing else", "a/.GIT/b");
    only("sandbox: {net: false}", Error, "`shared`", "false");
    only("sandbox: [x]", Error, "`on`, `off` or its parts", "[x]");
    only("red_first: true", Error, "`required`", "true");
    only("strict: \"true\"", Error, "without quotes", "\"true\"");
    only("budget: {}", Error, "an amount", "{}");
    only("agents: {a: 5}", Error, "agent `a` wants `key: value` pairs", "5");
    assert!(load("agents: {steps: {timeout: 2h}, person: {}}").1.is_empty());
}

#[test]
fn a_budget_of_several_parts_is_taken_from_a_variable_and_from_git_config_and_shown_as_it_was_typed() {
    let typed = "{ attempt: 1 usd, spec: 0.02 usd }";
    let git = |name: &str| (name == "chant.budget").then(|| typed.to_owned());
    let nothing = |_: &str| None;
    let by_env = Settings::load(None, &nothing, &vars(&[("CHANT_BUDGET", typed)]), &Flags::default());
    let by_git = Settings::load(None, &git, &vars(&[]), &Flags::default());
    for (settings, said) in [by_env, by_git] {
        assert!(said.is_empty(), "{said:?}");
        assert_eq!(settings.budget.value.to_string(), "1.00 usd for each attempt, 0.02 usd for each spec");
    }
    for wrong in ["{ atempt: 1 usd }", "{ attempt: 1 usd", "{}"] {
        let (_, said) = Settings::load(None, &nothing, &vars(&[("CHANT_BUDGET", wrong)]), &Flags::default());
        assert_eq!(said.len(), 1, "{wrong}: {said:?}");
    }
    let (_, said) = Settings::load(
        Some(("c", b"agent: gemini")),
        &nothing,
        &vars(&[("CHANT_BUDGET", "5k tokens")]),
        &Flags::default(),
    );
    assert_eq!(&*said[0].origin().text, "5k tokens");
}

#[test]
fn a_zero_is_refused_with_the_reason_and_with_what_to_write() {
    for (text, key) in [
        ("budget: 0 usd", "budget"),
        ("budget: {run: 0 tokens}", "budget"),
        ("budget: {attempt: {usd: 0.0}}", "budget"),
        ("timeout: 0", "timeout"),
        ("idle: 0s", "idle"),
        ("lease: 0h", "lease"),
        ("jobs: 0", "jobs"),
        ("review: {count: 0}", "count"),
        ("agents: {claude: {limit: 0}}", "limit"),
        ("agents: {claude: {weight: 0}}", "weight"),
        ("agents: {claude: {timeout: 0}}", "timeout"),
        ("agents: {claude: {idle: 0}}", "idle"),
        ("agents: {openai: {max_turns: 0}}", "turns"),
    ] {
        let (_, said) = load(text);
        let [one] = &said[..] else { panic!("{text}: {said:?}") };
        assert!(one.is_error() && one.line() == Some(1), "{text}");
        assert_eq!(one.labels[0].1, "zero is not allowed", "{text}");
        assert!(one.help.as_ref().is_some_and(|help| help.len() > 20), "{text}: {key}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_the_project_is_still_known() {
    let text = "project: kpi\njobs: none\nland: maybe\nagents: {a: {comand: x}}\nworktree: {keep: [../x]}\n";
    let (settings, said) = load(text);
    assert_eq!(said.iter().filter(|d| d.is_error()).count(), 5, "{said:?}");
    assert_eq!(settings.jobs.value, 4);
    assert_eq!(project_name(text.as_bytes()).map(|p| p.to_string()), Some("kpi".into()));
    let (_, said) = Settings::load(Some(("c", b"jobs: 1\n# caf\xe9\n")), &nothing, &Vars::default(), &Flags::default());
    assert!(said[0].message.contains("on line 2"), "{said:?}");
}

#[test]
fn the_schema_and_the_reader_agree() {
    let schema = jsonschema::validator_for(&schema()).unwrap();
    let json = |text: &str| serde_json::to_value(serde_yaml::from_str::<serde_yaml::Value>(text).unwrap()).unwrap();
    assert!(schema.is_valid(&json(&WHOLE.replace("EMPTY: ", "EMPTY: ''"))));
    for text in [
        "jobs: 0",
        "land: maybe",
        "retries: -1",
        "timeout: [1]",
        "agents: {a: {comand: x}}",
        "agents: {a: {kind: robot}}",
        "red_first: maybe",
        "overlap: order",
        "conflicts: [retry]",
        "frozen: {a: b}",
        "strict: 'yes'",
        "worktree: {kep: a}",
        "worktree: {keep: {a: b}}",
        "agent: [a]",
        "project: {}",
    ] {
        assert!(!schema.is_valid(&json(text)), "{text} is refused by the schema");
        assert!(load(text).1.iter().any(Diagnostic::is_error), "{text} is refused by the reader");
    }
    let known = schema::schema()["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let text = known.iter().map(|key| format!("{key}: ~\n")).collect::<String>();
    assert_eq!(load(&text), (Settings::default(), Vec::new()), "every key of the schema is known to the reader");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let (_, said) = Settings::load(Some(("c", &bytes)), &nothing, &Vars::default(), &Flags::default());
        for diagnostic in said {
            for (span, _) in &diagnostic.labels {
                prop_assert!(diagnostic.origin().text.get(span.clone()).is_some());
            }
        }
    }

    #[test]
    fn any_override_is_read_without_a_panic(value in any::<String>()) {
        let git = |_: &str| Some(value.clone());
        let (_, said) = Settings::load(None, &git, &Vars::default(), &Flags::default());
        for diagnostic in said {
            prop_assert!(diagnostic.labels.iter().all(|(span, _)| diagnostic.origin().text.get(span.clone()).is_some()));
        }
    }
}

#[test]
fn who_decides_is_said_by_the_file_alone() {
    let (settings, said) = load("review: { approvers: '*@example.org', count: 2, self: false }\n");
    assert_eq!(said, []);
    let review = (&settings.review_approvers.value[..], settings.review_count.value, settings.review_self.value);
    assert_eq!(review, (&["*@example.org".to_owned()][..], 2, false));
    let everything = |_: &str| Some("7".to_owned());
    let (settings, _) = Settings::load(None, &everything, &vars(&[("CHANT_REVIEW_COUNT", "7")]), &Flags::default());
    assert_eq!((settings.review_count.value, settings.review_count.origin), (1, Origin::Default));
    let (settings, said) = load("trust: signed\n");
    assert_eq!((settings.trust.value, said), (Trust::Signed, Vec::new()));
    let any = |key: &str| (key == "chant.trust").then(|| "any".to_owned());
    let (settings, _) =
        Settings::load(Some(("c", b"trust: signed")), &any, &vars(&[("CHANT_TRUST", "any")]), &Flags::default());
    assert_eq!(settings.trust.value, Trust::Signed);
    only("trust: singed\n", Severity::Error, "did you mean `signed`?", "singed");
    assert_eq!(trust_in(b"trust: signed\ntimeout: 5m\n"), Some(Trust::Signed));
    assert_eq!((trust_in(b""), trust_in(b"trust: singed\n"), trust_in(b"\xff{")), (Some(Trust::Any), None, None));
    only("review: { approvers: [ada] }\n", Severity::Error, "no mail address", "ada");
    only("review: { approvers: ['[@'] }\n", Severity::Error, "unclosed", "'[@'");
    only("review: { count: 0 }\n", Severity::Error, "count", "0");
    only("review: { self: maybe }\n", Severity::Error, "self", "maybe");
    only("red_first: require\n", Severity::Error, "red_first", "require");
    only("frozen: [/etc]\n", Severity::Error, "absolute", "/etc");
    only("strict: maybe\n", Severity::Error, "strict", "maybe");
    let (settings, _) = Settings::load(None, &everything, &vars(&[("CHANT_STRICT", "true")]), &Flags::default());
    assert_eq!(settings.proving, super::Proving::default());
    only("review: { approver: a@b }\n", Severity::Error, "approver", "approver");
}

#[test]
fn a_sandbox_is_a_word_or_its_parts() {
    for (text, on) in
        [("", true), ("sandbox: off", false), ("sandbox: on", true), ("sandbox: false", false), ("sandbox: {}", true)]
    {
        let (settings, said) = load(text);
        assert_eq!((settings.sandbox.on.value, said), (on, Vec::new()), "{text}");
    }
    let (settings, _) = load("sandbox: { write: [~/.npm, /x, ~/a/] }");
    let paths = settings.sandbox.paths(Some(std::path::Path::new("/home/ada")));
    assert_eq!(paths, ["/home/ada/.npm", "/x", "/home/ada/a/"].map(std::path::PathBuf::from));
    assert_eq!(settings.sandbox.paths(None), [std::path::PathBuf::from("/x")]);
}

#[test]
fn what_agents_cannot_do_is_underlined_where_the_file_asks_for_it() {
    let text = "jobs: 2\nagent: nobody\nrotation:\n  - claude\n  - claude-x # not claude\n  - person\nbudget: { attempt: 1k tokens }\n\
                agents:\n  own: { command: [x] }\n";
    let places = |text: &str| {
        let (_, said) = Settings::load(Some(("c.yaml", text.as_bytes())), &|_| None, &vars(&[]), &Flags::default());
        let mut places: Vec<(String, usize)> =
            said.iter().map(|one| (one.origin().name.to_string(), one.line().unwrap())).collect();
        places.sort();
        places
    };
    let file = |lines: &[usize]| lines.iter().map(|line| ("c.yaml".to_owned(), *line)).collect::<Vec<_>>();
    assert_eq!(places(text), file(&[2, 5, 6]));
    assert_eq!(places("agent: own\nbudget:\n  attempt: 1 usd\nagents: { own: { command: [x] } }\n"), file(&[2]));
}
