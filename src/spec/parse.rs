//! From the bytes of a file to a spec, with everything that is wrong said at once.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Severity, Sink, Source};
use super::glob::check_glob;
use super::id::SpecId;
use super::markdown::{Outline, outline};
use super::model::{Kind, Kpi, Spec, SpecRef};
use super::near::nearest;
use super::yaml::{self, Node};

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The spec, where nothing is an error.
    pub spec: Option<Spec>,
    /// All errors and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

const KEYS: [&str; 21] = [
    "type",
    "depends_on",
    "members",
    "labels",
    "target_files",
    "context",
    "informed_by",
    "origin",
    "tracks",
    "prompt",
    "agent",
    "model",
    "approval",
    "review",
    "retries",
    "timeout",
    "budget",
    "kpi",
    "formerly",
    "target",
    "status",
];

/// Reads a spec. Total: any bytes give either a spec or at least one error.
///
/// `name` is what the diagnostics call the file.
pub fn parse(id: &SpecId, name: &str, bytes: &[u8]) -> Parsed {
    let text = String::from_utf8_lossy(bytes);
    let source = Source::new(name, &text);
    let mut sink = Sink::new(&source);
    sink.utf8(bytes);
    let (front, body) = split(&source.text, &mut sink);
    let front = front.and_then(|part| yaml::parse(&source.text, part).map_err(|fault| sink.fault(fault)).ok());
    let outline = outline(&source.text, body.clone(), &mut sink);
    let mut spec = empty(id, &source, body);
    if let Some(front) = front {
        frontmatter(&mut spec, &front, &mut sink);
    }
    markdown(&mut spec, outline, &mut sink);
    Parsed { spec: (!sink.has_errors()).then_some(spec), diagnostics: sink.finish() }
}

/// The frontmatter, if there is one, and the markdown after it.
fn split(text: &str, sink: &mut Sink) -> (Option<Range<usize>>, Range<usize>) {
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let whole = start..text.len();
    let mut lines = text[start..].split_inclusive('\n');
    let Some(opening) = lines.next().filter(|line| line.trim_end() == "---") else { return (None, whole) };
    let begin = start + opening.len();
    let mut at = begin;
    for line in lines {
        if line.trim_end() == "---" {
            return (Some(begin..at), at + line.len()..text.len());
        }
        at += line.len();
    }
    let help = "close it with a line `---` before the title";
    sink.error("chant::frontmatter", "the frontmatter never ends", start..start + 3, "it opens here", help);
    (None, whole)
}

fn empty(id: &SpecId, source: &Source, body: Range<usize>) -> Spec {
    Spec {
        id: id.clone(),
        source: source.clone(),
        kind: Kind::default(),
        title: String::new(),
        title_span: body.start..body.start,
        depends_on: Vec::new(),
        members: Vec::new(),
        labels: Vec::new(),
        target_files: Vec::new(),
        context: Vec::new(),
        informed_by: Vec::new(),
        origin: Vec::new(),
        tracks: Vec::new(),
        prompt: None,
        agent: None,
        model: None,
        approval: false,
        review: false,
        retries: None,
        timeout: None,
        budget: None,
        kpi: None,
        formerly: Vec::new(),
        target: None,
        criteria: Vec::new(),
        steps: Vec::new(),
        body,
    }
}

fn frontmatter(spec: &mut Spec, front: &Node, sink: &mut Sink) {
    for (key, name, value) in sink.entries(front, "a spec", &KEYS, Severity::Warning) {
        let name = name.as_str();
        match name {
            "type" => spec.kind = kind(value, sink).unwrap_or_default(),
            "depends_on" => spec.depends_on = references(name, value, sink),
            "members" => spec.members = references(name, value, sink),
            "labels" => spec.labels = sink.texts(name, value).into_iter().map(|(text, _)| text).collect(),
            "target_files" => spec.target_files = globs(name, value, sink),
            "context" => spec.context = globs(name, value, sink),
            "informed_by" => spec.informed_by = globs(name, value, sink),
            "origin" => spec.origin = globs(name, value, sink),
            "tracks" => spec.tracks = globs(name, value, sink),
            "prompt" => spec.prompt = sink.text(name, value),
            "agent" => spec.agent = sink.text(name, value),
            "model" => spec.model = sink.text(name, value),
            "target" => spec.target = sink.branch(name, value),
            "approval" => spec.approval = sink.word(name, value, &[("required", ())]).is_some(),
            "review" => spec.review = sink.word(name, value, &[("required", ())]).is_some(),
            "retries" => spec.retries = sink.count(name, value, 0),
            "timeout" => spec.timeout = sink.duration(name, value),
            "budget" => spec.budget = super::read_budget(value, &["attempt", "spec"], sink),
            "kpi" => spec.kpi = kpi(value, sink),
            "formerly" => spec.formerly = former(name, value, sink),
            _ => {
                let help = "delete the line; `chant list` tells the status from the commits";
                sink.warn("chant::status", "`status:` is not read", key.span.clone(), "here", help);
            }
        }
    }
}

