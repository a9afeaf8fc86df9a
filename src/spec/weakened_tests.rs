//! What edits of tests are told of, and which are not.

use proptest::prelude::*;

use super::weakened::{Weakened, is_run_by, weakened};

const JS: &str = "it('works', () => {\n  expect(one()).toBe(1)\n  expect(two()).toBe(2)\n})\n";
const SH: &str = "#!/bin/sh\nset -e\n./run > out\ngrep -q hello out\ntest -s log\nexit 0\n";
const PY: &str =
    "import x\n\ndef test_a():\n    assert x.a() == 1\n\ndef test_b():\n    y = x.b()\n    assert y == 2\n";
const RS: &str =
    "#[test]\nfn a() {\n    let x = one();\n    assert_eq!(x, 1);\n}\n\n#[test]\nfn b() {\n    assert!(two());\n}\n";
const GO: &str = "func TestA(t *testing.T) {\n\tgot := a()\n\tif got != 1 {\n\t\tt.Fatal(got)\n\t}\n}\n";
const JAVA: &str = "class A {\n    @Test\n    void a() {\n        assertEquals(1, one());\n    }\n}\n";
const BATS: &str = "@test \"it greets\" {\n  run ./greet\n  [ \"$output\" = hello ]\n}\n";

fn told(path: &str, old: &str, new: &str) -> Vec<Weakened> {
    weakened(path, Some(old), Some(new), false)
}

#[test]
fn what_is_lost_in_a_file_of_tests_is_told() {
    let less = JS.replace("  expect(two()).toBe(2)\n", "");
    for path in ["tests/a.js", "src/a.test.js", "test_a.py", "src/a_spec.rb", "src/ATest.java"] {
        assert_eq!(weakened(path, Some(JS), None, false), [Weakened::Deleted]);
        assert_eq!(told(path, JS, &less), [Weakened::Fewer(2, 1)]);
        assert_eq!(told(path, JS, &JS.replace("it(", "it.skip(")), [Weakened::Skips]);
        assert_eq!(told(path, JS, JS), []);
    }
    assert_eq!(told("src/lib.rs", "#[test]\nfn a() { assert!(true == b) }\n", ""), [Weakened::Fewer(1, 0)]);
    // A check that is commented out, or holds whatever is the case, is none.
    assert_eq!(told("tests/a.py", PY, &PY.replace("    assert y", "    # assert y")), [Weakened::Fewer(2, 1)]);
    assert_eq!(told("tests/a.py", PY, &PY.replace("assert y == 2", "assert True")), [Weakened::Fewer(2, 1)]);
    for always in ["assert y == 2 or True", "assert (y == 2 or True)"] {
        assert_eq!(told("tests/a.py", PY, &PY.replace("assert y == 2", always)), [Weakened::Fewer(2, 1)]);
    }
    assert_eq!(told("tests/a.sh", SH, &SH.replace("test -s log\n", "")), [Weakened::Fewer(2, 1)]);
}

#[test]
fn a_test_that_no_runner_finds_any_more_is_told() {
    for (path, old, from, to) in [
        ("tests/test_a.py", PY, "def test_", "def helper_"),
        ("a_test.go", GO, "func Test", "func helper"),
        ("a.rs", RS, "#[test]\n", ""),
    ] {
        let found = told(path, old, &old.replacen(from, to, 1));
        assert!(matches!(found[..], [Weakened::FewerTests(before, now)] if before == now + 1), "{path}: {found:?}");
    }
}

