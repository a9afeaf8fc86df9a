//! Pull requests, on every forge alike: one suite, against a stand-in that keeps requests and merges with real Git.

use crate::harness::Sandbox;
use crate::harness::clones::{Clones, Way};
use crate::harness::forge::{Face, How, Prism, StandIn};

fn one(sandbox: &Sandbox) {
    sandbox.write(".chant/config.yaml", "land: pr\n");
    sandbox.steps("001-a", "", &["A is made $ grep -q made a"], "echo made > a");
}

/// The KPI example in small: a driver with two members.
fn driver(sandbox: &Sandbox) {
    sandbox.write(".chant/config.yaml", "land: pr\n");
    sandbox.spec("002-d", "type: driver", &["Both $ test -f m1 -a -f m2"], "");
    for n in 1..3 {
        sandbox.steps(&format!("002-d.{n}"), "", &[&format!("M $ test -f m{n}")], &format!("echo {n} > m{n}"));
    }
}

/// The block that a text ends with.
fn block(text: &str) -> Vec<&str> {
    text.trim_end().rsplit("\n\n").next().unwrap_or_default().lines().collect()
}

fn status(forge: &StandIn, id: &str) -> String {
    forge.clones.status(&forge.root, id)
}

fn attention(forge: &StandIn, id: &str) -> String {
    forge.clones.item(&forge.root, id)["attention"].as_str().unwrap_or_default().to_owned()
}

mod suite {
    use super::*;

    /// What is completed is asked for by itself; asking again changes nothing.
    pub fn opens_once(face: Face) {
        let Some(forge) = StandIn::new(face, one) else { return };
        let worked = forge.chant(&["work", "001"]).ok();
        assert!(worked.all().contains("pull request #1 opened"), "{}", worked.all());
        let pull = forge.pull("001-a");
        assert_eq!((pull.base.as_str(), pull.title.as_str()), ("main", "001-a: The spec 001-a"));
        let found = block(&pull.body);
        assert!(found.iter().any(|line| line.starts_with("Chant-Landing: 001-a 1 ")), "{}", pull.body);
        assert!(
            face == Face::Gerrit || pull.body.contains("- [x] A is made: *verified*\n  `grep -q made a` exits 0"),
            "{}",
            pull.body
        );
        assert_eq!(status(&forge, "001-a"), "in_review");
        assert_eq!(attention(&forge, "001-a"), "pull request #1 is open");
        let before = forge.changes();
        let again = forge.chant(&["pr", "001"]).ok();
        assert!(again.out.starts_with("001-a  pull request #1 is open: http"), "{}", again.all());
        forge.chant(&["work", "001"]).ok();
        assert_eq!(forge.changes(), before, "nothing is another, so nothing is changed");
    }

    /// Members into their driver's branch, the driver into the base, each merged on the forge in another way.
    pub fn lands(face: Face, how: How) {
        let Some(forge) = StandIn::new(face, driver) else { return };
        forge.chant(&["work", "002"]).ok();
        for member in ["002-d.1", "002-d.2"] {
            assert_eq!(forge.pull(member).base, "chant/002-d");
            forge.merge(member, how);
        }
        let told = forge.chant(&["pr", "--status"]).ok();
        assert_eq!(told.out.matches("merged, landed on chant/002-d as ").count(), 2, "{}", told.all());
        assert!(told.out.contains("all members have landed: `chant work 002-d`"), "{}", told.all());
        assert_eq!(status(&forge, "002-d.1"), "completed");
        forge.chant(&["work", "002"]).ok();
        let pull = forge.pull("002-d");
        assert_eq!(pull.base, "main");
        let landings = block(&pull.body).iter().filter(|line| line.starts_with("Chant-Landing: ")).count();
        assert_eq!(landings, 3, "{}", pull.body);
        forge.merge("002-d", how);
        let told = forge.chant(&["pr", "--status"]).ok();
        assert!(told.out.contains("merged, landed on main as "), "{}", told.all());
        for id in ["002-d", "002-d.1", "002-d.2"] {
            assert_eq!(status(&forge, id), "completed", "{id}");
        }
        forge.clones.git(&forge.root, &["pull", "--quiet", "--ff-only"]);
        assert_eq!(forge.clones.git(&forge.root, &["for-each-ref", "refs/heads/chant"]), "", "nothing is left behind");
        assert!(forge.root.join("m1").exists() && forge.root.join("m2").exists());
    }

