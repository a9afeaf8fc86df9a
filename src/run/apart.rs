//! Proving what a push brings, on a server: in a checkout outside of the repository, which is bare and where nothing may
//! be written yet, and as another user where the server names a runner.

use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::{Error, Evidence, Proof, jobs};
use crate::agent::{Errand, How, Performed, Terms, perform};
use crate::config::Settings;
use crate::env::Env;
use crate::git::Repo;
use crate::ledger::Oid;
use crate::spec::{Criterion, Spec};

/// One spec to be proven.
pub struct Wanted {
    /// Whose criteria count.
    pub spec: Spec,
    /// The directory of its project, with a closing slash; empty at the top.
    pub prefix: String,
    /// The set-up and the time limit.
    pub settings: Settings,
}

/// Proves specs on the tree of a commit; one answer for each, in their order. `runner` stands before every command.
///
/// # Errors
/// Where the checkout cannot be made or a process not be started; red is no error.
pub fn prove_apart(
    repo: &Repo,
    env: &Arc<Env>,
    runner: &[String],
    commit: Oid,
    wanted: &[Wanted],
) -> Result<Vec<Evidence>, Error> {
    let place = Place::new(env, !runner.is_empty())?;
    repo.checkout_apart(&place.top, commit)?;
    if !runner.is_empty() {
        open_up(&place.work()).map_err(Error::system("cannot open the checkout for the proofs"))?;
    }
    let room = Room { repo, env, runner, place: &place, commit, runtime: super::engine::runtime()? };
    let found = wanted.iter().map(|one| room.prove(one)).collect();
    if !runner.is_empty() {
        // What another user made in there, only that one can take away.
        room.perform("rm -rf -- ./* ./.[!.]*", place.work(), &Settings::default()).ok();
    }
    found
}

/// Whether a variable came with a push: from Git, from chant, or from what carries them. What is started on behalf of a
/// push must not be able to take itself for who pushed.
pub fn is_transports(key: &str) -> bool {
    const PREFIXES: [&str; 14] = [
        "GIT_",
        "CHANT_",
        "REMOTE_",
        "HTTP_",
        "SSH_",
        "GL_",
        "GITEA_",
        "GITOLITE_",
        "SERVER_",
        "REQUEST_",
        "CONTENT_",
        "SCRIPT_",
        "GATEWAY_",
        "PATH_",
    ];
    key == "QUERY_STRING" || key == "DOCUMENT_ROOT" || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// A directory that goes with this value.
struct Place {
    base: PathBuf,
    top: PathBuf,
}

impl Place {
    /// Others can go through it where they know the name of what is in it, and list nothing.
    fn new(env: &Env, shared: bool) -> Result<Self, Error> {
        let random = || env.run_id().map_err(Error::system("cannot find a name for the checkout"));
        let temporary = env.vars.get("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        let name = |run: String| run.chars().take_while(char::is_ascii_hexdigit).collect::<String>();
        let base = temporary.join(format!("chant-{}", name(random()?)));
        let top = base.join(name(random()?));
        let mode = if shared { 0o711 } else { 0o700 };
        for dir in [&base, &top] {
            let made = fs::DirBuilder::new().mode(mode).create(dir);
            made.map_err(Error::system(format!("cannot make {}", dir.display())))?;
        }
        Ok(Self { base, top })
    }

    fn work(&self) -> PathBuf {
        self.top.join("work")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.base).ok();
    }
}

/// Lets every user write below a directory; links are left as they are.
fn open_up(dir: &Path) -> std::io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(0o777))?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let meta = fs::symlink_metadata(&path)?;
        if meta.is_dir() {
            open_up(&path)?;
        } else if meta.is_file() {
            fs::set_permissions(&path, Permissions::from_mode(meta.permissions().mode() | 0o666))?;
        }
    }
    Ok(())
}

struct Room<'a> {
    repo: &'a Repo,
    env: &'a Arc<Env>,
    runner: &'a [String],
    place: &'a Place,
    commit: Oid,
    runtime: tokio::runtime::Runtime,
}

