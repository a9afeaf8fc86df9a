//! Settings: `.chant/config.yaml` under `git config chant.<key>`, the environment and flags, each value with where it
//! came from (DESIGN.md, section 7).
//!
//! [`Settings::load`] reads all of it and says everything that is wrong at once. It knows neither Git nor the
//! process: both are asked through what it is given.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::spec::{Budget, Cap, Project, format_duration};

mod agent;
mod load;
mod proving;
mod sandbox;
mod schema;
mod size;
#[cfg(test)]
mod tests;

pub use agent::{UNCAPPED, placed, uncapped};
pub use load::{project_name, trust_in};
pub use proving::Proving;
pub use sandbox::{Sandbox, resolved};
pub use schema::schema;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything else.
    Default,
    /// The committed file.
    File {
        /// Its name.
        name: String,
        /// The line, from 1.
        line: usize,
    },
    /// `git config`, with the key.
    Git(String),
    /// A variable, with its name.
    Env(String),
    /// A flag, with its dashes.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Git(key) => write!(f, "git config {key}"),
            Self::Env(name) => write!(f, "${name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Set<T> {
    fn default(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }
}

/// What flags say, over everything else.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--target`
    pub target: Option<String>,
    /// `--agent`. It also outranks the spec's own, which nothing else here does.
    pub agent: Option<String>,
    /// `--jobs`
    pub jobs: Option<usize>,
    /// `--land`
    pub land: Option<Landing>,
    /// `--timeout`
    pub timeout: Option<Duration>,
    /// `--retries`
    pub retries: Option<u32>,
    /// `--remote`
    pub remote: Option<String>,
}

/// How a completed spec lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// By itself.
    Auto,
    /// By a person's word.
    Review,
    /// By a merge on the forge, of a pull request that is opened by itself.
    Pr,
}

impl Landing {
    /// The word that stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Review => "review",
            Self::Pr => "pr",
        }
    }
}

/// Whose events count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Anybody's who can push.
    Any,
    /// Those alone that are signed by a key in Git's allowed signers file.
    Signed,
}

impl Trust {
    /// The word that stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Signed => "signed",
        }
    }
}

/// What becomes of members whose `target_files` overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// They are named, and run side by side.
    Show,
    /// They run one after the other.
    Serialize,
}

impl Overlap {
    /// The word that stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Serialize => "serialize",
        }
    }
}

/// What becomes of completed work that conflicts with its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// It waits for a person.
    Keep,
    /// It goes back to its agent.
    Retry,
}

impl Conflicts {
    /// The word that stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Retry => "retry",
        }
    }
}

/// What kind of forge holds the pull requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeKind {
    /// GitHub, and GitHub Enterprise.
    Github,
    /// GitLab.
    Gitlab,
    /// Forgejo, Codeberg's among them.
    Forgejo,
    /// Gitea.
    Gitea,
    /// Gerrit.
    Gerrit,
    /// None: requests go by mail, as Git writes them.
    None,
}

impl ForgeKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Github, Self::Gitlab, Self::Forgejo, Self::Gitea, Self::Gerrit, Self::None];

    /// The word that stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
            Self::Gitea => "gitea",
            Self::Gerrit => "gerrit",
            Self::None => "none",
        }
    }
}

/// What an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentKind {
    /// Any program; the prompt is its input.
    Command,
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// opencode.
    Opencode,
    /// Gemini CLI.
    Gemini,
    /// Aider.
    Aider,
    /// Any server of the Agent Client Protocol.
    Acp,
    /// Any OpenAI-compatible endpoint, with a loop of chant's own.
    Openai,
    /// The spec's own steps.
    Steps,
    /// Somebody who works in the worktree.
    Person,
}

