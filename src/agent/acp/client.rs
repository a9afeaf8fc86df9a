//! One prompt to one server: started, introduced, asked, and gone again.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_client_protocol::schema::ProtocolVersion;
use agent_client_protocol::v1::ConnectionTo;
use agent_client_protocol::v1::schema::{
    CancelNotification, ClientCapabilities, ContentBlock, FileSystemCapabilities, Implementation, InitializeRequest,
    InitializeResponse, NewSessionRequest, PromptRequest, ReadTextFileRequest, ReadTextFileResponse,
    RequestPermissionOutcome, RequestPermissionRequest, RequestPermissionResponse, SelectedPermissionOutcome,
    SessionId, SessionNotification, SetSessionConfigOptionRequest, TextContent, WriteTextFileRequest,
    WriteTextFileResponse,
};
use agent_client_protocol::{
    Agent, Client, Error, Lines, is_connection_terminated, is_incoming_transport_closed, on_receive_notification,
    on_receive_request,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::Part;
use super::policy::{self, Updates};
use crate::agent::event::Trouble;
use crate::agent::ground::Ground;
use crate::agent::told::{Kind, Line, Voice, Why};
use crate::env::Env;

/// How long a server may take to introduce itself: some are fetched first.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may take to stop when it is told to, and to end when it is no longer spoken to.
const FAREWELL: Duration = Duration::from_secs(2);
/// The longest message, in bytes.
const LONGEST: u64 = 32 << 20;

/// What is said where a server is not there any more.
const GONE: &str = "its server ended";

/// What both sides of the conversation share.
struct Scene {
    ground: Ground,
    updates: Mutex<Updates>,
    voice: Voice,
}

impl Scene {
    fn say(&self, lines: impl IntoIterator<Item = Line>) {
        lines.into_iter().for_each(|line| match line {
            Line::Text { text } => self.voice.text(&text),
            line => self.voice.say(&line),
        });
    }

    fn updates(&self) -> std::sync::MutexGuard<'_, Updates> {
        self.updates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may(&self, request: &RequestPermissionRequest) -> RequestPermissionResponse {
        let (may, option) = policy::permitted(&request.tool_call, &request.options, |path| self.ground.holds(path));
        if !may {
            let title = request.tool_call.fields.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
            let what = title.unwrap_or("a tool that its server gives no name").to_owned();
            self.voice.say(&Line::Tool { name: "refused, for it is outside of the worktree".to_owned(), what });
        }
        RequestPermissionResponse::new(match option {
            Some(option) => RequestPermissionOutcome::Selected(SelectedPermissionOutcome::new(option)),
            None => RequestPermissionOutcome::Cancelled,
        })
    }

    fn read(&self, request: &ReadTextFileRequest) -> Result<ReadTextFileResponse, Error> {
        let text = self.ground.text(&request.path).map_err(|error| refusal(&error))?;
        let from = request.line.map_or(0, |line| line.saturating_sub(1)) as usize;
        let most = request.limit.map_or(usize::MAX, |limit| limit as usize);
        Ok(ReadTextFileResponse::new(match (from, most) {
            (0, usize::MAX) => text,
            _ => text.split_inclusive('\n').skip(from).take(most).collect(),
        }))
    }

    fn write(&self, request: &WriteTextFileRequest) -> Result<WriteTextFileResponse, Error> {
        let written = self.ground.write(&request.path, &request.content).map_err(|error| refusal(&error))?;
        self.voice.say(&Line::Changed { path: written.display().to_string() });
        Ok(WriteTextFileResponse::new())
    }
}

fn refusal(error: &std::io::Error) -> Error {
    Error::new(-32602, error.to_string())
}

fn failed(why: impl Into<String>) -> Why {
    Why::new(Kind::Failed, why)
}

/// The name and the version of a server, on standard output; for [`crate::agent::version`].
pub(super) fn introduce(part: &Part, env: &Env) -> u8 {
    let asked = in_runtime(async {
        let (mut server, transport) = start(part, env, Stdio::null())?;
        let greeting = Client.v1().connect_with(transport, async |server: ConnectionTo<Agent>| greet(&server).await);
        let greeted = tokio::time::timeout(PATIENCE, greeting).await;
        server.start_kill().ok();
        greeted.map_err(|_| failed("it does not answer"))?.map_err(why)
    });
    let info = asked.ok().and_then(|greeted| greeted.agent_info);
    let said = info.map(|Implementation { name, version, .. }| println!("{name} {version}"));
    u8::from(said.is_none())
}

/// Has a server do what the prompt says.
pub(super) fn work(part: &Part, env: &Env) -> Result<(), Why> {
    let root = part.worktree.as_deref().unwrap_or(&env.cwd);
    let mut prompt = String::new();
    std::io::stdin()
        .read_to_string(&mut prompt)
        .map_err(|error| failed(format!("the prompt cannot be read: {error}")))?;
    let ground =
        Ground::open(root, &env.cwd).map_err(|error| failed(format!("the worktree cannot be opened: {error}")))?;
    let scene = Arc::new(Scene { ground, updates: Mutex::default(), voice: Voice });
    in_runtime(async {
        let (mut server, transport) = start(part, env, Stdio::inherit())?;
        let ended = tokio::select! {
            ended = converse(part, &env.cwd, &prompt, &scene, transport) => ended,
            // Something that it started may hold its output open.
            status = gone(&mut server) => Err(failed(format!("{GONE}: {status}"))),
        };
        let ended = match ended {
            Err(why) if why.why == GONE => {
                let status = tokio::time::timeout(FAREWELL, gone(&mut server)).await;
                Err(failed(format!("{GONE}{}", status.map(|status| format!(": {status}")).unwrap_or_default())))
            }
            ended => ended,
        };
        scene.say(scene.updates().rest());
        if tokio::time::timeout(FAREWELL, server.wait()).await.is_err() {
            server.start_kill().ok();
            server.wait().await.ok();
        }
        ended
    })
}

fn in_runtime<T>(what: impl Future<Output = Result<T, Why>>) -> Result<T, Why> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| failed(format!("it cannot start: {error}")))?.block_on(what)
}

