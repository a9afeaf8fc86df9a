//! What is wrong between specs. What is wrong within one, [`parse`](super::parse()) has said already.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use miette::Diagnostic as _;

use super::cycle::cycles;
use super::diagnostic::{Diagnostic, Severity, Source};
use super::id::{Project, SpecId};
use super::model::{Spec, SpecRef};
use super::new::PLACEHOLDER;
use super::set::{Problem, Set};

/// Looks at all specs of a project together. Ordered by spec, and by place in it.
pub fn lint(set: &Set) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    for spec in set.iter() {
        said.extend(set.problems(&spec.id).iter().map(|found| problem(spec, found)));
        said.extend(suffix(set, spec));
        said.extend(placeholder(spec));
    }
    said.extend(cycles(set).iter().filter_map(|round| cycle(set, round)));
    said.extend(names(set));
    said
}

/// The same, and whether the project's branches collide with those of the repository's other projects.
///
/// `others` are the names of the other projects, of which the one at the root has none.
pub fn lint_project(set: &Set, project: Option<&Project>, others: &[Project]) -> Vec<Diagnostic> {
    let mut said = lint(set);
    let folded: HashMap<String, &Project> = others.iter().map(|other| (other.as_str().to_lowercase(), other)).collect();
    if let Some(twin) = project.and_then(|own| folded.get(&own.as_str().to_lowercase())) {
        let source = Source::new(".chant/config.yaml", "");
        let message = format!("two projects of this repository are called `{twin}`");
        let help = "give one of them another name: `project:` in its .chant/config.yaml";
        said.push(Diagnostic::error("chant::collision", &source, message).help(help));
    }
    if project.is_some() {
        return said;
    }
    for spec in set.iter() {
        if let Some(other) = folded.get(&spec.id.as_str().to_lowercase()) {
            let message = format!("the spec `{}` and the project `{other}` want the same branch", spec.id);
            let why = format!("the branch `chant/{}` cannot be beside `chant/{other}/…`", spec.id);
            said.push(
                about(spec, Severity::Error, "chant::collision", message, spec.title_span.clone(), why)
                    .help("rename one"),
            );
        }
    }
    said
}

fn about(
    spec: &Spec,
    severity: Severity,
    code: &'static str,
    message: String,
    at: Range<usize>,
    label: String,
) -> Diagnostic {
    let source = spec.source.harmless();
    match severity {
        Severity::Error => Diagnostic::error(code, &source, message),
        Severity::Warning => Diagnostic::warning(code, &source, message),
    }
    .label(at, label)
}

fn problem(spec: &Spec, problem: &Problem) -> Diagnostic {
    use Severity::{Error, Warning};
    let id = &spec.id;
    match problem {
        Problem::Unresolved { key, reference, why } => {
            let help = why.help().map(|help| help.to_string()).unwrap_or_default();
            let label = format!("named under `{key}`");
            about(spec, Error, "chant::dangling", why.to_string(), reference.span.clone(), label).help(help)
        }
        Problem::TwoDrivers { reference, other } => {
            let message = format!("`{}` is a member of `{other}` already", shown(reference));
            about(spec, Error, "chant::members", message, reference.span.clone(), "not counted".into())
                .help("a spec has one driver: name it under one of them")
        }
        Problem::MemberOfItself { reference } => {
            let message = format!("`{id}` cannot be a member of itself");
            about(spec, Error, "chant::members", message, reference.span.clone(), "leads back here".into())
                .help("take it out of `members`")
        }
        Problem::DependsOnDriver { reference } => {
            let message = format!("`{id}` waits for its own driver, which waits for it");
            about(spec, Warning, "chant::depends_on", message, reference.span.clone(), "not counted".into())
                .help("delete it: a member inherits what its driver depends on")
        }
        Problem::DependsOnMember { reference } => {
            let message = format!("`{id}` waits for its own member, as a driver does anyway");
            about(spec, Warning, "chant::depends_on", message, reference.span.clone(), "not counted".into())
                .help("delete it; to order members, let one of them depend on the other")
        }
    }
}

/// A criterion that `chant add` wrote, and nobody since.
fn placeholder(spec: &Spec) -> Option<Diagnostic> {
    let criterion = spec.criteria.iter().find(|criterion| criterion.text == PLACEHOLDER)?;
    let message = format!("`{}` does not say yet when it is done", spec.id);
    let label = "as `chant add` wrote it".to_owned();
    let help = "say what must hold, with a command that proves it on the next line, indented: `$ test -f README.md`";
    Some(about(spec, Severity::Warning, "chant::placeholder", message, criterion.span.clone(), label).help(help))
}

fn shown(reference: &SpecRef) -> String {
    reference.text.chars().take(60).collect()
}

