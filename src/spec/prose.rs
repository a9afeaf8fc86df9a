//! What a spec says to people: its text without the title, and without what machines read.

use super::Spec;

/// The markdown of a spec without its title, its criteria and its steps, which are shown elsewhere.
pub fn prose(spec: &Spec) -> String {
    let text = spec.render().get(spec.body.clone()).unwrap_or_default();
    let mut out: Vec<&str> = Vec::new();
    let (mut fence, mut titled, mut left_out) = (None, false, false);
    for line in text.lines() {
        let marks = line.trim_start();
        let ticks = ["```", "~~~"].into_iter().find(|ticks| marks.starts_with(ticks));
        let inside = fence.is_some();
        match (fence, ticks) {
            (None, Some(ticks)) => fence = Some(ticks),
            (Some(open), Some(ticks)) if open == ticks => fence = None,
            _ => {}
        }
        if !inside && !titled && line.starts_with("# ") {
            titled = true;
            continue;
        }
        if !inside && let Some(heading) = line.strip_prefix("## ") {
            let heading = heading.trim().trim_end_matches(':').to_lowercase();
            left_out = ["acceptance criteria", "steps"].contains(&heading.trim());
        }
        if !left_out {
            out.push(line);
        }
    }
    out.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_the_criteria_and_the_steps_are_left_out_and_the_rest_stays() {
        let text = "---\ntype: code\n---\n# Title\n\nWhy.\n\n```\n## Steps\n# no title\n```\n\n## Acceptance Criteria\n\n- [ ] A\n\n\
                    ## Steps\n\n```sh\n# a comment\n```\n\n## Notes\n\nMore.\n";
        let spec = super::super::parse(&"001-a".parse().unwrap(), "001-a.md", text.as_bytes()).spec.unwrap();
        assert_eq!(prose(&spec), "Why.\n\n```\n## Steps\n# no title\n```\n\n## Notes\n\nMore.");
    }
}
