//! `invigil capture -i`: packets off devices. The devices are opened first of all, and then what may open them is given up.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::capture::privileges::{self, User};
use crate::capture::{CaptureError, Device, DeviceOptions, WriterOptions, with_word};
use crate::config::CaptureConfig;
use crate::pipeline::live::{Live, LiveEnd, LiveOptions};
use crate::pipeline::stop::Told;

use super::context::Context;

/// How devices are read.
#[derive(Clone, Debug, clap::Args)]
pub struct LiveArgs {
    /// Count as ignored, and do not look at, what this filter does not let pass, in libpcap's language; devices only.
    #[arg(
        long,
        value_name = "FILTER",
        requires = "interface",
        conflicts_with = "read"
    )]
    filter: Option<String>,
    /// Let the kernel apply the filter: cheaper, but what it takes out is not counted.
    #[arg(long, requires = "filter")]
    filter_in_kernel: bool,
    /// Bytes kept of each frame while it is looked at; devices only.
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 65_535,
        value_parser = clap::value_parser!(u32).range(64..=262_144),
        conflicts_with = "read"
    )]
    snaplen: u32,
    /// Read each device by so many threads, each with a ring of its own: the kernel shares the flows out among them.
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=256),
        requires = "interface",
        conflicts_with = "read"
    )]
    rings: Option<u32>,
    /// Stop after so many seconds; devices only.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "interface",
        conflicts_with = "read"
    )]
    seconds: Option<u64>,
    /// Keep the frames that are read in this file (pcapng, in clear), so that `-r` gives the same flows again; devices only.
    #[arg(
        long,
        value_name = "FILE",
        requires = "interface",
        conflicts_with = "read"
    )]
    write: Option<PathBuf>,
    /// Begin another file (FILE-00001, FILE-00002) before one is longer than so many MiB.
    #[arg(long, value_name = "MIB", requires = "write", value_parser = clap::value_parser!(u64).range(1..))]
    write_mib: Option<u64>,
    /// Begin another file with the first frame that is so many seconds later than a file's first.
    #[arg(long, value_name = "SECONDS", requires = "write", value_parser = clap::value_parser!(u64).range(1..))]
    write_seconds: Option<u64>,
}

/// Devices that are open and not yet read, ring by ring.
pub(super) struct Rings(Vec<Ring>);

struct Ring {
    name: String,
    device: Device,
    options: LiveOptions,
}

/// Opens the devices and gives up what that took. Nothing else may have begun: neither a thread, nor the store.
pub(super) fn open(
    args: &LiveArgs,
    devices: &[String],
    config: &CaptureConfig,
    store_every: Option<u64>,
) -> anyhow::Result<Rings> {
    let rings = args.rings.unwrap_or(config.rings).max(1);
    let options = DeviceOptions {
        snaplen: args.snaplen,
        ring_bytes: config.ring_mib.max(1).saturating_mul(1 << 20),
        rings: usize::try_from(rings)?,
        kernel_filter: args.filter.clone().filter(|_| args.filter_in_kernel),
        ..DeviceOptions::default()
    };
    // A user that does not exist must be noticed before anything is read.
    let user = config.user.as_deref().map(User::named).transpose();
    let user = user.context("[capture] user in the configuration")?;
    let mut all = Vec::new();
    for (at, name) in devices.iter().enumerate() {
        anyhow::ensure!(
            !devices.iter().take(at).any(|before| before == name),
            "device {name:?} is named twice, and each of its frames would be counted twice"
        );
        let opened = open_device(name, &options)?;
        let is_one_of_many = devices.len() > 1 || opened.len() > 1;
        for (index, device) in opened.into_iter().enumerate() {
            let word = match rings {
                1 => name.clone(),
                _ => format!("{name}-{}", index + 1),
            };
            let path = args.write.as_ref().map(|path| match is_one_of_many {
                true => with_word(path, &word.replace('/', "_")),
                false => path.clone(),
            });
            all.push(Ring {
                name: word,
                device,
                options: LiveOptions {
                    filter: args.filter.clone().filter(|_| !args.filter_in_kernel),
                    keep: path.map(|path| WriterOptions {
                        path,
                        most_bytes: args.write_mib.map(|mib| mib.saturating_mul(1 << 20)),
                        most_seconds: args.write_seconds,
                    }),
                    seconds: args.seconds,
                    store_every,
                },
            });
        }
    }
    privileges::give_up(user)?;
    Ok(Rings(all))
}

impl Rings {
    /// Begins to read, now that all is ready; says so.
    pub(super) fn begin(
        self,
        context: &Context,
        told_to_stop: &Told,
    ) -> anyhow::Result<Vec<(String, Live)>> {
        let begin = |ring: Ring| {
            let live = Live::begin(ring.device, &ring.options, told_to_stop.clone());
            Ok((ring.name, live.map_err(filter_named)?))
        };
        let begun: anyhow::Result<Vec<_>> = self.0.into_iter().map(begin).collect();
        let begun = begun?;
        let names: Vec<&str> = begun.iter().map(|(name, _)| name.as_str()).collect();
        context.tell(format!("capture: reading {}", names.join(", ")));
        Ok(begun)
    }
}

/// What ended otherwise than it should; all that was read is stored or printed by then.
pub(super) fn ended(ends: Vec<(String, LiveEnd)>) -> anyhow::Result<()> {
    for (name, end) in ends {
        if let Some(error) = end.refused {
            return Err(error).with_context(|| {
                format!(
                    "of the frames of {name}, {} were kept and {} could not be",
                    end.kept, end.not_kept
                )
            });
        }
        if let Some(error) = end.lost {
            return Err(error).context("what was read until then is not lost");
        }
    }
    Ok(())
}

/// The remedy depends on what is wrong, so it is said after the reason.
fn open_device(name: &str, options: &DeviceOptions) -> anyhow::Result<Vec<Device>> {
    Device::open(name, options).map_err(|error| {
        let remedy = match &error {
            CaptureError::Open { .. } => {
                "see the devices with `ip link`; capturing needs root, or the capability cap_net_raw on the program"
            }
            CaptureError::Filter { .. } => FILTERS,
            CaptureError::Share { .. } => "read it with one ring: --rings 1",
            _ => return anyhow::Error::new(error),
        };
        anyhow::anyhow!("{:#} ({remedy})", anyhow::Error::new(error))
    })
}

fn filter_named(error: crate::pipeline::PipelineError) -> anyhow::Error {
    use crate::pipeline::PipelineError::Capture;
    match &error {
        Capture {
            source: CaptureError::Filter { .. },
            ..
        } => anyhow::anyhow!("{:#} ({FILTERS})", anyhow::Error::new(error)),
        _ => error.into(),
    }
}

const FILTERS: &str = "`man pcap-filter` has the language of filters";
