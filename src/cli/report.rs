//! Errors as people read them: what, where with the source underlined, what to type next. Whatever a file holds, a
//! report stays readable: it names the file, breaks no id, and shows of an endless line only what it is about.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::text;

/// Bytes of a source's line that are shown whole.
const WHOLE: usize = 240;
/// Bytes that are shown before and behind a place in a longer one.
const AROUND: usize = 60;
/// Columns of words, however much of a file they quote.
const WORDS: usize = 600;

/// An error and everything that hangs on it. What only gathers others is not said itself: each of them tells its place
/// and its reason.
pub fn report(error: &dyn Diagnostic, coloured: bool, width: usize) -> String {
    let gathered: Vec<String> = error.related().into_iter().flatten().map(|one| report(one, coloured, width)).collect();
    if !gathered.is_empty() {
        return gathered.join("\n");
    }
    let theme = if coloured { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() };
    // miette would break words at their hyphens, and ids are full of them.
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false);
    let mut out = String::new();
    match handler.render_report(&mut out, &Shown::new(error, width.min(100))) {
        Ok(()) => out.trim_end().to_owned(),
        Err(_) => error.to_string(),
    }
}

/// An error made fit to be shown.
struct Shown<'e> {
    error: &'e dyn Diagnostic,
    message: String,
    help: Option<String>,
    snippet: Option<Snippet>,
    labels: Vec<LabeledSpan>,
}

impl<'e> Shown<'e> {
    fn new(error: &'e dyn Diagnostic, width: usize) -> Self {
        let labels: Vec<LabeledSpan> = error.labels().into_iter().flatten().collect();
        let spans: Vec<Range<usize>> =
            labels.iter().map(|label| label.offset()..label.offset() + label.len()).collect();
        let snippet = error.source_code().and_then(|source| Snippet::new(source, &spans));
        let mut message = error.to_string();
        if let Some(name) = error.source_code().filter(|_| spans.is_empty()).and_then(name_of) {
            message = format!("{name}: {message}");
        }
        let labels = match &snippet {
            None => Vec::new(),
            Some(snippet) => labels
                .iter()
                .zip(&spans)
                .map(|(label, span)| {
                    let span = snippet.place(span.start)..snippet.place(span.end);
                    let words = label.label().map(|words| text::cut(&text::clean(words), width));
                    LabeledSpan::new_with_span(words, span)
                })
                .collect(),
        };
        let help = error.help().map(|help| lines(&help.to_string(), width.saturating_sub(8)));
        Self { error, message: lines(&message, width.saturating_sub(4)), help, snippet, labels }
    }
}

/// Words on lines; those they have are kept.
fn lines(words: &str, width: usize) -> String {
    let words = text::tame(words);
    let words = if text::wide(&words) > WORDS { text::cut(&words, WORDS) } else { words };
    words.lines().flat_map(|line| text::wrap(&text::clean(line), width)).collect::<Vec<_>>().join("\n")
}

/// What a source is called.
fn name_of(source: &dyn SourceCode) -> Option<String> {
    let found = source.read_span(&(0, 0).into(), 0, 0).ok()?;
    found.name().filter(|name| !name.is_empty()).map(text::clean)
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.code()
    }

    fn severity(&self) -> Option<miette::Severity> {
        self.error.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippet.as_ref().map(|snippet| snippet as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() { None } else { Some(Box::new(self.labels.iter().cloned())) }
    }

    fn diagnostic_source(&self) -> Option<&dyn Diagnostic> {
        self.error.diagnostic_source()
    }
}

/// The lines of a source around some places, the long ones cut.
struct Snippet {
    name: String,
    text: String,
    /// The number of the first line, from 0.
    line: usize,
    /// What was kept of the source: where it began and ended there, and where it begins here.
    kept: Vec<(Range<usize>, usize)>,
}

impl Snippet {
    fn new(source: &dyn SourceCode, spans: &[Range<usize>]) -> Option<Self> {
        let from = spans.iter().map(|span| span.start).min()?;
        let to = spans.iter().map(|span| span.end).max()?;
        let found = source.read_span(&(from, to - from).into(), 1, 1).ok()?;
        let data = std::str::from_utf8(found.data()).ok()?;
        let mut snippet = Self {
            name: found.name().unwrap_or_default().to_owned(),
            text: String::new(),
            line: found.line(),
            kept: Vec::new(),
        };
        let mut at = found.span().offset();
        for line in data.split_inclusive('\n') {
            snippet.keep(at, line, spans);
            at += line.len();
        }
        Some(snippet)
    }

