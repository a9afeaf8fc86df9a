//! Lists the files of the KPI example, so that `chant demo` carries exactly what `examples/` holds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let root = Path::new("examples/kpi-okr-workflow");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(root, &mut files);
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let Ok(inside) = file.strip_prefix(root) else { continue };
        let absolute = std::path::absolute(&file).unwrap_or(file.clone());
        writeln!(list, "    ({:?}, include_bytes!({absolute:?}) as &[u8]),", inside.display().to_string()).ok();
    }
    list.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("example.rs");
    if let Err(error) = std::fs::write(&out, list) {
        println!("cargo::error=cannot write {}: {error}", out.display());
    }
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        // What running the example leaves behind is not part of it.
        if name == "worktrees" || name == ".git" {
            continue;
        }
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}
