//! How the looking commands look: in a pipe, at 80 columns.

use unicode_width::UnicodeWidthStr as _;

use crate::harness::{Output, Sandbox};

/// A driver with two members, a dependency, one that has landed, one that has failed, one that is blocked.
fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.steps(
        "001-find-out-why-customers-leave",
        "type: research\nlabels: [churn]",
        &["The findings name what makes customers leave $ test -s findings.md"],
        "echo 'no onboarding' > findings.md",
    );
    sandbox.spec(
        "002-keep-more-customers",
        "type: driver\ndepends_on: 001\nkpi: {metric: monthly churn, unit: \"%\", baseline: 8, target: 5}",
        &["Everything is in one place $ test -f wizard.html && test -f invite.html"],
        "",
    );
    sandbox.steps(
        "002-keep-more-customers.1",
        "kpi: {impact: 3.5}\ntarget_files: [wizard.html]",
        &[
            "A wizard leads a new customer from the template to the first project, and from there to the team $ \
             test \"$(sed -n 's/.*data-step=\"\\([a-z]*\\)\".*/\\1/p' wizard.html | tr '\\n' ' ')\" = \"template project team \"",
            "It reads well",
        ],
        "for step in template project team; do echo \"<li data-step=\\\"$step\\\">$step</li>\"; done > wizard.html\n\
         mkdir -p a/directory/that/is/deep/enough/to/be/cut/at/the/beginning/of/its\n\
         echo deep > a/directory/that/is/deep/enough/to/be/cut/at/the/beginning/of/its/path.txt\n\
         sed -i 's/- \\[ \\] It reads/- [x] It reads/' .chant/specs/002-keep-more-customers.1.md",
    );
    sandbox.steps(
        "002-keep-more-customers.2",
        "kpi: {impact: 1.5}",
        &["Invitations are sent without anybody's help, also to people who have never heard of the product $ \
           test -f invite.html && grep -q emails invite.html && grep -q project invite.html && grep -q role invite.html"],
        "echo 'this is no invitation' > invite.html",
    );
    sandbox.steps("003-tell-everybody-about-all-that-has-become-better-since-january", "depends_on: 002", &[], "true");
    sandbox.write(
        ".chant/specs/004-plain.md",
        "# A title that is much longer than what a line of eighty columns has room for beside an id\n",
    );
    sandbox.commit("What is to be done, in a subject that is longer than there is room for beside the date");
    sandbox.chant(["work", "001"]).ok();
    sandbox.chant(["work", "002"]).exits(1);
    sandbox
}

/// What a command prints, with what differs at every run made the same; no line of it is wider than asked for.
#[track_caller]
fn shown(sandbox: &Sandbox, args: &[&str], width: usize) -> String {
    let Output { out, .. } = sandbox.chant_with(&[("COLUMNS", &width.to_string())], args);
    for line in out.lines() {
        assert!(line.width() <= width, "{args:?} at {width}, {} columns: {line}\n\n{out}", line.width());
    }
    if width == 80 {
        assert_eq!(out, sandbox.chant(args).out, "a pipe is 80 columns wide");
    }
    redacted(&out)
}

/// Commit ids, the ids of runs, and durations.
fn redacted(text: &str) -> String {
    let mut out = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let hex = word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        match (hex, word.len()) {
            (true, 8..) if !word.is_empty() => out.push_str(&"#".repeat(word.len())),
            _ => out.push_str(word),
        }
        out.push_str(&part[word.len()..]);
    }
    out
}

