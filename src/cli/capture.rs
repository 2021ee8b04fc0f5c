//! `invigil capture`: packets to flows.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::ArgGroup;
use serde_json::json;

use crate::classify::ListIndex;
use crate::config::ContentPolicy;
use crate::flow::{Meter, MeterOptions};
use crate::keys::{self, Purpose};
use crate::ledger::FrameNonces;
use crate::pipeline::PipelineError;
use crate::pipeline::apart::each_row_apart;
use crate::pipeline::capture::{CaptureCounts, Packets, StoredCapture, each_record, open_file};
use crate::pipeline::deposit::OpenSource;
use crate::pipeline::input::{Identity, InputName};
use crate::pipeline::lane::Left;
use crate::pipeline::lists;
use crate::pipeline::live::{self, Live, LiveEnd};
use crate::pipeline::output::Kinds;
use crate::pipeline::sources::{self, CAPTURE_FORMAT};
use crate::pipeline::stop::{self, Told};
use crate::record::{Event, Place, SourceId, SourceKind};

use crate::store::names::Names;

use super::context::{Context, Exit, Workshop};
use super::live::{LiveArgs, Rings, ended};
use super::output_args::{OutputArgs, add_count};
use super::progress::Progress;

/// Packets to flows.
#[derive(Clone, Debug, clap::Args)]
#[command(
    group(ArgGroup::new("source").required(true).args(["read", "interface"])),
    after_help = "Examples:\n  invigil capture -r morning.pcap.gz --to table\n  invigil capture -r - --to jsonl < morning.pcapng\n  invigil capture -r *.pcap\n  invigil capture -i eth1 --filter 'not port 22'\n  invigil capture -i eth1 eth2 --rings 2 --write kept.pcapng --write-mib 1024"
)]
pub struct Args {
    /// Read these files (pcap or pcapng, also gzipped); `-` is standard input.
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    read: Vec<PathBuf>,
    /// Read this device, or these, until interrupted.
    #[arg(short, long, value_name = "DEVICE", num_args = 1..)]
    interface: Vec<String>,
    #[command(flatten)]
    live: LiveArgs,
    /// Do not look for applications, names and fingerprints.
    #[arg(long)]
    no_applications: bool,
    /// With any --to but the store: so many threads make a part of the flows each, eight at most, and what comes out is the same. The store has threads of its own.
    #[arg(long, conflicts_with = "interface", value_name = "N", default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    threads: usize,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let options = meter_options(args, context)?;
    args.output.check()?;
    // Devices come first: until they are open and what that took is given up, there is one thread and no store.
    let store_every = args
        .output
        .format(context)
        .is_none()
        .then_some(STORE_EVERY_SECONDS);
    let rings = match args.interface.as_slice() {
        [] => None,
        devices => Some(super::live::open(
            &args.live,
            devices,
            &context.config.capture,
            store_every,
        )?),
    };
    if args.output.format(context).is_some() {
        let mut counts = CaptureCounts::default();
        let printed = print(args, context, &options, rings, &mut counts);
        args.output.write_counts(&counts_json(&counts))?;
        context.tell(sentence(&counts));
        return printed.map(|()| Exit::Done);
    }
    // What was stored before something failed is told too.
    let mut total = (CaptureCounts::default(), Left::default());
    let stored = store(args, context, &options, rings, &mut total);
    let (counts, left) = total;
    let mut json = counts_json(&counts);
    add_count(&mut json, "spooled", left.frames);
    args.output.write_counts(&json)?;
    context.tell(sentence(&counts));
    stored?;
    context.arrived(&left)
}

fn meter_options(args: &Args, context: &Context) -> anyhow::Result<MeterOptions> {
    let config = &context.config.capture;
    anyhow::ensure!(
        config.content == ContentPolicy::Names || config.legal_basis.is_some(),
        "content = \"full\" needs its legal basis: set legal_basis in [capture] of the configuration"
    );
    Ok(MeterOptions {
        active_timeout_us: i64::from(config.active_timeout_seconds) * 1_000_000,
        idle_timeout_us: i64::from(config.idle_timeout_seconds) * 1_000_000,
        apart_by_vlan: config.apart_by_vlan,
        apart_by_tunnel: config.apart_by_tunnel,
        applications: !args.no_applications,
        content: config.content == ContentPolicy::Full,
        ..MeterOptions::default()
    })
}

