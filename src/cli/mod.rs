//! The command line: one command a file, each of which reads its arguments, makes one call into `ops` or `run`, and
//! renders what comes back. Errors become exit codes here and nowhere else.

mod activity;
mod add;
mod completions;
mod config;
mod cost;
mod decide;
mod demo;
mod diff;
mod doctor;
pub mod draw;
mod drift;
mod edit;
mod export;
mod graph;
mod handover;
mod hook;
mod init;
mod lint;
mod list;
mod log;
mod man;
mod paint;
mod pr;
mod progress;
mod report;
mod review;
pub mod schema;
mod search;
mod show;
mod split;
mod sync;
mod text;
mod verify;
mod why;
mod work;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::Flags;
use crate::env::Env;
use crate::ledger::{Signatures, Trust};
use crate::ops;
use crate::project::{self, Project};

/// A Git-native workflow engine: specs say what must become true, agents do it on branches of their own, proofs decide,
/// and the Git history is the only record.
///
/// A spec is a markdown file under `.chant/specs`. `chant work` gives it a branch and a worktree, lets its agent work,
/// proves its acceptance criteria on a clean checkout, and merges the result. `chant` and `git chant` are the same
/// program. Start with `chant demo`, or with `chant init` in a repository of your own.
#[derive(Parser)]
#[command(name = "chant", version, max_term_width = 100, subcommand_required = true,
    arg_required_else_help = true, after_help = AFTER, help_template = TEMPLATE)]
pub struct Cli {
    /// Work in this directory instead of the current one, as `git -C` does.
    // An id of its own: what is global shares its value with any argument of a command that is called the same.
    #[arg(id = "work-in", short = 'C', value_name = "DIR", global = true)]
    directory: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const TEMPLATE: &str = "{about-with-newline}\n{usage-heading} {usage}\n
set up
  demo         Make a repository with the KPI example and work it from data to merged result
  init         Make a project here: a directory for specs
  hooks        Have Git call chant
  config       Print every setting with where it came from
  doctor       Say what is well and what is not, and what to type about it

write
  add          Write a new spec
  edit         Open a spec in Git's editor
  split        Have an agent plan the members of a spec
  lint         Say everything that is wrong with the specs, at once

look
  list         List the specs with their statuses
  search       Find specs by the words in them
  show         Show one spec: criteria, members, events
  why          Name the commits that decide a status, and the whole chain of reasons
  log          Print an agent's words, live while it runs
  graph        Draw drivers, members and dependencies
  drift        Name completed specs whose inputs, text or proofs have changed
  activity     Tell what happened, in order
  export       Give specs and evidence to other programs
  report       Add up what the history tells

work
  work         Work specs: claim, agent, proof, landing
  reset        Make a failed, cancelled or stalled spec ready again
  cancel       Say that a spec is not to be worked any more
  verify       Run the proofs again in a clean checkout
  handover     Stop the agent that works a spec, and go on by hand
  attach       Go on with the conversation of a spec's client

review
  diff         Show a spec's change, with criteria and evidence above it
  approve      Say that work may begin, or that what was done may land
  reject       Send completed work back, with a reason
  merge        Land a completed spec by a person's word
  revert       Undo a landing as `git revert` does
  pr           Ask for a completed spec to be merged, as a pull request
  sync         Bring this clone and the shared remote together

more
  completions  Print a completion script for a shell
  man          Install the manual pages, or print them
  help         Teach a command

options\n{options}{after-help}";

const AFTER: &str = "Exit codes: 0 done, 1 the work failed or conflicts, 2 usage or bad input, 3 refused for safety,\n\
4 somebody else holds it, 130 interrupted. `chant <command> --help` teaches each command.";

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Hooks(hook::Hooks),
    #[command(hide = true)]
    Hook(hook::Hook),
    Config(config::Config),
    Doctor(doctor::Doctor),
    Add(add::Add),
    Edit(edit::Edit),
    Split(split::Split),
    Lint(lint::Lint),
    List(list::List),
    Search(search::Search),
    Show(show::Show),
    Why(why::Why),
    Log(log::Log),
    Graph(graph::Graph),
    Drift(drift::Drift),
    Activity(activity::Activity),
    Export(export::Export),
    Report(cost::Report),
    Work(work::Work),
    Reset(decide::Reset),
    Cancel(decide::Cancel),
    Verify(verify::Verify),
    Handover(handover::Handover),
    Attach(handover::Attach),
    Diff(diff::Diff),
    Approve(review::Approve),
    Reject(review::Reject),
    Merge(decide::Merge),
    Revert(decide::Revert),
    Pr(pr::Pr),
    Sync(sync::Sync),
    Completions(completions::Completions),
    Man(man::Man),
}

