//! Cases in which both sides changed one file: texts, line ends, drivers.

use super::{Case, lines};

pub const CASES: &[Case] = &[
    Case {
        name: "one text, changes far apart",
        base: |t| t.write("f", lines(30, &[])),
        ours: |t| t.write("f", lines(30, &[(3, "ours")])),
        theirs: |t| t.write("f", lines(30, &[(27, "theirs")])),
    },
    Case {
        name: "one text, neighbouring lines",
        base: |t| t.write("f", lines(30, &[])),
        ours: |t| t.write("f", lines(30, &[(10, "ours")])),
        theirs: |t| t.write("f", lines(30, &[(11, "theirs")])),
    },
    Case {
        name: "one text, the same line",
        base: |t| t.write("f", lines(30, &[])),
        ours: |t| t.write("f", lines(30, &[(10, "ours")])),
        theirs: |t| t.write("f", lines(30, &[(10, "theirs")])),
    },
    Case {
        name: "a text without a final newline",
        base: |t| t.write("f", "a\nb\nc\nd\ne\nf\ng"),
        ours: |t| t.write("f", "A\nb\nc\nd\ne\nf\ng"),
        theirs: |t| t.write("f", "a\nb\nc\nd\ne\nf\ng\nh"),
    },
    Case {
        name: "binary, changed by both",
        base: |t| t.write("b", [b"\0base".as_slice(), &[1; 2000]].concat()),
        ours: |t| t.write("b", [b"\0ours".as_slice(), &[1; 2000]].concat()),
        theirs: |t| t.write("b", [b"\0base".as_slice(), &[1; 2000], b"theirs"].concat()),
    },
    Case {
        name: "lines of both kept by the union driver",
        base: |t| {
            t.write(".gitattributes", "CHANGES merge=union\n");
            t.write("CHANGES", "one\n");
        },
        ours: |t| t.write("CHANGES", "one\nours\n"),
        theirs: |t| t.write("CHANGES", "one\ntheirs\n"),
    },
    Case {
        name: "the union driver in a directory's own attributes",
        base: |t| {
            t.write("docs/.gitattributes", "*.md merge=union\n");
            t.write("docs/a.md", "one\n");
        },
        ours: |t| t.write("docs/a.md", "one\nours\n"),
        theirs: |t| t.write("docs/a.md", "one\ntheirs\n"),
    },
    Case {
        name: "a driver of the user's own",
        base: |t| {
            t.git(&["config", "merge.theirs.driver", "cp %B %A"]);
            t.write(".gitattributes", "*.lock merge=theirs\n");
            t.write("a.lock", "base\n");
        },
        ours: |t| t.write("a.lock", "ours\n"),
        theirs: |t| t.write("a.lock", "theirs\n"),
    },
    Case {
        name: "a driver of the user's own that gives up",
        base: |t| {
            t.git(&["config", "merge.no.driver", "false"]);
            t.write(".gitattributes", "*.lock merge=no\n");
            t.write("a.lock", lines(30, &[]));
        },
        ours: |t| t.write("a.lock", lines(30, &[(2, "ours")])),
        theirs: |t| t.write("a.lock", lines(30, &[(20, "theirs")])),
    },
    Case {
        name: "a text that is marked binary",
        base: |t| {
            t.write(".gitattributes", "*.svg -merge\n");
            t.write("a.svg", lines(30, &[]));
        },
        ours: |t| t.write("a.svg", lines(30, &[(2, "ours")])),
        theirs: |t| t.write("a.svg", lines(30, &[(20, "theirs")])),
    },
    Case {
        name: "line ends changed on one side",
        base: |t| t.write("f", lines(30, &[])),
        ours: |t| t.write("f", lines(30, &[]).replace('\n', "\r\n")),
        theirs: |t| t.write("f", lines(30, &[(9, "theirs")])),
    },
    Case {
        name: "line ends of both kinds, changed far apart",
        base: |t| t.write("f", lines(30, &[]).replace('\n', "\r\n")),
        ours: |t| t.write("f", lines(30, &[(2, "ours")]).replace('\n', "\r\n")),
        theirs: |t| t.write("f", lines(30, &[(22, "theirs")]).replace('\n', "\r\n")),
    },
    Case {
        name: "line ends made one by attributes and renormalisation",
        base: |t| {
            t.git(&["config", "merge.renormalize", "true"]);
            t.write("f", lines(30, &[]).replace('\n', "\r\n"));
        },
        ours: |t| {
            t.write(".gitattributes", "* text=auto\n");
            t.git(&["add", "--renormalize", "."]);
        },
        theirs: |t| t.write("f", lines(30, &[(9, "theirs")]).replace('\n', "\r\n")),
    },
];
