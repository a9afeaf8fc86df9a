//! `chant completions`

use clap::Args;
use clap_complete::Shell;

use super::{Context, Outcome};

/// Print a completion script for a shell, for `chant` and for `git chant`.
///
/// For bash: `chant completions bash > ~/.local/share/bash-completion/completions/chant`, and a symbolic link to it
/// named `git-chant` beside it, by which Git's own completion finds it. For zsh: into `_chant` in a directory of
/// `$fpath`, with a link `_git-chant`. For fish: into `~/.config/fish/conf.d/chant.fish`.
#[derive(Args)]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub fn run(self, context: &Context) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "chant", &mut script);
        let mut script = String::from_utf8_lossy(&script).into_owned();
        match self.shell {
            Shell::Bash => script.push_str(BASH),
            Shell::Zsh => script = script.replacen("#compdef chant\n", "#compdef chant git-chant\n", 1),
            Shell::Fish => script.push_str(FISH),
            _ => {}
        }
        context.print(&script)?;
        Ok(0)
    }
}

/// Git's completion calls `_git_<command>`, with the line in words of its own.
const BASH: &str = r#"
complete -F _chant -o bashdefault -o default git-chant

_git_chant() {
    local at=1
    while [[ ${at} -lt ${cword} && ${words[at]} != chant ]]; do
        at=$((at + 1))
    done
    local -a line=(chant "${words[@]:at+1}")
    local -a COMP_WORDS=("${line[@]}")
    local COMP_CWORD=$((cword - at))
    _chant chant "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
}
"#;

/// fish completes a subcommand of Git's as if it were typed alone.
const FISH: &str = r#"
function __chant_under_git
    set -l words (commandline -opc)
    set -l at (contains -i -- chant $words)
    or return
    complete -C (string join -- ' ' $words[$at..-1] (commandline -ct))
end
complete -c git -n '__fish_seen_subcommand_from chant' -f -a '(__chant_under_git)'
"#;