impl Room<'_> {
    fn prove(&self, wanted: &Wanted) -> Result<Evidence, Error> {
        let mut evidence = Evidence::empty(self.repo.tree(self.commit)?);
        let dir = self.place.work().join(&wanted.prefix);
        let ticked = self.ticked(wanted)?;
        if let Some(setup) = wanted.settings.worktree_setup.value.as_ref().filter(|_| wanted.spec.has_commands()) {
            let done = self.perform(setup, dir.clone(), &wanted.settings)?;
            if let Some(what) = jobs::failure(&done) {
                evidence.spoilt = Some(format!("the set-up `{setup}` {what}"));
                return Ok(evidence);
            }
        }
        for criterion in &wanted.spec.criteria {
            let proof = match &criterion.command {
                Some(command) => self.run(criterion, command, &dir, &wanted.settings)?,
                None => Proof::by_box(&criterion.text, ticked.contains(&criterion.text)),
            };
            evidence.proofs.push(proof);
        }
        Ok(evidence)
    }

    fn ticked(&self, wanted: &Wanted) -> Result<Vec<String>, Error> {
        let path = super::prove::spec_path(&wanted.prefix, &wanted.spec.id);
        let Some(bytes) = self.repo.read(self.commit, &path)? else { return Ok(Vec::new()) };
        let there = crate::spec::parse(&wanted.spec.id, &path, &bytes).spec;
        let criteria = there.into_iter().flat_map(|spec| spec.criteria);
        Ok(criteria.filter(|criterion| criterion.ticked).map(|criterion| criterion.text).collect())
    }

    fn run(&self, criterion: &Criterion, command: &str, dir: &Path, settings: &Settings) -> Result<Proof, Error> {
        let done = self.perform(command, dir.to_owned(), settings)?;
        let exit = match done.how {
            How::Exited(code) => Some(code),
            _ => None,
        };
        let mut remark = if exit.is_none() { jobs::failure(&done) } else { None };
        let status = ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"];
        let apart = |args: &[&str]| self.repo.apart(&self.place.top, args)?.check().map_err(crate::git::Error::from);
        // Modes were opened up for another user: they are no change.
        if !apart(&["config", "core.fileMode", "false"]).and_then(|_| apart(&status))?.stdout.is_empty() {
            remark = Some(format!("`{command}` changes tracked files"));
            apart(&["reset", "--hard", "--quiet"])?;
        }
        Ok(Proof::by_command(&criterion.text, command, exit, remark, done.tail, done.duration))
    }

    fn perform(&self, script: &str, cwd: PathBuf, settings: &Settings) -> Result<Performed, Error> {
        let argv = self.runner.iter().map(String::as_str).chain(["sh", "-c", script]).map(Into::into).collect();
        let vars = self.env.vars.iter().filter(|(key, _)| !is_transports(&key.to_string_lossy()));
        let mut env: Vec<_> = vars.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        // Whoever runs it may ask Git about the checkout, which is another user's.
        for (key, value) in [
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "safe.directory"),
            ("GIT_CONFIG_VALUE_0", "*"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
        ] {
            env.push((key.into(), value.into()));
        }
        let errand = Errand { name: "a proof".to_owned(), argv, cwd, env, stdin: Vec::new() };
        let terms = Terms {
            label: "a push".to_owned(),
            repo: self.place.base.clone(),
            program: self.env.program.clone(),
            timeout: Some(settings.timeout.value),
            grace: jobs::GRACE,
            transcript: None,
            watch: None,
            ear: None,
            mask: super::secrets::mask(&self.env.vars, settings),
            locks: &[],
            // Whoever it runs as is who it may be; a cage would keep the runner from becoming somebody else.
            cage: None,
        };
        let (_alive, stop) = watch::channel(false);
        let done = self.runtime.block_on(perform(vec![errand], &terms, stop));
        done.map_err(Error::system("cannot start a proof"))
    }
}