    /// What was closed there is told here, and opened again for a person alone.
    pub fn closed(face: Face) {
        let Some(forge) = StandIn::new(face, one) else { return };
        forge.chant(&["work", "001"]).ok();
        forge.close("001-a");
        let told = forge.chant(&["pr", "--status"]).ok();
        assert!(
            told.out.contains("#1 closed") && told.out.contains("`chant pr 001-a` opens it again"),
            "{}",
            told.all()
        );
        assert_eq!(attention(&forge, "001-a"), "pull request #1 was closed");
        forge.chant(&["work", "001"]).ok();
        assert_eq!(forge.pull("001-a").state, "closed");
        forge.chant(&["pr", "001"]).ok();
        assert_eq!(forge.pull("001-a").state, "open");
    }

    /// What reviewers say there is told here; a rejection here makes the next attempt, and that renews the request.
    pub fn asked_to_change(face: Face) {
        let Some(forge) = StandIn::new(face, one) else { return };
        forge.chant(&["work", "001"]).ok();
        forge.review("001-a", "grace", "changes", "Please say why.\nMore.");
        let told = forge.chant(&["pr", "--status"]).ok();
        let words =
            if face == Face::Gerrit { "grace asked for changes" } else { "grace asked for changes: Please say why." };
        assert!(told.out.contains(words) && told.out.contains("`chant reject 001-a"), "{}", told.all());
        assert_eq!(attention(&forge, "001-a"), format!("pull request #1: {words}"));
        forge.chant(&["reject", "001", "--reason", "say why"]).ok();
        forge.chant(&["work", "001"]).ok();
        let pull = forge.pull("001-a");
        assert!(block(&pull.body).iter().any(|line| line.starts_with("Chant-Landing: 001-a 2 ")), "{}", pull.body);
        let open = forge.state().pulls.iter().filter(|pull| pull.state == "open").count();
        assert_eq!(open, if face == Face::Gerrit { 2 } else { 1 });
    }

    /// The forge carries a call out, and the connection breaks before it says so.
    pub fn broken(face: Face) {
        let Some(forge) = StandIn::new(face, one) else { return };
        forge.state().breaks_after = Some(0);
        let broke = forge.chant(&["work", "001"]).exits(1);
        assert!(broke.all().contains("`chant pr 001-a` tries again"), "{}", broke.all());
        assert_eq!(status(&forge, "001-a"), "in_review");
        forge.state().breaks_after = None;
        let again = forge.chant(&["pr", "001"]).ok();
        assert!(again.out.contains("pull request #1 is open"), "{}", again.all());
        assert_eq!(forge.state().pulls.len(), 1);
    }

    /// A person's words in the description stay, above and below chant's.
    pub fn words_stay(face: Face) {
        let Some(forge) = StandIn::new(face, one) else { return };
        forge.chant(&["work", "001"]).ok();
        {
            let mut state = forge.state();
            let pull = state.pulls.first_mut().unwrap();
            pull.body = format!("Look at A first.\r\n\r\n{}", pull.body.replace('\n', "\r\n"));
            pull.title = "Make A, please".to_owned();
        }
        let before = forge.changes();
        forge.chant(&["pr", "001"]).ok();
        assert_eq!(forge.changes(), before);
        assert_eq!(forge.state().pulls[0].title, "Make A, please");
    }

    /// Nobody who asks without a token opens anything, and no token is ever shown or kept.
    pub fn tokens(face: Face) {
        let Some(forge) = StandIn::new(face, one) else { return };
        let config = forge.clones.sandbox.beside("home/.gitconfig");
        let helper = std::fs::read_to_string(&config).unwrap();
        let wrong = [("CHANT_FORGE_TOKEN", "hunter2")];
        let refused = forge.clones.chant_with(&forge.root, &wrong, &["work", "001"]);
        assert!(
            refused.all().contains("does not accept the token") && refused.all().contains("$CHANT_FORGE_TOKEN"),
            "{}",
            refused.all()
        );
        let right = [("CHANT_FORGE_TOKEN", "secret")];
        forge.clones.chant_with(&forge.root, &right, &["pr", "001"]).ok();
        for said in [&refused, &forge.chant(&["log", "001"]), &forge.chant(&["config"])] {
            assert!(!said.all().contains("hunter2"), "{}", said.all());
        }
        for file in [".git/config", ".git/FETCH_HEAD", ".git/logs/HEAD"] {
            let text = std::fs::read_to_string(forge.root.join(file)).unwrap_or_default();
            assert!(!text.contains("hunter2") && !text.contains("secret"), "{file}: {text}");
        }
        assert_eq!(std::fs::read_to_string(&config).unwrap(), helper);
    }

