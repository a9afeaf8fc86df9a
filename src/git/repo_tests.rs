//! Where a repository is found, and whose configuration counts.

use std::path::Path;

use super::test_repo::TestRepo;
use super::{Error, Head, Repo};
use crate::env::Vars;

fn discover(path: &Path, vars: &Vars) -> Repo {
    Repo::discover(path, vars).unwrap()
}

#[test]
fn a_repository_is_found_from_any_directory_in_it() {
    let t = TestRepo::new();
    t.write("deep/down/f", "f\n");
    let repo = discover(&t.path().join("deep/down"), t.vars());
    let top = t.path().canonicalize().unwrap();
    assert_eq!(repo.workdir(), Some(top.as_path()));
    assert_eq!((repo.git_dir(), repo.common_dir()), (top.join(".git").as_path(), top.join(".git").as_path()));
    assert!(!repo.is_bare() && !repo.is_shallow());
}

#[test]
fn a_linked_worktree_shares_the_common_directory() {
    let t = TestRepo::new();
    t.commit_file("f", "f\n", "f");
    t.git(&["worktree", "add", "-q", "-b", "side", t.beside("linked").to_str().unwrap()]);
    let repo = discover(&t.beside("linked"), t.vars());
    assert_eq!(repo.common_dir(), t.repo.common_dir());
    assert_eq!(repo.git_dir(), t.repo.common_dir().join("worktrees/linked"));
    assert_eq!(repo.workdir(), Some(t.beside("linked").canonicalize().unwrap().as_path()));
    assert!(matches!(repo.head().unwrap(), Head::Branch { name, .. } if name == "side"));
}

#[test]
fn a_worktree_has_configuration_of_its_own_where_the_repository_says_so() {
    let t = TestRepo::new();
    t.commit_file("f", "f\n", "f");
    t.git(&["worktree", "add", "-q", "-b", "side", t.beside("linked").to_str().unwrap()]);
    t.git(&["config", "extensions.worktreeConfig", "true"]);
    t.git_in(&t.beside("linked"), &["config", "--worktree", "chant.agent", "linked"]);
    assert_eq!(discover(&t.beside("linked"), t.vars()).config("chant.agent").as_deref(), Some("linked"));
    assert_eq!(t.open_with(t.vars()).config("chant.agent"), None);
}

#[test]
fn a_bare_repository_has_no_work_tree() {
    let t = TestRepo::new();
    t.commit_file("f", "f\n", "f");
    t.git(&["clone", "-q", "--bare", ".", t.beside("bare.git").to_str().unwrap()]);
    let repo = discover(&t.beside("bare.git"), t.vars());
    assert!(repo.is_bare());
    assert_eq!(repo.workdir(), None);
    assert_eq!(repo.rev("HEAD").unwrap(), t.oid("HEAD"));
}

#[test]
fn the_variables_that_name_a_repository_count_as_they_do_for_git() {
    let (t, other) = (TestRepo::new(), TestRepo::new());
    let git_dir = t.path().join(".git");
    let vars = TestRepo::with(t.vars(), &[("GIT_DIR", git_dir.to_str().unwrap())]);
    let repo = discover(&other.path(), &vars);
    assert_eq!(repo.common_dir(), t.repo.common_dir());
    assert_eq!(repo.workdir(), other.repo.workdir(), "the current directory is the work tree then");
    let vars = TestRepo::with(&vars, &[("GIT_WORK_TREE", t.path().to_str().unwrap())]);
    assert_eq!(discover(&other.path(), &vars).workdir(), t.repo.workdir());
    // As Git calls a hook.
    let vars = TestRepo::with(t.vars(), &[("GIT_DIR", ".git")]);
    assert_eq!(discover(&t.path(), &vars).workdir(), t.repo.workdir());
    let vars = TestRepo::with(t.vars(), &[("GIT_CEILING_DIRECTORIES", t.path().to_str().unwrap())]);
    t.write("deep/f", "f\n");
    assert!(matches!(Repo::discover(&t.path().join("deep"), &vars), Err(Error::NotARepository { .. })));
}

#[test]
fn outside_of_a_repository_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let vars = TestRepo::new().vars().clone();
    assert!(matches!(Repo::discover(dir.path(), &vars), Err(Error::NotARepository { .. })));
    assert!(matches!(Repo::open(&dir.path().join("none"), &vars), Err(Error::NotARepository { .. })));
}

#[test]
fn a_new_repository_has_the_branch_that_was_asked_for() {
    let t = TestRepo::new();
    let repo = Repo::init(&t.beside("new/here"), "trunk", t.vars()).unwrap();
    assert_eq!(repo.head().unwrap(), Head::Unborn("trunk".into()));
}

