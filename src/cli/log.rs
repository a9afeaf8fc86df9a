//! `chant log`

use std::io::{Read as _, Seek as _};

use clap::Args;

use super::{Context, Outcome, paint, text};
use crate::agent::Readable;
use crate::ops::{self, log::Transcript};

/// Print the words of a spec's agent: live while it runs, from the notes afterwards.
///
/// Without a spec: the first-parent log of the current branch with its trailers, which tells the project's story.
#[derive(Args)]
pub struct Log {
    /// The spec.
    id: Option<String>,
    /// Go on printing while the agent runs.
    #[arg(short, long, requires = "id")]
    follow: bool,
    /// The bytes as the agent printed them, a client's stream of JSON among them.
    #[arg(long, requires = "id")]
    raw: bool,
    /// At most this many commits, where no spec is named.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    max_count: usize,
}

impl Log {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let Some(query) = self.id else {
            return story(context, &project, self.max_count);
        };
        let look = context.look(&project, None)?;
        let (id, transcript) = ops::log::transcript(&project, &look, &query)?;
        match transcript {
            Transcript::Noted(bytes) => context.print(&whole(&bytes, self.raw))?,
            Transcript::File(path) => {
                let bytes = std::fs::read(&path).map_err(ops::Error::file("read the log"))?;
                context.print(&whole(&bytes, self.raw))?;
            }
            Transcript::Live(path) => {
                let mut file = match std::fs::File::open(&path) {
                    Ok(file) => file,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
                    Err(source) => return Err(ops::Error::File { what: "read the log".to_owned(), source }),
                };
                let (mut readable, mut line) = (Readable::default(), Vec::new());
                loop {
                    let live = self.follow && ops::log::is_live(&project, &id);
                    let mut bytes = Vec::new();
                    file.read_to_end(&mut bytes).map_err(ops::Error::file("read the log"))?;
                    let bytes = if self.raw { whole_lines(&mut line, &bytes) } else { readable.feed(&bytes) };
                    context.print(&plain(&bytes))?;
                    if !live {
                        context.print(&plain(&[line, readable.finish()].concat()))?;
                        return Ok(0);
                    }
                    std::thread::sleep(std::time::Duration::from_millis(100));
                    let length = file.metadata().map_err(ops::Error::file("read the log"))?.len();
                    if length < file.stream_position().map_err(ops::Error::file("read the log"))? {
                        file.rewind().map_err(ops::Error::file("read the log"))?;
                    }
                }
            }
        }
        Ok(0)
    }
}

/// A transcript that is complete.
fn whole(bytes: &[u8], raw: bool) -> String {
    if raw {
        return plain(bytes);
    }
    let mut readable = Readable::default();
    let mut out = readable.feed(bytes);
    out.extend(readable.finish());
    plain(&out)
}

/// The lines that have come to their end: what is cut in two could be half of a letter, or of what sets a colour.
fn whole_lines(line: &mut Vec<u8>, bytes: &[u8]) -> Vec<u8> {
    line.extend_from_slice(bytes);
    let end = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    line.drain(..end).collect()
}

/// Without colours, titles, and what else a terminal would take for itself.
fn plain(bytes: &[u8]) -> String {
    text::tame(&crate::agent::plain(bytes))
}

/// The first-parent log with its trailers.
pub fn story(context: &Context, project: &crate::project::Project, limit: usize) -> Outcome {
    let Some(tip) = project.repo.head()?.tip() else {
        context.say("no commits yet: `git add .chant && git commit` makes the first");
        return Ok(0);
    };
    let width = context.paint.width;
    for entry in project.repo.first_parent(tip, limit)? {
        let when = ops::views::time(entry.time).replace('T', " ").trim_end_matches('Z').to_owned();
        let commit = entry.commit.short();
        let indent = " ".repeat(text::wide(&commit) + 1);
        let first = text::wide(&commit) + text::wide(&when) + 2;
        let mut out = String::new();
        // The whole subject, unlike a title in a list: nothing else shows it.
        let subject = text::wrap(&text::clean(&entry.subject), width.saturating_sub(first));
        for (n, line) in subject.iter().enumerate() {
            match n {
                0 => {
                    let commit = paint::coloured(&commit, anstyle::AnsiColor::Yellow);
                    out.push_str(&format!("{commit} {} {}\n", paint::dim(&when), paint::bold(line)));
                }
                _ => out.push_str(&format!("{}{}\n", " ".repeat(first), paint::bold(line))),
            }
        }
        for crate::ledger::Trailer { key, value } in crate::ledger::trailers(&entry.message) {
            let key = format!("{}:", text::clean(&key));
            let lines = text::wrap(
                &format!("{key} {}", shortened(&text::clean(&value))),
                width.saturating_sub(indent.len() + 2),
            );
            for (n, line) in lines.iter().enumerate() {
                let line = match line.strip_prefix(&key) {
                    Some(value) if n == 0 => format!("{}{value}", paint::dim(&key)),
                    _ => line.clone(),
                };
                out.push_str(&format!("{indent}{}{line}\n", if n == 0 { "" } else { "  " }));
            }
        }
        context.print(&out)?;
    }
    Ok(0)
}

/// Commit ids as short as everywhere else; whoever needs them whole asks Git.
fn shortened(value: &str) -> String {
    let is_id = |word: &str| matches!(word.len(), 40 | 64) && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = value.split(' ').map(|word| if is_id(word) { &word[..8] } else { word });
    words.collect::<Vec<_>>().join(" ")
}
