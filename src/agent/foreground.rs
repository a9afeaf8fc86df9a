//! A program that takes over the terminal for a while: the user's editor.

use std::io;
use std::path::Path;
use std::process::Command;

/// Runs `editor`, as Git names it (a shell command), on a file, and waits; its exit code.
///
/// # Errors
/// Where it cannot be started.
pub fn in_foreground(editor: &str, file: &Path) -> io::Result<i32> {
    // As Git does: the shell splits the editor's own arguments, and the file is one of its own.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$@\"")).arg(editor).arg(file).status()?;
    Ok(status.code().unwrap_or(1))
}
