//! A transcript as people read it: what clients of models print for programs, in words; everything else as it is.

use super::account::{Account, in_words};
use super::claude;
use super::codex;
use super::event::{Reader, Said, object, text};
use super::gemini;
use super::opencode;
use super::told;

/// Turns a transcript into words, piece by piece, as it comes.
#[derive(Default)]
pub struct Readable {
    line: Vec<u8>,
    /// Of which client, and what understands it.
    reader: Option<(&'static str, Box<dyn Reader>)>,
    account: Account,
}

impl Readable {
    /// Takes in a piece, and gives what its whole lines say. Not yet safe to show.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.line_ended(&mut out);
            }
        }
        out
    }

    /// What a last line says that has no end.
    pub fn finish(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.line.is_empty() {
            self.line_ended(&mut out);
        }
        out
    }

    fn line_ended(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        if let Some((client, reader)) = begins(&line)
            // Each step of opencode's begins alike.
            && !(client == "opencode" && self.reader.as_ref().is_some_and(|(known, _)| *known == client))
        {
            (self.reader, self.account) = (Some((client, reader)), Account::default());
        }
        let Some((_, reader)) = &mut self.reader else { return out.extend(line) };
        let heard = reader.line(line.trim_ascii_end());
        if heard.is_empty() && object(&line).is_none() {
            // Not of its stream: what it says on standard error, or what comes after it.
            return out.extend(line);
        }
        for said in heard {
            self.account.hear(&said);
            let used = Some(self.account.used()).filter(|used| matches!(said, Said::Ended(_)) && !used.is_empty());
            let used = used.map(|used| format!(" ({used})")).unwrap_or_default();
            let words = match &said {
                Said::Text(text) => Some(text.clone()).filter(|text| !text.is_empty()),
                said => in_words(said).map(|words| format!("· {words}{used}")),
            };
            out.extend(words.iter().flat_map(|words| format!("{words}\n").into_bytes()));
        }
    }
}

/// The reader of the client whose stream begins like this.
fn begins(line: &[u8]) -> Option<(&'static str, Box<dyn Reader>)> {
    let value = object(line)?;
    match text(&value, "/type")? {
        "system" if text(&value, "/subtype") == Some("init") => Some(("claude", Box::new(claude::Stream::default()))),
        "thread.started" => Some(("codex", Box::new(codex::Stream::default()))),
        "begins" if text(&value, "/chant").is_some() => Some(("chant", Box::new(told::Stream))),
        "init" if text(&value, "/session_id").is_some() => Some(("gemini", Box::new(gemini::Stream))),
        // Each of its lines bears the session, and a step begins many times: an error may be the first.
        "step_start" if value.pointer("/part/messageID").is_some() => {
            Some(("opencode", Box::new(opencode::Stream::default())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> String {
        let mut readable = Readable::default();
        let mut out = readable.feed(bytes);
        out.extend(readable.finish());
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn what_no_client_of_a_model_printed_stays_as_it_is() {
        for text in ["one\ntwo", "{\"type\":\"init\"}\n", "{}\n\nx\n", ""] {
            assert_eq!(all(text.as_bytes()), text);
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_pieces_it_comes(cut in 0usize..2000, extra in ".{0,40}") {
            let text = format!("set up\n{}\n{extra}\n", include_str!("streams/claude-ok.jsonl"));
            let cut = text.ceil_char_boundary(cut.min(text.len()));
            let mut readable = Readable::default();
            let mut out = readable.feed(&text.as_bytes()[..cut]);
            out.extend(readable.feed(&text.as_bytes()[cut..]));
            out.extend(readable.finish());
            prop_assert_eq!(String::from_utf8_lossy(&out), all(text.as_bytes()));
        }
    }
}
