//! Reading and writing objects: commits, trees and blobs.

use gix::bstr::ByteSlice;
use gix::objs::tree::EntryKind as GixKind;

use super::convert::{from_gix, to_gix};
use super::error::{Error, Result};
use super::repo::Repo;
use crate::ledger::Oid;

/// What a tree can hold under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// A file.
    Blob,
    /// A file that may be executed.
    Exec,
    /// A symbolic link; the blob is where it leads.
    Link,
    /// A directory.
    Tree,
    /// A commit of another repository.
    Submodule,
}

impl EntryKind {
    pub(super) fn from_gix(kind: GixKind) -> Self {
        match kind {
            GixKind::Tree => Self::Tree,
            GixKind::Blob => Self::Blob,
            GixKind::BlobExecutable => Self::Exec,
            GixKind::Link => Self::Link,
            GixKind::Commit => Self::Submodule,
        }
    }

    pub(super) fn to_gix(self) -> GixKind {
        match self {
            Self::Tree => GixKind::Tree,
            Self::Blob => GixKind::Blob,
            Self::Exec => GixKind::BlobExecutable,
            Self::Link => GixKind::Link,
            Self::Submodule => GixKind::Commit,
        }
    }
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// The name within its directory.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// The object.
    pub oid: Oid,
}

impl Repo {
    /// The tree of a commit.
    ///
    /// # Errors
    /// Where there is no such commit.
    pub fn tree(&self, commit: Oid) -> Result<Oid> {
        Ok(from_gix(tree_of(&self.gix(), commit)?))
    }

    /// The parents of a commit, first parent first, as the commit names them: at a shallow boundary they may
    /// not be there.
    ///
    /// # Errors
    /// Where there is no such commit.
    pub fn parents(&self, commit: Oid) -> Result<Vec<Oid>> {
        let gix = self.gix();
        let commit = gix.find_commit(to_gix(commit)).map_err(Error::while_(format!("read commit {commit}")))?;
        Ok(commit.parent_ids().map(from_gix).collect())
    }

    /// The whole message of a commit, as it is stored.
    ///
    /// # Errors
    /// Where there is no such commit.
    pub fn message(&self, commit: Oid) -> Result<Vec<u8>> {
        let doing = || Error::while_(format!("read commit {commit}"));
        let gix = self.gix();
        let commit = gix.find_commit(to_gix(commit)).map_err(doing())?;
        Ok(commit.message_raw().map_err(doing())?.to_vec())
    }

    /// The file at `path` in a commit (or tree): its content, or where it leads if it is a link. `None` where there is
    /// none, or a directory.
    ///
    /// # Errors
    /// Where the commit or the content cannot be read.
    pub fn read(&self, commit: Oid, path: &str) -> Result<Option<Vec<u8>>> {
        let gix = self.gix();
        let found = match lookup(&gix, commit, path)? {
            Some((kind, id)) if !matches!(kind, EntryKind::Tree | EntryKind::Submodule) => id,
            _ => return Ok(None),
        };
        let mut blob = gix.find_blob(found).map_err(Error::while_(format!("read `{path}` of {commit}")))?;
        Ok(Some(std::mem::take(&mut blob.data)))
    }

    /// What stands at `path` in a commit (or tree), if anything.
    ///
    /// # Errors
    /// Where the commit or a tree on the way cannot be read.
    pub fn entry(&self, commit: Oid, path: &str) -> Result<Option<(Oid, EntryKind)>> {
        Ok(lookup(&self.gix(), commit, path)?.map(|(kind, id)| (from_gix(id), kind)))
    }