    /// Takes over a line that begins at a byte of the source.
    fn keep(&mut self, at: usize, line: &str, spans: &[Range<usize>]) {
        if line.len() <= WHOLE {
            self.kept.push((at..at + line.len(), self.text.len()));
            self.text.push_str(line);
            return;
        }
        let end = line.trim_end_matches(['\n', '\r']).len();
        let touching = spans.iter().filter(|span| span.start <= at + end && at <= span.end);
        let mut around: Vec<Range<usize>> = touching
            .map(|span| {
                let start = span.start.saturating_sub(at);
                start.saturating_sub(AROUND)..(span.end - at).min(start + AROUND) + AROUND / 2
            })
            .collect();
        if around.is_empty() {
            around.push(0..2 * AROUND);
        }
        around.sort_by_key(|range| range.start);
        let mut done = 0;
        for range in around {
            let from = line.floor_char_boundary(range.start.min(end)).max(done);
            let to = line.ceil_char_boundary(range.end.min(end));
            if to <= done && done > 0 {
                continue;
            }
            if from > done {
                self.text.push('…');
            }
            self.kept.push((at + from..at + to.max(from), self.text.len()));
            self.text.push_str(&line[from..to.max(from)]);
            done = to.max(from);
        }
        if done < end {
            self.text.push('…');
        }
        self.kept.push((at + end..at + line.len(), self.text.len()));
        self.text.push_str(&line[end..]);
    }

    /// Where a byte of the source is here, or what was kept last before it.
    fn place(&self, at: usize) -> usize {
        let before = self.kept.partition_point(|(range, _)| range.start <= at);
        let Some((range, here)) = before.checked_sub(1).and_then(|n| self.kept.get(n)) else { return 0 };
        here + at.min(range.end) - range.start
    }
}

impl SourceCode for Snippet {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.as_str().read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            *found.span(),
            found.line() + self.line,
            found.column(),
            found.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Diagnostic, Source};
    use proptest::prelude::*;

    #[test]
    fn an_endless_line_is_shown_where_it_matters_under_its_own_number() {
        let long = "x".repeat(1_000_000);
        let source = Source::new("specs/1.md", &format!("one\ntwo\n{long} here {long}\nfour\n"));
        let at = 8 + long.len() + 1;
        let shown = report(&Diagnostic::error("chant::test", &source, "wrong").label(at..at + 4, "this"), false, 80);
        assert!(shown.len() < 2_000, "{}", shown.len());
        for part in ["specs/1.md:3:", "xxx here xxx", "this", "four"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn what_is_about_a_whole_file_names_it_and_ids_are_not_broken() {
        let source = Source::new("specs/a b.md", "");
        let help = format!("type `chant log {}`", ["002-a-driver-with-a-name.1"; 4].join(" "));
        let shown = report(&Diagnostic::error("chant::test", &source, "not a name").help(help), false, 80);
        assert!(shown.contains("× specs/a b.md: not a name"), "{shown}");
        assert_eq!(shown.matches("002-a-driver-with-a-name.1").count(), 4, "{shown}");
    }

    proptest! {
        #[test]
        fn any_places_of_any_text_can_be_shown(
            lines in proptest::collection::vec(("[aé\t\u{1f600}\r ]{0,20}", 1_usize..60), 1..6),
            places in proptest::collection::vec((0_usize..4_000, 0_usize..4_000), 0..5),
        ) {
            let text: String = lines.iter().map(|(line, times)| format!("{}\n", line.repeat(*times))).collect();
            let source = Source::new("x.md", &text);
            let mut diagnostic = Diagnostic::error("chant::test", &source, "wrong");
            for (from, long) in places {
                diagnostic = diagnostic.label(from..from + long, "here");
            }
            let shown = report(&diagnostic, false, 80);
            prop_assert!(shown.contains("wrong") && shown.contains("x.md"), "{}", shown);
        }
    }
}
