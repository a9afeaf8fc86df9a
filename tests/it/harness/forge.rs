//! A forge that stands in for the real ones: the same API as far as chant uses it, and real Git underneath.
//!
//! It keeps requests, checks who asks, and merges as forges do: by a merge commit, a squash or a rebase, in a clone of the
//! very repository that the clones push to. nginx hands it the API's paths, and Git's to `git http-backend`.

mod faces;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use serde_json::Value;

use super::clones::{Clones, Way};
use super::{Output, Sandbox, run};

/// Whose API it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Github,
    Gitlab,
    Gitea,
    Gerrit,
}

/// How a request is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Merge,
    /// The message is the title and the description, as a forge that keeps it has it.
    Squash,
    /// The message is the title alone.
    SquashBare,
    Rebase,
}

/// A request as the forge keeps it.
#[derive(Debug, Clone)]
pub struct Kept {
    pub number: u64,
    pub head: String,
    pub base: String,
    pub title: String,
    pub body: String,
    pub state: &'static str,
    /// The tip of its branch when it was merged; the live one's before that.
    pub tip: String,
    pub merged_as: Option<String>,
    /// Who said what: `approved` or `changes`.
    pub reviews: Vec<(String, &'static str, String)>,
}

/// What the forge remembers.
pub struct State {
    face: Face,
    hub: PathBuf,
    pub pulls: Vec<Kept>,
    /// Every call: its method, its path.
    pub calls: Vec<(String, String)>,
    /// From this call that changes something on, counted from 0, the connection breaks after it was carried out.
    pub breaks_after: Option<usize>,
    changed: usize,
    pub squash: Value,
    work: PathBuf,
    git: Git,
}

/// Git as the forge calls it.
pub type Git = Box<dyn Fn(&std::path::Path, &[&str]) -> Output + Send>;

pub struct StandIn {
    pub clones: Clones,
    pub root: PathBuf,
    /// Where the stand-in itself listens, without nginx before it.
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl StandIn {
    /// A forge with one project that `specs` writes, and a clone of it; `None`, said aloud, where there is no web server.
    pub fn new(face: Face, specs: impl FnOnce(&Sandbox)) -> Option<Self> {
        if !Way::Http.is_possible() {
            eprintln!("not tried here: a forge needs nginx and fcgiwrap");
            return None;
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut clones = Clones::behind(port, specs);
        let root = clones.sandbox.root.clone();
        std::fs::create_dir_all(clones.sandbox.apart("ada")).unwrap();
        std::os::unix::fs::symlink(clones.hub(), clones.sandbox.apart("ada/churn.git")).unwrap();
        clones.set_path("ada/churn.git");
        clones.git(&root, &["remote", "set-url", "origin", clones.url()]);
        let word = format!("{face:?}").to_lowercase();
        clones.git(&root, &["config", "chant.forge", &word]);
        let (hub, work) = (clones.hub(), clones.sandbox.apart("forge"));
        let git = clones.git_there();
        git(&hub, &["clone", "--quiet", hub.to_str().unwrap(), work.to_str().unwrap()]).ok();
        let squash = faces::squash_kept(face);
        let state = State {
            face,
            hub,
            pulls: Vec::new(),
            calls: Vec::new(),
            breaks_after: None,
            changed: 0,
            squash,
            work,
            git,
        };
        let state = Arc::new(Mutex::new(state));
        serve(listener, Arc::clone(&state));
        Some(Self { clones, root, port, state })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn chant(&self, args: &[&str]) -> Output {
        self.clones.chant(&self.root, args)
    }

    /// The request from a spec's branch.
    #[track_caller]
    pub fn pull(&self, spec: &str) -> Kept {
        let mut state = self.state();
        state.look();
        let head = format!("chant/{spec}");
        let found =
            state.pulls.iter().rev().find(|pull| pull.head == head || pull.title.starts_with(&format!("{spec}:")));
        found.unwrap_or_else(|| panic!("no request for {spec}")).clone()
    }

    pub fn merge(&self, spec: &str, how: How) -> String {
        let number = self.pull(spec).number;
        self.state().merge(number, how)
    }

    pub fn review(&self, spec: &str, who: &str, what: &'static str, words: &str) {
        let number = self.pull(spec).number;
        let mut state = self.state();
        let pull = state.pulls.iter_mut().find(|pull| pull.number == number).unwrap();
        pull.reviews.push((who.to_owned(), what, words.to_owned()));
    }

    pub fn close(&self, spec: &str) {
        let number = self.pull(spec).number;
        self.state().pulls.iter_mut().find(|pull| pull.number == number).unwrap().state = "closed";
    }

    /// The calls that changed something, as method and path.
    pub fn changes(&self) -> Vec<(String, String)> {
        self.state().calls.iter().filter(|(method, _)| method != "GET").cloned().collect()
    }
}

/// Prism, with the forge's official OpenAPI description: it looks at every call on its way to the stand-in.
pub struct Prism {
    server: std::process::Child,
    log: PathBuf,
    pub url: String,
}

impl Drop for Prism {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

impl Prism {
    /// `None`, said aloud, where npm has not brought it: `.ci/run` does, to `~/.cache/chant/prism`.
    pub fn before(forge: &StandIn) -> Option<Self> {
        let home = std::env::var_os("CHANT_PRISM").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/chant/prism")))?;
        let program = home.join("node_modules/@stoplight/prism-cli/dist/index.js");
        let description = home.join("node_modules/@octokit/openapi/generated/api.github.com.json");
        if !(program.exists() && description.exists()) {
            eprintln!("not tried here: npm has not brought Prism and GitHub's description to {}", home.display());
            return None;
        }
        let port = super::clones::port();
        let log = forge.clones.sandbox.beside("prism.log");
        let mut node = std::process::Command::new("node");
        node.arg(program).args(["proxy", "--port", &port.to_string()]).arg(description);
        node.arg(format!("http://127.0.0.1:{}/api/v3", forge.port));
        node.stdin(std::process::Stdio::null())
            .stdout(std::fs::File::create(&log).unwrap())
            .stderr(std::process::Stdio::null());
        let prism = Self { server: node.spawn().unwrap(), log, url: format!("http://127.0.0.1:{port}") };
        super::until("Prism to listen", || prism.said().contains("is listening on"));
        Some(prism)
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl State {
    fn git(&self, args: &[&str]) -> String {
        (self.git)(&self.hub, args).out.trim().to_owned()
    }

    fn tip(&self, branch: &str) -> Option<String> {
        let said = (self.git)(&self.hub, &["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]);
        (said.code == 0).then(|| said.out.trim().to_owned())
    }

    /// Takes in what was pushed since.
    fn look(&mut self) {
        if self.face == Face::Gerrit {
            self.changes_pushed();
        }
        for i in 0..self.pulls.len() {
            if let Some(tip) = self.tip(&self.pulls[i].head).filter(|_| self.pulls[i].state == "open") {
                self.pulls[i].tip = tip;
            }
        }
    }

    /// Gerrit's door: a push to `refs/for/<branch>` is a change, or another patch set of it.
    fn changes_pushed(&mut self) {
        let refs = self.git(&["for-each-ref", "--format=%(refname) %(objectname)", "refs/for/"]);
        for line in refs.lines() {
            let (name, tip) = line.split_once(' ').unwrap();
            let base = name.trim_start_matches("refs/for/").split('%').next().unwrap().to_owned();
            let message = self.git(&["log", "-1", "--format=%B", tip]);
            let id = message
                .lines()
                .find_map(|line| line.strip_prefix("Change-Id: "))
                .expect("missing Change-Id")
                .to_owned();
            let title = message.lines().next().unwrap().to_owned();
            match self.pulls.iter_mut().find(|pull| pull.head == id) {
                Some(pull) => (pull.tip, pull.body, pull.title) = (tip.to_owned(), message, title),
                None => {
                    let number = self.pulls.len() as u64 + 1;
                    let tip = tip.to_owned();
                    let (state, merged_as, reviews) = ("open", None, Vec::new());
                    self.pulls.push(Kept {
                        number,
                        head: id,
                        base,
                        title,
                        body: message,
                        state,
                        tip,
                        merged_as,
                        reviews,
                    });
                }
            }
            self.git(&["update-ref", "-d", name]);
        }
    }

    /// Merges as the forge does; gives the commit that it says it merged it as.
    fn merge(&mut self, number: u64, how: How) -> String {
        self.look();
        let at = self.pulls.iter().position(|pull| pull.number == number).unwrap();
        let Kept { base, title, body, tip, head, .. } = self.pulls[at].clone();
        let work = self.work.clone();
        let git = |args: &[&str]| (self.git)(&work, args).ok().out.trim().to_owned();
        git(&["fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*", &tip]);
        git(&["checkout", "--quiet", "--detach", &format!("origin/{base}")]);
        match how {
            How::Merge => {
                let subject = format!("Merge pull request #{number} from ada/{head}");
                git(&["merge", "--quiet", "--no-ff", "-m", &subject, "-m", &title, &tip]);
            }
            // A change on Gerrit is one commit already.
            How::Squash | How::SquashBare if self.face == Face::Gerrit => drop(git(&["cherry-pick", &tip])),
            How::Squash => {
                git(&["merge", "--quiet", "--squash", &tip]);
                git(&["commit", "--quiet", "--cleanup=verbatim", "-m", &format!("{title} (#{number})"), "-m", &body]);
            }
            How::SquashBare => {
                git(&["merge", "--quiet", "--squash", &tip]);
                git(&["commit", "--quiet", "-m", &format!("{title} (#{number})")]);
            }
            How::Rebase => {
                git(&["checkout", "--quiet", "--detach", &tip]);
                git(&["rebase", "--quiet", "--force-rebase", &format!("origin/{base}")]);
            }
        }
        let merged = git(&["rev-parse", "HEAD"]);
        git(&["push", "--quiet", "origin", &format!("HEAD:refs/heads/{base}")]);
        let pull = &mut self.pulls[at];
        (pull.state, pull.merged_as) = ("merged", Some(merged.clone()));
        merged
    }

    /// Answers one call: the status and what comes back; nothing where the connection is to break.
    fn answer(&mut self, call: &Call) -> Option<(u16, String)> {
        self.look();
        self.calls.push((call.method.clone(), call.path.clone()));
        if !call.is_known() {
            return Some((401, r#"{"message":"Bad credentials"}"#.to_owned()));
        }
        let answer = faces::answer(self.face, self, call);
        if call.method != "GET" {
            self.changed += 1;
            if self.breaks_after.is_some_and(|n| self.changed > n) {
                return None;
            }
        }
        let text = answer.1.to_string();
        Some((answer.0, if self.face == Face::Gerrit { format!(")]}}'\n{text}") } else { text }))
    }
}

/// One call.
pub struct Call {
    method: String,
    /// As it came, with the query.
    path: String,
    authorization: String,
    body: Value,
}

impl Call {
    fn is_known(&self) -> bool {
        // `ada:secret`, as the credential helper has it.
        ["Bearer secret", "token secret", "Basic YWRhOnNlY3JldA=="].contains(&self.authorization.as_str())
    }

    fn query(&self, key: &str) -> Option<String> {
        let query = self.path.split_once('?')?.1;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{key}=")))?;
        Some(decoded(value))
    }

    /// The parts of the path, each decoded.
    fn parts(&self) -> Vec<String> {
        let path = self.path.split('?').next().unwrap();
        path.trim_matches('/').split('/').map(decoded).collect()
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned()
}

fn serve(listener: std::net::TcpListener, state: Arc<Mutex<State>>) {
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&state)));
                let io = hyper_util::rt::TokioIo::new(stream);
                hyper::server::conn::http1::Builder::new().serve_connection(io, service).await.ok();
            }
        });
    });
}

async fn answer(
    request: hyper::Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<hyper::Response<Full<Bytes>>, std::io::Error> {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (authorization, method) = (header("authorization"), request.method().to_string());
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let call = Call { method, path, authorization, body };
    let answered = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).answer(&call);
    let (status, text) = answered.ok_or_else(|| std::io::Error::other("broken on purpose"))?;
    let response = hyper::Response::builder().status(status).header("content-type", "application/json");
    response.body(Full::new(Bytes::from(text))).map_err(std::io::Error::other)
}

/// Git in the name of the forge.
pub fn git_of(sandbox: &Sandbox) -> Git {
    let home = sandbox.beside("home");
    let template: Vec<(std::ffi::OsString, Option<std::ffi::OsString>)> =
        sandbox.command("git", &home).get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    Box::new(move |cwd, args| {
        let mut command = std::process::Command::new("git");
        command.env_clear().current_dir(cwd).args(args);
        command.envs(template.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))));
        command.env("GIT_AUTHOR_NAME", "forge").env("GIT_COMMITTER_NAME", "forge");
        run(&mut command)
    })
}
