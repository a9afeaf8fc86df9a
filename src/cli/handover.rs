//! `chant handover` and `chant attach`

use std::sync::Arc;

use clap::Args;

use super::{Context, Outcome, progress, text};
use crate::ops;
use crate::ops::handover::Session;
use crate::run::Handed;

/// Stop the agent that works a spec, and go on by hand.
///
/// The agent and all it started are ended; its worktree, its branch and what it had not committed stay, and the attempt
/// goes on as yours: work in the worktree, then `chant work <id> --finish` proves and lands it. It counts as no failed
/// attempt, and the run that worked the spec goes on with its other specs. A spec whose run was cut short, or failed, is
/// handed over as well.
#[derive(Args)]
pub struct Handover {
    /// The spec.
    id: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Go on with the conversation of the client that worked a spec, in its worktree.
///
/// The client itself is started, in your terminal, as it is when you call it. What is done there is yours: hand the spec
/// over first (`--take`), and `chant work <id> --finish` proves and lands it.
#[derive(Args)]
pub struct Attach {
    /// The spec.
    id: String,
    /// Hand the spec over to you first, which stops the run that has it. Not together with `--print`, which changes nothing.
    #[arg(long)]
    take: bool,
    /// Print the command, and start nothing. Not together with `--take`: after `chant handover <id>` it prints the command
    /// for what you have in hand.
    #[arg(long, conflicts_with = "take")]
    print: bool,
}

/// A spec that is a person's now, as `chant handover --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct HandoverView {
    /// The spec.
    pub id: String,
    /// The attempt, which goes on.
    pub attempt: u32,
    /// The agent that had it; null where a person began it.
    pub from: Option<String>,
    /// Whose it is, as `Name <mail>`.
    pub person: String,
    /// Where to work.
    pub worktree: String,
    /// The branch that is checked out there.
    pub branch: String,
    /// The start that says so.
    pub commit: String,
    /// Whether it was a person's before, so that nothing had to be done.
    pub before: bool,
}

impl Handover {
    pub fn run(self, context: &Context) -> Outcome {
        let handed = take(context, &self.id)?;
        if self.json {
            context.json(&view(&handed))?;
            return Ok(0);
        }
        context.print(&words(&handed))?;
        Ok(0)
    }
}

fn take(context: &Context, query: &str) -> Result<Handed, ops::Error> {
    let project = context.project_at_home()?;
    let reporter: crate::run::Reporter = Arc::new(progress::quiet(context));
    let waits = |run: &str| context.say(&format!("run {run} is asked to stop its agent"));
    ops::handover::handover(&project, query, &reporter, &waits)
}

fn words(handed: &Handed) -> String {
    let Handed { id, worktree, .. } = handed;
    let person = text::clean(&handed.person);
    let from = handed.from.as_ref().map(|from| format!(", from {}", text::clean(from))).unwrap_or_default();
    let has = if handed.before { "is in hand already: it is" } else { "is handed over to" };
    format!(
        "{id} {has} {person}{from}\n    work in {}\n    then `chant work {id} --finish` proves and lands it\n",
        worktree.display()
    )
}

fn view(handed: &Handed) -> HandoverView {
    HandoverView {
        id: handed.id.to_string(),
        attempt: handed.attempt,
        from: handed.from.clone(),
        person: handed.person.clone(),
        worktree: handed.worktree.display().to_string(),
        branch: handed.branch.clone(),
        commit: handed.commit.to_string(),
        before: handed.before,
    }
}

impl Attach {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_at_home()?;
        if self.take {
            ops::handover::can_resume(&project, &self.id)?;
            context.say(words(&take(context, &self.id)?).trim_end());
        }
        if !self.print {
            crate::run::ensure_writable(&project)?;
        }
        let session = ops::handover::session(&project, &self.id)?;
        if self.print {
            context.print(&command(&session))?;
            if let Some(missing) = missing(&session) {
                context.say(&missing);
            }
            return Ok(0);
        }
        let name = session.argv.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let code = crate::agent::in_terminal(&session.argv, &session.cwd, &session.env)
            .map_err(|source| ops::Error::File { what: format!("start `{name}`"), source })?;
        if code != 0 {
            context.say(&format!("`{name}` ended with {code}"));
            return Ok(1);
        }
        Ok(0)
    }
}

/// What a shell is given to do the same, without what nobody is to read.
fn command(session: &Session) -> String {
    let shown = session.env.iter().filter(|(name, _)| !session.hidden.contains(name));
    let set = shown.map(|(name, value)| format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())));
    let words = session.argv.iter().map(|word| quoted(&word.to_string_lossy()));
    let all: Vec<String> = set.chain(words).collect();
    format!("cd {} && {}\n", quoted(&session.cwd.display().to_string()), all.join(" "))
}

/// What is to be set before that command, where something is left out of it.
fn missing(session: &Session) -> Option<String> {
    let names: Vec<String> = session.hidden.iter().map(|name| format!("{}=…", name.to_string_lossy())).collect();
    let agent = text::clean(&session.agent);
    (!names.is_empty()).then(|| {
        let names = names.join(" ");
        format!("not printed, for it looks secret; set it as `agents.{agent}.env` has it: export {names}")
    })
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
