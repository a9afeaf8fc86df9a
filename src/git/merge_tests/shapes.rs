//! Cases in which paths come, go and move: renames, modes, links, directories, submodules.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::{Case, TestRepo, lines, nothing};

pub const CASES: &[Case] = &[
    Case {
        name: "files of their own",
        base: nothing,
        ours: |t| t.write("src/a", "a\n"),
        theirs: |t| t.write("src/b", "b\n"),
    },
    Case { name: "only theirs", base: |t| t.write("a", "1\n"), ours: nothing, theirs: |t| t.write("a", "2\n") },
    Case {
        name: "only ours, with a new directory",
        base: |t| t.write("a", "1\n"),
        ours: |t| t.write("deep/er/a", "2\n"),
        theirs: nothing,
    },
    Case {
        name: "the same change on both sides",
        base: |t| t.write("d/a", "1\n"),
        ours: |t| t.write("d/a", "2\n"),
        theirs: |t| {
            t.write("d/a", "2\n");
            t.write("b", "b\n");
        },
    },
    Case {
        name: "renamed and changed",
        base: |t| t.write("old", lines(20, &[])),
        ours: |t| {
            t.git(&["mv", "old", "new"]);
        },
        theirs: |t| t.write("old", lines(20, &[(5, "theirs")])),
    },
    Case {
        name: "renamed with an edit, changed elsewhere",
        base: |t| t.write("old", lines(20, &[])),
        ours: |t| {
            t.git(&["mv", "old", "new"]);
            t.write("new", lines(20, &[(2, "ours")]));
        },
        theirs: |t| t.write("old", lines(20, &[(15, "theirs")])),
    },
    Case {
        name: "renamed to two names",
        base: |t| t.write("old", lines(20, &[])),
        ours: |t| {
            t.git(&["mv", "old", "one"]);
        },
        theirs: |t| {
            t.git(&["mv", "old", "two"]);
        },
    },
    Case {
        name: "renamed alike",
        base: |t| t.write("d/old", lines(20, &[])),
        ours: |t| {
            t.git(&["mv", "d/old", "d/new"]);
        },
        theirs: |t| {
            t.git(&["mv", "d/old", "d/new"]);
            t.write("x", "x\n");
        },
    },
    Case {
        name: "renamed here, removed there",
        base: |t| {
            t.write("d/old", lines(20, &[]));
            t.write("d/stays", "stays\n");
        },
        ours: |t| {
            t.git(&["mv", "d/old", "new"]);
        },
        theirs: |t| {
            t.git(&["rm", "-q", "d/old"]);
        },
    },
    Case {
        name: "removed by both, with something new that is unlike",
        base: |t| {
            t.write("gone", lines(20, &[]));
            t.write("stays", "stays\n");
        },
        ours: |t| {
            t.git(&["rm", "-q", "gone"]);
            t.write("other", "nothing like it\n");
        },
        theirs: |t| {
            t.git(&["rm", "-q", "gone"]);
        },
    },
    Case {
        name: "a rename and an untouched original",
        base: |t| t.write("d/old", lines(20, &[])),
        ours: |t| {
            t.git(&["mv", "d/old", "d/new"]);
        },
        theirs: |t| t.write("e", "e\n"),
    },
    Case {
        name: "two files renamed to one name",
        base: |t| {
            t.write("a", lines(20, &[]));
            t.write("b", lines(40, &[(1, "b")]));
        },
        ours: |t| {
            t.git(&["mv", "a", "c"]);
        },
        theirs: |t| {
            t.git(&["mv", "b", "c"]);
        },
    },
    Case {
        name: "changed here, removed there",
        base: |t| t.write("f", lines(20, &[])),
        ours: |t| t.write("f", lines(20, &[(3, "ours")])),
        theirs: |t| {
            t.git(&["rm", "-q", "f"]);
        },
    },
    Case {
        name: "added by both, differently",
        base: nothing,
        ours: |t| t.write("f", "ours\n"),
        theirs: |t| t.write("f", "theirs\n"),
    },
    Case {
        name: "added by both, alike",
        base: nothing,
        ours: |t| t.write("d/f", "same\n"),
        theirs: |t| t.write("d/f", "same\n"),
    },
    Case {
        name: "a directory added by both, with files of their own",
        base: nothing,
        ours: |t| t.write("d/ours", "ours\n"),
        theirs: |t| t.write("d/theirs", "theirs\n"),
    },
    Case {
        name: "executable here, changed there",
        base: |t| t.write("tool", lines(20, &[])),
        ours: |t| chmod(t, "tool", 0o755),
        theirs: |t| t.write("tool", lines(20, &[(4, "theirs")])),
    },
    Case {
        name: "executable on one side only",
        base: |t| t.write("tool", "tool\n"),
        ours: |t| chmod(t, "tool", 0o755),
        theirs: |t| t.write("x", "x\n"),
    },
    Case {
        name: "added by both, executable on one side",
        base: nothing,
        ours: |t| {
            t.write("tool", "tool\n");
            chmod(t, "tool", 0o755);
        },
        theirs: |t| t.write("tool", "tool\n"),
    },
    Case {
        name: "an executable that both changed",
        base: |t| {
            t.write("tool", lines(30, &[]));
            chmod(t, "tool", 0o755);
        },
        ours: |t| t.write("tool", lines(30, &[(3, "ours")])),
        theirs: |t| t.write("tool", lines(30, &[(20, "theirs")])),
    },
    Case {
        name: "a link that leads elsewhere on each side",
        base: |t| link(t, "base", "l"),
        ours: |t| link(t, "ours", "l"),
        theirs: |t| link(t, "theirs", "l"),
    },
    Case {
        name: "a link on one side",
        base: |t| link(t, "base", "l"),
        ours: |t| link(t, "ours", "l"),
        theirs: |t| t.write("x", "x\n"),
    },
    Case {
        name: "a file that became a link, changed there",
        base: |t| t.write("f", "f\n"),
        ours: |t| link(t, "somewhere", "f"),
        theirs: |t| t.write("f", "g\n"),
    },
    Case {
        name: "a directory renamed, a file added to the old one",
        base: |t| {
            t.write("old/a", lines(10, &[]));
            t.write("old/b", lines(10, &[(1, "b")]));
        },
        ours: |t| {
            t.git(&["mv", "old", "new"]);
        },
        theirs: |t| t.write("old/c", "c\n"),
    },
    Case {
        name: "a directory renamed, a file changed in the old one",
        base: |t| {
            t.write("old/a", lines(10, &[]));
            t.write("old/b", lines(10, &[(1, "b")]));
        },
        ours: |t| {
            t.git(&["mv", "old", "new"]);
        },
        theirs: |t| t.write("old/b", lines(10, &[(1, "b"), (8, "theirs")])),
    },
    Case {
        name: "everything moved into a directory, a file added at the top",
        base: |t| {
            t.git(&["rm", "-qf", "README"]);
            t.write("a", lines(10, &[]));
            t.write("b", lines(10, &[(1, "b")]));
        },
        ours: |t| {
            std::fs::create_dir(t.path().join("sub")).unwrap();
            t.git(&["mv", "a", "b", "sub"]);
        },
        theirs: |t| t.write("c", "c\n"),
    },
    Case {
        name: "a directory moved to the top, a file added in it",
        base: |t| {
            t.write("sub/a", lines(10, &[]));
            t.write("sub/b", lines(10, &[(1, "b")]));
        },
        ours: |t| {
            t.git(&["mv", "sub/a", "sub/b", "."]);
        },
        theirs: |t| t.write("sub/c", "c\n"),
    },
    Case {
        name: "a file here, a directory there",
        base: nothing,
        ours: |t| t.write("x", "file\n"),
        theirs: |t| t.write("x/y", "in a directory\n"),
    },
    Case {
        name: "a file that became a directory, changed there",
        base: |t| t.write("x", "file\n"),
        ours: |t| {
            t.git(&["rm", "-q", "x"]);
            t.write("x/y", "in a directory\n");
        },
        theirs: |t| t.write("x", "other\n"),
    },
    Case {
        name: "a directory removed by one side",
        base: |t| {
            t.write("d/a", "a\n");
            t.write("d/e/b", "b\n");
        },
        ours: |t| {
            t.git(&["rm", "-rq", "d"]);
        },
        theirs: |t| t.write("x", "x\n"),
    },
    Case {
        name: "all that is left is removed, half by each side",
        base: |t| {
            t.write("d/a", "a\n");
            t.write("d/b", "b\n");
        },
        ours: |t| {
            t.git(&["rm", "-q", "d/a"]);
        },
        theirs: |t| {
            t.git(&["rm", "-q", "d/b"]);
        },
    },
    Case {
        name: "a submodule moved by one side",
        base: |t| submodule(t, "1111111111111111111111111111111111111111"),
        ours: |t| submodule(t, "2222222222222222222222222222222222222222"),
        theirs: |t| t.write("x", "x\n"),
    },
    Case {
        name: "a submodule moved by both",
        base: |t| submodule(t, "1111111111111111111111111111111111111111"),
        ours: |t| submodule(t, "2222222222222222222222222222222222222222"),
        theirs: |t| submodule(t, "3333333333333333333333333333333333333333"),
    },
    Case {
        name: "deep down, side by side",
        base: |t| {
            for i in 0..5 {
                t.write(&format!("a/b/c/{i}/f"), lines(20, &[(1, &i.to_string())]));
            }
        },
        ours: |t| {
            t.write("a/b/c/1/f", "ours\n");
            t.write("a/b/d/new", "ours\n");
        },
        theirs: |t| {
            t.git(&["rm", "-q", "a/b/c/2/f"]);
            t.write("a/b/c/3/f", lines(20, &[(1, "3"), (20, "theirs")]));
        },
    },
    Case {
        name: "names that sort differently as files and directories",
        base: |t| t.write("a.b", "1\n"),
        ours: |t| t.write("a/x", "ours\n"),
        theirs: |t| {
            t.write("a-", "theirs\n");
            t.write("a0", "theirs\n");
        },
    },
];

fn chmod(t: &TestRepo, path: &str, mode: u32) {
    std::fs::set_permissions(t.path().join(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

fn link(t: &TestRepo, to: &str, path: &str) {
    let path = t.path().join(path);
    if path.symlink_metadata().is_ok() {
        std::fs::remove_file(&path).unwrap();
    }
    symlink(to, path).unwrap();
}

fn submodule(t: &TestRepo, commit: &str) {
    t.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},sub")]);
}