#[test]
fn an_end_that_is_put_before_checks_is_told() {
    let cases: [(&str, &str, String); 15] = [
        ("tests/t.sh", SH, SH.replace("set -e\n", "set -e\nexit 0\n")),
        ("tests/t.sh", SH, SH.replace("./run", "[ -n \"$CI\" ] && exit 0\n./run")),
        ("tests/t.sh", SH, SH.replace("./run", "if [ -n \"$CI\" ]; then\n  exit\nfi\n./run")),
        ("tests/t.sh", SH, SH.replace("./run", "exec true\n./run")),
        ("tests/t.sh", SH, SH.replace("\nexit 0\n", "\n").replace("./run", "exit 0 # done\n./run")),
        (
            "tests/t.sh",
            "check() {\n  grep -q x y\n}\ncheck\n",
            "check() {\n  return 0\n  grep -q x y\n}\ncheck\n".into(),
        ),
        ("tests/a.bats", BATS, BATS.replace("  run", "  return 0\n  run")),
        ("test_a.py", PY, PY.replace("    y = x", "    return\n    y = x")),
        ("test_a.py", PY, PY.replace("import x", "import x\nimport sys; sys.exit(0)")),
        ("test_a.py", PY, PY.replace("    y = x", "    if not x.ready:\n        return None\n    y = x")),
        ("tests/a.rs", RS, RS.replace("    let x", "    return;\n    let x")),
        ("tests/a.rs", RS, RS.replace("    let x", "    if true { return; }\n    let x")),
        ("a_test.go", GO, GO.replace("\tgot", "\treturn\n\tgot")),
        ("a.test.js", JS, JS.replace("  expect(one", "  if (!process.env.X) return;\n  expect(one")),
        ("a.test.js", JS, format!("process.exit(0)\n{JS}")),
    ];
    for (path, old, new) in cases {
        assert_eq!(told(path, old, &new), [Weakened::Leaves], "{new}");
    }
}

#[test]
fn a_skip_of_a_test_that_was_there_is_told() {
    let cases: [(&str, &str, String); 20] = [
        ("a.rs", RS, RS.replacen("#[test]\n", "#[test]\n#[ignore]\n", 1)),
        ("a.rs", RS, RS.replacen("#[test]\n", "#[ignore = \"slow\"]\n#[test]\n", 1)),
        ("a.rs", RS, RS.replacen("#[test]\n", "#[test]\n#[cfg(any())]\n", 1)),
        ("test_a.py", PY, PY.replace("def test_b", "@pytest.mark.skip(reason='x')\ndef test_b")),
        ("test_a.py", PY, PY.replace("def test_b", "@pytest.mark.xfail\ndef test_b")),
        ("test_a.py", PY, PY.replace("    y = x", "    pytest.skip('x')\n    y = x")),
        ("test_a.py", PY, PY.replace("import x", "import x\npytestmark = pytest.mark.skip")),
        ("test_a.py", PY, PY.replace("import x", "import x\npytest.skip('x', allow_module_level=True)")),
        ("a.test.js", JS, JS.replace("it(", "xit(")),
        ("a.test.js", JS, JS.replace("it(", "it.todo(")),
        ("a.test.js", JS, format!("{JS}it.only('mine', () => {{\n  expect(three()).toBe(3)\n}})\n")),
        ("a.test.js", JS, JS.replace("it(", "it.skipIf(process.env.CI)(")),
        ("a.test.js", JS, format!("describe.skip('all', () => {{\n{JS}}})\n")),
        ("a_test.go", GO, GO.replace("\tgot", "\tt.Skip(\"later\")\n\tgot")),
        ("a_test.go", GO, GO.replace("\tgot", "\tif testing.Short() {\n\t\tt.SkipNow()\n\t}\n\tgot")),
        ("ATest.java", JAVA, JAVA.replace("    @Test", "    @Disabled\n    @Test")),
        ("ATest.java", JAVA, JAVA.replace("    @Test\n", "    @Test @Disabled(\"x\")\n")),
        ("tests/a.bats", BATS, BATS.replace("  run", "  skip \"flaky\"\n  run")),
        ("tests/t.sh", SH, SH.replace("./run", "if false; then\n./run").replace("exit 0", "fi")),
        ("tests/t.sh", SH, SH.replace("./run", ": <<'END'\n./run").replace("exit 0", "END")),
    ];
    for (path, old, new) in cases {
        assert_eq!(told(path, old, &new), [Weakened::Skips], "{new}");
    }
}