#[test]
fn what_gix_would_read_wrongly_is_refused() {
    let t = TestRepo::new();
    let path = t.beside("tables");
    t.git(&["init", "-q", "--ref-format=reftable", path.to_str().unwrap()]);
    let error = Repo::discover(&path, t.vars()).unwrap_err();
    assert!(matches!(&error, Error::Unsupported { reason } if reason.contains("reftable")), "{error:?}");
}

#[test]
fn configuration_is_read_in_gits_order_and_from_the_given_variables_alone() {
    let t = TestRepo::new();
    std::fs::write(t.beside("system"), "[chant]\n a = system\n b = system\n c = system\n d = system\n e = system\n")
        .unwrap();
    std::fs::write(t.beside("global"), "[chant]\n b = global\n c = global\n d = global\n e = global\n").unwrap();
    t.git(&["config", "chant.c", "repository"]);
    t.git(&["config", "chant.d", "repository"]);
    let vars = TestRepo::with(
        &t.vars_without(&["GIT_CONFIG_NOSYSTEM"]),
        &[
            ("GIT_CONFIG_SYSTEM", t.beside("system").to_str().unwrap()),
            ("GIT_CONFIG_GLOBAL", t.beside("global").to_str().unwrap()),
            ("GIT_CONFIG_PARAMETERS", "'chant.e'='-c'"),
            ("GIT_CONFIG_COUNT", "2"),
            ("GIT_CONFIG_KEY_0", "chant.e"),
            ("GIT_CONFIG_VALUE_0", "variable"),
            ("GIT_CONFIG_KEY_1", "chant.d"),
            ("GIT_CONFIG_VALUE_1", "variable"),
        ],
    );
    let repo = t.open_with(&vars);
    for (key, value) in [("a", "system"), ("b", "global"), ("c", "repository"), ("d", "variable"), ("e", "-c")] {
        let key = format!("chant.{key}");
        assert_eq!(repo.config(&key).as_deref(), Some(value), "{key}");
        assert_eq!(repo.git(&t.path(), &["config", &key]).check().unwrap().text(), value, "{key}, as Git says");
    }
    let home = TestRepo::with(&t.vars_without(&["GIT_CONFIG_GLOBAL"]), &[("HOME", t.beside("home").to_str().unwrap())]);
    std::fs::create_dir_all(t.beside("home/.config/git")).unwrap();
    std::fs::write(t.beside("home/.config/git/config"), "[chant]\n x = xdg\n y = xdg\n").unwrap();
    std::fs::write(t.beside("home/.gitconfig"), "[chant]\n y = home\n[include]\n path = more\n").unwrap();
    std::fs::write(t.beside("home/more"), "[chant]\n z = included\n").unwrap();
    let repo = t.open_with(&home);
    for (key, value) in [("chant.x", "xdg"), ("chant.y", "home"), ("chant.z", "included")] {
        assert_eq!(repo.config(key).as_deref(), Some(value), "{key}");
    }
}

#[test]
fn what_is_included_for_a_branch_or_a_directory_counts_there() {
    let t = TestRepo::new();
    t.git(&["config", "includeIf.onbranch:main.path", "main.config"]);
    t.git(&["config", "includeIf.onbranch:other.path", "other.config"]);
    t.git(&["config", &format!("includeIf.gitdir:{}/.path", t.path().display()), "here.config"]);
    for (name, value) in [("main", "a = 1"), ("other", "a = 2"), ("here", "b = 3")] {
        std::fs::write(t.repo.common_dir().join(format!("{name}.config")), format!("[chant]\n {value}\n")).unwrap();
    }
    let repo = t.open_with(t.vars());
    assert_eq!((repo.config("chant.a").as_deref(), repo.config("chant.b").as_deref()), (Some("1"), Some("3")));
}

#[test]
fn a_repository_of_somebody_else_is_refused_until_it_is_called_safe() {
    let t = TestRepo::new();
    let theirs = t.beside("theirs");
    t.git(&["init", "-q", theirs.to_str().unwrap()]);
    for path in [theirs.clone(), theirs.join(".git")] {
        // Only root can give a file away.
        if std::os::unix::fs::chown(path, Some(12345), None).is_err() {
            return;
        }
    }
    assert!(matches!(Repo::discover(&theirs, t.vars()), Err(Error::Untrusted { .. })));
    let safe = |value: &str| {
        std::fs::write(t.beside("global"), format!("[safe]\n directory = {value}\n")).unwrap();
        let vars = TestRepo::with(t.vars(), &[("GIT_CONFIG_GLOBAL", t.beside("global").to_str().unwrap())]);
        Repo::discover(&theirs, &vars).is_ok()
    };
    assert!(safe(theirs.to_str().unwrap()) && safe("*") && safe(&format!("{}/*", t.beside("").display())));
    assert!(!safe("/elsewhere") && !safe(""));
}
