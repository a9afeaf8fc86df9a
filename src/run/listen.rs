//! What an agent says while it runs: shown, counted, and a reason to end it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::time::Instant;

use super::jobs::Watch;
use super::limits::{Figures, Limits};
use super::spent::Journal;
use super::used::Used;
use super::{Engine, Error, Progress, Reporter};
use crate::agent::{Account, Agent, Ear, Errand, Performed, Said, in_words, is_progress};
use crate::spec::SpecId;

/// What is to be kept an eye on beside the time.
pub(super) struct Hearing<'a> {
    /// Who is heard; nothing of a set-up or a proof is understood.
    pub agent: Option<&'a dyn Agent>,
    pub limits: Limits,
    pub idle: Option<Duration>,
    /// Where what it used is noted while it runs.
    pub journal: Option<Journal>,
}

/// What became of an agent, and what it said of itself.
pub(super) struct Heard {
    pub done: Performed,
    pub account: Account,
    /// Why it was ended, where that was for what it said, or for its silence.
    pub cut: Option<Cut>,
}

/// Why an agent is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cut {
    /// A limit is reached, and which.
    Spent(String),
    /// It did nothing for so long.
    Idle(Duration),
}

/// A client that has said its last figures ends by itself; it is given so long for it.
const QUIET: Duration = Duration::from_millis(200);

impl Engine {
    /// Runs children one after the other, up to the first that fails, and listens to them. An interruption stops them
    /// and everything they started.
    pub(super) fn listen(
        &self,
        errands: Vec<Errand>,
        watch: &Watch<'_>,
        mut hearing: Hearing<'_>,
    ) -> Result<Heard, Error> {
        let label = errands.first().map(|errand| errand.name.clone()).unwrap_or_default();
        let (words, heard_words) = unbounded_channel::<String>();
        let (tell, heard_said) = unbounded_channel::<Said>();
        let understood = hearing.agent.is_some_and(|agent| agent.reader().is_some());
        let (end, ended) = watch::channel(false);
        let listener = Listener {
            id: watch.id.clone(),
            reporter: Arc::clone(&self.reporter),
            limits: hearing.limits,
            idle: hearing.idle,
            spent: Arc::clone(&self.spent),
            account: Account::default(),
            journal: hearing.journal.take(),
            cut: None,
            last: Instant::now(),
            over: None,
            end,
        };
        let stop = self.stop.clone();
        let done = self.handle.block_on(async move {
            let listener = tokio::spawn(listener.listen(heard_said, heard_words));
            let done = {
                let ear = || {
                    let reader = hearing.agent.and_then(Agent::reader)?;
                    Some(Ear { reader, tell: tell.clone() })
                };
                let mut terms = self.terms(watch, Some(words).filter(|_| !understood && !watch.quiet));
                terms.ear = Some(&ear);
                let mut stop = super::jobs::either(stop, ended);
                for more in [watch.lost.clone(), self.wish(watch.id)].into_iter().flatten() {
                    stop = super::jobs::either(stop, more);
                }
                crate::agent::perform(errands, &terms, stop).await
            };
            drop(tell);
            let (account, cut) = listener.await.map_err(std::io::Error::other)?;
            Ok(Heard { done: done?, account, cut })
        });
        done.map_err(Error::system(format!("cannot start {label}")))
    }

    /// Runs one program of which nobody needs to hear.
    pub(super) fn quietly(&self, errand: Errand, watch: &Watch<'_>) -> Result<Performed, Error> {
        let (terms, stop) = (self.terms(watch, None), self.stop.clone());
        let label = errand.name.clone();
        let done = self.handle.block_on(crate::agent::perform(vec![errand], &terms, stop));
        done.map_err(Error::system(format!("cannot start {label}")))
    }