    /// A driver that lands while a request into its branch is open takes no request down with its branch.
    pub fn retargets(face: Face) {
        let one_is_enough = |sandbox: &Sandbox| {
            driver(sandbox);
            sandbox.spec("002-d", "type: driver", &["One $ test -f m1"], "");
        };
        let Some(forge) = StandIn::new(face, one_is_enough) else { return };
        forge.chant(&["work", "002.1"]).ok();
        forge.chant(&["work", "002.2"]).ok();
        forge.merge("002-d.1", How::Merge);
        forge.chant(&["pr", "--status"]).ok();
        forge.chant(&["cancel", "002.2", "--reason", "not now"]).ok();
        forge.clones.git(&forge.root, &["config", "chant.remote", "origin"]);
        forge.clones.git(&forge.root, &["config", "chant.land", "auto"]);
        let landed = forge.chant(&["work", "002"]);
        assert_eq!(forge.pull("002-d.2").base, "main", "{}", landed.all());
        assert_eq!(forge.clones.at_hub("for-each-ref refs/heads/chant/002-d"), "");
    }
}

macro_rules! tests {
    ($($name:ident: $what:ident($($how:expr),*);)*) => {
        $(
            #[test]
            fn $name() {
                suite::$what($($how),*);
            }
        )*
    };
}

tests! {
    what_is_completed_is_asked_for_once_on_github: opens_once(Face::Github);
    what_is_completed_is_asked_for_once_on_gitlab: opens_once(Face::Gitlab);
    what_is_completed_is_asked_for_once_on_gitea: opens_once(Face::Gitea);
    what_is_completed_is_asked_for_once_on_gerrit: opens_once(Face::Gerrit);
    merge_commits_land_members_and_driver_on_github: lands(Face::Github, How::Merge);
    merge_commits_land_members_and_driver_on_gitlab: lands(Face::Gitlab, How::Merge);
    merge_commits_land_members_and_driver_on_gitea: lands(Face::Gitea, How::Merge);
    merge_commits_land_members_and_driver_on_gerrit: lands(Face::Gerrit, How::Merge);
    squashes_land_members_and_driver_on_github: lands(Face::Github, How::Squash);
    squashes_land_members_and_driver_on_gitlab: lands(Face::Gitlab, How::Squash);
    squashes_land_members_and_driver_on_gitea: lands(Face::Gitea, How::Squash);
    cherry_picks_land_members_and_driver_on_gerrit: lands(Face::Gerrit, How::Squash);
    squashes_without_a_description_land_on_github: lands(Face::Github, How::SquashBare);
    squashes_without_a_description_land_on_gitlab: lands(Face::Gitlab, How::SquashBare);
    squashes_without_a_description_land_on_gitea: lands(Face::Gitea, How::SquashBare);
    rebases_land_members_and_driver_on_github: lands(Face::Github, How::Rebase);
    rebases_land_members_and_driver_on_gitlab: lands(Face::Gitlab, How::Rebase);
    rebases_land_members_and_driver_on_gitea: lands(Face::Gitea, How::Rebase);
    rebases_land_members_and_driver_on_gerrit: lands(Face::Gerrit, How::Rebase);
    what_is_closed_is_told_on_github: closed(Face::Github);
    what_is_closed_is_told_on_gitlab: closed(Face::Gitlab);
    what_is_closed_is_told_on_gitea: closed(Face::Gitea);
    what_reviewers_ask_for_is_told_on_github: asked_to_change(Face::Github);
    what_reviewers_ask_for_is_told_on_gitlab: asked_to_change(Face::Gitlab);
    what_reviewers_ask_for_is_told_on_gitea: asked_to_change(Face::Gitea);
    what_reviewers_ask_for_is_told_on_gerrit: asked_to_change(Face::Gerrit);
    a_connection_that_breaks_opens_nothing_twice_on_github: broken(Face::Github);
    a_connection_that_breaks_opens_nothing_twice_on_gitlab: broken(Face::Gitlab);
    a_connection_that_breaks_opens_nothing_twice_on_gitea: broken(Face::Gitea);
    a_persons_words_stay_on_github: words_stay(Face::Github);
    a_persons_words_stay_on_gitlab: words_stay(Face::Gitlab);
    a_persons_words_stay_on_gitea: words_stay(Face::Gitea);
    no_token_is_shown_or_kept_on_github: tokens(Face::Github);
    no_token_is_shown_or_kept_on_gitlab: tokens(Face::Gitlab);
    no_token_is_shown_or_kept_on_gitea: tokens(Face::Gitea);
    requests_into_a_branch_that_goes_are_retargeted_on_github: retargets(Face::Github);
    requests_into_a_branch_that_goes_are_retargeted_on_gitlab: retargets(Face::Gitlab);
    requests_into_a_branch_that_goes_are_retargeted_on_gitea: retargets(Face::Gitea);
}

