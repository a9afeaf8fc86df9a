//! What a spec says, as plain data (DESIGN.md, section 3).

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::diagnostic::Source;
use super::id::SpecId;

/// What kind of result a spec asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A change of the code.
    #[default]
    Code,
    /// Something to be done that is no code.
    Task,
    /// It coordinates its members, and is done when they are.
    #[serde(alias = "group")]
    Driver,
    /// A text for people.
    Documentation,
    /// Findings from data.
    Research,
}

impl Kind {
    /// All kinds, the default first.
    pub const ALL: [Self; 5] = [Self::Code, Self::Task, Self::Driver, Self::Documentation, Self::Research];

    /// The word that stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Task => "task",
            Self::Driver => "driver",
            Self::Documentation => "documentation",
            Self::Research => "research",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no kind of spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no type of spec: it is code, task, driver, documentation or research")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        match word {
            "group" => Ok(Self::Driver),
            _ => Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| UnknownKind(word.into())),
        }
    }
}

/// Another spec as it was named in the frontmatter, perhaps cut short; `001` keeps its digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecRef {
    /// The name as it is written.
    pub text: String,
    /// Where it is written: bytes of the source.
    pub span: Range<usize>,
}

/// One task-list item under `## Acceptance Criteria`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// What must become true, on one line.
    pub text: String,
    /// Whether the box is ticked. It proves nothing where there is a command.
    pub ticked: bool,
    /// The shell command that exits 0 where the criterion holds.
    pub command: Option<String>,
    /// The line of the box, from 1.
    pub line: usize,
    /// The line of the box, from its marker to its last character: bytes of the source.
    pub span: Range<usize>,
}

/// One fenced `sh` block under `## Steps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What the shell is given: lines that end with a line feed, the fence's indentation taken off.
    pub script: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
}

/// A figure that the work is meant to move.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Kpi {
    /// Its name.
    pub metric: Option<String>,
    /// The unit of the three numbers.
    pub unit: Option<String>,
    /// Where it stands.
    pub baseline: Option<f64>,
    /// Where it should stand.
    pub target: Option<f64>,
    /// What a member is expected to contribute.
    pub impact: Option<f64>,
}

/// One spec, read from its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The stem of the file.
    pub id: SpecId,
    /// The file as it is.
    pub source: Source,
    /// `type:`.
    pub kind: Kind,
    /// The one `# Title`, on one line.
    pub title: String,
    /// Where the title is written.
    pub title_span: Range<usize>,
    /// Specs that must have landed before.
    pub depends_on: Vec<SpecRef>,
    /// Specs that this driver coordinates, besides those with its suffix.
    pub members: Vec<SpecRef>,
    /// Words to filter by.
    pub labels: Vec<String>,
    /// Globs of what the work may change, relative to the project.
    pub target_files: Vec<String>,
    /// Globs of what the agent should read.
    pub context: Vec<String>,
    /// Globs of what the spec was informed by.
    pub informed_by: Vec<String>,
    /// Globs of the data that the research starts from.
    pub origin: Vec<String>,
    /// Globs of what the documentation describes.
    pub tracks: Vec<String>,
    /// The name of the prompt.
    pub prompt: Option<String>,
    /// The name of the agent.
    pub agent: Option<String>,
    /// The model, for agents that have several.
    pub model: Option<String>,
    /// Whether a person must approve before the work begins.
    pub approval: bool,
    /// Whether a person must review before the work lands.
    pub review: bool,
    /// How often a failed attempt is tried again.
    pub retries: Option<u32>,
    /// The time limit of one attempt.
    pub timeout: Option<Duration>,
    /// What an attempt, and all of them, may cost.
    pub budget: Option<Budget>,
    /// The figure that the work is meant to move.
    pub kpi: Option<Kpi>,
    /// Ids that the spec had before.
    pub formerly: Vec<SpecId>,
    /// The branch to land on.
    pub target: Option<String>,
    /// The criteria, in the order of the text.
    pub criteria: Vec<Criterion>,
    /// The steps, in the order of the text.
    pub steps: Vec<Step>,
    /// The markdown after the frontmatter: bytes of the source.
    pub body: Range<usize>,
}

impl Spec {
    /// The file's text: the same bytes that were read.
    pub fn render(&self) -> &str {
        &self.source.text
    }

    /// The markdown after the frontmatter.
    pub fn markdown(&self) -> &str {
        &self.source.text[self.body.clone()]
    }

    /// Whether any criterion has a command that proves it.
    pub fn has_commands(&self) -> bool {
        self.criteria.iter().any(|criterion| criterion.command.is_some())
    }

    /// Whether the spec calls itself a driver or names members. Only a driver has members, by whatever rule.
    pub fn is_driver(&self) -> bool {
        self.kind == Kind::Driver || !self.members.is_empty()
    }

    /// The file's text with the boxes on these lines ticked. Lines, from 1, that hold no criterion are left alone, and
    /// so is every other byte.
    pub fn tick(&self, lines: &[usize]) -> String {
        let mut text = self.source.text.to_string();
        for criterion in self.criteria.iter().filter(|c| !c.ticked && lines.contains(&c.line)) {
            if let Some(at) = text[criterion.span.clone()].find("[ ]") {
                let at = criterion.span.start + at + 1;
                text.replace_range(at..at + 1, "x");
            }
        }
        text
    }
}