fn print(
    args: &Args,
    context: &Context,
    options: &MeterOptions,
    rings: Option<Rings>,
    total: &mut CaptureCounts,
) -> anyhow::Result<()> {
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
    for path in &args.read {
        let name = InputName::of(path);
        let source = name.passing_source()?;
        let progress = Progress::of(context, &name);
        let file = open_file(progress.open(&name)?)?;
        let name = name.to_string();
        let counts = match args.threads.min(Meter::most_parts(options)) {
            0 | 1 => {
                let out = |place, event: Event<'_>| {
                    output.record(place, &event).map_err(PipelineError::Output)
                };
                let mut packets = Packets::File(file);
                each_record(&mut packets, &name, source, options, &lists, out)?
            }
            threads => {
                let rows = |_| Ok(output.rows(context.output_tokens(format)?));
                let parts: anyhow::Result<Vec<_>> = (0..threads).map(rows).collect();
                let out = |rows: &_, number| {
                    let written = output.append_one(rows, number);
                    written.map_err(PipelineError::Output)
                };
                each_row_apart(file, parts?, &name, source, options, &lists, out)?
            }
        };
        total.add(&counts);
    }
    let Some(rings) = rings else {
        return Ok(output.finish()?);
    };
    let told_to_stop = stop::when_told()?;
    let rings = rings.begin(context, &told_to_stop)?;
    let sources = rings
        .into_iter()
        .map(|(name, live)| Ok((name, live, SourceId(keys::random()?))));
    let sources: anyhow::Result<Vec<_>> = sources.collect();
    let out = |record: Option<(Place, Event<'_>)>| {
        match record {
            Some((place, event)) => output.record(place, &event),
            // Nothing came for a while: who watches the output shall see what there is.
            None => output.flush(),
        }
        .map_err(PipelineError::Output)
    };
    let ends = live::print(sources?, &told_to_stop, options, &lists, out)?;
    output.finish()?;
    ended(sum(ends, |counts| total.add(&counts)))
}

/// A ring's name, what it has counted, and what else there is to say of it.
type RingEnd<C> = (String, C, LiveEnd);

/// Adds up what the rings have counted; what else there is to say of them is left.
fn sum<C>(ends: Vec<(String, C, LiveEnd)>, mut add: impl FnMut(C)) -> Vec<(String, LiveEnd)> {
    let ends = ends.into_iter().map(|(name, counts, end)| {
        add(counts);
        (name, end)
    });
    ends.collect()
}

fn store(
    args: &Args,
    context: &Context,
    options: &MeterOptions,
    rings: Option<Rings>,
    total: &mut (CaptureCounts, Left),
) -> anyhow::Result<()> {
    anyhow::ensure!(args.threads == 1, super::output_args::OWN_THREADS);
    let workshop = context.workshop()?;
    let lists = lists::load(&context.places.data)?;
    let mut storing = Storing {
        context,
        workshop: &workshop,
        options,
        lists: &lists,
        names: context.names()?,
    };
    let mut add = |(counts, left): (CaptureCounts, Left)| {
        total.0.add(&counts);
        total.1.add(left);
    };
    if context.config.capture.content == ContentPolicy::Full {
        workshop.record_content_policy(&context.config.capture)?;
    }
    let told_to_stop = stop::when_told()?;
    for path in &args.read {
        let name = InputName::of(path);
        let stored = if name.is_regular() {
            storing.file(&name, told_to_stop.clone())?
        } else {
            let open = || Ok(Packets::File(open_file(name.open()?)?));
            storing.session(
                SourceKind::Stream,
                &name.to_string(),
                open,
                told_to_stop.clone(),
            )?
        };
        add(stored);
    }
    let Some(rings) = rings else { return Ok(()) };
    workshop.deposit().finish()?;
    let rings = rings.begin(context, &told_to_stop)?;
    let ends = storing.rings(rings, &told_to_stop)?;
    ended(sum(ends, add))
}

/// What every capture that is stored needs.
struct Storing<'a> {
    context: &'a Context,
    workshop: &'a Workshop,
    options: &'a MeterOptions,
    lists: &'a ListIndex,
    names: Names,
}

