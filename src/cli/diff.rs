//! `chant diff`

use clap::Args;
use similar::{ChangeTag, TextDiff};

use super::{Context, Outcome, paint, show, text};
use crate::ops::{self, diff::FileDiff};

/// Show a spec's change against its target, with criteria and evidence above it.
#[derive(Args)]
pub struct Diff {
    /// The spec.
    id: String,
    /// Only the files and how much changed in them.
    #[arg(long)]
    stat: bool,
    /// As JSON: criteria, files and counts.
    #[arg(long)]
    json: bool,
}

/// A change, as `chant diff --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct DiffView {
    /// The spec.
    pub id: String,
    /// The commit it is compared with.
    pub from: String,
    /// The commit that holds the change.
    pub to: String,
    /// The branch it lands on.
    pub target: Option<String>,
    /// The criteria and how they stand.
    pub criteria: Vec<ops::views::CriterionView>,
    /// Whether the attempt that counts has ended and its evidence is not noted in this clone.
    pub evidence_missing: bool,
    /// What reviewers have said, where it waits for them.
    pub review: Option<crate::plan::status::Review>,
    /// Frozen files whose changes were set aside before proving, and are not in what lands.
    pub set_aside: Vec<String>,
    /// The changed files.
    pub files: Vec<FileView>,
}

/// A changed file.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct FileView {
    /// Its path in the repository.
    pub path: String,
    /// `added`, `deleted` or `modified`.
    pub change: String,
    /// Lines that came; null for a binary file.
    pub insertions: Option<usize>,
    /// Lines that went; null for a binary file.
    pub deletions: Option<usize>,
    /// Whether it lies outside of the spec's `target_files`.
    pub outside_target_files: bool,
    /// What it does to tests that were there, in words; a guess from the text.
    pub tests: Option<String>,
    /// What it makes of the criteria of a spec, a line each: gone, or proven otherwise.
    pub criteria: Vec<String>,
    /// Where it leads, in words, if it is a symbolic link out of the repository.
    pub leads_out: Option<String>,
}

impl Diff {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let look = context.look(&project, None)?;
        let diff = ops::diff::diff(&project, &look, &self.id)?;
        if self.json {
            context.json(&DiffView {
                id: diff.id.to_string(),
                from: diff.from.to_string(),
                to: diff.to.to_string(),
                target: diff.target.clone(),
                criteria: diff.criteria.clone(),
                evidence_missing: diff.evidence_missing,
                review: diff.review.clone(),
                set_aside: diff.set_aside.clone(),
                files: diff.files.iter().map(view).collect(),
            })?;
            return Ok(0);
        }
        let width = context.paint.width;
        let target = diff.target.as_deref().unwrap_or("its base");
        let files = text::count(diff.files.len(), "file");
        let mut out = format!("{}\n", show::heading(diff.id.as_str(), &format!("{files} against {target}"), width));
        out.push_str(&diff.review.as_ref().map(|review| reviewed(review, width)).unwrap_or_default());
        out.push_str(&show::criteria(&diff.criteria, width, show::Proofs::Brief));
        out.push_str(&show::evidence_missing(diff.evidence_missing, width));
        out.push_str(&show::set_aside(&diff.set_aside, width));
        if !diff.files.is_empty() {
            out.push('\n');
            out.push_str(&stat(&diff.files, width));
        }
        if !self.stat {
            for file in &diff.files {
                out.push('\n');
                out.push_str(&body(file));
            }
        }
        context.print(&out)?;
        Ok(0)
    }
}

/// What reviewers have said so far.
fn reviewed(review: &crate::plan::status::Review, width: usize) -> String {
    let mut lines = vec![match (&review.rejected, review.approved.len()) {
        (Some(by), _) => format!("rejected by {by}"),
        (None, 0) => format!("waits for {}", text::count(review.needed, "approval")),
        (None, n) => format!("{n} of {}: {}", text::count(review.needed, "approval"), review.approved.join(", ")),
    }];
    lines.extend(review.void.iter().cloned());
    let wrapped = lines.iter().flat_map(|line| text::wrap(&text::clean(line), width.saturating_sub(2)));
    format!("\n{}\n{}", paint::bold("Review"), wrapped.map(|line| format!("  {line}\n")).collect::<String>())
}

fn words(side: &Option<Vec<u8>>) -> Option<&str> {
    match side {
        None => Some(""),
        Some(bytes) if bytes.contains(&0) => None,
        Some(bytes) => std::str::from_utf8(bytes).ok(),
    }
}

