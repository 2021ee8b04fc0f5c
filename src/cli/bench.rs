//! `invigil bench`: what reading costs here, beside a plain read of the same file; and what storing does, beside the
//! engine's own insert.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use jiff::tz::TimeZone;

use crate::classify::ListIndex;
use crate::clock::{self, Stopwatch};
use crate::flow::MeterOptions;
use crate::logs::{self, Fold, SourceSettings};
use crate::pipeline::capture::{Packets, each_record, open_file};
use crate::pipeline::ingest::{LogReading, detect};
use crate::pipeline::input::InputName;
use crate::pipeline::retention::Lines;
use crate::pipeline::stop::Told;
use crate::record::SourceId;

use super::bench_store::{self, Inserts};
use super::context::{Context, Exit};

/// Measure what reading a file costs on this machine.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil bench flow morning.pcap\n  invigil bench logs access.log --format squid_native\n\nEach line is the median of the runs, in one thread. The records that are made are counted and thrown away.\n\nA log is also stored as often, in a folder that is made beside the data and taken away again: the engine's own insert of its rows\nfrom a file, the same rows in the batches and by the way of `ingest`, and the whole way of `ingest` from the log. All with the same\nsettings: written through to the disk before it is said to be stored, blocks of 262144 rows or 64 MiB."
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// How many times each is run.
    #[arg(long, value_name = "N", default_value_t = 5, global = true, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// Packets to flows.
    Flow {
        /// A capture file.
        file: PathBuf,
        /// Do not look for applications.
        #[arg(long)]
        no_applications: bool,
    },
    /// Lines to events.
    Logs {
        /// A log.
        file: PathBuf,
        /// Its format, or `auto`.
        #[arg(long, default_value = "auto")]
        format: String,
        /// Do not measure the store.
        #[arg(long)]
        no_store: bool,
    },
}

/// One line of the answer.
struct Measured {
    what: &'static str,
    unit: &'static str,
    seconds: f64,
    bytes: u64,
    units: u64,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let (measured, inserts) = match &args.what {
        What::Flow {
            file,
            no_applications,
        } => (
            flow(&InputName::of(file), !no_applications, args.runs)?,
            None,
        ),
        What::Logs {
            file,
            format,
            no_store,
        } => {
            let at = (!no_store).then_some((context, file.as_path()));
            log(&InputName::of(file), format, args.runs, at)?
        }
    };
    print(context, &measured, inserts.as_ref())?;
    Ok(Exit::Done)
}

fn flow(name: &InputName, applications: bool, runs: u32) -> anyhow::Result<Vec<Measured>> {
    let options = MeterOptions {
        applications,
        ..MeterOptions::default()
    };
    let lists = ListIndex::default();
    let mut units = 0;
    let metering = measure(runs, || {
        let mut packets = Packets::File(open_file(name.open()?)?);
        let counts = each_record(
            &mut packets,
            &name.to_string(),
            SourceId([0; 16]),
            &options,
            &lists,
            |_, _| Ok(()),
        )?;
        units = counts.packets.read;
        Ok(())
    })?;
    let (plain, bytes) = plain_read(name, runs)?;
    Ok(vec![
        Measured {
            what: "plain read",
            unit: "packet",
            seconds: plain,
            bytes,
            units,
        },
        Measured {
            what: "packets to flows",
            unit: "packet",
            seconds: metering,
            bytes,
            units,
        },
    ])
}

/// `at` says where and from which file the store is measured.
fn log(
    name: &InputName,
    format: &str,
    runs: u32,
    at: Option<(&Context, &Path)>,
) -> anyhow::Result<(Vec<Measured>, Option<Inserts>)> {
    let format = if format == "auto" {
        detect(name.open()?, &[])?
            .0
            .first()
            .map(|(format, _)| *format)
            .with_context(|| format!("cannot tell the format of {name}: name one with --format"))?
    } else {
        logs::format(format).with_context(|| format!("there is no log format {format:?}"))?
    };
    let settings = SourceSettings {
        zone: TimeZone::UTC,
        reference: clock::now(),
        fold: Fold::First,
        corrections: logs::Corrections::default(),
    };
    let lists = ListIndex::default();
    let mut units = 0;
    let log = LogReading {
        format,
        settings: &settings,
        lists: &lists,
        told_to_stop: Told::default(),
        lines: Lines::default(),
    };
    let reading = measure(runs, || {
        units = log
            .each_record(name.open()?, SourceId([0; 16]), |_, _| Ok(()))?
            .read;
        Ok(())
    })?;
    let (plain, bytes) = plain_read(name, runs)?;
    let inserts = at
        .map(|(context, path)| bench_store::measure(context, name, path, &log, runs))
        .transpose()?;
    let measured = vec![
        Measured {
            what: "plain read",
            unit: "line",
            seconds: plain,
            bytes,
            units,
        },
        Measured {
            what: "lines to events",
            unit: "line",
            seconds: reading,
            bytes,
            units,
        },
    ];
    Ok((measured, inserts))
}

fn plain_read(name: &InputName, runs: u32) -> anyhow::Result<(f64, u64)> {
    let mut buffer = vec![0u8; 1 << 18];
    let mut bytes = 0;
    let seconds = measure(runs, || {
        let mut input = name.open()?.reader;
        bytes = 0;
        loop {
            match input.read(&mut buffer).map_err(|error| name.error(error))? {
                0 => return Ok(()),
                read => bytes += read as u64,
            }
        }
    })?;
    Ok((seconds, bytes))
}

/// The median time of so many runs, in seconds.
fn measure(runs: u32, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..runs.max(1) {
        let watch = Stopwatch::start();
        work()?;
        times.push(watch.elapsed().as_secs_f64());
    }
    median(&times)
}

pub(super) fn median(times: &[f64]) -> anyhow::Result<f64> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times
        .get(times.len() / 2)
        .copied()
        .context("nothing was measured")
}

fn print(
    context: &Context,
    measured: &[Measured],
    inserts: Option<&Inserts>,
) -> anyhow::Result<()> {
    let floor = measured.first().map_or(0.0, |plain| plain.seconds);
    if context.json {
        let all = measured.iter().map(|one| {
            serde_json::json!({
                "what": one.what, "seconds": one.seconds, "bytes": one.bytes, "units": one.units,
                "unit": one.unit, "times_plain_read": one.seconds / floor,
            })
        });
        let stored = inserts.map(Inserts::json).transpose()?;
        let all = all.chain(stored.into_iter().flatten());
        return context.print_json(&all.collect::<Vec<_>>().into());
    }
    let rows: Vec<Vec<String>> = measured
        .iter()
        .map(|one| {
            vec![
                one.what.to_owned(),
                format!("{:.4} s", one.seconds),
                format!("{:.0} MB/s", one.bytes as f64 / 1e6 / one.seconds),
                format!(
                    "{:.0} ns/{}",
                    one.seconds * 1e9 / one.units.max(1) as f64,
                    one.unit
                ),
                format!("{:.2} x", one.seconds / floor),
            ]
        })
        .collect();
    context.print_table(
        &[
            "what",
            "median time",
            "speed",
            "each",
            "beside a plain read",
        ],
        &rows,
    )?;
    inserts.map_or(Ok(()), |inserts| inserts.print(context))
}
