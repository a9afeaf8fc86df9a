//! Prompt templates: the project's own over those that come with chant, and their faults with the place underlined.
//!
//! A template is minijinja (Jinja's language). What it names and does not exist is an error, in whatever branch of it; it
//! can read nothing but the facts and other templates, and cannot run for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use minijinja::{Environment, Error as Fault, UndefinedBehavior, Value, syntax::SyntaxConfig};

use super::facts::{Facts, samples};
use crate::spec::near::nearest;
use crate::spec::{Diagnostic, Source, legal_component};

/// Those that come with chant, by name: one for each type of spec, and the parts that they include.
const BUILT_IN: [(&str, &str); 14] = [
    ("code", include_str!("builtin/code.md")),
    ("task", include_str!("builtin/task.md")),
    ("driver", include_str!("builtin/driver.md")),
    ("documentation", include_str!("builtin/documentation.md")),
    ("research", include_str!("builtin/research.md")),
    ("work", include_str!("builtin/work.md")),
    ("rules", include_str!("builtin/rules.md")),
    ("retry", include_str!("builtin/retry.md")),
    ("rejection", include_str!("builtin/rejection.md")),
    ("drift", include_str!("builtin/drift.md")),
    ("conflict", include_str!("builtin/conflict.md")),
    ("sources", include_str!("builtin/sources.md")),
    ("neighbours", include_str!("builtin/neighbours.md")),
    ("split", include_str!("builtin/split.md")),
];

/// So many steps may a template take.
const FUEL: u64 = 5_000_000;
const CODE: &str = "chant::prompt";

/// The templates that count.
#[derive(Debug, Clone, Default)]
pub struct Templates(BTreeMap<String, Source>);

impl Templates {
    /// Those that come with chant, and a project's own over them: name, path and text of each.
    pub fn new(own: impl IntoIterator<Item = (String, String, String)>) -> Self {
        let built_in = BUILT_IN
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Source::new(&format!("chant's own template `{name}`"), text)));
        let own = own.into_iter().map(|(name, path, text)| (name, Source::new(&path, &text)));
        Self(built_in.chain(own).collect())
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Says that there is none of a name, with the place where it was named.
    pub fn unknown(&self, name: &str, (named, span): (Source, Range<usize>)) -> Diagnostic {
        let help = match nearest(name, self.0.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if legal_component(name).is_err() => "it is the stem of a file in .chant/prompts".to_owned(),
            None => format!("write it to .chant/prompts/{name}.md"),
        };
        Diagnostic::error(CODE, &named, format!("there is no prompt `{name}`")).label(span, "named here").help(help)
    }

    /// Renders one of them.
    ///
    /// # Errors
    /// What is wrong with it or with one that it includes, with the place underlined.
    pub fn render(&self, name: &str, facts: &Facts) -> Result<String, Box<Diagnostic>> {
        let environment = self.environment();
        let rendered =
            environment.get_template(name).and_then(|template| template.render(Value::from_serialize_facts(facts)));
        rendered.map_err(|fault| Box::new(self.diagnostic(name, &fault)))
    }

    /// Everything that is wrong with the project's own templates of these names, looked at with facts of which none is
    /// missing, and with none.
    pub fn faults<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<Diagnostic> {
        let environment = self.environment();
        let mut found: Vec<Diagnostic> = Vec::new();
        for name in names {
            let fault = match environment.get_template(name) {
                Err(fault) => Some(self.diagnostic(name, &fault)),
                Ok(template) => self
                    .unknown_names(name, &template.undeclared_variables(false), &environment)
                    .or_else(|| samples().iter().find_map(|facts| self.render(name, facts).err().map(|fault| *fault))),
            };
            if let Some(fault) = fault.filter(|fault| !found.contains(fault)) {
                found.push(fault);
            }
        }
        found
    }

    /// A name that is no fact, in a branch that no sample may come by.
    fn unknown_names(
        &self,
        name: &str,
        names: &std::collections::HashSet<String>,
        environment: &Environment<'_>,
    ) -> Option<Diagnostic> {
        let facts = serde_json::to_value(&samples()[0]).ok()?;
        let known: BTreeSet<&str> = facts.as_object()?.keys().map(String::as_str).collect();
        let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
        let mut unknown: Vec<&String> =
            names.iter().filter(|name| !known.contains(name.as_str()) && !globals.contains(name.as_str())).collect();
        unknown.sort();
        let unknown = unknown.first()?;
        let source = self.0.get(name)?;
        let at = source.text.find(unknown.as_str()).unwrap_or(0);
        let fault = Diagnostic::error(CODE, source, format!("undefined value: there is no `{unknown}`"));
        let help = match nearest(unknown, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("a template can name {}", known.into_iter().collect::<Vec<_>>().join(", ")),
        };
        Some(fault.label(at..at + unknown.len(), "not known").help(help))
    }

    fn environment(&self) -> Environment<'static> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_debug(true);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        if let Ok(syntax) =
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()
        {
            environment.set_syntax(syntax);
        }
        // Further lines of a value stand as far in as the first.
        environment.add_filter("indented", |text: String| text.trim_end().replace('\n', "\n    "));
        let texts: BTreeMap<String, String> =
            self.0.iter().map(|(name, source)| (name.clone(), source.text.to_string())).collect();
        environment.set_loader(move |name| Ok(texts.get(name).cloned()));
        environment
    }

    /// The innermost fault, where it is.
    fn diagnostic(&self, name: &str, fault: &Fault) -> Diagnostic {
        let mut inner = fault;
        while let Some(cause) = std::error::Error::source(inner).and_then(|cause| cause.downcast_ref::<Fault>()) {
            inner = cause;
        }
        let place = if inner.name().is_some() { inner } else { fault };
        let at = place.name().filter(|name| self.0.contains_key(*name)).unwrap_or(name);
        let none = Source::new(at, "");
        let source = self.0.get(at).unwrap_or(&none);
        let words = match inner.detail() {
            Some(detail) => format!("{}: {detail}", inner.kind()),
            None => inner.kind().to_string(),
        };
        let span = match (place.range(), place.line()) {
            (Some(range), _) => range,
            (None, Some(line)) => line_of(&source.text, line),
            (None, None) => 0..0,
        };
        let message = match place.line() {
            Some(line) => format!("{}:{line}: {words}", source.name),
            None => format!("{}: {words}", source.name),
        };
        Diagnostic::error(CODE, source, message)
            .label(span, "here")
            .help("`chant work --print-prompt <id>` shows what becomes of a template, and runs nothing")
    }
}

