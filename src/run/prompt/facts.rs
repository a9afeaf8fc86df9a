//! What a prompt can tell: plain data, under the names that templates use.

use serde::Serialize;

/// Everything that a template can name.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Facts {
    /// The spec to be worked.
    pub spec: SpecFacts,
    /// 1, 2, …
    pub attempt: u32,
    /// The branch that is worked on.
    pub branch: String,
    /// The branch that it will land on.
    pub target: String,
    /// The driver that it is a member of.
    pub driver: Option<Neighbour>,
    /// How the attempt before this one failed.
    pub failure: Option<Failure>,
    /// What reviewers said who sent earlier attempts back, oldest first.
    pub rejections: Vec<String>,
    /// What has changed since the spec was completed, where it is worked again for that.
    pub drift: Vec<String>,
    /// The conflict that is to be resolved.
    pub conflict: Option<Conflict>,
    /// What a plan of members must look like; only for `chant split`.
    pub split: Option<Split>,
    /// What the spec names to be read first.
    pub sources: Vec<Source>,
    /// What must have landed before.
    pub dependencies: Vec<Neighbour>,
    /// How many more of these there are that are not told of.
    pub more_dependencies: usize,
    /// The other members of its driver.
    pub siblings: Vec<Neighbour>,
    /// How many more of these there are that are not told of.
    pub more_siblings: usize,
}

/// The spec.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SpecFacts {
    /// Its id.
    pub id: String,
    /// Its qualified id.
    pub qualified: String,
    /// `code`, `task`, `driver`, `documentation` or `research`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Its file, whole.
    pub text: String,
    /// The markdown behind the frontmatter.
    pub body: String,
    /// Its file's path, relative to the project.
    pub file: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Globs of what is meant to change.
    pub target_files: Vec<String>,
    /// Its criteria.
    pub criteria: Vec<CriterionFacts>,
}

/// A criterion.
#[derive(Debug, Clone, Serialize)]
pub struct CriterionFacts {
    /// Its words.
    pub text: String,
    /// The command that proves it.
    pub command: Option<String>,
}

/// Why an attempt did not do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Failure {
    /// One line or more.
    pub reason: String,
    /// The criteria that did not hold.
    pub unmet: Vec<Unmet>,
}

/// One criterion that did not hold.
#[derive(Debug, Clone, Serialize)]
pub struct Unmet {
    /// Its words.
    pub criterion: String,
    /// Its command.
    pub command: Option<String>,
    /// The command's exit code.
    pub exit: Option<i32>,
    /// What else there is to say, for instance that it took too long.
    pub remark: Option<String>,
    /// The last lines of the command.
    pub tail: Vec<String>,
}

/// A landing that failed because both sides changed the same places.
#[derive(Debug, Clone, Serialize)]
pub struct Conflict {
    /// The target's tip, to be merged.
    pub commit: String,
    /// The files.
    pub files: Vec<ConflictFile>,
    /// The specs whose work is on the other side.
    pub rivals: Vec<Rival>,
}

/// One file in conflict.
#[derive(Debug, Clone, Serialize)]
pub struct ConflictFile {
    /// Its path in the repository.
    pub path: String,
    /// What the attempt did to it, as a diff.
    pub ours: String,
    /// What the target did to it, as a diff.
    pub theirs: String,
    /// A fence that stands in neither.
    pub fence: String,
}

/// A spec on the other side of a conflict.
#[derive(Debug, Clone, Serialize)]
pub struct Rival {
    /// Its id.
    pub id: String,
    /// Its file, whole.
    pub text: String,
    /// A fence that does not stand in it.
    pub fence: String,
}

/// What `chant split` asks for.
#[derive(Debug, Clone, Serialize)]
pub struct Split {
    /// Where the plan is to be written: an absolute path.
    pub file: String,
    /// The types that a member may have.
    pub kinds: Vec<String>,
    /// The most members that a plan may have.
    pub most: usize,
}

/// A pattern that the spec names, with the files that it means.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// Under which key: `context`, `informed_by`, `origin` or `tracks`.
    pub key: String,
    /// The pattern as it is written.
    pub pattern: String,
    /// The files: not without end.
    pub files: Vec<SourceFile>,
    /// How many more there are.
    pub more: usize,
}

/// One file to be read.
#[derive(Debug, Clone, Serialize)]
pub struct SourceFile {
    /// Its path, relative to the project.
    pub path: String,
    /// What it holds, where that is given here.
    pub content: Option<String>,
    /// Why it is not.
    pub why: Option<String>,
    /// A fence that does not stand in it.
    pub fence: String,
}

