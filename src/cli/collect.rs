//! `invigil collect`: what devices send of themselves: flow exports of routers and switches to flows, and syslog.

/// Syslog.
mod syslog;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::ArgGroup;
use serde_json::json;

use crate::capture::CaptureFile;
use crate::clock;
use crate::flow::export::{CollectorOptions, ExporterCounts};
use crate::keys::{self, Purpose};
use crate::ledger::FrameNonces;
use crate::pipeline::PipelineError;
use crate::pipeline::capture::{Pace, open_file};
use crate::pipeline::collect::{
    CollectCounts, Collecting, DatagramFile, EXPORT_FORMAT, Exports, StoredExports, listen,
};
use crate::pipeline::deposit::OpenSource;
use crate::pipeline::input::{Identity, InputName};
use crate::pipeline::lane::Left;
use crate::pipeline::lists;
use crate::pipeline::output::Kinds;
use crate::pipeline::sources;
use crate::pipeline::stop::{self, Told};
use crate::record::{SourceId, SourceKind};
use crate::store::names::Names;

use super::context::{Context, Exit, Workshop};
use super::output_args::{OutputArgs, add_count};
use super::progress::Progress;

/// What devices send of themselves.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

/// What is collected.
#[derive(Clone, Debug, clap::Subcommand)]
enum Kind {
    /// Flow exports of routers and switches to flows: NetFlow, IPFIX and sFlow alike.
    #[command(visible_aliases = ["ipfix", "sflow"])]
    Netflow(Netflow),
    /// Logs that devices send by syslog: UDP, TCP, TLS.
    Syslog(syslog::Args),
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.kind {
        Kind::Netflow(args) => netflow(args, context),
        Kind::Syslog(args) => syslog::run(args, context),
    }
}

/// Flow exports of routers and switches to flows.
#[derive(Clone, Debug, clap::Args)]
#[command(
    group(ArgGroup::new("source").required(true).args(["listen", "from_files", "read"])),
    after_help = "Examples:\n  invigil collect netflow --listen 0.0.0.0:2055\n  invigil collect netflow -r exports.pcap --to jsonl\n  invigil collect netflow --from-files datagram-*.bin --to table\n\nNetFlow 1, 5, 7 and 9, IPFIX and sFlow 5 are told apart by their own version. Counts are of records; a template or a counter is a record that is ignored."
)]
pub struct Netflow {
    /// Listen on this address and UDP port until interrupted.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Read files of datagrams: one in each, or several one behind the other.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from_files: Vec<PathBuf>,
    /// Read exports that stand in these captures; `-` is standard input.
    #[arg(short, long, value_name = "CAPTURE", num_args = 1..)]
    read: Vec<PathBuf>,
    /// Stop after so many seconds; with --listen only.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "listen",
        conflicts_with_all = ["from_files", "read"]
    )]
    seconds: Option<u64>,
    /// Multiply packets and bytes by the sampling interval. Else they stay as they were exported.
    #[arg(long)]
    scale_samples: bool,
    #[command(flatten)]
    output: OutputArgs,
}

fn netflow(args: &Netflow, context: &Context) -> anyhow::Result<Exit> {
    args.output.check()?;
    if args.output.format(context).is_some() {
        let (counts, exporters) = print(args, context)?;
        args.output
            .write_counts(&counts_json(&counts, &exporters))?;
        context.tell(sentence(&counts, &exporters));
        return Ok(Exit::Done);
    }
    // What was stored before something failed is told too.
    let lists = lists::load(&context.places.data)?;
    let mut collecting = Collecting::new(options(args), &lists);
    let mut total = (CollectCounts::default(), Left::default());
    let stored = store(args, context, &mut collecting, &mut total);
    let (counts, left) = total;
    let exporters = collecting.exporters();
    let mut json = counts_json(&counts, &exporters);
    add_count(&mut json, "spooled", left.frames);
    args.output.write_counts(&json)?;
    context.tell(sentence(&counts, &exporters));
    stored?;
    context.arrived(&left)
}

fn options(args: &Netflow) -> CollectorOptions {
    CollectorOptions {
        scale_samples: args.scale_samples,
        ..CollectorOptions::default()
    }
}

type Collected = (CollectCounts, Vec<ExporterCounts>);

