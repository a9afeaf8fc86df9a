//! Colours, signs, the width and the look of errors. Only a terminal is coloured; lines are as wide as it, and 80 columns
//! in a pipe, unless `COLUMNS` says otherwise: what is cut there is whole in `--json`.

use anstyle::{AnsiColor, Style};

use crate::env::Env;
use crate::plan::Status;

/// How output looks.
pub struct Paint {
    out: anstream::ColorChoice,
    err: anstream::ColorChoice,
    /// Columns to fit into.
    pub width: usize,
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
        let measured = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
        let columns = columns.or_else(|| if env.stdout_tty { measured() } else { None });
        // What is asked for more than anybody reads stands for no limit at all.
        let width = columns.filter(|width| *width >= 40).unwrap_or(80).min(10_000);
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

    /// What stands before and after a text in a style; nothing where nothing is painted.
    pub fn around(&self, style: Style) -> [String; 2] {
        match self.out {
            anstream::ColorChoice::Never => [String::new(), String::new()],
            _ => [style.render().to_string(), style.render_reset().to_string()],
        }
    }

    /// Text in a style for standard output, if it is painted.
    pub fn styled(&self, text: &str, style: Style) -> String {
        let [before, after] = self.around(style);
        [&before, text, &after].concat()
    }

    /// An error with everything that hangs on it: code, underlined source, what to type next.
    pub fn report(&self, error: &dyn miette::Diagnostic) -> String {
        super::report::report(error, !matches!(self.err, anstream::ColorChoice::Never), self.width)
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

/// Text in a style.
pub fn styled(text: &str, style: Style) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}

/// The sign of a status: one column wide, and always beside its word, so that nobody has to learn it.
pub fn glyph(status: Status) -> &'static str {
    match status {
        Status::Ready => "○",
        Status::Blocked => "⊘",
        Status::InProgress => "◐",
        Status::Stalled => "◌",
        Status::InReview => "◇",
        Status::Completed => "✓",
        Status::Failed => "✗",
        Status::Cancelled => "–",
        Status::Unknown => "?",
    }
}

/// The colour of a status.
pub fn colour(status: Status) -> Style {
    let plain = Style::new();
    match status {
        Status::Ready => plain.bold(),
        Status::Completed => AnsiColor::Green.on_default(),
        Status::InProgress => AnsiColor::Cyan.on_default(),
        Status::Stalled | Status::InReview => AnsiColor::Yellow.on_default(),
        Status::Failed => AnsiColor::Red.on_default(),
        Status::Blocked | Status::Cancelled | Status::Unknown => plain.dimmed(),
    }
}
