//! `chant show`

use clap::Args;

use super::{Context, Outcome, paint, text};
use crate::ledger::Tally;
use crate::ops::views::{self, Detail, KpiView};
use crate::plan::{Status, kpi};

/// Show one spec: what it asks for, how its criteria stand, its members, and what has happened.
///
/// An id may be cut short: `002` is the driver, `002.1` its first member, and any unique beginning or part of the name
/// will do.
#[derive(Args)]
pub struct Show {
    /// The spec.
    id: String,
    /// As it was at this revision.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let look = context.look(&project, self.at.as_deref())?;
        let detail = views::show(&project, &look, &self.id)?;
        if self.json {
            context.json(&detail)?;
            return Ok(0);
        }
        let status = look.board.rows.iter().find(|row| row.id.as_str() == detail.item.id).map(|row| row.status);
        context.print(&render(&detail, status.unwrap_or(Status::Unknown), context.paint.width))?;
        Ok(0)
    }
}

fn render(detail: &Detail, status: Status, width: usize) -> String {
    let item = &detail.item;
    let mut out = format!("{}\n", paint::bold(&text::clean(&item.id)));
    text::wrap(&text::clean(&item.title), width).iter().for_each(|line| out.push_str(&format!("{line}\n")));
    out.push('\n');
    let mut fact = |name: &str, value: &str| {
        for (n, line) in text::wrap(&text::brief(value), width.saturating_sub(14)).iter().enumerate() {
            let name = text::padded(if n == 0 { name } else { "" }, 10);
            out.push_str(&format!("  {}  {line}\n", paint::dim(&name)));
        }
    };
    fact("status", &format!("{} {}", paint::glyph(status), item.status));
    fact("type", &item.kind);
    fact("attempt", &item.attempt.map(|attempt| attempt.to_string()).unwrap_or_default());
    fact("branch", item.branch.as_deref().unwrap_or_default());
    fact("target", item.target.as_deref().unwrap_or_default());
    fact("driver", item.driver.as_deref().unwrap_or_default());
    fact("depends on", &item.depends_on.join(", "));
    fact("labels", &item.labels.join(", "));
    fact("landed in", &detail.landing.as_deref().map(short).unwrap_or_default());
    for (n, blocker) in item.blocked_by.iter().enumerate() {
        fact(if n == 0 { "blocked by" } else { "" }, &blocker.reason);
    }
    fact("attention", item.attention.as_deref().unwrap_or_default());
    if let Some(kpi) = &detail.kpi {
        let (goal, impact) = kpi_words(kpi);
        fact("kpi", &goal);
        fact("impact", &impact);
    }
    out.push_str(&criteria(&detail.proofs, width, Proofs::Whole));
    out.push_str(&evidence_missing(detail.evidence_missing, width));
    out.push_str(&set_aside(&detail.set_aside, width));
    out.push_str(&links_out(&detail.links_out, width));
    out.push_str(&members(detail, width));
    out.push_str(&runs(detail, width));
    out.push_str(&events(detail, width));
    out
}

fn short(hex: &str) -> String {
    hex.chars().take(8).collect()
}

/// What is expected of a figure, and how much of it has landed: the very words of `chant graph`.
fn kpi_words(view: &KpiView) -> (String, String) {
    let unit = view.unit.as_deref();
    let goal = kpi::goal(view.metric.as_deref(), unit.filter(|_| view.metric.is_some()), view.baseline, view.target);
    let sums = view.landed.zip(view.expected).map(|(landed, expected)| kpi::progress(landed, expected, unit));
    let words: Vec<String> = goal.into_iter().chain(sums).collect();
    let impact = view.impact.map(|impact| format!("{} expected", kpi::impact(impact, unit)));
    (words.join(": "), impact.unwrap_or_default())
}

/// How much of a proof's command is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proofs {
    /// All of it.
    Whole,
    /// All of it only where the criterion is unmet; else as much as fits on a line.
    Brief,
}

