//! What `doctor` says of the sandbox: what is enforced here, and what of the settings cannot be.

use std::path::Path;

use super::doctor::{Check, ill, warning, well};
use crate::cage::{self, Support};
use crate::project::Project;

/// Whether agents are shut in, what is open beside, and which variables stay behind although they look wanted.
pub(super) fn checks(project: &Project) -> Vec<Check> {
    let sandbox = &project.settings.sandbox;
    if !sandbox.on.value {
        let detail = format!("switched off ({}): an agent can write wherever you can", sandbox.on.origin);
        return vec![warning("sandbox", detail, "take it back where it is said, or say `sandbox: on` there")];
    }
    let version = match cage::support() {
        Support::Nothing(why) => {
            let detail = format!("{why}: what an agent does that it must not is found afterwards, and not prevented");
            let mut checks = vec![warning("sandbox", detail, "run agents that you do not trust in a container")];
            checks.extend(net(project));
            return checks;
        }
        Support::Landlock(version) => version,
    };
    let mut detail = format!(
        "landlock {version}: agents, set-ups, proofs and hooks write in their worktree and a directory for temporary files"
    );
    if !sandbox.write.value.is_empty() {
        detail.push_str(&format!(", and in {}", sandbox.write.value.join(", ")));
    }
    if sandbox.no_net.value {
        detail.push_str("; without a network");
    }
    let mut checks = vec![well("sandbox", detail)];
    let holes = cage::support().holes();
    if !holes.is_empty() {
        let help = "a newer kernel closes that; docs/how-to/containment.md says what no kernel stops";
        checks.push(warning("sandbox", format!("this kernel does not stop everything: {}", holes.join("; ")), help));
    }
    checks.extend(missing(project));
    checks.extend(withheld(project));
    checks.extend(net(project));
    checks
}

fn net(project: &Project) -> Option<Check> {
    if !project.settings.sandbox.no_net.value {
        return None;
    }
    let why = match (cage::support(), cage::net_can_go()) {
        (Support::Landlock(_), Ok(())) => return None,
        (Support::Nothing(why), _) => why.to_owned(),
        (_, Err(error)) => error.to_string(),
    };
    let help = "allow user namespaces, or say `sandbox: { net: shared }`";
    Some(ill("sandbox", format!("`sandbox.net: none` cannot be had here: {why}"), help))
}

/// Paths that the settings open and that are not there: they stay closed.
fn missing(project: &Project) -> Option<Check> {
    let home = project.env.vars.get("HOME").map(Path::new);
    let paths = project.settings.sandbox.paths(home);
    let missing: Vec<String> =
        paths.iter().filter(|path| !path.exists()).map(|path| path.display().to_string()).collect();
    (!missing.is_empty()).then(|| {
        let detail = format!("`sandbox.write` names what is not there, and stays closed: {}", missing.join(", "));
        warning("sandbox", detail, format!("mkdir -p {}", missing.join(" ")))
    })
}

/// Variables that look like keys for a model or a service: whoever wants an agent to have one has to name it, but for the keys
/// of its own model.
fn withheld(project: &Project) -> Option<Check> {
    let named = [project.settings.sandbox.pass_env.value.clone(), crate::run::handed_on(project)].concat();
    let names: Vec<String> = project
        .env
        .vars
        .iter()
        .map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()))
        .filter(|(name, value)| cage::looks_secret(name, value) && !cage::passes(name, value, &named))
        .map(|(name, _)| name.into_owned())
        .collect();
    (!names.is_empty()).then(|| {
        let detail = format!("not handed on to agents and proofs, for they look like secrets: {}", names.join(", "));
        Check { help: Some("`sandbox: { pass_env: [NAME] }` hands one on".to_owned()), ..well("sandbox", detail) }
    })
}
