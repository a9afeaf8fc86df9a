//! Many specs that wait for each other, and many branches.

use super::large::{Import, note, spent};
use super::{Place, row, timed};

/// Ten times as many specs of one shape: by how much longer it takes.
pub fn shapes() {
    let shapes: [(&str, Of); 4] = [
        ("in a chain", |n| if n > 0 { format!("depends_on: [{:05}-s]", n - 1) } else { String::new() }),
        ("in diamonds", |n| match n % 4 {
            0 if n == 0 => String::new(),
            0 => format!("depends_on: [{:05}-s]", n - 1),
            1 | 2 => format!("depends_on: [{:05}-s]", n - n % 4),
            _ => format!("depends_on: [{:05}-s, {:05}-s]", n - 2, n - 1),
        }),
        ("that wait for one", |n| if n > 0 { "depends_on: [00000-s]".to_owned() } else { String::new() }),
        ("of which each hundredth waits for ninety-nine", |n| {
            let others: Vec<String> = (n - n % 100..n).map(|n| format!("{n:05}-s")).collect();
            if n % 100 == 99 { format!("depends_on: [{}]", others.join(", ")) } else { String::new() }
        }),
    ];
    for (name, of) in shapes {
        let places = [1_000, 10_000].map(|count| shaped(count, |n| (format!("{n:05}-s"), of(n))));
        beside(&places, &format!("10000 specs {name}; 1000"));
    }
    let member = |n: usize| match n {
        0 => ("001-d".to_owned(), "type: driver".to_owned()),
        n => (format!("001-d.{n}"), String::new()),
    };
    let places = [101, 1_001].map(|count| shaped(count, member));
    beside(&places, "a driver of 1000 members; of 100");
}

/// What stands in the frontmatter of a spec.
type Of = fn(usize) -> String;

fn shaped(count: usize, of: impl Fn(usize) -> (String, String)) -> Place {
    let place = Place::new();
    for n in 0..count {
        let (id, front) = of(n);
        let text = format!(
            "---\n{front}\n---\n# Spec {n}\n\n## Acceptance Criteria\n\n- [ ] It holds\n      `$ test -f {n}`\n"
        );
        place.write(&format!(".chant/specs/{id}.md"), &text);
    }
    place.commit();
    place
}

fn beside(places: &[Place; 2], what: &str) {
    for args in [&["lint"][..], &["list"]] {
        let call = |place: &Place| timed(|| drop(place.chant(args)));
        places.iter().for_each(|place| drop(place.chant(args)));
        row(&format!("`{}` of {what}", args[0]), |_| call(&places[1]), |_| call(&places[0]));
        note(&format!("memory and CPU of `{}` of {what}", args[0]), spent(&places[1], args));
    }
}

/// Looking at as many branches of specs in review, beside Git's own list of what is merged.
pub fn branches(count: usize) {
    let place = Place::new();
    let id = |n: usize| format!("{n:06}-s");
    let mut import = Import::new(&place);
    let spec = |n| (format!(".chant/specs/{}.md", id(n)), format!("# Spec {n}\n"));
    let files: Vec<_> = (0..count).map(spec).chain([(".chant/config.yaml".to_owned(), String::new())]).collect();
    import.commit("main", "Specs\n", None, &files);
    for n in 0..count {
        let (id, branch) = (id(n), format!("chant/{}", id(n)));
        let event = |status: &str, more: &str| {
            format!("{status}: {id}\n\nChant-Spec: {id}\nChant-Status: {status}\nChant-Attempt: 1\n{more}")
        };
        let start = event("in_progress", "Chant-Run: r@there\nChant-Agent: steps\nChant-Target: main\n");
        import.commit(&branch, &start, Some("refs/heads/main"), &[]);
        import.commit(&branch, "Work\n", None, &[(format!("out/{n}"), format!("{n}\n"))]);
        import.commit(&branch, &event("completed", ""), None, &[]);
    }
    import.finish();
    place.git(&["reset", "-q", "--hard", "main"]);
    place.git(&["pack-refs", "--all"]);
    let list = || timed(|| drop(place.chant(&["list"])));
    let first = |_| {
        std::fs::remove_dir_all(place.root.join(".git/chant")).unwrap_or_default();
        list()
    };
    let rival = |_| timed(|| drop(place.git(&["for-each-ref", "--no-merged", "main", "refs/heads"])));
    let what = format!("{count} branches in review; `git for-each-ref --no-merged`");
    row(&format!("the first `list` of {what}"), first, rival);
    list();
    row(&format!("`list` of {what}"), |_| list(), rival);
    note(&format!("memory and CPU of `list` of {count} branches"), spent(&place, &["list"]));
}