fn print(args: &Netflow, context: &Context) -> anyhow::Result<Collected> {
    let format = args
        .output
        .format(context)
        .context("the store is no output")?;
    let lists = lists::load(&context.places.data)?;
    let mut output = args.output.open(
        context,
        format,
        Kinds::One("flow"),
        context.output_tokens(format)?,
    )?;
    let mut collecting = Collecting::new(options(args), &lists);
    let mut total = CollectCounts::default();
    let mut out = |place, event: &crate::record::Event<'_>| {
        output.record(place, event).map_err(PipelineError::Output)
    };
    for path in args.from_files.iter().chain(&args.read) {
        let name = InputName::of(path);
        let source = name.passing_source()?;
        let progress = Progress::of(context, &name);
        let mut exports = open(args, &progress, &name)?;
        let counts = collecting.each_record(&mut exports, &name.to_string(), source, &mut out)?;
        total.add(&counts);
    }
    if let Some(address) = args.listen {
        let mut exports = socket(args, address, None)?;
        let source = SourceId(keys::random()?);
        let counts =
            collecting.each_record(&mut exports, &address.to_string(), source, &mut out)?;
        total.add(&counts);
    }
    total.add(&collecting.finish(&mut out)?);
    output.finish()?;
    Ok((total, collecting.exporters()))
}

fn open(args: &Netflow, progress: &Progress, name: &InputName) -> anyhow::Result<Exports> {
    let opened = progress.open(name)?;
    if args.read.is_empty() {
        Ok(Exports::File(DatagramFile::new(opened)))
    } else {
        let capture: CaptureFile = open_file(opened)?;
        Ok(Exports::Capture(capture))
    }
}

fn store(
    args: &Netflow,
    context: &Context,
    collecting: &mut Collecting<'_>,
    total: &mut (CollectCounts, Left),
) -> anyhow::Result<()> {
    let workshop = context.workshop()?;
    let mut storing = Storing {
        context,
        workshop: &workshop,
        names: context.names()?,
    };
    let mut add = |(counts, left): (CollectCounts, Left)| {
        total.0.add(&counts);
        total.1.add(left);
    };
    if let Some(address) = args.listen {
        let mut exports = socket(args, address, Some(STORE_EVERY_SECONDS))?;
        add(storing.session(
            SourceKind::Listener,
            &address.to_string(),
            &mut exports,
            collecting,
            Told::default(),
        )?);
        return Ok(());
    }
    let told_to_stop = stop::when_told()?;
    for path in args.from_files.iter().chain(&args.read) {
        let name = InputName::of(path);
        let progress = Progress::of(context, &name);
        let mut exports = open(args, &progress, &name)?;
        let told = told_to_stop.clone();
        add(match name.is_regular() {
            true => storing.file(&name, &mut exports, collecting, told)?,
            false => storing.session(
                SourceKind::Stream,
                &name.to_string(),
                &mut exports,
                collecting,
                told,
            )?,
        });
    }
    Ok(())
}

/// What all exports that are stored need.
struct Storing<'a> {
    context: &'a Context,
    workshop: &'a Workshop,
    names: Names,
}

