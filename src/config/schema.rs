//! The config as its JSON Schema describes it, for editors and for the reference. The file itself is read by hand, for
//! better errors; a test holds the two together.

#![allow(dead_code, reason = "described, never read")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// The settings of a project.
#[derive(JsonSchema)]
#[schemars(title = ".chant/config.yaml")]
struct File {
    /// The project's name; needed where it is not at the repository's root.
    project: Option<String>,
    /// The branch to land on; the one checked out where nothing is said.
    target: Option<String>,
    /// The agent for specs that name none.
    agent: Option<String>,
    /// Agents among which one is chosen by weight for each spec that names none, of those that have room.
    rotation: Option<Texts>,
    /// The template of the prompt for specs that name none; where nothing is said the one of the spec's type.
    prompt: Option<String>,
    /// How many agents may run side by side; 4 where nothing is said.
    #[schemars(range(min = 1))]
    jobs: Option<u32>,
    /// `auto` lands what is proven (the default), `review` waits for a person, `pr` opens a pull request whose merge lands it.
    land: Option<Land>,
    /// The time limit of an attempt and of each proof; 60m where nothing is said.
    timeout: Option<Duration>,
    /// How long an agent may do nothing before it is ended; for ever where nothing is said.
    idle: Option<Duration>,
    /// What work may cost: an amount for each attempt, or amounts for each attempt, each spec and each call.
    budget: Option<Budget>,
    /// How often a failed spec is tried again by itself; 0 where nothing is said.
    retries: Option<u32>,
    /// The remote through which claims, completions and landings are shared; none where nothing is said.
    remote: Option<String>,
    /// After how long a claim of another clone that gives no sign of life may be taken over; 1h where nothing is said.
    lease: Option<Duration>,
    /// What kind of forge holds the pull requests; where nothing is said the host of the remote tells.
    forge: Option<Forge>,
    /// `any` (the default), or `signed`: only events that a key in Git's allowed signers file has signed count. Only the file says so.
    trust: Option<Trust>,
    /// Who may approve, and how many of them it takes.
    review: Option<Review>,
    /// What becomes of members whose `target_files` overlap: `show` (the default) names them before they start, `serialize`
    /// has them run one after the other.
    overlap: Option<Overlap>,
    /// What becomes of completed work that conflicts with its target: `keep` (the default) has it wait for a person, `retry`
    /// gives it back to its agent.
    conflicts: Option<Conflicts>,
    /// How much of a run's transcript is kept with the notes, as in `4MiB` (the default), `500k` or `none`; of a longer one the
    /// beginning and the end.
    transcripts: Option<Scalar>,
    /// Whether a criterion whose command was green before the work counts: `optional` (the default) shows it as the weaker
    /// evidence, `required` does not count it.
    red_first: Option<RedFirst>,
    /// Globs of files, relative to the project, that no work may change: what it made of them is set aside before the proofs.
    frozen: Option<Texts>,
    /// Whether deleted or weakened tests and edited criteria fail an attempt; `false` where nothing is said.
    strict: Option<bool>,
    /// The agents by name. An agent that is called by its kind is there without being named.
    agents: Option<BTreeMap<String, Agent>>,
    /// How worktrees are made.
    worktree: Option<Worktree>,
    /// What agents, and programs that they may have written, can touch.
    sandbox: Option<Sandbox>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Land {
    Auto,
    Review,
    Pr,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Overlap {
    Show,
    Serialize,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Conflicts {
    Keep,
    Retry,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum RedFirst {
    Optional,
    Required,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Forge {
    Github,
    Gitlab,
    Forgejo,
    Gitea,
    Gerrit,
    None,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Trust {
    Any,
    Signed,
}

/// A length of time such as `90s`, `60m` or `1h30m`; a plain number counts seconds.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Duration {
    Text(String),
    Seconds(u64),
}

/// One agent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Agent {
    /// What it is; `command` where its name is no kind's.
    kind: Option<Kind>,
    /// The program and its arguments; relative to the project's directory of the worktree. For the client of a model: the
    /// program and its first arguments, where it is not the usual one.
    command: Option<Command>,
    /// The model it uses.
    model: Option<String>,
    /// For the client of a model: what comes after all other arguments.
    args: Option<Words>,
    /// For `openai`: where the endpoint is, as in `http://localhost:11434/v1`.
    base_url: Option<String>,
    /// For `openai`: the variable that holds its key; `OPENAI_API_KEY` where nothing is said.
    key_env: Option<String>,
    /// For `openai`: how often the model is asked in one run, at most; 200 where nothing is said.
    #[schemars(range(min = 1))]
    max_turns: Option<u32>,
    /// Variables for it; `~/` at the beginning of a value is the home.
    env: Option<BTreeMap<String, Scalar>>,
    /// Variables of the user's that it needs, and that must be set.
    pass_env: Option<Texts>,
    /// Its own time limit.
    timeout: Option<Duration>,
    /// How long it may do nothing.
    idle: Option<Duration>,
    /// How many of it may run side by side.
    #[schemars(range(min = 1))]
    limit: Option<u32>,
    /// Its share in a rotation; 1 where nothing is said.
    #[schemars(range(min = 1))]
    weight: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Kind {
    Command,
    Claude,
    Codex,
    Opencode,
    Gemini,
    Aider,
    Acp,
    Openai,
    Steps,
    Person,
}

/// An amount such as `2.50 usd`, `500k tokens` or both, with a comma between them.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Cap {
    Text(String),
    Figures(Figures),
}

/// Dollars and tokens.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Figures {
    /// Dollars.
    usd: Option<Scalar>,
    /// Tokens, sent and received: `500000`, `500k`, `1.5M`.
    tokens: Option<Scalar>,
}

/// What work may cost.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Budget {
    Attempt(Cap),
    Wholes(Wholes),
}

/// An amount for each whole.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Wholes {
    /// Each attempt.
    attempt: Option<Cap>,
    /// All attempts of a spec.
    spec: Option<Cap>,
    /// All attempts of one call of `chant work`.
    run: Option<Cap>,
}

/// A list of words, each as it is written.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Words {
    Many(Vec<Scalar>),
    One(String),
}