#[test]
fn the_members_of_a_driver_are_asked_for_together_and_what_cannot_be_is_told_beside_them() {
    let review = |sandbox: &Sandbox| {
        driver(sandbox);
        sandbox.write(".chant/config.yaml", "land: review\n");
        sandbox.steps("002-d.3", "depends_on: [002-d.1]", &["M $ test -f m1"], "true");
    };
    let Some(forge) = StandIn::new(Face::Github, review) else { return };
    forge.chant(&["pr", "002", "--members"]).exits(3);
    forge.chant(&["work", "002"]).ok();
    assert_eq!(forge.state().pulls.len(), 0);
    let asked = forge.chant(&["pr", "002", "--members"]).ok();
    let lines: Vec<&str> = asked.out.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["002-d.1  pull request #1 opened", "002-d.2  pull request #2 opened"]);
    let blocked = forge.chant(&["pr", "002.3"]).exits(3);
    assert!(blocked.err.contains("002-d.3 is blocked"), "{}", blocked.all());
    let told = forge.chant(&["pr", "--status", "--json"]).ok().json();
    assert_eq!((told[0]["id"].as_str(), told[0]["state"].as_str()), (Some("002-d.1"), Some("open")));
    assert_eq!(forge.chant(&["pr", "001"]).code, 2);
}

#[test]
fn a_request_says_what_it_depends_on_and_what_is_outside_of_its_files() {
    let specs = |sandbox: &Sandbox| {
        sandbox.write(".chant/config.yaml", "land: pr\n");
        sandbox.steps("001-a", "", &["A $ test -f a"], "echo a > a");
        sandbox.steps("002-b", "depends_on: [001-a]\ntarget_files: [b]", &["B $ test -f b"], "echo b > b; echo c > c");
    };
    let Some(forge) = StandIn::new(Face::Github, specs) else { return };
    forge.chant(&["work", "001"]).ok();
    forge.merge("001-a", How::Merge);
    forge.clones.git(&forge.root, &["pull", "--quiet", "--ff-only"]);
    forge.chant(&["work", "002"]).ok();
    let body = forge.pull("002-b").body;
    assert!(body.contains("- 001-a: The spec 001-a (completed), https://forge/ada/churn/pull/1"), "{body}");
    assert!(body.contains("Outside of the spec's `target_files`: `c`"), "{body}");
    assert!(body.contains(" b | 1 +\n c | 1 +\n 2 files changed, 2 insertions(+)"), "{body}");
    assert!(!body.contains("echo b > b"), "the steps are no part of it: {body}");
}

#[test]
fn what_a_remote_has_and_this_clone_has_not_is_pushed_over_by_nobody() {
    let Some(forge) = StandIn::new(Face::Github, one) else { return };
    forge.chant(&["work", "001"]).ok();
    let other = forge.clones.clone("other");
    forge.clones.git(&other, &["switch", "--quiet", "chant/001-a"]);
    forge.clones.git(&other, &["commit", "--quiet", "--allow-empty", "-m", "a reviewer's touch"]);
    forge.clones.git(&other, &["push", "--quiet", "origin", "chant/001-a"]);
    let there = forge.clones.at_hub("rev-parse chant/001-a");
    let refused = forge.chant(&["pr", "001"]).exits(3);
    assert!(refused.err.contains("origin/chant/001-a has what is not here"), "{}", refused.all());
    assert_eq!(forge.clones.at_hub("rev-parse chant/001-a"), there);
}

