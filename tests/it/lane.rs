//! Members that land at the same time: each proven on the tree that will be, side by side, and nothing believed of a tree
//! that never came.

use crate::harness::Sandbox;

/// Holds a proof up until something is true; for half a minute, then it is red.
const HOLD: &str =
    "hold() { n=0; until \"$@\" 2>/dev/null; do n=$((n+1)); [ $n -lt 600 ] || exit 1; sleep 0.05; done; }\n";

/// Members `001-d.<name>`, each of which makes a file `f<name>` and is proven by `sh judge <name>`.
fn members(names: &[&str], judge: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("judge", format!("{HOLD}{judge}"));
    sandbox.spec("001-d", "type: driver", &[], "");
    for name in names {
        sandbox.steps(&format!("001-d.{name}"), "", &[&format!("Proven $ sh judge {name}")], &format!("touch f{name}"));
    }
    sandbox.commit("specs");
    sandbox
}

#[test]
fn members_are_proven_side_by_side_on_the_trees_that_will_be() {
    // Green on a merged tree only while the proofs of all members in it run, and those of another tree as well.
    let judge = "met() { [ $(ls $BESIDE/trees/$n | wc -l) = $n ] && [ $(ls $BESIDE/trees | wc -l) -ge 2 ]; }\n\
        n=$(ls | grep -c '^f')\n[ $n -ge 1 ] || exit 1\n[ $n -ge 2 ] || exit 0\n\
        mkdir -p $BESIDE/trees/$n\ntouch $BESIDE/trees/$n/$1\nhold met\n";
    let sandbox = members(&["1", "2", "3"], judge);
    sandbox.chant(["work", "001", "-j", "3"]).ok();
    assert_eq!(sandbox.ask("ls-tree --name-only main f1 f2 f3"), "f1\nf2\nf3");
    assert_eq!(std::fs::read_dir(sandbox.beside("trees")).unwrap().count(), 2, "of two members, and of three");
    sandbox.assert_fsck();
}

#[test]
fn what_was_proven_behind_one_that_fails_is_proven_again_without_it() {
    // 2 comes behind 1, and 3 behind both; 2 holds out until 3 is proven ahead, and is red.
    let sandbox = members(&["1", "2", "3"], "");
    let git = sandbox.path(".git");
    let judge = format!(
        "{HOLD}test -f f$1 || exit 1\n\
         case $1-$(ls | grep '^f' | tr -d 'f\\n') in\n\
         2-2) hold git --git-dir={} cat-file -e chant/001-d:f1 ;;\n\
         2-12) touch $BESIDE/two-waits; hold test -f $BESIDE/three-ahead; exit 1 ;;\n\
         3-3) hold test -f $BESIDE/two-waits ;;\n\
         3-123) touch $BESIDE/three-ahead ;;\n\
         3-13) touch $BESIDE/three-again ;;\n\
         esac\n",
        git.display()
    );
    sandbox.write("judge", judge).commit("the judge");
    let out = sandbox.chant(["work", "001", "-j", "3"]).exits(1);
    assert!(out.err.contains("red together with 001-d.1"), "{}", out.all());
    assert_eq!(sandbox.ask("ls-tree --name-only chant/001-d f1 f2 f3"), "f1\nf3");
    assert_eq!(["001-d.1", "001-d.2", "001-d.3"].map(|id| sandbox.status(id)), ["completed", "failed", "completed"]);
    assert!(sandbox.beside("three-again").exists(), "on the tree that came");
    let tree = sandbox.ask("rev-parse chant/001-d^{tree}");
    let evidence = sandbox.ask("notes --ref chant show chant/001-d^2");
    assert!(evidence.contains(&tree), "the evidence is of the tree that landed: {evidence}");
}

#[test]
fn proofs_that_cannot_run_beside_each_other_are_seen_again_one_by_one() {
    let judge = "n=$(ls | grep -c '^f')\n[ $n -ge 1 ] || exit 1\n[ $n -ge 2 ] || exit 0\n\
        if ! mkdir $BESIDE/busy; then touch $BESIDE/collided; exit 1; fi\n\
        hold test -f $BESIDE/collided\nrmdir $BESIDE/busy\n";
    let sandbox = members(&["1", "2"], judge);
    sandbox.chant(["work", "001", "-j", "2"]).ok();
    assert!(sandbox.beside("collided").exists());
    assert_eq!(sandbox.status("001-d"), "completed");
}

#[test]
fn a_proof_that_changes_a_file_spoils_nothing_that_is_proven_beside_it() {
    // Beside another's it changes what is tracked; alone it does not.
    let judge = "n=$(ls | grep -c '^f')\n[ $n -ge 1 ] || exit 1\n\
        if [ $n -ge 2 ] && mkdir $BESIDE/first; then echo spoilt > f$1; fi\n[ -f f$1 ]\n";
    let sandbox = members(&["1", "2"], judge);
    sandbox.chant(["work", "001", "-j", "2"]).ok();
    assert_eq!(sandbox.ask("cat-file -s main:f1"), "0");
    assert!(sandbox.beside("first").exists());
}
