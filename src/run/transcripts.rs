//! The transcripts that are kept with the notes: bounded, for they are fetched with every clone that fetches the notes.

use crate::project::Project;
use crate::spec::SpecId;

/// The name of a transcript beside its note.
pub(super) const NAME: &str = "transcript";

/// What the last run of a spec has said, as it is to be kept with a note; nothing where it said nothing, or where the
/// settings keep none.
pub(super) fn kept(project: &Project, id: &SpecId) -> Vec<(String, Vec<u8>)> {
    let limit = project.settings.transcripts.value;
    match std::fs::read(project.transcript_path(id)) {
        Ok(bytes) if !bytes.is_empty() && limit > 0 => vec![(NAME.to_owned(), bounded(bytes, limit))],
        _ => Vec::new(),
    }
}

/// The first and the last of it, whole lines where there are any, with a line between that says how much is left out.
fn bounded(bytes: Vec<u8>, limit: u64) -> Vec<u8> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if bytes.len() <= limit {
        return bytes;
    }
    let (half, from) = (limit / 2, bytes.len() - limit / 2);
    let head = bytes[..half].iter().rposition(|byte| *byte == b'\n').map_or(half, |at| at + 1);
    let tail = bytes[from..].iter().position(|byte| *byte == b'\n').map_or(from, |at| from + at + 1);
    let tail = if tail == bytes.len() { from } else { tail };
    let gap = format!("[chant: {} bytes left out here, by `transcripts` of the settings]\n", tail - head);
    let ends = head == 0 || bytes[head - 1] == b'\n';
    [&bytes[..head], if ends { "" } else { "\n" }.as_bytes(), gap.as_bytes(), &bytes[tail..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn beginning_and_end_are_kept_in_whole_lines_and_the_gap_is_named() {
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let kept = String::from_utf8(bounded(text.into_bytes(), 40)).unwrap();
        let gap = "[chant: 760 bytes left out here, by `transcripts` of the settings]";
        assert_eq!(kept, format!("line 0\nline 1\n{gap}\nline 98\nline 99\n"));
    }

    proptest! {
        #[test]
        fn what_fits_stays_and_what_does_not_loses_what_it_says(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400), limit in 2_u64..300) {
            let kept = bounded(bytes.clone(), limit);
            if bytes.len() as u64 <= limit {
                prop_assert_eq!(kept, bytes);
                return Ok(());
            }
            let text = String::from_utf8_lossy(&kept).into_owned();
            let named = text.split("[chant: ").find_map(|rest| rest.split_once(" bytes left out here, by")?.0.parse::<usize>().ok());
            let gap = format!("[chant: {} bytes left out here, by `transcripts` of the settings]\n", named.unwrap());
            let rest = kept.len() - gap.len();
            prop_assert!(rest as u64 <= limit + 1, "{rest} of {limit}");
            let own = bytes.len() - named.unwrap();
            prop_assert!(own == rest || own + 1 == rest);
        }
    }
}
