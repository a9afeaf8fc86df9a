//! The agent that does what the spec itself says: the fenced `sh` blocks under its `## Steps`, in order.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::command::runnable;
use super::task::{Agent, AgentError, Errand, Task};
use crate::env::Vars;

/// The most bytes that Linux takes as one argument.
const LONGEST: usize = (128 << 10) - 1;

/// Runs each step by `sh -e`, stopping at the first that fails.
#[derive(Debug, Clone)]
pub struct Steps {
    path: Option<OsString>,
}

impl Steps {
    /// The agent; `vars` for the `PATH` that `sh` is looked for on.
    pub fn new(vars: &Vars) -> Self {
        Self { path: vars.get("PATH").map(OsStr::to_owned) }
    }
}

impl Agent for Steps {
    fn name(&self) -> &str {
        "steps"
    }

    fn check(&self, project_dir: &Path) -> Result<(), AgentError> {
        runnable(self.name(), Some(OsStr::new("sh")), project_dir, self.path.as_deref())
    }

    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError> {
        if task.steps.is_empty() {
            return Err(AgentError::NoSteps { spec: task.spec.clone() });
        }
        let file = task.spec_file.strip_prefix(&task.project_dir).unwrap_or(&task.spec_file);
        let errand = |step: &super::Script| {
            let place = format!("{}:{}", file.display(), step.line);
            if step.script.len() >= LONGEST {
                return Err(AgentError::LongStep { place, bytes: step.script.len() });
            }
            // What stands after the script is its `$0`, so that the shell's own complaints name the place as well.
            let argv = ["sh", "-e", "-c", &step.script, &place].map(OsString::from).to_vec();
            Ok(task.errand(place, argv))
        };
        task.steps.iter().map(errand).collect()
    }
}