/// A list; a program without arguments may stand alone.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Command {
    Argv(Vec<Scalar>),
    Program(String),
}

/// A text, or what YAML reads as something else and is taken as it is written.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Scalar {
    Text(String),
    Number(f64),
    Truth(bool),
}

/// One text or a list of them.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

/// Who may approve, and how many of them it takes. Only the file says so: no `git config` and no variable.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Review {
    /// Globs of mail addresses; anybody where there is none.
    approvers: Option<Texts>,
    /// How many approvals it takes; 1 where nothing is said.
    #[schemars(range(min = 1))]
    count: Option<u32>,
    /// Whether who did the work may approve it; `true` where nothing is said.
    #[schemars(rename = "self")]
    own: Option<bool>,
}

/// How worktrees are made.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Worktree {
    /// Where worktrees are made; relative to the project, or absolute. `.chant/worktrees` where nothing is said.
    dir: Option<String>,
    /// A shell command that makes a new worktree ready; no agent runs where it fails.
    setup: Option<String>,
    /// Globs of ignored files that the checkout for the proofs keeps from use to use.
    keep: Option<Texts>,
}

/// `on` (the default) and `off`, or the parts of it, which is `on`.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Sandbox {
    Switch(Switch),
    Truth(bool),
    Parts(SandboxParts),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

/// What is open beside the worktree and a temporary directory.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SandboxParts {
    /// Paths that can be written, from `/` or `~/`.
    write: Option<Texts>,
    /// `none` shuts the network off; `shared` where nothing is said.
    net: Option<Net>,
    /// Globs of variables that are handed on beside those that always are.
    pass_env: Option<Texts>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Net {
    None,
    Shared,
}

/// The JSON Schema of `.chant/config.yaml`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(File).to_value()
}
