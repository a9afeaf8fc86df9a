//! Where a template is named: the place to underline where there is none of that name.

use std::ops::Range;

use crate::config::{Origin, placed};
use crate::project::{CONFIG, Project};
use crate::spec::{Source, Spec};

/// In what was said on the command line, or elsewhere without a text around it.
pub(super) fn alone(by: &str, name: &str) -> (Source, Range<usize>) {
    (Source::new(by, name), 0..name.len())
}

/// In the frontmatter of a spec.
pub(super) fn in_spec(spec: &Spec, name: &str) -> (Source, Range<usize>) {
    let head = &spec.source.text[..spec.body.start];
    let is_key = |at: &usize| head[at + KEY.len()..].trim_start_matches(['"', '\'', ' ']).starts_with(':');
    let key = head.match_indices(KEY).map(|(at, _)| at).find(is_key).map_or(0, |at| at + KEY.len());
    let at = head[key..].find(name).map_or(key..key, |at| key + at..key + at + name.len());
    (spec.source.clone(), at)
}

const KEY: &str = "prompt";

/// In the settings, as the checkout has them.
pub(super) fn in_settings(project: &Project, name: &str) -> (Source, Range<usize>) {
    let origin = &project.settings.prompt.origin;
    let bytes = match (&project.root, origin) {
        (Some(root), Origin::File { .. }) => std::fs::read(root.join(CONFIG)).ok(),
        // In a bare repository they are those of HEAD.
        (None, Origin::File { .. }) => project
            .repo
            .head()
            .ok()
            .and_then(|head| head.tip())
            .and_then(|tip| project.repo.read(tip, &project.path(CONFIG)).ok().flatten()),
        _ => None,
    };
    let file = bytes.map(|bytes| Source::new(&project.path(CONFIG), &String::from_utf8_lossy(&bytes)));
    placed(origin, file.as_ref(), name, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_underlined_where_it_is_named_and_not_where_its_name_stands_before() {
        for (front, at) in [
            ("labels: [a]\nprompt: a", "prompt: "),
            ("agent: prompt\n\"prompt\": 'a'", "\"prompt\": '"),
            ("{ prompt: a }", "{ prompt: "),
        ] {
            let text = format!("---\n{front}\n---\n# prompt: a\n");
            let spec = crate::spec::parse(&"001-x".parse().unwrap(), "x", text.as_bytes()).spec.unwrap();
            let (_, span) = in_spec(&spec, "a");
            assert!(text[..span.start].ends_with(at) && &text[span] == "a", "{text}");
        }
    }
}