pub(super) fn criteria(proofs: &[views::CriterionView], width: usize, show: Proofs) -> String {
    if proofs.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint::bold("Criteria"));
    for proof in proofs {
        let (sign, colour) = match proof.verdict.as_deref() {
            Some("verified") if proof.way.as_deref() == Some("held") => ("≈", anstyle::AnsiColor::Green),
            Some("verified") => ("✓", anstyle::AnsiColor::Green),
            Some("claimed") => ("~", anstyle::AnsiColor::Yellow),
            Some("unmet") => ("✗", anstyle::AnsiColor::Red),
            _ => ("○", anstyle::AnsiColor::BrightBlack),
        };
        let words = if proof.text.is_empty() { "(it says nothing)".to_owned() } else { text::clean(&proof.text) };
        for (n, line) in text::wrap(&words, width.saturating_sub(4)).into_iter().enumerate() {
            let lead = if n == 0 { paint::coloured(sign, colour) } else { " ".to_owned() };
            out.push_str(&format!("  {lead} {line}\n"));
        }
        let room = width.saturating_sub(8);
        if let Some(command) = proof.command.as_deref().map(text::clean) {
            let brief = show == Proofs::Brief && proof.verdict.as_deref() != Some("unmet");
            let lines = if brief { vec![text::cut(&command, room)] } else { text::wrap(&command, room) };
            for (n, line) in lines.iter().enumerate() {
                let lead = if n == 0 { "$ " } else { "  " };
                out.push_str(&format!("      {}\n", paint::dim(&format!("{lead}{line}"))));
            }
        } else if proof.verdict.as_deref() == Some("claimed") {
            out.push_str(&format!("      {}\n", paint::dim("claimed: ticked, and no command proves it")));
        }
        for line in way(proof).iter().flat_map(|way| text::wrap(way, room)) {
            out.push_str(&format!("      {}\n", paint::dim(&line)));
        }
    }
    out
}

/// That there is no more to be said of the criteria in this clone.
pub(super) fn evidence_missing(missing: bool, width: usize) -> String {
    let said = format!("the evidence is not noted here: {}", views::NOTES_ELSEWHERE);
    let lines = if missing { text::wrap(&said, width.saturating_sub(4)) } else { Vec::new() };
    lines.iter().map(|line| format!("    {}\n", paint::dim(line))).collect()
}

/// What clients of models did and used; of scripts nobody asks it.
fn runs(detail: &Detail, width: usize) -> String {
    let asked = |run: &&crate::ops::runs::RunView| run.session.is_some() || run.tokens.is_some() || run.cost.is_some();
    let runs: Vec<_> = detail.runs.iter().filter(asked).collect();
    if runs.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint::bold("Runs"));
    let mut line = |lead: &str, told: Vec<Option<String>>| {
        let told = told.into_iter().flatten().collect::<Vec<_>>().join(", ");
        for (n, part) in text::wrap(&text::brief(&told), width.saturating_sub(6)).iter().enumerate() {
            out.push_str(&format!("{}{part}\n", if n == 0 { lead } else { "      " }));
        }
    };
    for run in &runs {
        let attempt = run.attempt.map(|attempt| format!("attempt {attempt} {}", run.ended));
        let tokens = run.tokens.as_ref().map(|tokens| format!("{tokens} tokens"));
        let who = [run.agent.as_deref(), run.model.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(":");
        line("  ", vec![attempt, Some(who), tokens, run.cost.clone(), run.duration.clone()]);
        let version = run.version.as_ref().map(|version| format!("version {version}"));
        let session = run.session.as_ref().map(|session| format!("session {session}"));
        if session.is_some() || version.is_some() {
            line("      ", vec![session, version]);
        }
        if let Some(over) = &run.over_budget {
            line("      ", vec![Some(over.clone())]);
        }
    }
    if runs.len() > 1 {
        let used = &detail.used;
        let tokens = (used.tokens > 0).then(|| format!("{} tokens", used.tokens));
        let money = used.money.iter().map(|(currency, sum)| format!("{sum} {currency}")).collect::<Vec<_>>().join(", ");
        let money = Some(money).filter(|money| !money.is_empty());
        let time = format!("{:.1}s", std::time::Duration::from_millis(used.duration_ms).as_secs_f64());
        line("  ", vec![Some("all together".to_owned()), tokens, money, Some(time)]);
    }
    out
}

/// Frozen files whose changes were set aside.
pub(super) fn set_aside(paths: &[String], width: usize) -> String {
    if paths.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint::bold("Set aside: changes to frozen files, which do not land"));
    for path in paths {
        let path = text::cut_front(&text::clean(path), width.saturating_sub(2));
        out.push_str(&format!("  {}\n", paint::coloured(&path, anstyle::AnsiColor::Yellow)));
    }
    out
}

/// Links that look like files of the repository, and are none.
fn links_out(links: &[String], width: usize) -> String {
    if links.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint::bold("Links out of the repository"));
    for line in links.iter().flat_map(|link| text::wrap(&text::clean(link), width.saturating_sub(2))) {
        out.push_str(&format!("  {}\n", paint::coloured(&line, anstyle::AnsiColor::Red)));
    }
    out
}

