//! `invigil completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;
use clap_complete::Shell;

use super::context::{Context, Exit};

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

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let mut command = super::Cli::command();
    clap_complete::generate(args.shell, &mut command, "invigil", &mut context.out());
    Ok(Exit::Done)
}
