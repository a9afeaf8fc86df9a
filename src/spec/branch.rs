//! Which texts can be the name of a branch, by the rules of `git check-ref-format --branch`.

use super::diagnostic::Sink;
use super::yaml::Node;

/// The first rule of Git's that a text breaks as the name of a branch; nothing where it can be one.
pub fn branch_fault(name: &str) -> Option<&'static str> {
    let any_part = |breaks: fn(&str) -> bool| name.split('/').any(breaks);
    Some(match name {
        "" => "it is empty",
        "@" => "`@` means HEAD to Git",
        "HEAD" => "Git keeps this name for itself",
        _ if name.starts_with('-') => "it begins with a `-`, as an option does",
        _ if name.contains(|c: char| c == ' ' || c.is_ascii_control()) => "it holds a space or a control character",
        _ if name.contains(['~', '^', ':', '?', '*', '[', '\\']) => r"it holds one of `~^:?*[\`",
        _ if name.contains("..") => "it holds two dots in a row",
        _ if name.contains("@{") => "it holds `@{`",
        _ if name.ends_with('.') => "it ends with a dot",
        _ if any_part(str::is_empty) => "a `/` in it has no name on one side",
        _ if any_part(|part| part.starts_with('.')) => "a part of it begins with a dot",
        _ if any_part(|part| part.ends_with(".lock")) => "a part of it ends with `.lock`, as Git's lock files do",
        _ => return None,
    })
}

impl Sink {
    /// The name of a branch.
    pub fn branch(&mut self, key: &str, node: &Node) -> Option<String> {
        let name = self.text(key, node)?;
        let Some(why) = branch_fault(&name) else { return Some(name) };
        let help = "name a branch, as in `main` or `release/2.1`; `git check-ref-format --help` lists the rules";
        let message = format!("`{key}` wants the name of a branch, and this can be none: {why}");
        self.error("chant::branch", message, node.span.clone(), "this name", help);
        None
    }
}