#[test]
fn a_target_that_the_remote_has_not_is_told_with_the_push_that_brings_it_there() {
    let Some(forge) = StandIn::new(Face::Github, one) else { return };
    forge.clones.git(&forge.root, &["switch", "--quiet", "--create", "dev"]);
    let refused = forge.chant(&["work", "001"]);
    assert!(refused.all().contains("origin has no branch dev to merge into"), "{}", refused.all());
    assert!(refused.all().contains("`git push origin dev`"), "{}", refused.all());
    forge.clones.git(&forge.root, &["push", "--quiet", "origin", "dev"]);
    forge.chant(&["pr", "001"]).ok();
    assert_eq!(forge.pull("001-a").base, "dev");
}

#[test]
fn the_doctor_and_a_push_say_where_a_squash_on_the_forge_loses_the_trailers() {
    let Some(forge) = StandIn::new(Face::Github, one) else { return };
    let doctor = forge.chant(&["doctor"]);
    assert!(
        doctor.out.contains("github at 127.0.0.1") && !doctor.out.contains("loses the trailers"),
        "{}",
        doctor.all()
    );
    assert!(doctor.out.contains("the token is from Git's credential helper"), "{}", doctor.all());
    forge.state().squash["squash_merge_commit_message"] = "COMMIT_MESSAGES".into();
    let doctor = forge.chant(&["doctor"]);
    assert!(doctor.out.contains("a squash there loses the trailers"), "{}", doctor.all());
    forge.chant(&["hooks", "install"]).ok();
    forge.chant(&["work", "001"]).ok();
    forge.clones.git(&forge.root, &["push", "--quiet", "origin", ":chant/001-a"]);
    let path = format!(
        "{}:{}",
        std::path::Path::new(crate::harness::chant()).parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let pushed = forge.clones.git_with(&forge.root, &[("PATH", &path)], &["push", "origin", "chant/001-a"]).ok();
    assert!(pushed.err.contains("PR_BODY"), "{}", pushed.all());
}

#[test]
fn without_a_token_github_is_not_even_pushed_to() {
    if !Way::Ssh.is_possible() {
        return eprintln!("not tried here: it needs sshd");
    }
    let hub = Clones::new(Way::Ssh, one);
    let root = hub.sandbox.root.clone();
    hub.git(&root, &["config", "chant.forge", "github"]);
    let refused = hub.chant(&root, &["work", "001"]);
    let said = refused.all();
    assert!(said.contains("there is no token for it") && said.contains("GH_ENTERPRISE_TOKEN"), "{said}");
    assert_eq!(hub.at_hub("for-each-ref refs/heads/chant"), "");
}

#[test]
fn without_a_token_gitlab_is_asked_by_the_push_itself() {
    if !Way::Ssh.is_possible() {
        return eprintln!("not tried here: it needs sshd");
    }
    let hub = Clones::new(Way::Ssh, one);
    let root = hub.sandbox.root.clone();
    hub.git(&root, &["config", "chant.forge", "gitlab"]);
    hub.at_hub("config receive.advertisePushOptions true");
    let hook = hub.hub().join("hooks/post-receive");
    let script = "#!/bin/sh\nenv | grep '^GIT_PUSH_OPTION_[0-9]' | sort | cut -d= -f2- > \"$PWD/options\"\n\
                  echo 'View merge request: https://gitlab/ada/churn/-/merge_requests/1'\n";
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let worked = hub.chant(&root, &["work", "001"]).ok();
    assert!(worked.all().contains("https://gitlab/ada/churn/-/merge_requests/1"), "{}", worked.all());
    let options = std::fs::read_to_string(hub.hub().join("options")).unwrap();
    assert_eq!(options, "merge_request.create\nmerge_request.target=main\nmerge_request.title=001-a: The spec 001-a\n");
    let again = hub.chant(&root, &["pr", "001"]).ok();
    assert!(again.out.contains("/-/merge_requests/new?merge_request[source_branch]=chant%2F001-a"), "{}", again.all());
}

#[test]
fn without_a_forge_the_words_of_git_request_pull_and_patches_for_mail_serve() {
    let hub = Clones::new(Way::File, one);
    let root = hub.sandbox.root.clone();
    let worked = hub.chant(&root, &["work", "001"]).ok();
    assert!(worked.all().contains("there is no forge, so ask by mail"), "{}", worked.all());
    let attention = hub.item(&root, "001-a")["attention"].as_str().unwrap_or_default().to_owned();
    assert!(attention.contains("`chant pr 001-a`") && !attention.contains("chant work"), "{attention}");
    let asked = hub.chant(&root, &["pr", "001"]).ok();
    let tip = hub.at_hub("rev-parse chant/001-a");
    for words in [
        "001-a: The spec 001-a",
        "are available in the Git repository at:",
        "chant/001-a",
        tip.as_str(),
        "Chant-Landing: 001-a 1 ",
    ] {
        assert!(asked.out.contains(words), "{words}: {}", asked.all());
    }
    let patches = hub.chant(&root, &["pr", "001", "--patches", "out"]).ok();
    let files: Vec<&str> = patches.out.lines().collect();
    assert_eq!(files.len(), 1, "{}", patches.all());
    let other = hub.clone("other");
    hub.git(&other, &["am", "--quiet", files[0]]);
    hub.git(&other, &["push", "--quiet", "origin", "main"]);
    hub.git(&root, &["pull", "--quiet", "--ff-only"]);
    assert_eq!(hub.status(&root, "001-a"), "completed", "what was applied from the mail is known again");
}

#[test]
fn every_request_to_github_is_of_the_shape_that_its_own_description_wants() {
    let Some(forge) = StandIn::new(Face::Github, driver) else { return };
    let Some(prism) = Prism::before(&forge) else { return };
    forge.clones.git(&forge.root, &["config", "chant.forge.url", &prism.url]);
    forge.chant(&["work", "002"]).ok();
    forge.state().pulls[0].title = "002-d.1: Another title".to_owned();
    forge.chant(&["pr", "002.1"]).ok();
    forge.review("002-d.1", "grace", "changes", "Why?");
    forge.chant(&["pr", "--status"]).ok();
    forge.close("002-d.2");
    forge.chant(&["pr", "002.2"]).ok();
    forge.chant(&["doctor"]);
    let said = prism.said();
    let asked: Vec<&str> = said.lines().filter(|line| line.contains("[HTTP SERVER]")).collect();
    for call in [
        "get /repos/ada/churn/pulls",
        "post /repos/ada/churn/pulls",
        "patch /repos/ada/churn/pulls/1",
        "get /repos/ada/churn/pulls/1/reviews",
        "get /repos/ada/churn ",
    ] {
        assert!(asked.iter().any(|line| line.contains(call)), "{call}: {said}");
    }
    let wrong: Vec<&str> = said.lines().filter(|line| line.contains("Violation: request")).collect();
    assert_eq!(wrong, [""; 0]);
}

/// The second walk of docs/tutorial-pull-requests.md.
#[test]
fn the_kpi_example_is_reviewed_as_pull_requests_from_the_first_work_to_the_last_merge() {
    let example = |sandbox: &Sandbox| {
        super::run_example::copy_to(&sandbox.root);
        sandbox.git(["config", "chant.land", "pr"]).ok();
    };
    let Some(forge) = StandIn::new(Face::Github, example) else { return };
    let mut told = String::new();
    let mut chant = |args: &[&str], code: i32| {
        let out = forge.chant(args).exits(code);
        told.push_str(&format!("$ chant {}\n{}\n", args.join(" "), out.all()));
        out
    };
    chant(&["work", "001"], 0);
    forge.merge("001-research-churn-drivers", How::Squash);
    chant(&["pr", "--status"], 0);
    forge.clones.git(&forge.root, &["pull", "--quiet", "--ff-only"]);
    chant(&["work", "002"], 0);
    for (member, how) in [(1, How::Merge), (2, How::Squash), (3, How::Rebase)] {
        let id = format!("002-driver-churn-fixes.{member}");
        assert_eq!(forge.pull(&id).base, "chant/kpi/002-driver-churn-fixes");
        forge.merge(&id, how);
    }
    chant(&["pr", "--status"], 0);
    chant(&["work", "002"], 0);
    forge.merge("002-driver-churn-fixes", How::Merge);
    chant(&["pr", "--status"], 0);
    forge.clones.git(&forge.root, &["pull", "--quiet", "--ff-only"]);
    let list = chant(&["list", "--json"], 0).json();
    for item in list.as_array().unwrap() {
        assert_eq!(item["status"], "completed", "{item:#}");
    }
    chant(&["show", "002"], 0);
    assert_eq!(forge.chant(&["show", "002", "--json"]).ok().json()["kpi"]["landed"], 6.2);
    if let Some(file) = std::env::var_os("CHANT_TELL") {
        told.push_str(&forge.state().pulls[1].body);
        std::fs::write(file, told).unwrap();
    }
}