impl AgentKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Command,
        Self::Claude,
        Self::Codex,
        Self::Opencode,
        Self::Gemini,
        Self::Aider,
        Self::Acp,
        Self::Openai,
        Self::Steps,
        Self::Person,
    ];

    /// The kind that an agent of this name is, where nothing else is said of it.
    pub fn built_in(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind != Self::Command && kind.as_str() == name)
    }

    /// Whether it is the client of a model.
    pub fn has_model(self) -> bool {
        !matches!(self, Self::Command | Self::Steps | Self::Person)
    }

    /// Whether it asks a model over the network, whatever else is set. A server of the Agent Client Protocol may hold its own.
    pub fn needs_net(self) -> bool {
        self.has_model() && self != Self::Acp
    }

    /// What of a cap it cannot keep, because nothing of it is known while it runs; `None` where it keeps all of it.
    pub fn cannot_keep(self, cap: Cap) -> Option<&'static str> {
        // The spec's own steps and a person spend nothing of what is counted here.
        let (dollars, tokens) = match self {
            Self::Claude | Self::Opencode | Self::Aider | Self::Steps | Self::Person => (true, true),
            Self::Codex | Self::Openai => (false, true),
            Self::Gemini | Self::Acp | Self::Command => (false, false),
        };
        match cap {
            Cap { usd: Some(_), .. } if !dollars => Some("dollars"),
            Cap { tokens: Some(_), .. } if !tokens => Some("tokens"),
            _ => None,
        }
    }

    /// The word that stands in the file; an agent of this name need not be configured, but for `command`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Opencode => "opencode",
            Self::Gemini => "gemini",
            Self::Aider => "aider",
            Self::Acp => "acp",
            Self::Openai => "openai",
            Self::Steps => "steps",
            Self::Person => "person",
        }
    }
}

/// One entry of `agents:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// What it is.
    pub kind: AgentKind,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables for it.
    pub env: BTreeMap<String, String>,
    /// Variables of the user's that it needs, and that must be set.
    pub pass_env: Vec<String>,
    /// What comes after all other arguments of a client.
    pub args: Vec<String>,
    /// Where the endpoint of an `openai` agent is.
    pub base_url: Option<String>,
    /// The variable that holds the key of an `openai` agent.
    pub key_env: Option<String>,
    /// How often an `openai` agent asks its model in one run.
    pub max_turns: Option<u32>,
    /// Its own time limit.
    pub timeout: Option<Duration>,
    /// How long it may do nothing.
    pub idle: Option<Duration>,
    /// The model it uses.
    pub model: Option<String>,
    /// How many of it may run side by side; no limit of its own where nothing is said.
    pub limit: Option<usize>,
    /// Its share in a rotation.
    pub weight: u32,
    /// Where it is configured.
    pub origin: Origin,
}

/// All settings of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `project`: only the file can say it, for it names branches.
    pub project: Set<Option<Project>>,
    /// `target`
    pub target: Set<Option<String>>,
    /// `agent`
    pub agent: Set<Option<String>>,
    /// `prompt`: the template for specs that name none.
    pub prompt: Set<Option<String>>,
    /// `jobs`
    pub jobs: Set<usize>,
    /// `land`
    pub land: Set<Landing>,
    /// `timeout`
    pub timeout: Set<Duration>,
    /// `idle`: how long an agent may do nothing.
    pub idle: Set<Option<Duration>>,
    /// `budget`: what work may cost.
    pub budget: Set<Budget>,
    /// `rotation`: agents among which the engine chooses.
    pub rotation: Set<Vec<String>>,
    /// `retries`
    pub retries: Set<u32>,
    /// `remote`: through which claims, completions and landings are shared.
    pub remote: Set<Option<String>>,
    /// `lease`: after how long a claim of another clone that gives no sign of life may be taken over.
    pub lease: Set<Duration>,
    /// `forge`: what kind of forge holds the pull requests; where nothing is said the remote's host tells.
    pub forge: Set<Option<ForgeKind>>,
    /// `forge.url`: where the forge's API answers. The file cannot say it: a token is sent there.
    pub forge_url: Set<Option<String>>,
    /// `trust`: whose events count. Only the file says it, as it says who decides.
    pub trust: Set<Trust>,
    /// `review.approvers`: globs of mail addresses; empty where anybody may. Only the file says who decides.
    pub review_approvers: Set<Vec<String>>,
    /// `review.count`: how many of them it takes.
    pub review_count: Set<u32>,
    /// `review.self`: whether who did the work may approve it.
    pub review_self: Set<bool>,
    /// `overlap`
    pub overlap: Set<Overlap>,
    /// `conflicts`
    pub conflicts: Set<Conflicts>,
    /// `transcripts`: how many bytes of a run's transcript are kept with the notes; 0 where none is.
    pub transcripts: Set<u64>,
    /// How strictly is proven. Only the file says so.
    pub proving: Proving,
    /// `sandbox`
    pub sandbox: Sandbox,
    /// `agents`
    pub agents: BTreeMap<String, AgentSettings>,
    /// `worktree.dir`
    pub worktree_dir: Set<String>,
    /// `worktree.setup`
    pub worktree_setup: Set<Option<String>>,
    /// `worktree.keep`
    pub worktree_keep: Set<Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            project: Set::default(None),
            target: Set::default(None),
            agent: Set::default(None),
            prompt: Set::default(None),
            jobs: Set::default(4),
            land: Set::default(Landing::Auto),
            timeout: Set::default(Duration::from_secs(3600)),
            idle: Set::default(None),
            budget: Set::default(Budget::default()),
            rotation: Set::default(Vec::new()),
            retries: Set::default(0),
            remote: Set::default(None),
            lease: Set::default(Duration::from_secs(3600)),
            forge: Set::default(None),
            forge_url: Set::default(None),
            trust: Set::default(Trust::Any),
            review_approvers: Set::default(Vec::new()),
            review_count: Set::default(1),
            review_self: Set::default(true),
            overlap: Set::default(Overlap::Show),
            conflicts: Set::default(Conflicts::Keep),
            transcripts: Set::default(4 << 20),
            proving: Proving::default(),
            sandbox: Sandbox::default(),
            agents: BTreeMap::new(),
            worktree_dir: Set::default(".chant/worktrees".to_owned()),
            worktree_setup: Set::default(None),
            worktree_keep: Set::default(Vec::new()),
        }
    }
}