impl Storing<'_> {
    /// Stores what is new in a regular file.
    fn file(
        &mut self,
        name: &InputName,
        told_to_stop: Told,
    ) -> anyhow::Result<(CaptureCounts, Left)> {
        let deposit = self.workshop.deposit();
        let _one_at_a_time = sources::lock_files(&self.context.places.data, &deposit)?;
        let history = deposit.history()?;
        let identity = name.identify(history.points())?;
        let resolved = sources::of_file(
            &identity,
            &history,
            SourceKind::CaptureFile,
            CAPTURE_FORMAT,
            self.workshop.keys.id(),
        );
        if resolved.complete {
            let counts = CaptureCounts {
                packets: resolved.counts_when_complete(),
                ..CaptureCounts::default()
            };
            return Ok((counts, Left::default()));
        }
        let progress = Progress::of(self.context, name);
        let packets = Packets::File(open_file(progress.open(name)?)?);
        self.packets(
            &resolved.source,
            Some(&identity),
            packets,
            &name.to_string(),
            told_to_stop,
        )
    }

    /// Stores all of a stream or a device: each session is a source of its own.
    fn session(
        &mut self,
        kind: SourceKind,
        name: &str,
        open: impl FnOnce() -> anyhow::Result<Packets>,
        told_to_stop: Told,
    ) -> anyhow::Result<(CaptureCounts, Left)> {
        self.workshop.deposit().finish()?;
        let resolved = sources::of_session(SourceId(keys::random()?), kind, CAPTURE_FORMAT);
        self.packets(&resolved.source, None, open()?, name, told_to_stop)
    }

    /// Stores all of the rings of devices, each as a source of its own.
    fn rings(
        &self,
        rings: Vec<(String, Live)>,
        told_to_stop: &Told,
    ) -> anyhow::Result<Vec<RingEnd<(CaptureCounts, Left)>>> {
        let deposit = self.workshop.deposit();
        let nonces = self.workshop.keys.key(Purpose::Nonces);
        let lines = deposit.lines()?;
        let mut ready = Vec::new();
        for (name, live) in rings {
            let id = SourceId(keys::random()?);
            let source = sources::of_session(id, SourceKind::CaptureDevice, CAPTURE_FORMAT).source;
            let nonces = FrameNonces::new(&nonces, source.id);
            ready.push((
                name,
                live,
                source,
                nonces,
                self.context.names()?,
                lines.clone(),
            ));
        }
        let (options, lists) = (self.options, self.lists);
        let stored = live::on_threads(ready, told_to_stop, |ring| {
            let (name, live, source, nonces, mut names, lines) = ring;
            let capture = StoredCapture {
                source: &source,
                options,
                identity: None,
                nonces,
                lists,
                names: &mut names,
                told_to_stop: Told::default(),
                lines,
            };
            let mut packets = Packets::Live(Box::new(live));
            let stored = capture.store(&mut packets, &name, &deposit)?;
            Ok((name, stored, packets.end()))
        })?;
        Ok(stored)
    }

    fn packets(
        &mut self,
        source: &OpenSource,
        identity: Option<&Identity>,
        mut packets: Packets,
        name: &str,
        told_to_stop: Told,
    ) -> anyhow::Result<(CaptureCounts, Left)> {
        let deposit = self.workshop.deposit();
        let stored = StoredCapture {
            source,
            options: self.options,
            identity,
            nonces: FrameNonces::new(&self.workshop.keys.key(Purpose::Nonces), source.id),
            lists: self.lists,
            names: &mut self.names,
            told_to_stop,
            lines: deposit.lines()?,
        };
        Ok(stored.store(&mut packets, name, &deposit)?)
    }
}

fn counts_json(counts: &CaptureCounts) -> serde_json::Value {
    let packets = &counts.packets;
    json!({
        "packets": packets.read,
        "metered": packets.stored,
        "rejected": packets.rejected,
        "ignored": packets.ignored,
        "held": packets.held,
        "bytes": packets.bytes,
        "flows": counts.flows,
        "flows_past_retention": counts.past_retention,
        "dropped": counts.dropped(),
        "dropped_kernel": counts.drops.kernel,
        "dropped_device": counts.drops.device,
        "events": counts.events,
        "events_past_retention": counts.events_past_retention,
        "evicted": counts.evicted,
        "unheard": counts.unheard,
        "reasons": packets.reasons,
        "damage": counts.damage,
    })
}

fn sentence(counts: &CaptureCounts) -> String {
    let packets = &counts.packets;
    let mut text = format!(
        "packets {} = metered {} + rejected {} + ignored {} + held {}; flows {}; bytes {}; dropped {}",
        packets.read,
        packets.stored,
        packets.rejected,
        packets.ignored,
        packets.held,
        counts.flows,
        packets.bytes,
        counts.dropped()
    );
    if counts.drops.all() > 0 {
        text.push_str(&format!(
            " (kernel {}, device {})",
            counts.drops.kernel, counts.drops.device
        ));
    }
    if counts.events > 0 {
        text.push_str(&format!("; events heard {}", counts.events));
    }
    if counts.evicted > 0 {
        text.push_str(&format!("; evicted {}", counts.evicted));
    }
    if counts.unheard > 0 {
        text.push_str(&format!("; unheard {}", counts.unheard));
    }
    for (reason, frames) in &packets.reasons {
        text.push_str(&format!("; {reason} {frames}"));
    }
    if counts.past_retention > 0 {
        text.push_str(&format!(
            "; of the flows {} are older than what retention has deleted, and were not stored",
            counts.past_retention
        ));
    }
    if counts.events_past_retention > 0 {
        text.push_str(&format!(
            "; {} events are older than what retention has deleted, and were not stored",
            counts.events_past_retention
        ));
    }
    for (reason, places) in &counts.damage {
        text.push_str(&format!("; damage {reason} {places}"));
    }
    text
}

/// How often what a device gave is brought to the store.
const STORE_EVERY_SECONDS: u64 = 10;