#[test]
fn a_failure_that_is_made_none_is_told() {
    let cases: [(&str, &str, String); 9] = [
        ("tests/t.sh", SH, SH.replace("hello out", "hello out || true")),
        ("tests/t.sh", SH, SH.replace("hello out", "hello out || :")),
        ("tests/t.sh", SH, SH.replace("hello out", "hello out || echo never mind")),
        ("tests/t.sh", SH, SH.replace("hello out", "hello out; true")),
        ("tests/t.sh", SH, SH.replace("./run", "set +e\n./run")),
        ("tests/t.sh", SH, SH.replace("set -e\n", "")),
        ("tests/t.sh", "set -euo pipefail\ntest -f a\n", "set -uo pipefail\ntest -f a\n".into()),
        (
            "test_a.py",
            PY,
            PY.replace("    assert y == 2", "    try:\n        assert y == 2\n    except Exception:\n        pass"),
        ),
        (
            "a.test.js",
            JS,
            JS.replace("  expect(two()).toBe(2)", "  try {\n    expect(two()).toBe(2)\n  } catch (e) {}"),
        ),
    ];
    for (path, old, new) in cases {
        assert_eq!(told(path, old, &new), [Weakened::Forgives], "{new}");
    }
}

#[test]
fn a_body_that_is_emptied_is_told() {
    let cases: [(&str, &str, String); 4] = [
        ("tests/a.sh", "t() {\n  ./run me\n}\nt\n", "t() {\n  :\n}\nt\n".into()),
        ("test_a.py", "def test_a():\n    x.run()\n", "def test_a():\n    pass\n".into()),
        ("tests/a.rs", "#[test]\nfn a() {\n    run();\n}\n", "#[test]\nfn a() {}\n".into()),
        ("a.test.js", "it('a', () => {\n  run()\n})\n", "it('a', () => {\n  // run()\n})\n".into()),
    ];
    for (path, old, new) in cases {
        assert_eq!(told(path, old, &new), [Weakened::Emptied], "{new}");
    }
}

#[test]
fn new_tests_honest_edits_and_other_files_lose_nothing() {
    assert_eq!(weakened("tests/a.js", None, Some(JS), false), []);
    assert_eq!(weakened("src/a.js", Some(JS), None, false), []);
    assert_eq!(weakened(".chant/specs/001-test.md", Some("should"), None, false), []);
    assert_eq!(weakened("contest/latest.js", Some(JS), None, false), []);
    let cases: [(&str, &str, String); 19] = [
        ("tests/t.sh", SH, SH.replace("exit 0", "grep -q more out\nexit 0")),
        ("tests/t.sh", SH, SH.replace("exit 0", "if ! ./more; then\n  exit 1\nfi\nrm -f x || true")),
        ("tests/t.sh", SH, SH.replace("./run", "[ -x ./run ] || exit 1\n./run")),
        ("tests/t.sh", SH, SH.replace("./run", "ready() {\n  [ -f x ] && return 0\n  return 1\n}\n./run")),
        ("tests/t.sh", SH, SH.replace("exit 0", "set +e\n./bad\ncode=$?\nset -e\ntest $code -eq 3\nexit 0")),
        ("tests/t.sh", SH, SH.replace("./run", "# exit 0 would be too early here\n./run")),
        ("tests/a.bats", BATS, format!("@test \"new\" {{\n  run ./x\n  [ $status = 0 ]\n  return 0\n}}\n{BATS}")),
        (
            "test_a.py",
            PY,
            PY.replace("def test_b", "def helper(n):\n    if n == 0:\n        return None\n    return n\n\ndef test_b"),
        ),
        (
            "test_a.py",
            PY,
            PY.replace(
                "def test_b",
                "@pytest.mark.skipif(old, reason='x')\ndef test_new():\n    assert x.c()\n\ndef test_b",
            ),
        ),
        (
            "test_a.py",
            PY,
            format!(
                "{PY}\ndef test_c():\n    try:\n        x.c()\n    except ValueError:\n        return\n    assert False\n"
            ),
        ),
        (
            "a.rs",
            RS,
            RS.replacen(
                "#[test]\n",
                "#[test]\nfn new() {\n    if slow() {\n        return;\n    }\n    assert!(three());\n}\n\n#[test]\n",
                1,
            ),
        ),
        ("a.rs", RS, format!("{RS}\n#[test]\n#[ignore]\nfn slow() {{\n    assert!(three());\n}}\n")),
        ("a.test.js", JS, format!("it.skip('new', () => {{\n  expect(three()).toBe(3)\n}})\n{JS}")),
        ("a.test.js", JS, format!("it.skip('new', () => expect(three()).toBe(3));\n{JS}")),
        ("a.test.js", JS, format!("{JS}it('new', async () => {{\n  if (x) return\n  expect(three()).toBe(3)\n}})\n")),
        (
            "a_test.go",
            GO,
            format!(
                "func TestB(t *testing.T) {{\n\tif testing.Short() {{\n\t\tt.Skip()\n\t}}\n\tt.Fatal(b())\n}}\n\n{GO}"
            ),
        ),
        (
            "ATest.java",
            JAVA,
            JAVA.replace(
                "    @Test",
                "    @Disabled\n    @Test\n    void b() {\n        assertTrue(two());\n    }\n\n    @Test",
            ),
        ),
        ("a.rs", RS, RS.replace("one()", "first()").replace("fn b()", "fn second()")),
        ("a.rs", RS, format!("mod tests {{\n{}\n}}\n", RS.lines().map(|l| format!("    {l}\n")).collect::<String>())),
    ];
    for (path, old, new) in cases {
        assert_eq!(told(path, old, &new), [], "{new}");
    }
}

