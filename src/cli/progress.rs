//! Progress for people: on a terminal a line a spec (phase, elapsed, last words), elsewhere plain lines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Context, paint, text};
use crate::plan::Status;
use crate::run::{Ending, Phase, Progress};
use crate::spec::SpecId;

/// Consumes what happens and shows it.
#[derive(Clone)]
pub struct Reporter {
    state: Arc<Mutex<State>>,
    bars: MultiProgress,
    live: bool,
    colour: anstream::ColorChoice,
}

#[derive(Default)]
struct State {
    lines: BTreeMap<SpecId, ProgressBar>,
    since: BTreeMap<SpecId, Instant>,
    phase: BTreeMap<SpecId, Phase>,
    /// What the agent of each did last.
    doing: BTreeMap<SpecId, String>,
    /// Of which anything was said at all.
    heard: BTreeSet<SpecId>,
}

/// The reporter for `work`.
pub fn reporter(context: &Context) -> Reporter {
    let live = context.env.stderr_tty;
    let target = if live { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    Reporter {
        state: Arc::default(),
        bars: MultiProgress::with_draw_target(target),
        live,
        colour: context.paint.error_choice(),
    }
}

/// A reporter for commands that work on one spec and say at the end how it went: only notices are shown.
pub fn quiet(_context: &Context) -> impl Fn(Progress) + Send + Sync + 'static {
    |progress| match progress {
        Progress::Notice { id, text } => eprintln!("{id}: {}", text::tame(&text)),
        Progress::Remark(text) => eprintln!("{}", text::tame(&text)),
        _ => {}
    }
}

impl Reporter {
    /// As the function that the engine calls.
    pub fn into_fn(self) -> crate::run::Reporter {
        Arc::new(move |progress| self.hear(progress))
    }

    /// Takes the live lines away.
    pub fn finish(&self) {
        for bar in self.state().lines.values() {
            bar.finish_and_clear();
        }
    }

    /// Says of a spec that there was nothing to be done.
    pub fn already_done(&self, id: &SpecId) {
        self.ended(id, &Ending::AlreadyDone);
    }

