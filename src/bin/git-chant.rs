//! `git chant`: the same program

fn main() -> std::process::ExitCode {
    chant::cli::main()
}
