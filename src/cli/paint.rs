//! Colours, widths and the words of errors. Only a terminal is coloured; a pipe gets plain lines of any length.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

use crate::env::Env;
use crate::plan::Status;

/// How output looks.
pub struct Paint {
    out: anstream::ColorChoice,
    err: anstream::ColorChoice,
    /// Columns to fit into; `None` where nothing is to be cut.
    pub width: Option<usize>,
}

impl Paint {
    /// From what the process was given: `NO_COLOR` and `CLICOLOR_FORCE` as is customary, `COLUMNS` for the width.
    pub fn new(env: &Env) -> Self {
        let forced = env.vars.get("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let never = env.vars.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        let choice = |tty: bool| match (forced, never, tty) {
            (true, ..) => anstream::ColorChoice::Always,
            (_, true, _) | (_, _, false) => anstream::ColorChoice::Never,
            _ => anstream::ColorChoice::Auto,
        };
        let columns = env.vars.get("COLUMNS").and_then(|v| v.to_str()).and_then(|v| v.parse::<usize>().ok());
        let width = if env.stdout_tty {
            let measured = rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
            Some(columns.or(measured).filter(|width| *width >= 40).unwrap_or(80))
        } else {
            None
        };
        Self { out: choice(env.stdout_tty), err: choice(env.stderr_tty), width }
    }

    /// For standard output.
    pub fn choice(&self) -> anstream::ColorChoice {
        self.out
    }

    /// For standard error.
    pub fn error_choice(&self) -> anstream::ColorChoice {
        self.err
    }

    /// An error with everything that hangs on it: code, underlined source, what to type next.
    pub fn report(&self, error: &dyn miette::Diagnostic) -> String {
        let theme = if matches!(self.err, anstream::ColorChoice::Never) {
            miette::GraphicalTheme::unicode_nocolor()
        } else {
            miette::GraphicalTheme::unicode()
        };
        let handler = miette::GraphicalReportHandler::new_themed(theme).with_links(false).with_width(100);
        let mut text = String::new();
        match handler.render_report(&mut text, error) {
            Ok(()) => text.trim_end().to_owned(),
            Err(_) => error.to_string(),
        }
    }
}

/// Bold text.
pub fn bold(text: &str) -> String {
    styled(text, Style::new().bold())
}

/// Text that steps back.
pub fn dim(text: &str) -> String {
    styled(text, Style::new().dimmed())
}

/// Text in a colour.
pub fn coloured(text: &str, colour: AnsiColor) -> String {
    styled(text, Style::new().fg_color(Some(colour.into())))
}

fn styled(text: &str, style: Style) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}

/// The sign before a status.
pub fn sign(status: Status) -> &'static str {
    match status {
        Status::Ready => "○",
        Status::Blocked => "◌",
        Status::InProgress => "●",
        Status::Stalled => "◍",
        Status::InReview => "◆",
        Status::Completed => "✓",
        Status::Failed => "✗",
        Status::Cancelled => "–",
        Status::Unknown => "?",
    }
}

/// The colour of a status.
pub fn colour(status: Status) -> AnsiColor {
    match status {
        Status::Ready => AnsiColor::Blue,
        Status::Blocked | Status::Unknown | Status::Cancelled => AnsiColor::BrightBlack,
        Status::InProgress => AnsiColor::Cyan,
        Status::Stalled | Status::InReview => AnsiColor::Yellow,
        Status::Completed => AnsiColor::Green,
        Status::Failed => AnsiColor::Red,
    }
}

/// Text filled up to a width.
pub fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// Text cut to a width, with a sign that something is missing.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        used += w;
        out.push(c);
    }
    out.push('…');
    out
}

/// Text without control characters, for what others have written.
pub fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// Text broken at spaces, for a width.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}