    /// The entries of a directory in a commit (or tree), in Git's order; none where there is no such directory. The
    /// top is the empty path.
    ///
    /// # Errors
    /// Where the commit or a tree on the way cannot be read.
    pub fn list(&self, commit: Oid, dir: &str) -> Result<Vec<TreeEntry>> {
        let doing = || Error::while_(format!("list `{dir}` of {commit}"));
        let gix = self.gix();
        let tree = match lookup(&gix, commit, dir)? {
            Some((EntryKind::Tree, id)) => gix.find_tree(id).map_err(doing())?,
            _ => return Ok(Vec::new()),
        };
        let entry = |entry: gix::objs::tree::EntryRef<'_>| TreeEntry {
            name: entry.filename.to_string(),
            kind: EntryKind::from_gix(entry.mode.kind()),
            oid: from_gix(entry.oid),
        };
        Ok(tree.decode().map_err(doing())?.entries.into_iter().map(entry).collect())
    }

    /// The files of a commit at `path` and below it, in Git's order: the first ten thousand of them.
    ///
    /// # Errors
    /// Where the commit or a tree cannot be read.
    pub fn files_below(&self, commit: Oid, path: &str) -> Result<Vec<String>> {
        const MOST: usize = 10_000;
        let path = path.trim_end_matches('/');
        if !path.is_empty() && !matches!(self.entry(commit, path)?, Some((_, EntryKind::Tree))) {
            return Ok(self.entry(commit, path)?.map(|_| path.to_owned()).into_iter().collect());
        }
        let mut found = Vec::new();
        let mut open = vec![path.to_owned()];
        while let Some(dir) = open.pop().filter(|_| found.len() < MOST) {
            let mut below = Vec::new();
            for entry in self.list(commit, &dir)? {
                let name = if dir.is_empty() { entry.name } else { format!("{dir}/{}", entry.name) };
                match entry.kind {
                    EntryKind::Tree => below.push(name),
                    _ => found.push(name),
                }
            }
            open.extend(below.into_iter().rev());
        }
        Ok(found)
    }

    /// The content of a blob.
    ///
    /// # Errors
    /// Where there is no such blob.
    pub fn blob(&self, oid: Oid) -> Result<Vec<u8>> {
        let gix = self.gix();
        let mut blob = gix.find_blob(to_gix(oid)).map_err(Error::while_(format!("read blob {oid}")))?;
        Ok(std::mem::take(&mut blob.data))
    }

    /// The id that a blob with this content has, stored or not: `git hash-object`.
    ///
    /// # Errors
    /// Where the hash cannot be made.
    pub fn blob_id(&self, content: &[u8]) -> Result<Oid> {
        let doing = Error::while_("hash a blob");
        let id = gix::objs::compute_hash(self.gix().object_hash(), gix::objs::Kind::Blob, content).map_err(doing)?;
        Ok(from_gix(id))
    }

    /// Stores a blob.
    ///
    /// # Errors
    /// Where the object cannot be written.
    pub fn write_blob(&self, content: &[u8]) -> Result<Oid> {
        Ok(from_gix(self.gix().write_blob(content).map_err(Error::while_("write a blob"))?.detach()))
    }

    /// A tree that is `base` (a commit or tree; `None` is empty) with each path set or, where `None`, removed.
    /// Directories are made and, once empty, dropped.
    ///
    /// # Errors
    /// Where a path is none that Git allows, or an object cannot be read or written.
    pub fn edit_tree(&self, base: Option<Oid>, edits: &[(String, Option<(Oid, EntryKind)>)]) -> Result<Oid> {
        let gix = self.gix();
        let base = match base {
            Some(base) => tree_of(&gix, base)?,
            None => gix.object_hash().empty_tree(),
        };
        let tree = gix.find_tree(base).map_err(Error::while_(format!("read tree {base}")))?;
        let mut editor = tree.edit().map_err(Error::while_(format!("edit tree {base}")))?;
        for (path, entry) in edits {
            let doing = || Error::while_(format!("put `{path}` into a tree"));
            match entry {
                Some((oid, kind)) => editor.upsert(path.as_str(), kind.to_gix(), to_gix(*oid)).map_err(doing())?,
                None => editor.remove(path.as_str()).map_err(doing())?,
            };
        }
        Ok(from_gix(editor.write().map_err(Error::while_("write a tree"))?.detach()))
    }
}

/// The tree of a commit, or the tree itself.
pub(super) fn tree_of(gix: &gix::Repository, commit: Oid) -> Result<gix::ObjectId> {
    let doing = || Error::while_(format!("read the tree of {commit}"));
    let id = to_gix(commit);
    if id == gix.object_hash().empty_tree() {
        return Ok(id);
    }
    Ok(gix.find_object(id).map_err(doing())?.peel_to_tree().map_err(doing())?.id)
}