/// The end of a server, a moment after it: what it printed last is heard before.
async fn gone(server: &mut Child) -> String {
    let status = server.wait().await;
    tokio::time::sleep(FAREWELL / 4).await;
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

type Transport = Lines<
    std::pin::Pin<Box<dyn futures::Sink<String, Error = std::io::Error> + Send>>,
    std::pin::Pin<Box<dyn futures::Stream<Item = std::io::Result<String>> + Send>>,
>;

/// Starts a server and gives the lines that go to it and come from it.
fn start(part: &Part, env: &Env, stderr: Stdio) -> Result<(Child, Transport), Why> {
    let [program, arguments @ ..] = part.argv.as_slice() else { return Err(failed("it has no command")) };
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).current_dir(&env.cwd).env_clear().envs(env.vars.iter());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).kill_on_drop(true);
    let mut server = command.spawn().map_err(|error| failed(format!("{program} cannot be started: {error}")))?;
    match (server.stdin.take(), server.stdout.take()) {
        (Some(stdin), Some(stdout)) => {
            Ok((server, Lines::new(Box::pin(lines_to(stdin)), Box::pin(lines_from(stdout)))))
        }
        _ => Err(failed(format!("{program} cannot be spoken to"))),
    }
}

fn lines_to(stdin: ChildStdin) -> impl futures::Sink<String, Error = std::io::Error> + Send {
    futures::sink::unfold(stdin, async |mut stdin: ChildStdin, mut line: String| {
        if !line.ends_with('\n') {
            line.push('\n');
        }
        stdin.write_all(line.as_bytes()).await?;
        stdin.flush().await?;
        Ok(stdin)
    })
}

/// What is no JSON (a greeting, a warning) belongs to nobody, and is passed over.
fn lines_from(stdout: ChildStdout) -> impl futures::Stream<Item = std::io::Result<String>> + Send {
    futures::stream::try_unfold(BufReader::new(stdout), async |mut stdout| {
        loop {
            let mut line = Vec::new();
            let read = (&mut stdout).take(LONGEST).read_until(b'\n', &mut line).await?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LONGEST {
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "a message has no end"));
            }
            if line.trim_ascii_start().starts_with(b"{") {
                return Ok(Some((String::from_utf8_lossy(&line).trim_end().to_owned(), stdout)));
            }
        }
    })
}

async fn converse(part: &Part, cwd: &Path, prompt: &str, scene: &Arc<Scene>, transport: Transport) -> Result<(), Why> {
    let (updates, permissions, reads, writes) = (scene.clone(), scene.clone(), scene.clone(), scene.clone());
    let conversation = Client
        .v1()
        .name("chant")
        .on_receive_notification(
            async move |told: SessionNotification, _server| {
                let lines = updates.updates().hear(told.update);
                updates.say(lines);
                Ok(())
            },
            on_receive_notification!(),
        )
        .on_receive_request(
            async move |request: RequestPermissionRequest, responder, _server| {
                responder.respond(permissions.may(&request))
            },
            on_receive_request!(),
        )
        .on_receive_request(
            async move |request: ReadTextFileRequest, responder, _server| {
                responder.respond_with_result(reads.read(&request))
            },
            on_receive_request!(),
        )
        .on_receive_request(
            async move |request: WriteTextFileRequest, responder, _server| {
                responder.respond_with_result(writes.write(&request))
            },
            on_receive_request!(),
        );
    // What ended it is this conversation's own; an error of the protocol is the connection's.
    let mut ended = Ok(());
    let spoken = conversation
        .connect_with(transport, async |server: ConnectionTo<Agent>| {
            ended = ask(&server, part, cwd, prompt, scene).await;
            Ok(())
        })
        .await;
    ended.and(spoken.map_err(why))
}

