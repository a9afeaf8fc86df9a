//! `chant report`

use clap::{Args, Subcommand, ValueEnum};

use super::{Context, Outcome, paint, text};
use crate::ops::cost::{self, SpentView};
use crate::plan::cost::By;

/// Add up what the history tells.
#[derive(Args)]
pub struct Report {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Cost(Cost),
}

/// What the work has cost: money, tokens and time of every attempt, failed ones too.
///
/// From the trailers Chant-Cost, Chant-Tokens and Chant-Duration, as the agents reported them.
#[derive(Args)]
struct Cost {
    /// By what it is added up.
    #[arg(long, value_enum, default_value_t = Key::Spec)]
    by: Key,
    /// As it was at this revision.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Key {
    Spec,
    Driver,
    Label,
    Week,
    Agent,
}

impl Key {
    fn by(self) -> (By, &'static str) {
        match self {
            Self::Spec => (By::Spec, "spec"),
            Self::Driver => (By::Driver, "driver"),
            Self::Label => (By::Label, "label"),
            Self::Week => (By::Week, "week"),
            Self::Agent => (By::Agent, "agent"),
        }
    }
}

impl Report {
    pub fn run(self, context: &Context) -> Outcome {
        let What::Cost(args) = self.what;
        let project = context.project()?;
        let look = context.look(&project, args.at.as_deref())?;
        let (by, word) = args.by.by();
        let view = cost::cost(&project, &look, by, word);
        if args.json {
            context.json(&view)?;
            return Ok(0);
        }
        if view.rows.is_empty() {
            context.say("no attempt has ended yet");
            return Ok(0);
        }
        let lines: Vec<[String; 5]> = view.rows.iter().chain([&view.total]).map(columns).collect();
        context.print(&table(word, &lines))?;
        Ok(0)
    }
}

fn columns(spent: &SpentView) -> [String; 5] {
    let money: Vec<String> = spent.cost.iter().map(|(currency, sum)| format!("{sum} {currency}")).collect();
    let failed = if spent.failed == 0 { String::new() } else { format!(" ({} failed)", spent.failed) };
    let none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    [
        text::clean(&spent.key),
        format!("{}{failed}", spent.attempts),
        none(money.join(" + ")),
        if spent.tokens == 0 { "-".to_owned() } else { spent.tokens.to_string() },
        format!("{:.1}s", spent.seconds),
    ]
}

fn table(word: &str, lines: &[[String; 5]]) -> String {
    let heads = [word, "attempts", "cost", "tokens", "time"];
    let width = |n: usize| lines.iter().map(|line| text::wide(&line[n])).max().unwrap_or(0).max(heads[n].len());
    let widths: Vec<usize> = (0..5).map(width).collect();
    let row = |cells: [&str; 5]| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| text::padded(cell, *width)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut out = format!("{}\n", paint::dim(&row(heads)));
    for (n, line) in lines.iter().enumerate() {
        let line = row(line.each_ref().map(String::as_str));
        out.push_str(&if n + 1 == lines.len() { format!("{}\n", paint::bold(&line)) } else { format!("{line}\n") });
    }
    out
}