/// One setting for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its value, as it would be written.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Settings {
    /// What the agent of this name is; nothing where there is none.
    pub fn kind(&self, name: &str) -> Option<AgentKind> {
        self.agents.get(name).map(|agent| agent.kind).or_else(|| AgentKind::built_in(name))
    }

    /// Every setting, in the order in which they are documented.
    pub fn entries(&self) -> Vec<Entry> {
        fn entry<T>(key: &str, set: &Set<T>, show: impl Fn(&T) -> String) -> Entry {
            Entry { key: key.to_owned(), value: show(&set.value), origin: set.origin.clone() }
        }
        let or = |none: &'static str| move |value: &Option<String>| value.clone().unwrap_or_else(|| none.to_owned());
        let mut entries = vec![
            entry("project", &self.project, |p| p.as_ref().map_or("(none)".to_owned(), ToString::to_string)),
            entry("target", &self.target, or("(the branch checked out)")),
            entry("agent", &self.agent, or("(none)")),
            entry("prompt", &self.prompt, or("(as the spec's type says)")),
            entry("jobs", &self.jobs, ToString::to_string),
            entry("land", &self.land, |land| land.as_str().to_owned()),
            entry("timeout", &self.timeout, |timeout| format_duration(*timeout)),
            entry("idle", &self.idle, |idle| idle.map_or("(none)".to_owned(), format_duration)),
            entry("budget", &self.budget, ToString::to_string),
            entry("rotation", &self.rotation, |names| match names.is_empty() {
                true => "(none)".to_owned(),
                false => names.join(", "),
            }),
            entry("retries", &self.retries, ToString::to_string),
            entry("remote", &self.remote, or("(none)")),
            entry("lease", &self.lease, |lease| format_duration(*lease)),
            entry("forge", &self.forge, |forge| {
                forge.map_or("(as the remote's host tells)", ForgeKind::as_str).to_owned()
            }),
            entry("forge.url", &self.forge_url, or("(as the remote's URL tells)")),
            entry("trust", &self.trust, |trust| trust.as_str().to_owned()),
            entry("review.approvers", &self.review_approvers, |who| match who.is_empty() {
                true => "(anybody)".to_owned(),
                false => who.join(", "),
            }),
            entry("review.count", &self.review_count, ToString::to_string),
            entry("review.self", &self.review_self, ToString::to_string),
            entry("overlap", &self.overlap, |what| what.as_str().to_owned()),
            entry("conflicts", &self.conflicts, |what| what.as_str().to_owned()),
            entry("transcripts", &self.transcripts, |bytes| size::format(*bytes)),
            entry("red_first", &self.proving.red_first, |must| proving::red_first_word(*must).to_owned()),
            entry("frozen", &self.proving.frozen, |globs| match globs.is_empty() {
                true => "(none)".to_owned(),
                false => globs.join(", "),
            }),
            entry("strict", &self.proving.strict, ToString::to_string),
            entry("worktree.dir", &self.worktree_dir, Clone::clone),
            entry("worktree.setup", &self.worktree_setup, or("(none)")),
            entry("worktree.keep", &self.worktree_keep, |keep| match keep.is_empty() {
                true => "(none)".to_owned(),
                false => keep.join(", "),
            }),
        ];
        entries.extend(self.sandbox.entries());
        for (name, agent) in &self.agents {
            let value = match agent.kind {
                AgentKind::Command => agent.command.join(" "),
                kind => {
                    [Some(kind.as_str()), agent.model.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ")
                }
            };
            entries.push(Entry { key: format!("agents.{name}"), value, origin: agent.origin.clone() });
        }
        entries
    }
}