fn kind(value: &Node, sink: &mut Sink) -> Option<Kind> {
    let text = sink.text("type", value)?;
    match text.parse() {
        Ok(kind) => Some(kind),
        Err(error) => {
            let known = Kind::ALL.map(Kind::as_str);
            let help = nearest(&text, known).map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
            sink.error("chant::wrong_type", format!("{error}"), value.span.clone(), "unknown", &help);
            None
        }
    }
}

fn references(key: &str, value: &Node, sink: &mut Sink) -> Vec<SpecRef> {
    sink.texts(key, value).into_iter().map(|(text, span)| SpecRef { text, span }).collect()
}

fn globs(key: &str, value: &Node, sink: &mut Sink) -> Vec<String> {
    let mut globs = Vec::new();
    for (pattern, span) in sink.texts(key, value) {
        match check_glob(&pattern) {
            Ok(_) => globs.push(pattern),
            Err(why) => {
                let help = "paths are relative to the project's directory, and stay in it";
                sink.error("chant::glob", format!("`{key}`: {why}"), span, "this path", help);
            }
        }
    }
    globs
}

fn former(key: &str, value: &Node, sink: &mut Sink) -> Vec<SpecId> {
    let mut ids = Vec::new();
    for (text, span) in sink.texts(key, value) {
        match text.parse::<SpecId>() {
            Ok(id) => ids.push(id),
            Err(error) => sink.error("chant::id", error.to_string(), span, "this id", "it is the stem of the old file"),
        }
    }
    ids
}

fn kpi(value: &Node, sink: &mut Sink) -> Option<Kpi> {
    let mut kpi = Kpi::default();
    let known = ["metric", "unit", "baseline", "target", "impact"];
    for (_, name, value) in sink.entries(value, "`kpi`", &known, Severity::Warning) {
        match name.as_str() {
            "metric" => kpi.metric = sink.text("metric", value),
            "unit" => kpi.unit = sink.text("unit", value),
            "baseline" => kpi.baseline = sink.number("baseline", value),
            "target" => kpi.target = sink.number("target", value),
            _ => kpi.impact = sink.number("impact", value),
        }
    }
    Some(kpi).filter(|kpi| *kpi != Kpi::default())
}

fn markdown(spec: &mut Spec, outline: Outline, sink: &mut Sink) {
    let start = spec.body.start;
    let first_line = start..start + spec.markdown().find(['\n', '\r']).unwrap_or(spec.markdown().len());
    match &outline.titles[..] {
        [] => sink.error(
            "chant::title",
            "the spec has no title",
            first_line,
            "before this",
            "write `# Title` as its first line",
        ),
        [(title, span)] if title.is_empty() => {
            sink.error("chant::title", "the title is empty", span.clone(), "here", "")
        }
        [(title, span)] => {
            spec.title.clone_from(title);
            spec.title_span = span.clone();
        }
        [(_, first), rest @ ..] => {
            let message = format!("the spec has {} titles", outline.titles.len());
            let mut many = Diagnostic::error("chant::title", sink.source(), message).label(first.clone(), "the first");
            for (_, span) in rest.iter().take(5) {
                many = many.label(span.clone(), "another one");
            }
            sink.push(many.help("keep one `# Title`; make the others `## Headings`"));
        }
    }
    spec.criteria = outline.criteria;
    spec.steps = outline.steps;
    if spec.criteria.is_empty() && !spec.is_driver() {
        let help = "say under `## Acceptance Criteria` when it is done: `- [ ] …`";
        sink.warn("chant::no_criteria", "the spec has no criteria", spec.title_span.clone(), "of this spec", help);
    }
}
