//! The KPI example, worked as its README and the seed document say.

use crate::harness::Sandbox;

/// The example as a project inside of a larger repository.
pub fn example() -> Sandbox {
    let sandbox = Sandbox::bare_directory();
    sandbox.git(["init", "--quiet", "--initial-branch=main", "."]).ok();
    sandbox.write("README.md", "a larger repository\n");
    copy_to(&sandbox.path("examples/kpi-okr-workflow"));
    sandbox.commit("everything");
    sandbox
}

/// Puts the example into a directory.
pub fn copy_to(dir: &std::path::Path) {
    copy(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kpi-okr-workflow"), dir);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == "worktrees" {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            assert!(std::fs::copy(entry.path(), target).is_ok());
        }
    }
}

pub const DIR: &str = "examples/kpi-okr-workflow";

#[test]
fn research_then_driver_with_three_members_side_by_side() {
    let sandbox = example();
    sandbox.chant_in(DIR, ["work", "001"]).ok();
    let findings = sandbox.read(&format!("{DIR}/.chant/context/kpi-churn-q1/research-findings.md"));
    assert!(findings.contains("| 3.5 |") && findings.contains("| 6.2 |"), "{findings}");
    sandbox.chant_in(DIR, ["work", "002"]).ok();
    let list = sandbox.chant_in(DIR, ["list", "--json"]).ok().json();
    for item in list.as_array().unwrap() {
        assert_eq!(item["status"], "completed", "{item:#}");
        assert_eq!(item["project"], "kpi");
    }
    let show = sandbox.chant_in(DIR, ["show", "002", "--json"]).ok().json();
    assert_eq!(show["kpi"]["expected"], 6.2);
    assert_eq!(show["kpi"]["landed"], 6.2);
    let outside = sandbox.git(["diff", "--name-only", "HEAD~2", "--", ".", ":!examples"]).ok().out;
    assert_eq!(outside, "", "nothing outside of the project changes");
    assert_eq!(sandbox.ask("status --porcelain"), "");
}

#[test]
fn members_one_by_one() {
    let sandbox = example();
    sandbox.chant_in(DIR, ["work", "001"]).ok();
    for member in ["002.3", "002.1", "002.2"] {
        let before = sandbox.chant_in(DIR, ["show", "002", "--json"]).ok().json();
        assert_ne!(before["status"], "completed");
        sandbox.chant_in(DIR, ["work", member]).ok();
    }
    let after = sandbox.chant_in(DIR, ["show", "002", "--json"]).ok().json();
    assert_eq!(after["status"], "completed");
}

#[test]
fn a_changed_figure_changes_the_findings() {
    let sandbox = example();
    let file = format!("{DIR}/.chant/context/kpi-churn-q1/datadog-churn-metrics.md");
    let text = sandbox.read(&file).replace("| 9 %   | 10 %  | 11 % |", "| 9 %   | 10 %  | 20 % |");
    sandbox.write(&file, text).commit("other figures");
    sandbox.chant_in(DIR, ["work", "001"]).ok();
    let findings = sandbox.read(&format!("{DIR}/.chant/context/kpi-churn-q1/research-findings.md"));
    assert!(findings.contains("| 6.3 |"), "20 % × 63 % × 50 % = 6.3: {findings}");
}

#[test]
fn the_demo_works_on_a_machine_that_knows_nobody_and_never_overwrites() {
    let sandbox = Sandbox::bare_directory();
    let mut command = sandbox.command(crate::harness::chant(), &sandbox.root);
    for name in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
        command.env_remove(name);
    }
    let out = crate::harness::run(command.args(["demo"])).ok();
    assert!(
        out.out.contains("002-driver-churn-fixes") && out.out.contains("Chant-Landing: kpi/002-driver-churn-fixes.3 1")
    );
    assert!(sandbox.exists("chant-demo/.git"), "made where it says");
    assert_eq!(
        sandbox.chant_in("chant-demo", ["list", "--status", "completed", "--json"]).ok().json()[4]["id"],
        "002-driver-churn-fixes.3"
    );
    sandbox.chant(["demo"]).exits(2);
}
