//! The command line: the only place that prints. One file per command, each with its arguments and a `run`.

pub mod audit;
mod backup;
pub mod bench;
mod bench_store;
pub mod capture;
pub mod case;
pub mod collect;
pub mod completions;
pub mod context;
pub mod evidence;
pub mod findings;
pub mod hold;
pub mod ingest;
pub mod ledger;
pub mod lists;
pub mod live;
mod output_args;
mod outside;
mod progress;
pub mod query;
pub mod register;
pub mod report;
mod retain;
pub mod simulate;
mod simulate_score;
pub mod store;
mod store_check;
pub mod who;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::pipeline::output::printable;
use crate::pipeline::{PipelineError, is_disk_full};
use crate::store::StoreError;

use context::{Context, Exit, GlobalArgs};

/// Network flow analyser and log auditor for providers of broadband to schools.
#[derive(Debug, Parser)]
#[command(
    name = "invigil",
    version,
    about,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Capture(capture::Args),
    Collect(collect::Args),
    Ingest(ingest::Args),
    Register(register::Args),
    Lists(lists::Args),
    Who(who::Args),
    Audit(audit::Args),
    Findings(findings::Args),
    Report(report::Args),
    Query(query::Args),
    Store(store::Args),
    Hold(hold::Args),
    Case(case::Args),
    Evidence(evidence::Args),
    Ledger(ledger::Args),
    Simulate(simulate::Args),
    Bench(bench::Args),
    Completions(completions::Args),
}

/// Runs the program and answers with its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wanted = !error.use_stderr();
            drop(error.print());
            return ExitCode::from(if wanted { 0 } else { 2 });
        }
    };
    start_logging(cli.global.verbose);
    match run(&cli) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Found) => ExitCode::from(1),
        Ok(Exit::SumsDoNotAddUp) => ExitCode::from(3),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(
                std::io::stderr().lock(),
                "invigil: {}{}",
                printable(&format!("{error:#}")),
                remedy(&error)
            ));
            let sums = error
                .chain()
                .any(|cause| cause.is::<crate::record::SumsDoNotAddUp>());
            ExitCode::from(match () {
                () if sums => 3,
                () if is_interruption(&error) => 130,
                () => 2,
            })
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    if let Command::Completions(args) = &cli.command {
        return completions::run(args);
    }
    let context = Context::new(&cli.global)?;
    command(&cli.command, &context)
}

/// Runs a command as a person would give it, on a context of its own.
fn run_words(context: &Context, words: &[&str]) -> anyhow::Result<Exit> {
    let cli = Cli::try_parse_from(std::iter::once("invigil").chain(words.iter().copied()))?;
    command(&cli.command, context)
}

fn command(command: &Command, context: &Context) -> anyhow::Result<Exit> {
    match command {
        Command::Capture(args) => capture::run(args, context),
        Command::Collect(args) => collect::run(args, context),
        Command::Ingest(args) => ingest::run(args, context),
        Command::Register(args) => register::run(args, context),
        Command::Lists(args) => lists::run(args, context),
        Command::Who(args) => who::run(args, context),
        Command::Audit(args) => audit::run(args, context),
        Command::Findings(args) => findings::run(args, context),
        Command::Report(args) => report::run(args, context),
        Command::Query(args) => query::run(args, context),
        Command::Store(args) => store::run(args, context),
        Command::Hold(args) => hold::run(args, context),
        Command::Case(args) => case::run(args, context),
        Command::Evidence(args) => evidence::run(args, context),
        Command::Ledger(args) => ledger::run(args, context),
        Command::Simulate(args) => simulate::run(args, context),
        Command::Bench(args) => bench::run(args, context),
        Command::Completions(args) => completions::run(args),
    }
}

/// What to do about a full disk, whatever it was that found it full.
fn remedy(error: &anyhow::Error) -> &'static str {
    let is_full = error.chain().any(|cause| {
        let of_ours = cause.downcast_ref().is_some_and(is_disk_full);
        of_ours || cause.downcast_ref().is_some_and(StoreError::is_out_of_room)
    });
    match is_full {
        true => {
            "\nmake room on that disk, then run the same command again: what is stored is known, and nothing is stored twice"
        }
        false => "",
    }
}

fn is_interruption(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| matches!(cause.downcast_ref(), Some(PipelineError::Interrupted)))
}

/// Whoever read our output has gone away: nothing is wrong, and nobody is left to tell.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// Events of operation go to standard error; `INVIGIL_LOG` or `-v` choose how many.
fn start_logging(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = crate::config::log_filter().unwrap_or_else(|| format!("invigil={level}"));
    let started = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        // Without colours: the crate's feature for them is off, and asking for them is told to the person at every start.
        .with_ansi(false)
        .try_init();
    debug_assert!(started.is_ok(), "logging is started once");
}