/// Where `members:` and the `.N` suffix disagree.
fn suffix(set: &Set, spec: &Spec) -> Option<Diagnostic> {
    let by_suffix = spec.id.driver()?;
    let warn = |message, help: String| {
        let diagnostic =
            about(spec, Severity::Warning, "chant::members", message, spec.title_span.clone(), "of this spec".into());
        Some(diagnostic.help(help))
    };
    let Some(driver) = set.get(&by_suffix) else {
        // `release-1.2` is not meant as a member; a numbered spec is.
        let numbered = spec.id.number().is_some();
        let message = format!("`{}` is called a member of `{by_suffix}`, which does not exist", spec.id);
        return if numbered { warn(message, format!("write {by_suffix}.md, or rename this one")) } else { None };
    };
    if !driver.is_driver() {
        let message = format!("`{}` is called a member of `{by_suffix}`, which is no driver", spec.id);
        let numbered = spec.id.number().is_some();
        return if numbered {
            warn(message, format!("write `type: driver` into {by_suffix}, or rename this one"))
        } else {
            None
        };
    }
    match set.driver_of(&spec.id) {
        Some(actual) if *actual != by_suffix => {
            let message = format!("`{}` is called a member of `{by_suffix}`, but `{actual}` names it", spec.id);
            warn(message, format!("`{actual}` counts: rename the spec, or take it out of its `members`"))
        }
        _ if !driver.members.is_empty() && !names_it(set, driver, &spec.id) => {
            let message = format!("`{}` is a member by its suffix, but `{by_suffix}` does not list it", spec.id);
            warn(message, format!("add it to `members` of {by_suffix}, or delete that list: the suffix is enough"))
        }
        _ => None,
    }
}

fn names_it(set: &Set, driver: &Spec, member: &SpecId) -> bool {
    driver.members.iter().any(|reference| set.resolve(&reference.text).is_ok_and(|id| id == member))
}

/// A way round, underlined where its first spec takes it.
fn cycle(set: &Set, round: &[SpecId]) -> Option<Diagnostic> {
    let (first, second) = (round.first()?, round.get(1).or(round.first())?);
    let way: Vec<&str> = round.iter().chain([first]).map(SpecId::as_str).collect();
    let message = format!("these specs wait for each other: {}", way.join(" -> "));
    // A step may be inherited, or lead from a driver to its member: then some spec on the way names the next one.
    let steps = round.iter().zip(round.iter().cycle().skip(1));
    let named = steps.into_iter().find_map(|(from, to)| {
        std::iter::once(from).chain(set.drivers_of(from)).find_map(|holder| {
            let spec = set.get(holder)?;
            let span = spec.depends_on.iter().find(|r| set.resolve(&r.text).is_ok_and(|id| id == to))?.span.clone();
            Some((spec, span, to))
        })
    });
    let (spec, span, to) = match named {
        Some(found) => found,
        None => (set.get(first)?, set.get(first)?.title_span.clone(), second),
    };
    let label = format!("waits for {to}");
    Some(about(spec, Severity::Error, "chant::cycle", message, span, label).help("take one of these dependencies out"))
}