impl Storing<'_> {
    /// Stores what is new in a regular file. One that is stored to its end is read all the same: its templates may be
    /// those of the next.
    fn file(
        &mut self,
        name: &InputName,
        exports: &mut Exports,
        collecting: &mut Collecting<'_>,
        told_to_stop: Told,
    ) -> anyhow::Result<(CollectCounts, Left)> {
        let deposit = self.workshop.deposit();
        let _one_at_a_time = sources::lock_files(&self.context.places.data, &deposit)?;
        let history = deposit.history()?;
        let identity = name.identify(history.points())?;
        let resolved = sources::of_file(
            &identity,
            &history,
            SourceKind::CaptureFile,
            EXPORT_FORMAT,
            self.workshop.keys.id(),
        );
        if resolved.complete {
            let known = |_, _: &crate::record::Event<'_>| Ok(());
            collecting.each_record(exports, &name.to_string(), resolved.source.id, known)?;
            collecting.finish(known)?;
            let counts = CollectCounts {
                records: resolved.counts_when_complete(),
                ..CollectCounts::default()
            };
            return Ok((counts, Left::default()));
        }
        let told = told_to_stop;
        self.exports(
            &resolved.source,
            Some(&identity),
            exports,
            collecting,
            name,
            told,
        )
    }

    /// Stores all of a stream or a listener: each session is a source of its own.
    fn session(
        &mut self,
        kind: SourceKind,
        name: &str,
        exports: &mut Exports,
        collecting: &mut Collecting<'_>,
        told_to_stop: Told,
    ) -> anyhow::Result<(CollectCounts, Left)> {
        self.workshop.deposit().finish()?;
        let resolved = sources::of_session(SourceId(keys::random()?), kind, EXPORT_FORMAT);
        self.exports(
            &resolved.source,
            None,
            exports,
            collecting,
            &name,
            told_to_stop,
        )
    }

    fn exports(
        &mut self,
        source: &OpenSource,
        identity: Option<&Identity>,
        exports: &mut Exports,
        collecting: &mut Collecting<'_>,
        name: &dyn std::fmt::Display,
        told_to_stop: Told,
    ) -> anyhow::Result<(CollectCounts, Left)> {
        let deposit = self.workshop.deposit();
        let name = name.to_string();
        let stored = StoredExports {
            source,
            identity,
            nonces: FrameNonces::new(&self.workshop.keys.key(Purpose::Nonces), source.id),
            names: &mut self.names,
            told_to_stop,
            lines: deposit.lines()?,
        };
        Ok(stored.store(exports, &name, collecting, &deposit)?)
    }
}

/// Opens the socket; it is read until the program is told to stop or the time is over.
fn socket(
    args: &Netflow,
    address: SocketAddr,
    store_every: Option<u64>,
) -> anyhow::Result<Exports> {
    let told_to_stop = stop::when_told()?;
    let since = clock::Stopwatch::start();
    let limit = args.seconds;
    let mut stored_at = 0;
    let pace = move || {
        let seconds = since.elapsed().as_secs();
        if told_to_stop.is_set() || limit.is_some_and(|limit| seconds >= limit) {
            return Pace::Stop;
        }
        if store_every.is_some_and(|every| seconds >= stored_at + every) {
            stored_at = seconds;
            return Pace::Store;
        }
        Pace::Go
    };
    listen(address, Box::new(pace), clock::now).with_context(|| {
        format!("cannot listen on UDP {address}: see who has it with `ss -lun`, or name another")
    })
}

fn counts_json(counts: &CollectCounts, exporters: &[ExporterCounts]) -> serde_json::Value {
    let records = &counts.records;
    let exporters: Vec<_> = exporters
        .iter()
        .map(|exporter| {
            json!({
                "exporter": exporter.exporter,
                "kind": exporter.kind,
                "domain": exporter.domain,
                "datagrams": exporter.datagrams,
                "missing": exporter.missing,
                "reordered": exporter.reordered,
                "restarts": exporter.restarts,
                "sampling_interval": exporter.sampling_interval,
            })
        })
        .collect();
    json!({
        "datagrams": counts.datagrams,
        "read": records.read,
        "stored": records.stored,
        "rejected": records.rejected,
        "ignored": records.ignored,
        "records": records.records,
        "bytes": records.bytes,
        "dropped": counts.dropped,
        "reasons": records.reasons,
        "damage": counts.damage,
        "exporters": exporters,
    })
}

fn sentence(counts: &CollectCounts, exporters: &[ExporterCounts]) -> String {
    let records = &counts.records;
    let missing: u64 = exporters.iter().map(|exporter| exporter.missing).sum();
    let mut text = format!(
        "datagrams {}; records {} = flows {} + rejected {} + ignored {}; missing by sequence {missing}; dropped {}",
        counts.datagrams,
        records.read,
        records.stored,
        records.rejected,
        records.ignored,
        counts.dropped
    );
    let sampled = exporters
        .iter()
        .filter(|exporter| exporter.sampling_interval > 1)
        .count();
    if sampled > 0 {
        text.push_str(&format!("; exporters that sample {sampled}"));
    }
    for (reason, frames) in &records.reasons {
        text.push_str(&format!("; {reason} {frames}"));
    }
    for (reason, places) in &counts.damage {
        text.push_str(&format!("; damage {reason} {places}"));
    }
    text
}

/// How often what a listener got is brought to the store.
const STORE_EVERY_SECONDS: u64 = 10;