/// What every command is given.
pub struct Context {
    /// The process around it.
    pub env: Arc<Env>,
    /// How output is painted.
    pub paint: paint::Paint,
}

impl Context {
    /// The project that encloses the current directory.
    fn project(&self) -> Result<Project, ops::Error> {
        self.project_with(&Flags::default())
    }

    fn project_with(&self, flags: &Flags) -> Result<Project, ops::Error> {
        Ok(Project::open(&self.env, flags)?)
    }

    /// The project for a command that may take a spec's worktree away, which it must not stand in.
    fn project_at_home(&self) -> Result<Project, ops::Error> {
        Ok(self.project()?.at_home(&Flags::default())?)
    }

    /// A look at the project, as it is or at a revision.
    fn look(&self, project: &Project, at: Option<&str>) -> Result<project::Look, ops::Error> {
        Ok(match at {
            Some(rev) => project::look_at(project, project.repo.rev(rev)?)?,
            None => project::look(project)?,
        })
    }

    /// Prints to standard output; a reader that has gone away is no error.
    fn print(&self, text: &str) -> Result<(), ops::Error> {
        // Painted or not, then written in one go: the lines of a long list one by one would be a call of the system each.
        let mut out = std::io::stdout().lock();
        let choice = match self.paint.choice() {
            anstream::ColorChoice::Auto => anstream::AutoStream::choice(&out),
            choice => choice,
        };
        let written = if text.as_bytes().contains(&ESCAPE) {
            let mut painted = anstream::AutoStream::new(Vec::with_capacity(text.len()), choice);
            let made = painted.write_all(text.as_bytes()).map(|()| painted.into_inner());
            made.and_then(|bytes| out.write_all(&bytes))
        } else {
            out.write_all(text.as_bytes())
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(ops::Error::File { what: "write to standard output".to_owned(), source: error })
            }
            _ => Ok(()),
        }
    }

    /// Prints a value as JSON.
    fn json<T: serde::Serialize>(&self, value: &T) -> Result<(), ops::Error> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| ops::Error::File { what: "write JSON".to_owned(), source: error.into() })?;
        text.push('\n');
        self.print(&text)
    }

    /// Says something on standard error.
    fn say(&self, text: &str) {
        let mut out = anstream::AutoStream::new(std::io::stderr().lock(), self.paint.error_choice());
        writeln!(out, "{text}").ok();
    }

    /// Says what to type where there is nothing to look at yet.
    fn hint_of(&self, look: &project::Look) {
        if look.board.rows.is_empty() && look.diagnostics.is_empty() {
            self.say("no specs yet: `chant add \"…\"` writes one");
        }
    }

    /// Says what is wrong with specs that a command could do without.
    fn warn_of(&self, look: &project::Look) {
        let errors = look.diagnostics.iter().filter(|d| d.severity == crate::spec::Severity::Error).count();
        if errors > 0 {
            let what = if errors == 1 { "one spec cannot be read" } else { "some specs cannot be read" };
            self.say(&format!("chant: {what}; `chant lint` says why"));
        }
        if let Trust::Signed(Signatures { unusable: Some(why), .. }) = &look.view.trust {
            self.say(&format!("chant: no signature can be checked here, so nothing signed counts: {why}"));
        }
    }
}

type Outcome = Result<u8, ops::Error>;

/// What colours begin with.
const ESCAPE: u8 = 0x1b;