    /// Whether anything was said of a spec.
    pub fn heard(&self, id: &SpecId) -> bool {
        self.state().heard.contains(id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, progress: Progress) {
        let (Progress::Started { id, .. }
        | Progress::Phase { id, .. }
        | Progress::Words { id, .. }
        | Progress::Heard { id, .. }
        | Progress::Notice { id, .. }
        | Progress::Ended { id, .. }) = &progress
        else {
            if let Progress::Remark(text) = progress {
                self.line(&text::tame(&text));
            }
            return;
        };
        self.state().heard.insert(id.clone());
        match progress {
            Progress::Started { id, title } => self.started(&id, &title),
            Progress::Phase { id, phase, attempt } => self.phase(&id, phase, attempt),
            Progress::Words { id, line } => self.words(&id, &line),
            Progress::Heard { id, what, used } => self.heard_of(&id, what, &used),
            Progress::Notice { id, text } => self.line(&format!("{id}: {}", text::tame(&text))),
            Progress::Ended { id, ending } => self.ended(&id, &ending),
            Progress::Remark(_) => {}
        }
    }

    fn started(&self, id: &SpecId, title: &str) {
        let mut state = self.state();
        state.since.entry(id.clone()).or_insert_with(Instant::now);
        if self.live {
            let bar = self.bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed:>4} {wide_msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(id.to_string());
            bar.set_message(text::tame(title));
            bar.enable_steady_tick(Duration::from_millis(120));
            if let Some(old) = state.lines.insert(id.clone(), bar) {
                old.finish_and_clear();
            }
        }
    }

    fn phase(&self, id: &SpecId, phase: Phase, attempt: Option<u32>) {
        let mut state = self.state();
        if state.phase.insert(id.clone(), phase) == Some(phase) {
            return;
        }
        let number = attempt.filter(|attempt| *attempt > 1).map(|n| format!(" (attempt {n})")).unwrap_or_default();
        match state.lines.get(id) {
            Some(bar) => bar.set_message(format!("{}{number}", phase.as_str())),
            None if !self.live => {
                let elapsed = elapsed(&state, id);
                drop(state);
                self.line(&format!("{id} {elapsed} {}{number}", phase.as_str()));
            }
            None => {}
        }
    }

    fn words(&self, id: &SpecId, line: &str) {
        let line = text::tame(line);
        if line.trim().is_empty() {
            return;
        }
        let state = self.state();
        match state.lines.get(id) {
            Some(bar) => {
                let phase = state.phase.get(id).map_or("", |phase| phase.as_str());
                bar.set_message(format!("{phase}: {line}"));
            }
            None if !self.live => {
                let elapsed = elapsed(&state, id);
                drop(state);
                self.line(&format!("{id} {elapsed}   {line}"));
            }
            None => {}
        }
    }

    /// On a terminal the last thing that was done stays beside the figures; elsewhere each thing is a line.
    fn heard_of(&self, id: &SpecId, what: Option<String>, used: &str) {
        let mut state = self.state();
        let last = match what {
            Some(what) => {
                state.doing.insert(id.clone(), what.clone());
                what
            }
            None if self.live => state.doing.get(id).cloned().unwrap_or_default(),
            None => return,
        };
        drop(state);
        let used = if used.is_empty() { String::new() } else { format!(" ({used})") };
        self.words(id, &format!("{last}{used}"));
    }

    fn ended(&self, id: &SpecId, ending: &Ending) {
        let mut state = self.state();
        let elapsed = elapsed(&state, id);
        if let Some(bar) = state.lines.remove(id) {
            bar.finish_and_clear();
        }
        state.phase.remove(id);
        state.doing.remove(id);
        drop(state);
        let elapsed = if matches!(ending, Ending::AlreadyDone) { String::new() } else { format!(" {elapsed}") };
        let text = words(id, ending);
        let colour = match ending {
            Ending::Landed { .. } | Ending::AlreadyDone => anstyle::AnsiColor::Green,
            Ending::Failed(_) | Ending::Stuck { .. } => anstyle::AnsiColor::Red,
            _ => anstyle::AnsiColor::Yellow,
        };
        let (first, rest) = text.split_once('\n').map_or((text.as_str(), ""), |(first, rest)| (first, rest));
        let mut out = format!("{} {first}{}", paint::coloured(mark(ending), colour), paint::dim(&elapsed));
        for line in rest.lines() {
            out.push_str(&format!("\n    {line}"));
        }
        self.line(&out);
    }

    fn line(&self, text: &str) {
        use std::io::Write as _;
        let print = || {
            let mut err = anstream::AutoStream::new(std::io::stderr().lock(), self.colour);
            writeln!(err, "{text}").ok();
        };
        if self.live { self.bars.suspend(print) } else { print() }
    }
}

fn elapsed(state: &State, id: &SpecId) -> String {
    let seconds = state.since.get(id).map_or(0.0, |since| since.elapsed().as_secs_f64());
    if seconds < 60.0 {
        format!("{seconds:.1}s")
    } else {
        format!("{}m{:02}s", seconds as u64 / 60, seconds as u64 % 60)
    }
}

fn mark(ending: &Ending) -> &'static str {
    match ending {
        Ending::Landed { .. } | Ending::AlreadyDone => "✓",
        Ending::Review(_) => paint::glyph(Status::InReview),
        Ending::Person(_) | Ending::HandedOver { .. } => paint::glyph(Status::InProgress),
        Ending::Interrupted => paint::glyph(Status::Stalled),
        _ => "✗",
    }
}

/// How a spec ended, in words.
pub fn words(id: &SpecId, ending: &Ending) -> String {
    match ending {
        Ending::Landed { commit, target, criteria } => {
            // A spec without criteria has a tally of nothing, which would read like a failure.
            let nothing = criteria.is_empty() || *criteria == crate::ledger::Tally::default().to_string();
            let criteria = if nothing { String::new() } else { format!(": {criteria}") };
            format!("{id} landed on {target} as {}{criteria}", commit.short())
        }
        Ending::AlreadyDone => format!("{id} is in its target already"),
        Ending::Review(why) => format!("{id} {}", text::tame(why)),
        Ending::Stuck { reason, .. } => format!("{id} did not land: {}", text::tame(reason)),
        Ending::Failed(reason) => format!("{id} failed: {}", text::brief(reason)),
        Ending::Refused(reason) => format!("{id} was not worked: {}", text::tame(reason)),
        Ending::Held(by) => format!("{id} is being worked by {}", text::tame(by)),
        Ending::Interrupted => format!("{id} was interrupted; its work is kept, and `chant work {id}` goes on"),
        Ending::HandedOver { to, path } => {
            format!("{id} is handed over to {}, who works in {}", text::clean(to), path.display())
        }
        Ending::Person(path) => {
            format!("{id} is yours: work in {}\nthen `chant work {id} --finish` proves and lands it", path.display())
        }
    }
}