#[test]
fn a_program_that_a_proof_runs_is_one_whatever_it_is_called() {
    let commands = ["sh qa/run.txt && ./go", "timeout 9 qa/x.py"];
    for (inside, text) in [("qa/run.txt", ""), ("go", ""), ("qa/x.py", ""), ("qa/x", "#!/bin/sh\n")] {
        let named = ["qa/x"].contains(&inside);
        assert_eq!(is_run_by(commands.into_iter(), inside, text), !named, "{inside}");
    }
    assert!(!is_run_by(["grep -q x data.txt"].into_iter(), "data.txt", "x"));
    let edited = SH.replace("./run", "exit 0\n./run");
    assert_eq!(weakened("qa/run.sh", Some(SH), Some(&edited), true), [Weakened::Leaves, Weakened::Program]);
    assert_eq!(weakened("qa/run.sh", Some(SH), Some(&edited), false), [], "nobody can tell that it is a test");
    assert!(!Weakened::Program.is_loss() && Weakened::Leaves.is_loss());
}

proptest! {
    /// Whatever is added below what was there takes nothing from it.
    #[test]
    fn tests_that_are_added_at_the_end_lose_nothing(n in 1..5usize, which in 0..5usize) {
        let (path, text, new) = [
            ("test_a.py", PY, "\ndef test_new():\n    if x:\n        return\n    assert x.n()\n"),
            ("a.rs", RS, "\n#[test]\nfn new() {\n    if x() { return; }\n    assert!(n());\n}\n"),
            ("a_test.go", GO, "\nfunc TestNew(t *testing.T) {\n\tt.Skip()\n\tt.Fatal(n())\n}\n"),
            ("a.test.js", JS, "it('new', () => {\n  expect(n()).toBe(1)\n})\n"),
            ("tests/a.bats", BATS, "@test \"new\" {\n  skip\n  [ 1 = 1 ] || true\n}\n"),
        ][which];
        prop_assert_eq!(told(path, text, &format!("{text}{}", new.repeat(n))), []);
    }

    /// Any texts will do.
    #[test]
    fn no_edit_is_too_strange(old in "([ \\t]{0,3}[a-z(){}|;#'\"]{0,9}\n){0,9}", new in "\\PC{0,80}", run: bool) {
        weakened("tests/t.sh", Some(&old), Some(&new), run);
        weakened("tests/t.py", Some(&new), Some(&old), run);
    }
}
