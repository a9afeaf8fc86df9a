//! `chant`

fn main() -> std::process::ExitCode {
    chant::cli::main()
}
