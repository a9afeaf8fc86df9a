//! How a client's own conversation is gone on with: `chant attach`.

use std::ffi::OsString;
use std::path::Path;

use super::{Error, described, secrets, spent};
use crate::agent::Lock;
use crate::ledger::Record;
use crate::project::Project;
use crate::spec::{Spec, SpecId};

/// What starts a client where it stopped.
#[derive(Debug, Clone)]
pub struct Resumed {
    /// Program and arguments.
    pub argv: Vec<OsString>,
    /// The agent's own variables, on top of the caller's.
    pub env: Vec<(OsString, OsString)>,
    /// Those of them whose values nobody is to read, by name.
    pub hidden: Vec<OsString>,
}

/// The command that goes on with the conversation of an agent's client in `dir`.
///
/// # Errors
/// Where the settings know no such agent, its kind cannot go on with a conversation, it has named none, or its program is
/// not there.
pub fn resume(project: &Project, spec: &Spec, name: &str, session: Option<&str>, dir: &Path) -> Result<Resumed, Error> {
    let id = &spec.id;
    let (agent, env) = described::client(project, spec, name)?;
    let help = format!("`chant log {id}` has what was said; `chant handover {id}` gives you its work");
    // A client is not believed: its word must not become an option of the next call.
    let usable = |session: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        !session.starts_with('-') && !session.is_empty() && session.chars().all(plain)
    };
    let Some(mut argv) = agent.resume(session.filter(usable).unwrap_or("session")) else {
        return Err(Error::refused(
            format!("agent `{name}` is of a kind that keeps no conversation to go on with"),
            help,
        ));
    };
    match session {
        None => return Err(Error::refused(format!("agent `{name}` has named no conversation in {id}"), help)),
        Some(session) if !usable(&session) => {
            let session = crate::ledger::harmless_line(session);
            return Err(Error::refused(
                format!("agent `{name}` calls its conversation `{session}`, which is no name"),
                help,
            ));
        }
        Some(_) => {}
    }
    if let Err(error) = agent.check(dir)
        && !matches!(error, crate::agent::AgentError::SignedOut { .. })
    {
        return Err(error.into());
    }
    if let Some(program) = argv.first_mut().filter(|program| program.as_encoded_bytes().contains(&b'/')) {
        *program = dir.join(&*program).into();
    }
    let hidden = env.iter().filter(|(name, value)| secrets::is_kept(&name.to_string_lossy(), &value.to_string_lossy()));
    let hidden = hidden.map(|(name, _)| name.clone()).collect();
    Ok(Resumed { argv, env, hidden })
}

/// The agent of a spec's last run and its conversation, from the journal of its lock: of a run that goes on, or that was
/// killed.
pub fn session_left(project: &Project, id: &SpecId, record: &Record) -> Option<(String, Option<String>)> {
    let run = record.last_start.as_ref()?.block.run.as_deref()?;
    let used = spent::journalled(&Lock::read(&project.lock_path(id)).unwrap_or_default(), run)?;
    let session = used.account.session?;
    Some((used.by.last()?.0.clone(), Some(session)))
}
