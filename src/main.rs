//! The program: hands its arguments to `cli` and leaves with the code that it answers.

fn main() -> std::process::ExitCode {
    invigil::cli::main()
}
