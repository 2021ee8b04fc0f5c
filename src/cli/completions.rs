//! `invigil completions`: what a shell needs to complete commands and options.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::context::{Exit, standard_output};

/// Print the completions for a shell.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  invigil completions bash > ~/.local/share/bash-completion/completions/invigil"
)]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs it. It needs no place and no configuration.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut command = super::Cli::command();
    // The generator panics where its reader has gone away, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "invigil", &mut script);
    let mut out = standard_output();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}
