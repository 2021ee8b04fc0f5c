//! `invigil capture`: packets to flows.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::ArgGroup;
use serde_json::json;

use crate::capture::{CaptureError, Device, DeviceOptions};
use crate::classify::ListIndex;
use crate::clock;
use crate::config::ContentPolicy;
use crate::flow::MeterOptions;
use crate::keys::{self, Purpose};
use crate::ledger::FrameNonces;
use crate::pipeline::PipelineError;
use crate::pipeline::capture::{
    CaptureCounts, Pace, Packets, StoredCapture, each_record, open_file,
};
use crate::pipeline::deposit::OpenSource;
use crate::pipeline::input::{Identity, InputName};
use crate::pipeline::lane::Left;
use crate::pipeline::lists;
use crate::pipeline::output::Kinds;
use crate::pipeline::retention::Lines;
use crate::pipeline::sources::{self, CAPTURE_FORMAT};
use crate::pipeline::stop::{self, Told};
use crate::record::{SourceId, SourceKind};

use crate::store::names::Names;

use super::context::{Context, Exit, Workshop};
use super::output_args::{OutputArgs, add_count};
use super::progress::Progress;

/// Packets to flows.
#[derive(Clone, Debug, clap::Args)]
#[command(
    group(ArgGroup::new("source").required(true).args(["read", "interface"])),
    after_help = "Examples:\n  invigil capture -r morning.pcap.gz --to table\n  invigil capture -r - --to jsonl < morning.pcapng\n  invigil capture -r *.pcap\n  invigil capture -i eth1 --filter 'not port 22'"
)]
pub struct Args {
    /// Read these files (pcap or pcapng, also gzipped); `-` is standard input.
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    read: Vec<PathBuf>,
    /// Read this device until interrupted.
    #[arg(short, long, value_name = "DEVICE")]
    interface: Option<String>,
    /// Keep only what this filter lets pass, in libpcap's language; devices only.
    #[arg(
        long,
        value_name = "FILTER",
        requires = "interface",
        conflicts_with = "read"
    )]
    filter: Option<String>,
    /// Bytes kept of each frame while it is looked at; devices only.
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 65_535,
        value_parser = clap::value_parser!(u32).range(64..=262_144),
        conflicts_with = "read"
    )]
    snaplen: u32,
    /// Stop after so many seconds; devices only.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "interface",
        conflicts_with = "read"
    )]
    seconds: Option<u64>,
    /// Do not look for applications, names and fingerprints.
    #[arg(long)]
    no_applications: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let options = meter_options(args, context)?;
    args.output.check()?;
    if args.output.format(context).is_some() {
        let counts = print(args, context, &options)?;
        args.output.write_counts(&counts_json(&counts))?;
        context.tell(sentence(&counts));
        return Ok(Exit::Done);
    }
    // What was stored before something failed is told too.
    let mut total = (CaptureCounts::default(), Left::default());
    let stored = store(args, context, &options, &mut total);
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

fn print(args: &Args, context: &Context, options: &MeterOptions) -> anyhow::Result<CaptureCounts> {
    let format = args
        .output
        .format(context)
        .context("the store is no output")?;
    let lists = lists::load(&context.places.data)?;
    let mut total = CaptureCounts::default();
    let mut output = args.output.open(
        context,
        format,
        Kinds::One("flow"),
        context.output_tokens(format)?,
    )?;
    let mut one = |packets: &mut Packets, name: &str, source| {
        each_record(packets, name, source, options, &lists, |place, event| {
            output.record(place, event).map_err(PipelineError::Output)
        })
    };
    for path in &args.read {
        let name = InputName::of(path);
        let source = name.passing_source()?;
        let progress = Progress::of(context, &name);
        let mut packets = Packets::File(open_file(progress.open(&name)?)?);
        total.add(&one(&mut packets, &name.to_string(), source)?);
    }
    if let Some(name) = &args.interface {
        let mut packets = device(args, name, None)?;
        total.add(&one(&mut packets, name, SourceId(keys::random()?))?);
    }
    output.finish()?;
    Ok(total)
}

fn store(
    args: &Args,
    context: &Context,
    options: &MeterOptions,
    total: &mut (CaptureCounts, Left),
) -> anyhow::Result<()> {
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
    if let Some(name) = &args.interface {
        let open = || device(args, name, Some(STORE_EVERY_SECONDS));
        add(storing.session(SourceKind::CaptureDevice, name, open, Told::default())?);
    }
    Ok(())
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
            lines: Lines::of(deposit.ledger.entries()?),
        };
        Ok(stored.store(&mut packets, name, &deposit)?)
    }
}

/// Opens the device; it is read until the program is told to stop or the time is over.
fn device(args: &Args, name: &str, store_every: Option<u64>) -> anyhow::Result<Packets> {
    let options = DeviceOptions {
        snaplen: args.snaplen,
        filter: args.filter.clone(),
        ..DeviceOptions::default()
    };
    let device = open_device(name, &options)?;
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
    Ok(Packets::Device {
        device,
        pace: Box::new(pace),
    })
}

/// The remedy depends on what is wrong, so it is said after the reason.
fn open_device(name: &str, options: &DeviceOptions) -> anyhow::Result<Device> {
    Device::open(name, options).map_err(|error| {
        let remedy = match &error {
            CaptureError::Open { .. } => {
                "see the devices with `ip link`; capturing needs root, or the capability cap_net_raw on the program"
            }
            CaptureError::Filter { .. } => "`man pcap-filter` has the language of filters",
            _ => return anyhow::Error::new(error),
        };
        anyhow::anyhow!("{:#} ({remedy})", anyhow::Error::new(error))
    })
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
        "events": counts.events,
        "events_past_retention": counts.events_past_retention,
        "dropped": counts.dropped,
        "evicted": counts.evicted,
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
        counts.dropped
    );
    if counts.events > 0 {
        text.push_str(&format!("; events heard {}", counts.events));
    }
    if counts.evicted > 0 {
        text.push_str(&format!("; evicted {}", counts.evicted));
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
