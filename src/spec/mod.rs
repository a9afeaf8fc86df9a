//! A spec says what must become true.
//!
//! [`parse()`] reads one file: [`yaml`] its frontmatter, `markdown` its title, criteria and steps. It takes any bytes and
//! says everything that is wrong with them at once, each fault a [`Diagnostic`] that underlines its place. [`Set`]
//! holds the specs of one project with their references resolved, and [`lint()`] says what is wrong between them.
//!
//! Nothing here reads a file, a clock or the environment.

mod amount;
mod boxes;
mod branch;
mod budget;
mod code_line;
mod cycle;
pub mod diagnostic;
mod duration;
mod edited;
pub(crate) mod fields;
pub mod glob;
pub mod id;
mod include;
mod line;
pub mod lint;
mod lookup;
pub mod loosened;
mod markdown;
pub mod model;
pub mod near;
pub mod new;
mod overlap;
mod parse;
mod place;
mod programs;
mod prose;
mod qualified;
mod quoted;
mod search;
pub mod set;
pub mod split;
mod weakened;
#[cfg(test)]
mod weakened_tests;
pub mod yaml;

pub use boxes::same_but_boxes;
pub use branch::branch_fault;
pub(crate) use budget::read as read_budget;
pub use budget::{Budget, Cap, money, parse_money};
pub use diagnostic::{Diagnostic, Severity, Source};
pub use duration::{format_duration, parse_duration};
pub use edited::edited_criteria;
pub use glob::{check_glob, literal_part, matcher};
pub use id::{ById, IdError, Project, SpecId, legal_component};
pub use include::{looks_secret, names_literally};
pub use lint::{lint, lint_project};
pub use lookup::{Lookup, resolve};
pub use model::{Criterion, Kind, Kpi, Spec, SpecRef, Step, UnknownKind};
pub use new::{next_number, slug, template};
pub use overlap::{Beside, overlap, side_by_side};
pub use parse::{Parsed, parse};
pub use programs::{is_program, names_file, programs};
pub use prose::prose;
pub use qualified::Qualified;
pub use quoted::on_a_line;
pub use search::{Hit, Query};
pub use set::{Problem, Set};
pub use weakened::{Weakened, is_run_by, weakened};

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
