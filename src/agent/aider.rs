//! Aider, which edits by what the model answers and commits on its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::client::{Client, SignedIn};
use super::event::{Reader, Said, Sum, Tokens, Trouble, said};
use super::plain::{plain, words};
use super::task::{Agent, AgentError, Errand, Task};

const PROGRAM: &str = "aider";
const INSTALL: &str = "python3 -m pip install aider-install && aider-install";

/// `aider --message-file`, whose output is for people.
#[derive(Debug, Clone)]
pub struct Aider(pub Client);

impl Agent for Aider {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn check(&self, project_dir: &Path) -> Result<(), AgentError> {
        self.0.check(project_dir, PROGRAM, INSTALL, self.signed_in())
    }

    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError> {
        let fixed = [
            "--yes-always",
            "--no-stream",
            "--no-pretty",
            "--no-check-update",
            "--no-show-release-notes",
            "--no-show-model-warnings",
            "--no-analytics",
            "--no-gitignore",
            "--no-suggest-shell-commands",
            "--message-file",
            "/dev/stdin",
        ];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).to_vec();
        if let Some(model) = &self.0.model {
            arguments.extend(["--model".to_owned(), model.clone()]);
        }
        let quiet = [("AIDER_INPUT_HISTORY_FILE", "/dev/null"), ("AIDER_CHAT_HISTORY_FILE", "/dev/null")];
        let mut errand = self.0.errand(task, PROGRAM, &arguments, &quiet);
        // It leaves a cache at the worktree's top, which is nobody's work.
        let script = "\"$@\"; code=$?; rm -rf \"$CHANT_WORKTREE\"/.aider.tags.cache.v*; exit $code";
        errand.argv.splice(0..0, ["sh", "-c", script, "aider"].map(OsString::from));
        Ok(vec![errand])
    }

    fn reader(&self) -> Option<Box<dyn Reader>> {
        Some(Box::new(Lines { model: self.0.model.clone() }))
    }

    fn version(&self) -> Option<Vec<OsString>> {
        Some(self.0.version(PROGRAM))
    }

    fn writes(&self, home: &Path) -> Vec<PathBuf> {
        vec![home.join(".aider")]
    }

    fn variables(&self) -> Vec<String> {
        ["AIDER_*", "*_API_KEY", "OPENAI_API_BASE"].map(str::to_owned).to_vec()
    }

    fn signed_in(&self) -> SignedIn {
        const VARIABLES: [&str; 5] =
            ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY"];
        // Which key it wants depends on the model, and it reads them from many files.
        self.0.variable(&VARIABLES).map_or(SignedIn::Unknown, SignedIn::Yes)
    }
}

/// Its lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) model: Option<String>,
}

impl Reader for Lines {
    fn line(&mut self, line: &[u8]) -> Vec<Said> {
        let text = plain(line);
        let text = text.trim();
        let started = |version: Option<&str>, model: Option<String>| {
            vec![Said::Started { session: None, model, version: version.map(|version| words(version.as_bytes())) }]
        };
        if let Some(version) = text.strip_prefix("Aider v") {
            return started(Some(version), self.model.clone());
        }
        for before in ["Main model: ", "Model: "] {
            if let Some(model) = text.strip_prefix(before) {
                let model = model.split(" with ").next().unwrap_or(model);
                return started(None, Some(words(model.as_bytes())));
            }
        }
        if text.starts_with("The API provider ") {
            return Vec::new(); // says once more what the line before it said
        }
        if let Some(path) = text.strip_prefix("Applied edit to ") {
            return vec![Said::Changed(words(path.as_bytes()))];
        }
        if let Some(figures) = text.strip_prefix("Tokens: ") {
            return report(figures);
        }
        if text.starts_with("Retrying in ") {
            return vec![Said::Waiting(Trouble::of(None, "rate limit or overload: it tries again"))];
        }
        if text.starts_with("litellm.") {
            return vec![failure(text)];
        }
        said(text).into_iter().collect()
    }
}

/// What litellm, through which it speaks, calls what went wrong. It goes on to say the next thing, or ends.
fn failure(text: &str) -> Said {
    let why = words(text.as_bytes());
    let trouble = match () {
        () if text.starts_with("litellm.AuthenticationError") => Trouble::SignedOut(why),
        () if ["litellm.RateLimitError", "litellm.InternalServerError", "litellm.ServiceUnavailableError"]
            .iter()
            .any(|name| text.starts_with(name)) =>
        {
            Trouble::Busy { why, until: None }
        }
        () if text.starts_with("litellm.APIConnectionError") => Trouble::Unreachable(why),
        () => Trouble::of(None, text),
    };
    match trouble {
        Trouble::SignedOut(_) => Said::Ended(Some(trouble)),
        trouble => Said::Waiting(trouble),
    }
}

/// `2.1k sent, 1.0k cache hit, 50 received. Cost: $0.01 message, $0.02 session.`
fn report(figures: &str) -> Vec<Said> {
    let (tokens, cost) = figures.split_once("Cost: ").unwrap_or((figures, ""));
    let mut used = Tokens::default();
    for part in tokens.split(", ") {
        let mut of = part.trim_end_matches(['.', ' ']).split(' ');
        let count = of.next().and_then(rounded).unwrap_or(0);
        match of.next() {
            Some("sent") => used.input = count,
            Some("received") => used.output = count,
            Some("cache") => used.cached = count,
            _ => {}
        }
    }
    let mut heard = vec![Said::Tokens(used, Sum::Further)];
    let session = cost.split(", ").find_map(|part| part.trim_end_matches('.').strip_suffix(" session"));
    let dollars: Option<f64> = session.and_then(|amount| amount.trim_start_matches('$').parse().ok());
    if let Some(dollars) = dollars.filter(|dollars| (0.0..1e9).contains(dollars)) {
        heard.push(Said::Cost((dollars * 1e6).round() as u64, Sum::Whole));
    }
    heard
}

/// `950`, `2.1k`, `1.2M`.
fn rounded(text: &str) -> Option<u64> {
    let (digits, times) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    let number: f64 = digits.replace(',', "").parse().ok()?;
    (0.0..1e12).contains(&number).then(|| (number * times).round() as u64)
}
