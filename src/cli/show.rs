//! `chant show`

use clap::Args;

use super::{Context, Outcome, paint, text};
use crate::ops::views::{self, Detail, KpiView};
use crate::plan::Status;

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
    let mut out = format!("{}\n{}\n\n", paint::bold(&item.id), text::clean(&item.title));
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            out.push_str(&format!("  {}  {}\n", paint::dim(&text::padded(name, 10)), text::clean(&value)));
        }
    };
    let word = format!("{} {}", paint::glyph(status), item.status);
    fact("status", word);
    fact("type", item.kind.clone());
    fact("attempt", item.attempt.map(|attempt| attempt.to_string()).unwrap_or_default());
    fact("branch", item.branch.clone().unwrap_or_default());
    fact("target", item.target.clone().unwrap_or_default());
    fact("driver", item.driver.clone().unwrap_or_default());
    fact("depends on", item.depends_on.join(", "));
    fact("labels", item.labels.join(", "));
    fact("landed in", detail.landing.as_deref().map(short).unwrap_or_default());
    for blocker in &item.blocked_by {
        fact("blocked by", blocker.reason.clone());
    }
    if let Some(attention) = &item.attention {
        for (n, line) in text::wrap(attention, width.saturating_sub(14)).into_iter().enumerate() {
            fact(if n == 0 { "attention" } else { "" }, line);
        }
    }
    if let Some(kpi) = &detail.kpi {
        for (name, value) in kpi_lines(kpi) {
            fact(name, value);
        }
    }
    out.push_str(&criteria(&detail.proofs, width));
    out.push_str(&members(detail, width));
    out.push_str(&events(detail));
    out
}

fn short(hex: &str) -> String {
    hex.chars().take(8).collect()
}

/// What is expected of a figure, and how much of it has landed.
fn kpi_lines(kpi: &KpiView) -> Vec<(&'static str, String)> {
    let unit = kpi.unit.as_deref().unwrap_or_default();
    let metric = kpi.metric.as_deref().unwrap_or("kpi");
    let mut lines = Vec::new();
    if let (Some(baseline), Some(target)) = (kpi.baseline, kpi.target) {
        lines.push(("kpi", format!("{metric}: {baseline}{unit} now, {target}{unit} wanted")));
    } else if kpi.metric.is_some() {
        lines.push(("kpi", metric.to_owned()));
    }
    if let Some(impact) = kpi.impact {
        lines.push(("impact", format!("{impact} points expected")));
    }
    if let (Some(expected), Some(landed)) = (kpi.expected, kpi.landed) {
        let expected = views::rounded(expected);
        let landed = views::rounded(landed);
        lines.push(("expected", format!("{expected} points from its members, {landed} of them landed")));
    }
    lines
}

pub(super) fn criteria(proofs: &[views::CriterionView], width: usize) -> String {
    if proofs.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint::bold("Criteria"));
    for proof in proofs {
        let (sign, colour) = match proof.verdict.as_deref() {
            Some("verified") => ("✓", anstyle::AnsiColor::Green),
            Some("claimed") => ("◇", anstyle::AnsiColor::Yellow),
            Some("unmet") => ("✗", anstyle::AnsiColor::Red),
            _ => ("○", anstyle::AnsiColor::BrightBlack),
        };
        for (n, line) in text::wrap(&text::clean(&proof.text), width.saturating_sub(6)).into_iter().enumerate() {
            let lead = if n == 0 { paint::coloured(sign, colour) } else { " ".to_owned() };
            out.push_str(&format!("  {lead} {line}\n"));
        }
        if let Some(command) = &proof.command {
            out.push_str(&format!("      {}\n", paint::dim(&format!("$ {}", text::clean(command)))));
        } else if proof.verdict.as_deref() == Some("claimed") {
            out.push_str(&format!("      {}\n", paint::dim("claimed: ticked, and no command proves it")));
        }
    }
    out
}

fn members(detail: &Detail, width: usize) -> String {
    if detail.members.is_empty() {
        return String::new();
    }
    let ids = detail.members.iter().map(|member| member.id.len()).max().unwrap_or(0);
    let mut out = format!("\n{}\n", paint::bold("Members"));
    for member in &detail.members {
        let room = width.saturating_sub(ids + 18);
        out.push_str(&format!(
            "  {}  {}  {}\n",
            text::padded(&member.id, ids),
            text::padded(&member.status, 11),
            text::cut(&text::clean(&member.title), room.max(10)),
        ));
    }
    out
}

fn events(detail: &Detail) -> String {
    if detail.events.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint::bold("Events"));
    for event in &detail.events {
        let status = event.status.as_deref().unwrap_or("note");
        let mut rest: Vec<String> = Vec::new();
        rest.extend(event.agent.as_ref().map(|agent| format!("by {agent}")));
        rest.extend(event.criteria.clone());
        rest.extend(event.reason.clone());
        let time = event.time.replace('T', " ").trim_end_matches('Z').to_owned();
        out.push_str(&format!(
            "  {}  {time}  attempt {}  {}  {}\n",
            paint::dim(&short(&event.commit)),
            event.attempt.unwrap_or(0),
            text::padded(status, 11),
            text::clean(&rest.join(", ")),
        ));
    }
    out
}