/// The bytes of a line, counted from 1.
fn line_of(text: &str, line: usize) -> std::ops::Range<usize> {
    let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let long = text[start..].lines().next().map_or(0, str::len);
    start..start + long
}

/// Facts as a template sees them.
trait FromFacts {
    fn from_serialize_facts(facts: &Facts) -> Value;
}

impl FromFacts for Value {
    fn from_serialize_facts(facts: &Facts) -> Value {
        Value::from(minijinja::value::Serde(facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str, text: &str) -> Templates {
        Templates::new([(name.to_owned(), format!(".chant/prompts/{name}.md"), text.to_owned())])
    }

    #[test]
    fn those_that_come_with_chant_say_everything_and_leave_no_gaps() {
        let templates = Templates::new([]);
        assert_eq!(templates.faults(BUILT_IN.iter().map(|(name, _)| *name).filter(|name| !parts(name))), []);
        for name in ["code", "task", "driver", "documentation", "research", "split"] {
            for facts in samples().iter().filter(|facts| name != "split" || facts.split.is_some()) {
                let text = templates.render(name, facts).unwrap();
                assert!(!text.contains("\n\n\n") && !text.contains("none") && text.contains("# A title"), "{text}");
            }
        }
        let text = templates.render("code", &samples()[0]).unwrap();
        for part in [
            "`chant/001-a`",
            "merged into `main`",
            "no `Chant-*`",
            "attempt before this one failed",
            "    Unmet: It holds\n      $ test -f a\n      exit code 1\n      it took long\n      | no\n",
            "sent it back",
            "attempt 1, Ada: no",
            "could not be merged",
            "notes.md:\n\n```\ntext\n",
            "notes.md (binary)\n",
            "002-b (completed): Another\n        changed b\n        and 1 more\n        is to change b\n",
        ] {
            assert!(text.contains(part), "{part:?} is missing in {text}");
        }
    }

    /// Parts that have nothing to say without their fact.
    fn parts(name: &str) -> bool {
        ["retry", "conflict", "split"].contains(&name)
    }

    #[test]
    fn a_fault_is_underlined_where_it_is_also_in_a_part() {
        let fault = own("mine", "one\n{{ spec.titel }}\n").render("mine", &samples()[1]).unwrap_err();
        assert!(fault.message.contains(".chant/prompts/mine.md:2: undefined value"), "{}", fault.message);
        let (span, _) = &fault.labels[0];
        assert!(fault.origin().text[span.clone()].contains("spec.titel"), "{span:?}");

        let fault = own("rules", "{% if %}\n").render("code", &samples()[1]).unwrap_err();
        assert_eq!((&*fault.origin().name, fault.line()), (".chant/prompts/rules.md", Some(1)));

        let fault = own("mine", "{% include \"nothing\" %}").render("mine", &samples()[1]).unwrap_err();
        assert!(fault.message.contains("nothing"), "{}", fault.message);
    }

    #[test]
    fn what_is_undefined_in_a_branch_that_is_not_taken_is_found_too() {
        let faults = own("mine", "{% if attempt > 99 %}{{ sibling }}{% endif %}").faults(["mine"]);
        assert!(faults[0].message.contains("`sibling`"), "{faults:?}");
        assert_eq!(faults[0].help.as_deref(), Some("did you mean `siblings`?"));
    }

    #[test]
    fn no_template_runs_for_ever() {
        let text = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
        let fault = own("mine", text).render("mine", &samples()[1]).unwrap_err();
        assert!(fault.message.contains("fuel"), "{}", fault.message);
    }

    #[test]
    fn a_value_is_never_read_as_a_template() {
        let mut facts = samples()[1].clone();
        facts.spec.text = "{{ nothing }} {% include 'x' %}".to_owned();
        assert!(Templates::new([]).render("code", &facts).unwrap().contains("{{ nothing }} {% include 'x' %}"));
    }
}
