//! One thing to say about a text, with the place it is about: file, line, and the source underlined.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text and the name it is known by: a path, or where else it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What people call it, mostly a path.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// A text under its name.
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The same text, byte for byte as long, in a form that a terminal can be shown: without control characters and
    /// without those that turn the direction of writing.
    pub(super) fn harmless(&self) -> Self {
        let harmful = |c: char| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || super::id::invisible(c);
        if !self.text.contains(harmful) {
            return self.clone();
        }
        let mut text = String::with_capacity(self.text.len());
        for c in self.text.chars() {
            match harmful(c) {
                true => text.extend(std::iter::repeat_n('?', c.len_utf8())),
                false => text.push(c),
            }
        }
        Self { name: self.name.clone(), text: text.into() }
    }

    /// The line, from 1, on which a byte stands; a place beyond the end is on the last line.
    pub fn line(&self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        1 + before.iter().filter(|&&b| b == b'\n').count()
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&*self.name, &*self.text).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, text) = <(&str, &str)>::deserialize(deserializer)?;
        Ok(Self::new(name, text))
    }
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.as_ref().read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_string(),
            found.data(),
            *found.span(),
            found.line(),
            found.column(),
            found.line_count(),
        )))
    }
}

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The text cannot be used as it is.
    Error,
    /// The text can be used, but probably does not mean what its author thinks.
    Warning,
}

/// One diagnostic with its source.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The kind of diagnostic, as a stable word: `chant::unknown_key`.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// What to type next.
    pub help: Option<String>,
    /// Byte ranges of the source, on boundaries of characters, each with what to say beside it.
    pub labels: Vec<(Range<usize>, String)>,
    source: Source,
}

impl Diagnostic {
    /// An error about a source.
    pub fn error(code: &'static str, source: &Source, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity: Severity::Error, code, message, help: None, labels: Vec::new(), source: source.clone() }
    }

    /// A warning about a source.
    pub fn warning(code: &'static str, source: &Source, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, source, message) }
    }

    /// Underlines a range of the source; one that lies outside it is moved inside.
    #[must_use]
    pub fn label(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        let text_of = &self.source.text;
        let start = text_of.floor_char_boundary(span.start.min(text_of.len()));
        let end = text_of.ceil_char_boundary(span.end.clamp(start, text_of.len()));
        self.labels.push((start..end, text.into()));
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the text cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The text this is about.
    pub fn origin(&self) -> &Source {
        &self.source
    }

    /// The line, from 1, of the first label; `None` where the diagnostic is about the whole text.
    pub fn line(&self) -> Option<usize> {
        self.labels.first().map(|(span, _)| self.source.line(span.start))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() {
            return None;
        }
        let label = |(span, text): &(Range<usize>, String)| {
            LabeledSpan::new_with_span(Some(text.clone()).filter(|t| !t.is_empty()), span.clone())
        };
        Some(Box::new(self.labels.iter().map(label)))
    }
}

/// Gathers what is to be said about one text: everything, but not without end.
#[derive(Debug)]
pub(crate) struct Sink {
    source: Source,
    said: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

/// Nobody reads more than this about one file, and a hostile one could fill the memory.
const MOST: usize = 100;

impl Sink {
    pub fn new(source: &Source) -> Self {
        Self { source: source.harmless(), said: Vec::new(), errors: 0, warnings: 0 }
    }

    /// The source, harmless to show.
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        let count = if diagnostic.is_error() { &mut self.errors } else { &mut self.warnings };
        *count += 1;
        if *count <= MOST {
            self.said.push(diagnostic);
        }
    }

    /// An error that underlines one place.
    pub fn error(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: Range<usize>,
        label: &str,
        help: &str,
    ) {
        let diagnostic = Diagnostic::error(code, &self.source, message).label(span, label);
        self.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    /// A warning that underlines one place.
    pub fn warn(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: Range<usize>,
        label: &str,
        help: &str,
    ) {
        let diagnostic = Diagnostic::warning(code, &self.source, message).label(span, label);
        self.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Everything, in the order of the text.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.said.sort_by_key(|d| d.labels.first().map_or(0, |(span, _)| span.start));
        self.said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_named_and_the_place_underlined() {
        let source = Source::new("specs/001.md", "one\ntwo é three\nfour\n");
        let diagnostic =
            Diagnostic::error("chant::test", &source, "this is wrong").label(8..10, "here").help("mend it");
        assert_eq!(diagnostic.line(), Some(2));
        let report = format!("{:?}", miette::Report::new(diagnostic));
        for part in ["this is wrong", "specs/001.md:2:5", "two é three", "here", "mend it", "chant::test"] {
            assert!(report.contains(part), "{part} is missing in {report}");
        }
    }

    #[test]
    fn a_label_never_leaves_the_text_nor_cuts_a_character() {
        let source = Source::new("x", "aé");
        let d = Diagnostic::error("chant::test", &source, "").label(2..2, "").label(9..99, "").label(1..2, "");
        let spans: Vec<_> = d.labels.iter().map(|(span, _)| span.clone()).collect();
        assert_eq!(spans, [1..3, 3..3, 1..3]);
    }

    #[test]
    fn what_is_shown_holds_no_control_characters() {
        let source = Source::new("x", "a\x1b[31mb\u{202e}c\td\r\n\u{9b}");
        let shown = source.harmless();
        assert_eq!(&*shown.text, "a?[31mb???c\td\r\n??");
        assert_eq!(shown.text.len(), source.text.len());
    }

    #[test]
    fn a_hostile_file_cannot_make_the_list_of_its_faults_endless() {
        let mut sink = Sink::new(&Source::new("x", "x"));
        (0..10_000).for_each(|_| sink.warn("chant::test", "w", 0..1, "", ""));
        sink.error("chant::test", "e", 0..1, "", "");
        assert!(sink.has_errors());
        let said = sink.finish();
        assert_eq!(said.len(), MOST + 1);
        assert!(said.iter().any(Diagnostic::is_error), "warnings never crowd out an error");
    }
}