#[test]
fn what_people_look_at_fits_eighty_columns() {
    let sandbox = project();
    let shown = |args: &[&str]| shown(&sandbox, args, 80);
    insta::assert_snapshot!(shown(&["list"]), @r#"
    ✓ 001-find-out-why-customers-leave  completed    1/1  The spec 001-find-out-why…
    ◐ 002-keep-more-customers           in_progress  0/1  The spec 002-keep-more-cu…
          002-keep-more-customers.2 failed: 1 of 1 criteria unmet: Invitations are
          sent without anybody's help, also to people who have never heard of the
          product (`test -f invite.html && grep -q emails i…` exits 1)
    ✓   002-keep-more-customers.1       completed    2/2  The spec 002-keep-more-cu…
    ✗   002-keep-more-customers.2       failed       0/1  The spec 002-keep-more-cu…
    ⊘ 003-tell-everybody-about-all-that-has-become-better-since-january
                                        blocked           The spec 003-tell-everybo…
          002-keep-more-customers is in progress
    ○ 004-plain                         ready             A title that is much long…
    "#);
    insta::assert_snapshot!(shown(&["graph"]), @r#"
    ✓ completed    001-find-out-why-customers-leave  The spec 001-find-out-why-cust…
    ◐ in progress  002-keep-more-customers  The spec 002-keep-more-customers
                   │  monthly churn 8 -> 5 %: landed 3.5 of 5 pp expected
                   │  after ✓ 001-find-out-why-customers-leave
                   │  ! 002-keep-more-customers.2 failed: 1 of 1 criteria unmet:
                   │    Invitations are sent without anybody's help, also to people
                   │    who have never heard of the product (`test -f invite.html &&
                   │    grep -q emails i…` exits 1)
    ✓ completed    ├─ 002.1  The spec 002-keep-more-customers.1  3.5 pp
    ✗ failed       └─ 002.2  The spec 002-keep-more-customers.2  1.5 pp
    ⊘ blocked      003-tell-everybody-about-all-that-has-become-better-since-january
                      after ◐ 002-keep-more-customers
    ○ ready        004-plain  A title that is much longer than what a line of eight…
    "#);
    insta::assert_snapshot!(shown(&["show", "002"]), @r#"
    002-keep-more-customers
    The spec 002-keep-more-customers

      status      ◐ in_progress
      type        driver
      attempt     1
      branch      chant/002-keep-more-customers
      target      main
      depends on  001-find-out-why-customers-leave
      attention   002-keep-more-customers.2 failed: 1 of 1 criteria unmet:
                  Invitations are sent without anybody's help, also to people who
                  have never heard of the product (`test -f invite.html && grep -q
                  emails i…` exits 1)
      kpi         monthly churn 8 -> 5 %: landed 3.5 of 5 pp expected

    Criteria
      ○ Everything is in one place
          $ test -f wizard.html && test -f invite.html

    Members
      002-keep-more-customers.1  completed    The spec 002-keep-more-customers.1
      002-keep-more-customers.2  failed       The spec 002-keep-more-customers.2

    Events
      ########  2026-01-01 00:00:00  attempt 1  in_progress  by driver
    "#);
    insta::assert_snapshot!(shown(&["show", "002.1"]), @r#"
    002-keep-more-customers.1
    The spec 002-keep-more-customers.1

      status      ✓ completed
      type        code
      attempt     1
      target      chant/002-keep-more-customers
      driver      002-keep-more-customers
      landed in   ########
      impact      3.5 pp expected

    Criteria
      ✓ A wizard leads a new customer from the template to the first project, and
        from there to the team
          $ test "$(sed -n 's/.*data-step="\([a-z]*\)".*/\1/p' wizard.html | tr '\n'
            ' ')" = "template project team "
          red → green
      ~ It reads well
          claimed: ticked, and no command proves it

    Events
      ########  2026-01-01 00:00:00  attempt 1  in_progress  by steps
      ########  2026-01-01 00:00:00  attempt 1  completed    1 verified, 1 claimed
    "#);
    insta::assert_snapshot!(shown(&["show", "002.2"]), @r#"
    002-keep-more-customers.2
    The spec 002-keep-more-customers.2

      status      ✗ failed
      type        code
      attempt     1
      branch      chant/002-keep-more-customers.2
      target      chant/002-keep-more-customers
      driver      002-keep-more-customers
      impact      1.5 pp expected

    Criteria
      ✗ Invitations are sent without anybody's help, also to people who have never
        heard of the product
          $ test -f invite.html && grep -q emails invite.html && grep -q project
            invite.html && grep -q role invite.html

    Events
      ########  2026-01-01 00:00:00  attempt 1  in_progress  by steps
      ########  2026-01-01 00:00:00  attempt 1  failed
                1 of 1 criteria unmet: Invitations are sent without anybody's help,
                also to people who have never heard of the product (`test -f
                invite.html && grep -q emails i…` exits 1)
    "#);
    insta::assert_snapshot!(shown(&["why", "003"]), @r#"
    ⊘ 003-tell-everybody-about-all-that-has-become-better-since-january is blocked
                  no event speaks of it: it was never begun
                  002-keep-more-customers is in progress
      ◐ 002-keep-more-customers is in_progress
          ########  attempt 1 began by driver in run ########################@here,
                    to land on main
        ✗ 002-keep-more-customers.2 is failed
            ########  attempt 1 began by steps in run ########################@here,
                      to land on chant/002-keep-more-customers
            ########  failed: 1 of 1 criteria unmet: Invitations are sent without
                      anybody's help, also to people who have never heard of the
                      product (`test -f invite.html && grep -q emails i…` exits 1)
    "#);
    insta::assert_snapshot!(shown(&["diff", "--stat", "002.1"]), @r#"
    002-keep-more-customers.1  3 files against chant/002-keep-more-customers

    Criteria
      ✓ A wizard leads a new customer from the template to the first project, and
        from there to the team
          $ test "$(sed -n 's/.*data-step="\([a-z]*\)".*/\1/p' wizard.html | tr '\n…
          red → green
      ~ It reads well
          claimed: ticked, and no command proves it

      modified …hant/specs/002-keep-more-customers.1.md  +1 -1
      added    …be/cut/at/the/beginning/of/its/path.txt  +1 -0  outside target_files
      added    wizard.html                               +3 -0
      altogether +5 -1
    "#);
    insta::assert_snapshot!(shown(&["verify", "001", "002.2"]), @r#"
    001-find-out-why-customers-leave  holds on ########: 1 verified

    Criteria
      ✓ The findings name what makes customers leave
          $ test -s findings.md
          red → green

    002-keep-more-customers.2  does not hold on ########: 1 unmet

    Criteria
      ✗ Invitations are sent without anybody's help, also to people who have never
        heard of the product
          $ test -f invite.html && grep -q emails invite.html && grep -q project
            invite.html && grep -q role invite.html
          red, as it was before the work
    "#);
    insta::assert_snapshot!(shown(&["log"]), @r#"
    ######## 2026-01-01 00:00:00 Land 001-find-out-why-customers-leave: The spec
                                 001-find-out-why-customers-leave
             Chant-Spec: 001-find-out-why-customers-leave
             Chant-Landing: 001-find-out-why-customers-leave 1 ########
    ######## 2026-01-01 00:00:00 What is to be done, in a subject that is longer
                                 than there is room for beside the date
    ######## 2026-01-01 00:00:00 a project
    "#);
}

#[test]
fn other_widths_are_kept_to_as_well() {
    let sandbox = project();
    for width in [60, 100, 200] {
        for args in [
            &["list"][..],
            &["graph"],
            &["show", "002"],
            &["show", "002.1"],
            &["show", "002.2"],
            &["why", "003"],
            &["why", "002.2"],
            &["diff", "--stat", "002.1"],
            &["log"],
        ] {
            // An id is never cut; the longest is wider than sixty columns.
            if width > 60 || !matches!(args[0], "list" | "graph" | "why") {
                shown(&sandbox, args, width);
            }
        }
    }
}