async fn greet(server: &ConnectionTo<Agent>) -> Result<InitializeResponse, Error> {
    let files = FileSystemCapabilities::new().read_text_file(true).write_text_file(true);
    let request = InitializeRequest::new(ProtocolVersion::V1)
        .client_capabilities(ClientCapabilities::new().fs(files))
        .client_info(Implementation::new("chant", env!("CARGO_PKG_VERSION")));
    server.send_request(request).block_task().await
}

/// From the introduction to the end of the turn.
async fn ask(server: &ConnectionTo<Agent>, part: &Part, cwd: &Path, prompt: &str, scene: &Scene) -> Result<(), Why> {
    let greeted = tokio::time::timeout(PATIENCE, greet(server)).await;
    let greeted = greeted.map_err(|_| failed("its server does not introduce itself"))?.map_err(why)?;
    if greeted.protocol_version != ProtocolVersion::V1 {
        return Err(failed("its server speaks another version of the protocol"));
    }
    let version = greeted.agent_info.map(|info| format!("{} {}", info.name, info.version));
    let begins = |session: Option<&SessionId>| {
        let (chant, session, model) = ("acp".to_owned(), session.map(|id| id.0.to_string()), part.model.clone());
        scene.voice.say(&Line::Begins { chant, model, session, version: version.clone() });
    };
    let ways: Vec<String> = greeted.auth_methods.iter().map(|way| way.name().to_owned()).collect();
    let session = server.send_request(NewSessionRequest::new(cwd)).block_task().await;
    // Once: with the name of the conversation, or where there is none, for the version of the server.
    begins(session.as_ref().ok().map(|session| &session.session_id));
    let session = session.map_err(|error| signed_out(error, &ways))?;
    if let Some(model) = &part.model {
        let options = session.config_options.unwrap_or_default();
        let (setting, value) = policy::chosen(&options, model).map_err(failed)?;
        let request = SetSessionConfigOptionRequest::new(session.session_id.clone(), setting, value.as_str());
        server.send_request(request).block_task().await.map_err(why)?;
    }
    let id = session.session_id;
    let words = vec![ContentBlock::Text(TextContent::new(prompt))];
    let mut answer = std::pin::pin!(server.send_request(PromptRequest::new(id.clone(), words)).block_task());
    let answer = tokio::select! {
        answer = &mut answer => answer,
        () = told_to_stop() => {
            cancel(server, id)?;
            tokio::time::timeout(FAREWELL, answer).await.map_err(|_| failed("it was told to stop"))?
        }
    };
    let answer = answer.map_err(|error| signed_out(error, &ways))?;
    scene.say(scene.updates().rest());
    answer.usage.iter().for_each(|usage| scene.voice.say(&policy::tokens(usage)));
    policy::ended(answer.stop_reason)
}

fn cancel(server: &ConnectionTo<Agent>, id: SessionId) -> Result<(), Why> {
    server.send_notification(CancelNotification::new(id)).map_err(why)
}

/// TERM, which the supervisor sends when time is up.
async fn told_to_stop() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut told) => drop(told.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// What an error of the server's means.
fn why(error: Error) -> Why {
    if is_connection_terminated(&error) || is_incoming_transport_closed(&error) {
        return failed(GONE);
    }
    let more = error.data.as_ref().map(|data| match data {
        serde_json::Value::String(text) => text.clone(),
        data => data
            .get("message")
            .or_else(|| data.get("details"))
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    });
    let more = more.filter(|more| !more.is_empty() && *more != error.message).map(|more| format!(": {more}"));
    let said = format!("{}{}", error.message, more.unwrap_or_default());
    let status = error
        .data
        .as_ref()
        .and_then(|data| [&data["status"], &data["code"]].into_iter().find_map(serde_json::Value::as_u64));
    let status = status.filter(|status| (400..600).contains(status));
    Trouble::of(status, &said).into()
}

/// The same, where nobody may be signed in.
fn signed_out(error: Error, ways: &[String]) -> Why {
    if error.code != Error::auth_required().code {
        return why(error);
    }
    let ways = if ways.is_empty() { String::new() } else { format!(" (it knows: {})", ways.join(", ")) };
    Why::new(Kind::SignedOut, format!("{}: sign in with its own client first{ways}", error.message))
}