/// What stands at `path`; the top itself for the empty path.
fn lookup(gix: &gix::Repository, commit: Oid, path: &str) -> Result<Option<(EntryKind, gix::ObjectId)>> {
    let top = tree_of(gix, commit)?;
    let mut found = (EntryKind::Tree, top);
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if found.0 != EntryKind::Tree {
            return Ok(None);
        }
        let doing = || Error::while_(format!("look up `{path}` in {commit}"));
        let tree = gix.find_tree(found.1).map_err(doing())?;
        let entries = tree.decode().map_err(doing())?.entries;
        match entries.iter().find(|entry| entry.filename.as_bytes() == part.as_bytes()) {
            Some(entry) => found = (EntryKind::from_gix(entry.mode.kind()), entry.oid.to_owned()),
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::test_repo::TestRepo;

    #[test]
    fn what_a_commit_holds_is_read_by_path() {
        for t in [TestRepo::new(), TestRepo::sha256()] {
            t.write("dir/tool", "#!/bin/sh\n");
            t.git(&["add", "dir/tool"]);
            t.git(&["update-index", "--chmod=+x", "dir/tool"]);
            std::os::unix::fs::symlink("dir/tool", t.path().join("link")).unwrap();
            t.git(&["add", "link"]);
            t.git(&["commit", "-q", "-m", "all\n\nof it"]);
            let commit = t.oid("HEAD");
            let read = |path: &str| t.repo.read(commit, path).unwrap();
            assert_eq!(read("dir/tool").unwrap(), b"#!/bin/sh\n");
            assert_eq!(read("./dir//tool").unwrap(), b"#!/bin/sh\n");
            assert_eq!(read("link").unwrap(), b"dir/tool");
            for nothing in ["dir", "none", "dir/tool/below", "dir/none", ""] {
                assert_eq!(read(nothing), None, "{nothing}");
            }
            let top: Vec<_> = t.repo.list(commit, "").unwrap().into_iter().map(|e| (e.name, e.kind)).collect();
            assert_eq!(top, [("dir".into(), EntryKind::Tree), ("link".into(), EntryKind::Link)]);
            assert_eq!(t.repo.list(commit, "dir").unwrap()[0].kind, EntryKind::Exec);
            assert_eq!(t.repo.list(commit, "none").unwrap(), []);
            assert_eq!(t.repo.tree(commit).unwrap(), t.oid("HEAD^{tree}"));
            assert_eq!(t.repo.message(commit).unwrap(), b"all\n\nof it\n");
            assert_eq!(t.repo.parents(commit).unwrap(), []);
        }
    }

    #[test]
    fn a_tree_is_edited_and_empty_directories_go() {
        for t in [TestRepo::new(), TestRepo::sha256()] {
            t.write("a/b/c", "c\n");
            t.write("keep", "keep\n");
            let base = t.commit_all("base");
            let blob = t.repo.write_blob(b"new\n").unwrap();
            assert_eq!(t.repo.blob(blob).unwrap(), b"new\n");
            assert_eq!(t.repo.blob_id(b"new\n").unwrap(), blob);
            let edits = [("x/y/z".to_owned(), Some((blob, EntryKind::Exec))), ("a/b/c".to_owned(), None)];
            let tree = t.repo.edit_tree(Some(base), &edits).unwrap();
            let files = t.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", &tree.to_string()]);
            assert_eq!(files, "100644 keep\n100755 x/y/z");
            let empty = t.repo.edit_tree(None, &[]).unwrap();
            assert_eq!(t.repo.changes(Some(empty), tree).unwrap(), t.repo.changes(None, tree).unwrap());
            assert_eq!(
                t.repo.edit_tree(Some(empty), &edits[..1]).unwrap(),
                t.repo.edit_tree(None, &edits[..1]).unwrap()
            );
            t.fsck();
        }
    }

    #[test]
    fn replace_refs_and_grafts_change_nothing() {
        let t = TestRepo::new();
        let (a, b) = (t.commit_file("f", "a\n", "a"), t.commit_file("f", "b\n", "b"));
        t.git(&["replace", &b.to_string(), &a.to_string()]);
        std::fs::write(t.repo.common_dir().join("info/grafts"), format!("{b}\n")).unwrap();
        let repo = t.open_with(t.vars());
        assert_eq!(repo.message(b).unwrap(), b"b\n");
        assert_eq!(repo.parents(b).unwrap(), [a]);
        assert_eq!(repo.read(b, "f").unwrap().unwrap(), b"b\n");
        assert_eq!(repo.plumbing(&["log", "--format=%s", &b.to_string()]).check().unwrap().text(), "b\na");
        assert!(repo.is_ancestor(a, b).unwrap());
        assert_eq!(repo.history(&[b]).unwrap().len(), 2);
    }
}
