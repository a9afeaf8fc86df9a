//! The agent that is a person: the worktree is made and its path printed; the rest waits.

use std::path::Path;

use super::task::{Agent, AgentError, Errand, Task};

/// Nothing runs; `chant work <id> --finish` proves and lands what the person did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Person;

impl Agent for Person {
    fn name(&self) -> &str {
        "person"
    }

    fn check(&self, _project_dir: &Path) -> Result<(), AgentError> {
        Ok(())
    }

    fn order(&self, _task: &Task) -> Result<Vec<Errand>, AgentError> {
        Ok(Vec::new())
    }

    fn is_person(&self) -> bool {
        true
    }
}
