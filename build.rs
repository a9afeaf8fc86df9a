//! Lists the files of the KPI example, so that `chant demo` carries exactly what `examples/` holds; and sums up how this
//! program reads specs and histories, so that it takes nothing from a file that another one has kept.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Whatever is made of a spec's bytes or of a history is made here.
const READING: [&str; 3] = ["src/spec", "src/ledger", "src/git"];

fn main() {
    sum_up();
    let root = Path::new("examples/kpi-okr-workflow");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(root, &mut files);
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let Ok(inside) = file.strip_prefix(root) else { continue };
        // From where it is compiled: a target directory may serve several clones.
        let from = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?})", format!("/{}", file.display()));
        writeln!(list, "    ({:?}, include_bytes!({from}) as &[u8]),", inside.display().to_string()).ok();
    }
    list.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("example.rs");
    if let Err(error) = std::fs::write(&out, list) {
        println!("cargo::error=cannot write {}: {error}", out.display());
    }
}

/// FNV-1a over the sources: no secret, only a name for what they are.
fn sum_up() {
    let mut files = Vec::new();
    for dir in READING {
        println!("cargo::rerun-if-changed={dir}");
        collect(Path::new(dir), &mut files);
    }
    files.sort();
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for file in files {
        let bytes = std::fs::read(&file).unwrap_or_default();
        for byte in file.to_string_lossy().bytes().chain(bytes) {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    println!("cargo::rustc-env=CHANT_READING={sum:016x}");
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
