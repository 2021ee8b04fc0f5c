//! `invigil simulate`: makes an invented region with its truth, and scores the program on it.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use jiff::civil::Date;
use serde_json::json;

use crate::pipeline::simulate::make;
use crate::simulate::{Plan, Region};

use super::context::{Context, Exit};
use super::simulate_score;

/// Make an invented region with its truth, or score the program on one.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil simulate make --seed 7 --out region\n  invigil simulate make --seed 7 --establishments 40 --days 10 --scale 300 --out large\n  invigil simulate score region --json\n\nWhat the files hold, and the rule by which the truth calls an event determinable, is told in src/simulate/README.md."
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Make a region: logs, registers, a configuration, and the truth. The same seed gives the same bytes.
    Make(MakeArgs),
    /// Read a region into a store of its own by the ordinary commands, ask who it was of every event, and compare with the truth.
    /// Leaves with 1 where a name is wrong.
    Score(ScoreArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct MakeArgs {
    /// The seed.
    #[arg(long, value_name = "N")]
    seed: u64,
    /// How many establishments: secondary schools, primary schools and residential units in turn.
    #[arg(long, value_name = "E", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=250))]
    establishments: u32,
    /// How many days.
    #[arg(long, value_name = "D", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// How many people there are, in percent of the usual.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=2000))]
    scale: u32,
    /// How many requests a person makes in an hour.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    requests: u32,
    /// The first day; else the Friday before the clocks change, in October for odd seeds, in March for even ones.
    #[arg(long, value_name = "DATE")]
    start: Option<Date>,
    /// How many threads; the bytes do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// The folder to write to, which must not be there yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ScoreArgs {
    /// The folder that `make` wrote.
    pub(super) dir: PathBuf,
    /// Keep the store in which it was scored, in DIR/score.
    #[arg(long)]
    pub(super) keep: bool,
    /// Write each event that was answered wrongly here, as JSON lines: the truth, and the answer.
    #[arg(long, value_name = "FILE")]
    pub(super) differences: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Make(args) => made(args, context),
        Command::Score(args) => simulate_score::run(args, context),
    }
}

fn made(args: &MakeArgs, context: &Context) -> anyhow::Result<Exit> {
    let plan = Plan {
        seed: args.seed,
        establishments: args.establishments,
        days: args.days,
        scale: args.scale,
        requests: args.requests,
        start: args.start,
    };
    let Some(region) = Region::new(plan) else {
        bail!("this machine does not know the time zone Europe/London");
    };
    let threads = args
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let written = make(&region, &args.out, threads).context("cannot make the region")?;
    if context.json {
        context.print_json(&json!({ "events": written.events, "bytes": written.bytes }))?;
    } else {
        context.tell(format!(
            "simulate: {} events, {} bytes written to {}",
            written.events,
            written.bytes,
            args.out.display()
        ));
    }
    Ok(Exit::Done)
}