fn counts(file: &FileDiff) -> Option<(usize, usize)> {
    let (old, new) = (words(&file.old)?, words(&file.new)?);
    let diff = TextDiff::from_lines(old, new);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    Some((count(ChangeTag::Insert), count(ChangeTag::Delete)))
}

fn change(file: &FileDiff) -> &'static str {
    match (&file.old, &file.new) {
        (None, _) => "added",
        (_, None) => "deleted",
        _ => "modified",
    }
}

/// What the change does to tests, in words.
fn losses(file: &FileDiff) -> Vec<String> {
    file.weakened.iter().map(|what| what.words()).collect()
}

fn view(file: &FileDiff) -> FileView {
    let counts = counts(file);
    FileView {
        path: file.path.clone(),
        change: change(file).to_owned(),
        insertions: counts.map(|(insertions, _)| insertions),
        deletions: counts.map(|(_, deletions)| deletions),
        outside_target_files: file.outside,
        tests: (!file.weakened.is_empty()).then(|| losses(file).join("; ")),
        criteria: file.criteria.clone(),
        leads_out: file.leads_out.clone(),
    }
}

/// A line a file: what became of it, its path, how much. A path that is too long is cut at its beginning, as Git does.
fn stat(files: &[FileDiff], width: usize) -> String {
    let size = |file: &FileDiff| counts(file).map(|(plus, minus)| (format!("+{plus}"), format!("-{minus}")));
    let sizes: Vec<_> = files.iter().map(size).collect();
    let wide = |file: &FileDiff| text::wide(&text::clean(&file.path));
    let figures = sizes.iter().map(|size| size.as_ref().map_or(6, |(plus, minus)| plus.len() + 1 + minus.len())).max();
    let outside = if files.iter().any(|file| file.outside) { text::wide(OUTSIDE) } else { 0 };
    let room = width.saturating_sub(2 + 8 + 1 + 2 + figures.unwrap_or(0) + outside);
    let paths = files.iter().map(wide).max().unwrap_or(0).min(room);
    let mut out = String::new();
    for (file, size) in files.iter().zip(sizes) {
        let size = match size {
            Some((plus, minus)) => format!(
                "{} {}",
                paint::coloured(&plus, anstyle::AnsiColor::Green),
                paint::coloured(&minus, anstyle::AnsiColor::Red)
            ),
            None => "binary".to_owned(),
        };
        let path = text::padded(&text::cut_front(&text::clean(&file.path), paths), paths);
        let outside = if file.outside { paint::coloured(OUTSIDE, anstyle::AnsiColor::Yellow) } else { String::new() };
        out.push_str(&format!("  {} {path}  {size}{outside}\n", text::padded(change(file), 8)));
        for what in losses(file).iter().chain(&file.criteria).chain(&file.leads_out) {
            for line in text::wrap(&text::clean(what), width.saturating_sub(11)) {
                out.push_str(&format!("           {}\n", paint::coloured(&line, anstyle::AnsiColor::Red)));
            }
        }
    }
    if files.len() > 1 {
        let both = files.iter().filter_map(counts).fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1));
        out.push_str(&format!("  {}\n", paint::dim(&format!("altogether +{} -{}", both.0, both.1))));
    }
    out
}

const OUTSIDE: &str = "  outside target_files";

/// A unified diff, with Git's own headings.
fn body(file: &FileDiff) -> String {
    let path = text::tame(&file.path);
    let mut out = format!("{}\n", paint::bold(&format!("diff --git a/{path} b/{path}")));
    let (Some(old), Some(new)) = (words(&file.old), words(&file.new)) else {
        out.push_str("Binary files differ\n");
        return out;
    };
    let name =
        |side: &Option<Vec<u8>>, lead: &str| side.as_ref().map_or("/dev/null".to_owned(), |_| format!("{lead}/{path}"));
    out.push_str(&format!("--- {}\n+++ {}\n", name(&file.old, "a"), name(&file.new, "b")));
    let diff = TextDiff::from_lines(old, new);
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        out.push_str(&format!("{}\n", paint::coloured(hunk.header().to_string().trim_end(), anstyle::AnsiColor::Cyan)));
        for change in hunk.iter_changes() {
            let line = text::tame(change.value().trim_end_matches(['\n', '\r']));
            let line = match change.tag() {
                ChangeTag::Insert => paint::coloured(&format!("+{line}"), anstyle::AnsiColor::Green),
                ChangeTag::Delete => paint::coloured(&format!("-{line}"), anstyle::AnsiColor::Red),
                ChangeTag::Equal => format!(" {line}"),
            };
            out.push_str(&line);
            out.push('\n');
            if change.missing_newline() {
                out.push_str("\\ No newline at end of file\n");
            }
        }
    }
    out
}