    /// What all attempts of this call have used so far.
    pub(super) fn spent(&self) -> Figures {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Listener {
    id: SpecId,
    reporter: Reporter,
    limits: Limits,
    idle: Option<Duration>,
    /// Of the whole call.
    spent: Arc<Mutex<Figures>>,
    account: Account,
    journal: Option<Journal>,
    cut: Option<Cut>,
    /// When something was last done.
    last: Instant,
    /// A limit that is reached, and until when it may end by itself.
    over: Option<(String, Instant)>,
    end: watch::Sender<bool>,
}

impl Listener {
    /// Listens until nobody is left who could say anything.
    async fn listen(
        mut self,
        mut said: UnboundedReceiver<Said>,
        mut words: UnboundedReceiver<String>,
    ) -> (Account, Option<Cut>) {
        let (mut more_said, mut more_words) = (true, true);
        while more_said || more_words {
            let due = self.due();
            tokio::select! {
                heard = said.recv(), if more_said => match heard {
                    Some(said) => self.said(&said),
                    None => more_said = false,
                },
                heard = words.recv(), if more_words => match heard {
                    Some(line) => {
                        self.last = Instant::now();
                        (self.reporter)(Progress::Words { id: self.id.clone(), line });
                    }
                    None => more_words = false,
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.time(),
            }
        }
        (self.account, self.cut)
    }

    /// When the next thing is to be decided that only time decides.
    fn due(&self) -> Option<Instant> {
        if self.cut.is_some() {
            return None;
        }
        let idle = self.idle.and_then(|idle| self.last.checked_add(idle));
        let over = self.over.as_ref().map(|(_, until)| *until);
        let beat = self.journal.as_ref().map(|journal| journal.due().into());
        [idle, over, beat].into_iter().flatten().min()
    }

    fn time(&mut self) {
        let now = Instant::now();
        match (&self.over, self.idle) {
            (Some((why, until)), _) if *until <= now => self.cut = Some(Cut::Spent(why.clone())),
            (_, Some(idle)) if self.last + idle <= now => self.cut = Some(Cut::Idle(idle)),
            _ => return self.beat(now),
        }
        self.end.send_replace(true);
    }

    /// How long it has worked is noted from time to time: it may never say anything.
    fn beat(&mut self, now: Instant) {
        if let Some(journal) = self.journal.as_mut().filter(|journal| now >= journal.due().into()) {
            journal.note(&self.account);
        }
    }

    fn said(&mut self, said: &Said) {
        let (before, session) = (self.account.figures(), self.account.session.is_some());
        self.account.hear(said);
        let now = self.account.figures();
        if let Some(journal) =
            self.journal.as_mut().filter(|_| now != before || session != self.account.session.is_some())
        {
            journal.note(&self.account);
        }
        if is_progress(said) {
            self.last = Instant::now();
        }
        let call = self.counted(before, now);
        match (self.limits.reached(now, call), said) {
            // It is at its end anyway, and what it did is looked at.
            (_, Said::Ended(_)) => self.over = None,
            (Some(why), Said::GoesOn) if self.cut.is_none() => {
                self.cut = Some(Cut::Spent(why));
                self.end.send_replace(true);
            }
            (Some(why), _) if self.over.is_none() => self.over = Some((why, Instant::now() + QUIET)),
            (reached, _) => self.over = self.over.take().filter(|_| reached.is_some()),
        }
        let (what, used) = (in_words(said), self.account.used());
        if what.is_some() || now != before {
            (self.reporter)(Progress::Heard { id: self.id.clone(), what, used });
        }
    }

    /// Counts for the whole call what was used since. A figure that stands for all may be less than what was counted.
    fn counted(&self, before: Figures, now: Figures) -> Figures {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = |sum: u64, before: u64, now: u64| sum.saturating_add(now).saturating_sub(before);
        *spent = (moved(spent.0, before.0, now.0), moved(spent.1, before.1, now.1));
        *spent
    }
}

impl Heard {
    /// Takes it into the sum of an attempt.
    pub(super) fn into(self, used: &mut Used, name: &str, model: Option<&str>) -> Performed {
        used.add(name, model.map(str::to_owned), self.account);
        self.done
    }
}