/// What the way of a criterion to green means, for people.
fn way(proof: &views::CriterionView) -> Option<&str> {
    match proof.way.as_deref()? {
        "held" => Some("held: green before the work as well, so it proves little"),
        way => Some(way),
    }
}

fn members(detail: &Detail, width: usize) -> String {
    if detail.members.is_empty() {
        return String::new();
    }
    let room = width.saturating_sub(2 + 2 + 11 + 2 + 16);
    let wide = |member: &views::Item| text::wide(&text::clean(&member.id));
    let ids = detail.members.iter().map(wide).filter(|wide| *wide <= room).max().unwrap_or(0);
    let mut out = format!("\n{}\n", paint::bold("Members"));
    for member in &detail.members {
        out.push_str(&format!("  {}", text::padded(&text::clean(&member.id), ids)));
        if wide(member) > ids {
            out.push_str(&format!("\n  {}", " ".repeat(ids)));
        }
        let title = text::cut(&text::clean(&member.title), width.saturating_sub(2 + ids + 2 + 11 + 2));
        out.push_str(format!("  {}  {title}", text::padded(&member.status, 11)).trim_end());
        out.push('\n');
    }
    out
}

fn events(detail: &Detail, width: usize) -> String {
    if detail.events.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint::bold("Events"));
    let mut start: Option<&views::EventView> = None;
    for event in &detail.events {
        let word = event.approval.as_deref().or(event.status.as_deref());
        let status = text::padded(word.unwrap_or("cut short"), 11);
        let mut rest: Vec<String> = Vec::new();
        let is_start = event.status.as_deref() == Some("in_progress");
        let of = |one: &views::EventView| (one.attempt, one.agent.clone(), one.from.clone(), one.person.clone());
        // A person finishes what was handed over: that is a start of the same, and no second handover.
        let again = is_start && event.person.is_some() && start.is_some_and(|last| of(last) == of(event));
        if is_start {
            start = Some(event);
        }
        let event = if again {
            rest.push("goes on with it".to_owned());
            &views::EventView { agent: None, from: None, person: None, ..event.clone() }
        } else {
            event
        };
        rest.extend(event.agent.as_ref().map(|agent| format!("by {agent}")));
        rest.extend(event.from.as_ref().map(|from| format!("from {from}")));
        rest.extend(event.person.as_ref().map(|person| format!("handed over to {person}")));
        rest.extend(event.approval.as_ref().map(|_| format!("by {}", event.author)));
        // Where there are reasons they count the criteria, too.
        rest.extend(event.criteria.clone().filter(|_| event.reason.is_none()).map(tally));
        rest.extend(event.reason.clone());
        rest.extend((!event.assisted_by.is_empty()).then(|| format!("with {}", event.assisted_by.join(", "))));
        rest.extend(event.tokens.as_ref().map(|tokens| format!("{tokens} tokens")));
        rest.extend(event.cost.clone());
        rest.extend(event.duration.clone().filter(|_| event.tokens.is_some() || event.cost.is_some()));
        let rest = text::brief(&rest.join(", "));
        let time = event.time.replace('T', " ").trim_end_matches('Z').to_owned();
        let attempt = event.attempt.map(|attempt| format!("attempt {attempt}")).unwrap_or_default();
        let lead = format!("{time}  {}  {status}", text::padded(&attempt, 9));
        out.push_str(&format!("  {}  ", paint::dim(&short(&event.commit))));
        if text::wide(&lead) + 12 + 2 + text::wide(&rest) <= width {
            out.push_str(format!("{lead}  {rest}").trim_end());
            out.push('\n');
        } else {
            out.push_str(&format!("{}\n", lead.trim_end()));
            for line in text::wrap(&rest, width.saturating_sub(12)) {
                out.push_str(&format!("{}{line}\n", " ".repeat(12)));
            }
        }
    }
    out
}

/// An id with words about it beside it, or below it where they do not fit.
pub(super) fn heading(id: &str, words: &str, width: usize) -> String {
    let id = text::clean(id);
    if text::wide(&id) + 2 + text::wide(words) <= width {
        return format!("{}  {words}", paint::bold(&id));
    }
    let lines = text::wrap(words, width.saturating_sub(2));
    format!("{}\n  {}", paint::bold(&id), lines.join("\n  "))
}

/// A tally of criteria in words; of none it would read like a failure.
pub(super) fn tally(tally: String) -> String {
    if tally == Tally::default().to_string() { "no criteria".to_owned() } else { tally }
}
