//! A program that takes over the terminal for a while: the user's editor, the client of a model.

use std::ffi::OsString;
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

/// Runs a program in a directory, with these variables on top of the caller's, and waits; its exit code.
///
/// # Errors
/// Where it cannot be started.
pub fn in_terminal(argv: &[OsString], dir: &Path, env: &[(OsString, OsString)]) -> io::Result<i32> {
    let Some((program, arguments)) = argv.split_first() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let env = env.iter().map(|(key, value)| (key, value));
    let status = Command::new(program).args(arguments).envs(env).env("PWD", dir).current_dir(dir).status()?;
    Ok(status.code().unwrap_or(1))
}
