//! The hooks that a merge of Git's own would run, at a landing.

use std::ffi::OsString;

use super::model::Finished;
use super::{Engine, Error, Prover, jobs};
use crate::ledger::{self, Oid};

pub(super) enum Hooked {
    Clean,
    Reworded(String),
    Refused(String),
}

/// The user's `pre-merge-commit` and `commit-msg`, where they exist, in the checkout of the merged tree. Their files
/// may be an agent's (a `core.hooksPath` in the tree), so they run under supervision, with no more rights than it.
pub(super) fn hooks(
    engine: &Engine,
    finished: &Finished,
    prover: &Prover<'_>,
    merge: Oid,
    message: &str,
) -> Result<Hooked, Error> {
    let repo = &engine.project.repo;
    let anywhere = repo.workdir().unwrap_or_else(|| repo.common_dir());
    let names = ["pre-merge-commit", "commit-msg"];
    if names.iter().all(|name| repo.hook(anywhere, name).is_none()) {
        return Ok(Hooked::Clean);
    }
    if let Some(spoilt) = prover.checkout(merge)? {
        return Ok(Hooked::Refused(spoilt));
    }
    // A directory of its own, which is all that the hooks can write there.
    let dir = repo.common_dir().join("chant/messages").join(merge.to_string());
    repo.delete_scratch(&dir)?; // what a killed process left
    std::fs::create_dir_all(&dir).map_err(Error::system("cannot make the directory for messages"))?;
    let file = dir.join("MERGE_MSG");
    std::fs::write(&file, message).map_err(Error::system("cannot write the message for the hooks"))?;
    let outcome = run_hooks(engine, finished, prover, &names, &file);
    let reworded = std::fs::read_to_string(&file).map_err(Error::system("cannot read the hooks' message"));
    repo.delete_scratch(&dir)?;
    if let Some(reason) = outcome? {
        return Ok(Hooked::Refused(reason));
    }
    let reworded = reworded?;
    if reworded == message {
        return Ok(Hooked::Clean);
    }
    let same = |text: &str| match ledger::read(text.as_bytes()) {
        ledger::Reading::Block(block) => block.landings,
        _ => Vec::new(),
    };
    if same(&reworded) != same(message) {
        return Ok(Hooked::Refused("the commit-msg hook took the landing's trailers away".to_owned()));
    }
    Ok(Hooked::Reworded(reworded))
}

fn run_hooks(
    engine: &Engine,
    finished: &Finished,
    prover: &Prover<'_>,
    names: &[&str],
    file: &std::path::Path,
) -> Result<Option<String>, Error> {
    for name in names {
        let Some(hook) = engine.project.repo.hook(prover.at(), name) else { continue };
        let mut argv: Vec<OsString> = vec![hook.into()];
        if *name == "commit-msg" {
            argv.push(file.into());
        }
        let errand = jobs::program(&engine.project, &finished.settings, argv, prover.at().to_owned());
        let more: Vec<_> = file.parent().map(std::path::Path::to_owned).into_iter().collect();
        let done = prover.perform(errand, &more)?;
        if let Some(what) = jobs::failure(&done) {
            return Ok(Some(format!("the hook {name} {what}; `chant work {}` tries again", finished.id)));
        }
    }
    Ok(None)
}