/// Names that collide, or that leave open which spec is meant.
fn names(set: &Set) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    let mut folded: BTreeMap<String, &Spec> = BTreeMap::new();
    let mut numbers: BTreeMap<String, &Spec> = BTreeMap::new();
    let mut former: BTreeMap<&SpecId, &Spec> = BTreeMap::new();
    let title = |spec: &Spec, severity, code, message| {
        about(spec, severity, code, message, spec.title_span.clone(), "of this spec".into())
    };
    for spec in set.iter() {
        if let Some(twin) = folded.insert(spec.id.as_str().to_lowercase(), spec) {
            let message = format!("`{}` and `{}` differ only in case: their branches collide", twin.id, spec.id);
            said.push(title(spec, Severity::Error, "chant::collision", message).help("rename one of them"));
        }
        if let Some(number) = spec.id.number()
            && let Some(twin) = numbers.insert(number.clone(), spec)
        {
            let message = format!("`{}` and `{}` share the number {number}", twin.id, spec.id);
            let help = format!("renumber one, and write `formerly: {}` into it", spec.id);
            said.push(title(spec, Severity::Warning, "chant::number", message).help(help));
        }
        for old in &spec.formerly {
            let holder = set.get(old).or_else(|| former.insert(old, spec)).filter(|holder| holder.id != spec.id);
            if let Some(holder) = holder {
                let message = format!("`{}` says it was `{old}`, and so does `{}`", spec.id, holder.id);
                let help = "an old id belongs to one spec: its events count for that one alone";
                said.push(title(spec, Severity::Error, "chant::formerly", message).help(help));
            }
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::super::set::tests::set;
    use super::*;

    /// What lint says of these specs: severity, message, and the underlined text.
    fn said(specs: &[(&str, &str)]) -> Vec<(Severity, String, String)> {
        lint(&set(specs)).into_iter().map(plain).collect()
    }

    fn plain(diagnostic: Diagnostic) -> (Severity, String, String) {
        let text = diagnostic.labels.first().map(|(span, _)| diagnostic.origin().text[span.clone()].to_owned());
        (
            diagnostic.severity,
            format!("{diagnostic} ({})", diagnostic.help.clone().unwrap_or_default()),
            text.unwrap_or_default(),
        )
    }

    #[track_caller]
    fn only(specs: &[(&str, &str)], severity: Severity, part: &str, underlined: &str) {
        let said = said(specs);
        let [(found, message, text)] = &said[..] else { panic!("not one: {said:?}") };
        assert!(*found == severity && message.contains(part) && text == underlined, "{said:?}");
    }

    #[test]
    fn specs_in_order_leave_nothing_to_be_said() {
        let specs = [
            ("001-a", ""),
            ("002-x", "type: driver\ndepends_on: 001"),
            ("002-x.1", ""),
            ("002-x.2", "depends_on: [002.1]"),
        ];
        assert_eq!(said(&specs), []);
    }

    #[test]
    fn a_dangling_reference_is_underlined_and_the_nearest_spec_named() {
        let specs = [("001-research", ""), ("002-b", "depends_on: [001, 001-reserch]")];
        only(&specs, Severity::Error, "did you mean 001-research?", "001-reserch");
    }

    #[test]
    fn a_cycle_is_shown_as_the_way_round() {
        let specs = [("001-a", "depends_on: 003"), ("002-b", ""), ("003-c", "depends_on:\n  - '002'\n  - 001")];
        only(&specs, Severity::Error, "001-a -> 003-c -> 001-a", "003");
        only(&[("001-a", "depends_on: 001")], Severity::Error, "001-a -> 001-a", "001");
    }

    #[test]
    fn a_cycle_through_a_driver_and_its_members_is_found() {
        let specs = [("002-x", "type: driver"), ("002-x.1", "depends_on: 003"), ("003-y", "depends_on: 002")];
        only(&specs, Severity::Error, "002-x -> 002-x.1 -> 003-y -> 002-x", "003");
        let inherited = [("001-a", "depends_on: 002.1"), ("002-x", "type: driver\ndepends_on: 001"), ("002-x.1", "")];
        only(&inherited, Severity::Error, "001-a -> 002-x.1 -> 001-a", "002.1");
    }

    #[test]
    fn a_member_that_names_its_driver_is_a_warning_and_no_cycle() {
        only(&[("002-x", "type: group"), ("002-x.1", "depends_on: 002")], Severity::Warning, "its own driver", "002");
    }

    #[test]
    fn a_suffix_and_a_list_of_members_that_disagree_are_a_warning() {
        let unlisted = [("002-x", "members: [002.1]"), ("002-x.1", ""), ("002-x.2", "")];
        only(&unlisted, Severity::Warning, "does not list it", "Title of 002-x.2");
        let stolen = [("002-x", "type: driver"), ("002-x.1", ""), ("003-y", "members: 002.1")];
        only(&stolen, Severity::Warning, "`003-y` names it", "Title of 002-x.1");
        only(&[("002-x.1", "")], Severity::Warning, "which does not exist", "Title of 002-x.1");
        only(&[("002-x", ""), ("002-x.1", "")], Severity::Warning, "which is no driver", "Title of 002-x.1");
        assert_eq!(said(&[("release-1", ""), ("release-1.2", ""), ("other-1.2", "")]), []);
    }

    #[test]
    fn a_spec_has_one_driver_and_is_not_its_own() {
        let two = [("001-a", "members: 003"), ("002-b", "members: 003"), ("003-c", "")];
        only(&two, Severity::Error, "a member of `001-a` already", "003");
        only(&[("001-a", "members: 001")], Severity::Error, "a member of itself", "001");
    }

    #[test]
    fn names_that_differ_only_in_case_or_share_a_number_are_said() {
        only(&[("Login", ""), ("login", "")], Severity::Error, "differ only in case", "Title of login");
        only(&[("003-a", ""), ("003-b", "")], Severity::Warning, "share the number 003", "Title of 003-b");
        let twice = [("002-a", "formerly: 001"), ("003-b", "formerly: 001")];
        only(&twice, Severity::Error, "so does `002-a`", "Title of 003-b");
    }

    #[test]
    fn a_project_must_not_be_called_as_a_spec_or_as_another_project() {
        let set = set(&[("kpi", ""), ("001-a", "")]);
        let kpi: Project = "KPI".parse().unwrap();
        let said = lint_project(&set, None, std::slice::from_ref(&kpi));
        assert!(
            matches!(&said[..], [one] if one.is_error() && one.message.contains("want the same branch")),
            "{said:?}"
        );
        assert_eq!(lint_project(&set, Some(&"web".parse().unwrap()), std::slice::from_ref(&kpi)), []);
        let said = lint_project(&set, Some(&"kpi".parse().unwrap()), std::slice::from_ref(&kpi));
        assert!(matches!(&said[..], [one] if one.message.contains("two projects")), "{said:?}");
    }

    #[test]
    fn a_ring_of_ten_thousand_specs_is_one_complaint() {
        let names: Vec<(String, String)> =
            (1..=10_000).map(|n| (format!("{n:05}-x"), format!("depends_on: {:05}", n % 10_000 + 1))).collect();
        let specs: Vec<(&str, &str)> = names.iter().map(|(id, front)| (id.as_str(), front.as_str())).collect();
        let set = set(&specs);
        let said = lint(&set);
        assert!(said.len() == 1 && said[0].code == "chant::cycle");
    }
}
