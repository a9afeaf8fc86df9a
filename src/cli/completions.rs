//! `chant completions`

use clap::Args;

use super::{Context, Outcome};

/// Print a completion script for a shell.
///
/// For bash: `chant completions bash > ~/.local/share/bash-completion/completions/chant`.
#[derive(Args)]
pub struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    pub fn run(self, context: &Context) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "chant", &mut script);
        context.print(&String::from_utf8_lossy(&script))?;
        Ok(0)
    }
}
