//! Clients of models: scripted ones that print what real ones once printed, and the real ones against a model of our own.

mod acp;
mod budgets;
mod home;
mod kept;
mod openai;
mod real;
mod rotation;
mod suite;

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Output, Sandbox};

/// A kind of client, and what its stand-in prints.
struct Kind {
    name: &'static str,
    model: &'static str,
    /// A stream of work that went well.
    well: &'static str,
    /// One of a model that has no room, and one of nobody being signed in.
    busy: &'static str,
    signed_out: &'static str,
    /// The exit codes of these two: some clients see nothing wrong in them.
    codes: (i32, i32),
    tokens: &'static str,
    cost: Option<&'static str>,
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "claude",
        model: "claude-opus-4-5",
        well: include_str!("../../../src/agent/streams/claude-ok.jsonl"),
        busy: include_str!("../../../src/agent/streams/claude-429.jsonl"),
        signed_out: include_str!("../../../src/agent/streams/claude-401.jsonl"),
        codes: (1, 1),
        tokens: "2100",
        cost: Some("0.0125 USD"),
    },
    Kind {
        name: "codex",
        model: "gpt-5.1-codex",
        well: include_str!("../../../src/agent/streams/codex-ok.jsonl"),
        busy: include_str!("../../../src/agent/streams/codex-429.jsonl"),
        signed_out: include_str!("../../../src/agent/streams/codex-401.jsonl"),
        codes: (1, 1),
        tokens: "2100",
        cost: None,
    },
    Kind {
        name: "opencode",
        model: "fake/m",
        well: include_str!("../../../src/agent/streams/opencode-ok.jsonl"),
        busy: include_str!("../../../src/agent/streams/opencode-429.jsonl"),
        signed_out: include_str!("../../../src/agent/streams/opencode-401.jsonl"),
        codes: (1, 1),
        tokens: "2100",
        cost: Some("0.0022 USD"),
    },
    Kind {
        name: "aider",
        model: "openai/gpt-4o",
        well: include_str!("../../../src/agent/streams/aider-ok.txt"),
        busy: include_str!("../../../src/agent/streams/aider-429.txt"),
        signed_out: include_str!("../../../src/agent/streams/aider-401.txt"),
        codes: (1, 0),
        tokens: "1050",
        cost: Some("0.003 USD"),
    },
];

/// Prints the stream of its call, or that of all, writes the file where it says so, and ends as it says.
const STAND_IN: &str = r#"#!/bin/sh
me=$BESIDE/$(basename "$0")
case "$*" in *--version*) echo "stand-in 9.9.9"; exit 0 ;; esac
n=$(($(cat "$me.calls" 2>/dev/null || echo 0) + 1)); echo $n > "$me.calls"
echo "$@" > "$me.argv"; env > "$me.env"; cat > "$me.prompt"
for part in "$me.$n" "$me.all"; do
    [ -f "$part.stream" ] || continue
    cat "$part.stream"
    [ ! -f "$part.script" ] || . "$part.script"
    exit $(cat "$part.code")
done
exit 99
"#;

/// A project, and a directory of scripted clients first on the `PATH`.
struct Desk {
    sandbox: Sandbox,
    path: String,
}

impl Desk {
    fn new(config: &str) -> Self {
        let sandbox = Sandbox::new();
        std::fs::create_dir(sandbox.beside("bin")).unwrap();
        sandbox.write(".chant/config.yaml", config);
        sandbox.spec("001-x", "", &["There is a greeting $ grep -q hello greeting.txt"], "");
        sandbox.commit("a spec");
        let path = format!("{}:{}", sandbox.beside("bin").display(), std::env::var("PATH").unwrap());
        Self { sandbox, path }
    }

    /// A client of that name, with what it prints on its n-th call (0: on every other), runs then, and exits with.
    fn client(&self, name: &str, call: usize, stream: &str, script: &str, code: i32) -> &Self {
        let program = self.sandbox.beside("bin").join(name);
        std::fs::write(&program, STAND_IN).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let call = if call == 0 { "all".to_owned() } else { call.to_string() };
        let put = |ending: &str, text: &str| {
            std::fs::write(self.sandbox.beside(&format!("{name}.{call}.{ending}")), text).unwrap();
        };
        put("stream", stream);
        put("script", script);
        put("code", &code.to_string());
        self
    }

    /// chant with the scripted clients, signed in everywhere.
    fn chant(&self, args: &[&str]) -> Output {
        let keys = ["ANTHROPIC_API_KEY", "CODEX_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"].map(|key| (key, "dummy"));
        let env: Vec<(&str, &str)> = keys.into_iter().chain([("PATH", self.path.as_str())]).collect();
        self.sandbox.chant_with(&env, args)
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.sandbox.beside(name)).unwrap_or_default()
    }

    /// The trailers of the event that ended the last attempt.
    fn trailers(&self, word: &str) -> String {
        let args = ["log", "--all", "-1", "--format=%(trailers)", "--grep", &format!(": {word}$")];
        self.sandbox.git(args).ok().out
    }

    /// The note on that event, its newest line.
    fn note(&self, word: &str) -> serde_json::Value {
        let commit = self.sandbox.git(["log", "--all", "-1", "--format=%H", "--grep", &format!(": {word}$")]).ok().out;
        let note = self.sandbox.git(["notes", "--ref=chant", "show", commit.trim()]).ok().out;
        serde_json::from_str(note.lines().next().unwrap()).unwrap()
    }
}

/// The processes that run in one of a project's worktrees. What closes itself against others is known by its arguments.
fn running(root: &std::path::Path) -> Vec<std::path::PathBuf> {
    let trees = root.join(".chant/worktrees");
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let is_in = |path: &std::path::PathBuf| {
        let named = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let named = String::from_utf8_lossy(&named).contains(&*trees.to_string_lossy());
        named || std::fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&trees))
    };
    entries.map(|entry| entry.path()).filter(is_in).collect()
}

/// Writes the file that the spec asks for.
const WRITE: &str = "echo hello > greeting.txt\n";
