//! `chant hook`: called by Git, not by people; and `chant hooks`, which sets it up.

use std::io::Read as _;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{Context, Outcome, paint, progress, text};
use crate::git::Repo;
use crate::ops::hook::server;
use crate::ops::hooks::{HookState, Wish, hooks};
use crate::ops::{self, hook};

/// Have Git call chant, beside whatever it calls already; `core.hooksPath` is never changed.
///
/// With hooks, plain Git drives chant: a bad spec cannot be committed, a person's commit on a spec's branch that says it is
/// completed is proven and lands, and what a pull brought is cleaned up after. Without them the same is found out by the
/// next command.
#[derive(Args)]
pub struct Hooks {
    #[command(subcommand)]
    what: What,
    /// The hooks of a server to which others push: its policy, and the work that a push starts. Understood by itself in a
    /// bare repository.
    #[arg(long, global = true)]
    server: bool,
}

#[derive(Subcommand)]
enum What {
    /// Set the hooks up; twice is the same as once.
    Install,
    /// Take them away; every file is as it was before.
    Uninstall,
    /// Say which are there, and where.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What Git calls: `git-chant hook <name> "$@"`.
#[derive(Args)]
pub struct Hook {
    /// The hook's name.
    name: String,
    /// What Git gave it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Hooks {
    pub fn run(self, context: &Context) -> Outcome {
        let repo = Repo::discover(&context.env.cwd, &context.env.vars).map_err(ops::Error::from)?;
        let (wish, json) = match self.what {
            What::Install => (Wish::Install, false),
            What::Uninstall => (Wish::Uninstall, false),
            What::Status { json } => (Wish::Look, json),
        };
        let states = hooks(&repo, wish, self.server || repo.is_bare())?;
        if json {
            context.json(&states)?;
            return Ok(0);
        }
        context.print(&shown(&states))?;
        Ok(0)
    }
}

fn shown(states: &[HookState]) -> String {
    let names = states.iter().map(|state| state.hook.len()).max().unwrap_or(0);
    let mut out = String::new();
    for state in states {
        let (sign, colour) = match state.installed {
            true => ("✓", anstyle::AnsiColor::Green),
            false => ("○", anstyle::AnsiColor::BrightBlack),
        };
        let beside = if state.chained && state.installed { ", beside what was there" } else { "" };
        let change = if state.change == "unchanged" { String::new() } else { format!("{}: ", state.change) };
        let place = format!("{change}{}{beside}", text::clean(&state.place));
        out.push_str(&format!("{} {}  {place}\n", paint::coloured(sign, colour), text::padded(&state.hook, names)));
    }
    out
}

impl Hook {
    pub fn run(self, context: &Context) -> Outcome {
        let reporter: crate::run::Reporter = Arc::new(progress::quiet(context));
        if self.name == "worker" {
            let reporter = progress::reporter(context);
            let served = hook::worker::serve(&context.env, reporter.clone().into_fn());
            reporter.finish();
            return served.map(|()| 0);
        }
        if self.name == server::start::WORKER {
            let reporter = progress::reporter(context);
            let say = |line: &str| context.say(&text::tame(line));
            let served = server::start::serve(&context.env, &self.args, reporter.clone().into_fn(), &say);
            reporter.finish();
            return served.map(|()| 0);
        }
        let stdin = || {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).ok();
            bytes
        };
        if server::NAMES.contains(&self.name.as_str()) {
            let verdict = server::receive(&context.env, &self.name, &self.args, stdin)?;
            for line in verdict.said {
                context.say(&format!("chant: {}", text::tame(&line)));
            }
            return Ok(u8::from(verdict.refused));
        }
        for line in hook::call(&context.env, &self.name, self.args, stdin, reporter)? {
            context.say(&format!("chant: {}", text::tame(&line)));
        }
        Ok(0)
    }
}