/// A spec that this one has to do with.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Neighbour {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its status, as `chant list` says it.
    pub status: String,
    /// Whether it is in its target.
    pub landed: bool,
    /// What it is meant to change.
    pub target_files: Vec<String>,
    /// What it has changed, where it is completed: not without end.
    pub files: Vec<String>,
    /// How many more there are.
    pub more: usize,
    /// How many more of what it is meant to change.
    pub more_targets: usize,
}

/// A fence of backticks longer than any in a text.
pub fn fence(texts: &[&str]) -> String {
    let longest = |text: &&str| text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(texts.iter().map(longest).max().unwrap_or(0).max(2) + 1)
}

/// The last lines of a text: at most so many lines and bytes.
pub fn last_lines(text: &str, lines: usize, bytes: usize) -> Vec<String> {
    let start = text.ceil_char_boundary(text.len().saturating_sub(bytes));
    let all: Vec<&str> = text[start..].lines().collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Facts in which nothing is missing, to try templates with; and, `bare`, those of a spec that nobody knows anything of.
pub fn samples() -> [Facts; 2] {
    let text = || "# A title\n\n## Acceptance Criteria\n\n- [ ] It holds\n".to_owned();
    let spec = SpecFacts {
        id: "001-a".to_owned(),
        qualified: "001-a".to_owned(),
        kind: "code".to_owned(),
        title: "A title".to_owned(),
        text: text(),
        body: text(),
        file: ".chant/specs/001-a.md".to_owned(),
        ..SpecFacts::default()
    };
    let bare = Facts {
        spec: spec.clone(),
        attempt: 1,
        branch: "chant/001-a".to_owned(),
        target: "main".to_owned(),
        ..Facts::default()
    };
    let other = Neighbour {
        id: "002-b".to_owned(),
        title: "Another".to_owned(),
        status: "completed".to_owned(),
        target_files: vec!["b".to_owned()],
        files: vec!["b".to_owned()],
        more: 1,
        ..Neighbour::default()
    };
    let file = |content: Option<&str>, why: Option<&str>| SourceFile {
        path: "notes.md".to_owned(),
        content: content.map(str::to_owned),
        why: why.map(str::to_owned),
        fence: fence(&[]),
    };
    let unmet = Unmet {
        criterion: "It holds".to_owned(),
        command: Some("test -f a".to_owned()),
        exit: Some(1),
        remark: Some("it took long".to_owned()),
        tail: vec!["no".to_owned()],
    };
    let whole = Facts {
        spec: SpecFacts {
            labels: vec!["x".to_owned()],
            target_files: vec!["a".to_owned()],
            criteria: vec![CriterionFacts { text: "It holds".to_owned(), command: Some("test -f a".to_owned()) }],
            ..spec
        },
        driver: Some(other.clone()),
        failure: Some(Failure { reason: "no".to_owned(), unmet: vec![unmet] }),
        rejections: vec!["attempt 1, Ada: no".to_owned()],
        drift: vec!["origin changed: data.csv".to_owned()],
        conflict: Some(Conflict {
            commit: "0".repeat(40),
            files: vec![ConflictFile {
                path: "a".to_owned(),
                ours: "+a".to_owned(),
                theirs: "+b".to_owned(),
                fence: fence(&[]),
            }],
            rivals: vec![Rival { id: "002-b".to_owned(), text: text(), fence: fence(&[]) }],
        }),
        split: Some(Split { file: "/tmp/plan.yaml".to_owned(), kinds: vec!["code".to_owned()], most: 1 }),
        sources: vec![Source {
            key: "context".to_owned(),
            pattern: "*.md".to_owned(),
            files: vec![file(Some("text\n"), None), file(None, Some("binary"))],
            more: 1,
        }],
        dependencies: vec![other.clone()],
        more_dependencies: 1,
        siblings: vec![other],
        more_siblings: 1,
        ..bare.clone()
    };
    [whole, bare]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_closes_its_fence(text in "[`a\n]{0,40}") {
            let fence = fence(&[&text]);
            prop_assert!(fence.len() >= 3 && !text.contains(&fence));
        }

        #[test]
        fn the_last_lines_are_lines_of_the_end_and_bounded(text in "(?s).{0,80}", lines in 0_usize..5, bytes in 0_usize..40) {
            let last = last_lines(&text, lines, bytes);
            prop_assert!(last.len() <= lines && last.iter().map(String::len).sum::<usize>() <= bytes);
        }
    }
}