/// The whole program: reads the arguments, runs one command, gives its exit code.
pub fn main() -> ExitCode {
    ExitCode::from(run())
}

fn run() -> u8 {
    let args: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|arg| arg == crate::agent::COMMAND) {
        return u8::try_from(crate::agent::supervise_main(&args[2..])).unwrap_or(1);
    }
    if args.get(1).is_some_and(|arg| arg == crate::cage::FENCE) {
        return crate::cage::fence_main(&args[2..], std::env::vars_os());
    }
    if let Some(code) = crate::agent::play(args.get(1..).unwrap_or_default()) {
        return code;
    }
    let name = invoked_as(&args);
    let matches = match Cli::command().bin_name(name).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            error.print().ok();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let env = match Env::capture() {
        Ok(env) => env,
        Err(error) => {
            match Env::way_out() {
                Some(there) if error.kind() == std::io::ErrorKind::NotFound => eprintln!("chant: {}", gone(&there)),
                _ => eprintln!("chant: cannot tell where this is: {error}"),
            }
            return 2;
        }
    };
    let called_in = env.cwd.clone();
    let env = Arc::new(match &cli.directory {
        Some(dir) => env.within(dir),
        None => env,
    });
    let context = Context { paint: paint::Paint::new(&env), env };
    if let Some(there) = crate::git::out_of_trash(&context.env.cwd) {
        context.say(&format!("chant: {}", gone(there)));
        return 2;
    }
    let code = match dispatch(cli.command, &context) {
        Ok(code) => code,
        Err(error) => {
            context.say(&context.paint.report(&error));
            error.exit()
        }
    };
    // The shell that called is left in a directory that has no name any more.
    if !called_in.exists()
        && let Some(there) = crate::env::still_there(&called_in)
    {
        context.say(&format!("chant: {}", gone(&there)));
    }
    code
}

fn gone(there: &std::path::Path) -> String {
    format!("this directory is gone with its worktree: cd {}", there.display())
}

/// `git chant` where Git called it by that name, so that usage lines can be typed as they stand.
fn invoked_as(args: &[std::ffi::OsString]) -> &'static str {
    let name = args.first().map(std::path::Path::new).and_then(std::path::Path::file_name);
    if name.is_some_and(|name| name == "git-chant") { "git chant" } else { "chant" }
}

fn dispatch(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Demo(args) => args.run(context),
        Command::Init(args) => args.run(context),
        Command::Hooks(args) => args.run(context),
        Command::Hook(args) => args.run(context),
        Command::Config(args) => args.run(context),
        Command::Doctor(args) => args.run(context),
        Command::Add(args) => args.run(context),
        Command::Edit(args) => args.run(context),
        Command::Split(args) => args.run(context),
        Command::Lint(args) => args.run(context),
        Command::List(args) => args.run(context),
        Command::Search(args) => args.run(context),
        Command::Show(args) => args.run(context),
        Command::Why(args) => args.run(context),
        Command::Log(args) => args.run(context),
        Command::Graph(args) => args.run(context),
        Command::Drift(args) => args.run(context),
        Command::Activity(args) => args.run(context),
        Command::Export(args) => args.run(context),
        Command::Report(args) => args.run(context),
        Command::Work(args) => args.run(context),
        Command::Reset(args) => args.run(context),
        Command::Cancel(args) => args.run(context),
        Command::Verify(args) => args.run(context),
        Command::Handover(args) => args.run(context),
        Command::Attach(args) => args.run(context),
        Command::Diff(args) => args.run(context),
        Command::Approve(args) => args.run(context),
        Command::Reject(args) => args.run(context),
        Command::Merge(args) => args.run(context),
        Command::Revert(args) => args.run(context),
        Command::Pr(args) => args.run(context),
        Command::Sync(args) => args.run(context),
        Command::Completions(args) => args.run(context),
        Command::Man(args) => args.run(context),
    }
}

/// The whole command line as clap knows it, for the manual, the completions and the reference.
pub fn command() -> clap::Command {
    Cli::command()
}
