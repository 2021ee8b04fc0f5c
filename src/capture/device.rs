//! A port that packets are read off, through libpcap: the kernel's ring, no immediate mode, and a wait that ends.

use std::os::fd::AsFd;

use pcap::{Active, Capture};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::ring::{self, Group};
use super::{CaptureError, Step};
use crate::record::{Packet, Timestamp};

/// How a device is read.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// How many bytes of each frame are kept.
    pub snaplen: u32,
    /// The size of the kernel's ring, of each if there are several.
    pub ring_bytes: u32,
    /// How many rings share the device's frames, each for a thread of its own.
    pub rings: usize,
    /// A filter in libpcap's language that the kernel applies: what it takes out is not seen, and not counted.
    pub kernel_filter: Option<String>,
    /// How long [`Device::look`] waits for a frame, in milliseconds.
    pub wait_ms: u32,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        DeviceOptions {
            snaplen: 65_535,
            ring_bytes: 64 << 20,
            rings: 1,
            kernel_filter: None,
            wait_ms: 100,
        }
    }
}

/// Frames that were lost for lack of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// By the kernel's ring.
    pub kernel: u64,
    /// By the network card or its driver.
    pub device: u64,
}

impl Drops {
    /// Both together.
    pub fn all(self) -> u64 {
        self.kernel + self.device
    }

    /// What came to these since then.
    pub fn since(self, then: Drops) -> Drops {
        Drops {
            kernel: self.kernel.saturating_sub(then.kernel),
            device: self.device.saturating_sub(then.device),
        }
    }
}

/// What a look at a device shows.
#[derive(Clone, Copy, Debug)]
pub enum Look<'a> {
    /// A frame, or something in its place.
    Step(Step<'a>),
    /// Nothing for the moment: another look may wait.
    Nothing,
    /// It was waited for a frame, and none came: all frames that came before the wait have been seen.
    Quiet,
}

/// An open device, or one of several rings on it.
pub struct Device {
    name: String,
    capture: Capture<Active>,
    link_type: u16,
    snaplen: u32,
    wait: Timespec,
    frames: u64,
    /// The numbers that libpcap said last: 32 bits that go round.
    told: (u32, u32),
    drops: Drops,
    /// What the device lost is the same for all of its rings: the first one counts it.
    is_first: bool,
    /// The last look found a frame, so that another may lie beside it and a wait would only cost a call to the kernel.
    flowing: bool,
}

impl Device {
    /// Opens a device in promiscuous mode, with as many rings as are wanted: frames of a flow go to one of them.
    pub fn open(name: &str, options: &DeviceOptions) -> Result<Vec<Device>, CaptureError> {
        let mut group = None;
        let mut rings: Vec<Device> = Vec::new();
        for _ in 0..options.rings.max(1) {
            let mut ring = Device::open_ring(name, options)?;
            ring.is_first = rings.is_empty();
            if options.rings > 1 {
                group = Some(ring.join(group)?);
            }
            rings.push(ring);
        }
        Ok(rings)
    }

    fn open_ring(name: &str, options: &DeviceOptions) -> Result<Device, CaptureError> {
        let failed = |source| CaptureError::Open {
            name: name.to_owned(),
            source,
        };
        let mut capture = Capture::from_device(name)
            .map_err(failed)?
            .promisc(true)
            .snaplen(i32::try_from(options.snaplen).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(options.ring_bytes).unwrap_or(i32::MAX))
            .timeout(100)
            .open()
            .map_err(failed)?
            .setnonblock()
            .map_err(failed)?;
        if let Some(filter) = &options.kernel_filter {
            capture
                .filter(filter, true)
                .map_err(|source| CaptureError::Filter {
                    filter: filter.clone(),
                    source,
                })?;
        }
        let link_type = u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX);
        Ok(Device {
            name: name.to_owned(),
            capture,
            link_type: registered(link_type),
            snaplen: options.snaplen,
            wait: Timespec {
                tv_sec: i64::from(options.wait_ms / 1_000),
                tv_nsec: i64::from(options.wait_ms % 1_000) * 1_000_000,
            },
            frames: 0,
            told: (0, 0),
            drops: Drops::default(),
            is_first: true,
            flowing: false,
        })
    }

    fn join(&self, group: Option<Group>) -> Result<Group, CaptureError> {
        ring::join(self.capture.as_fd(), group).map_err(|source| CaptureError::Share {
            name: self.name.clone(),
            source,
        })
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The link type of its frames.
    pub fn link_type(&self) -> u16 {
        self.link_type
    }

    /// How many bytes of each frame are kept.
    pub fn snaplen(&self) -> u32 {
        self.snaplen
    }

    /// Whether the next look will wait if there is no frame.
    pub fn may_wait(&self) -> bool {
        !self.flowing
    }

    /// The next frame, if there is one now or one comes in time. Waits only when the last look found none.
    pub fn look(&mut self) -> Result<Look<'_>, CaptureError> {
        if !self.flowing && !self.is_waiting()? {
            return Ok(Look::Quiet);
        }
        match self.capture.next_packet() {
            Ok(packet) => {
                self.flowing = true;
                self.frames += 1;
                let seconds = Timestamp::from_seconds(packet.header.ts.tv_sec);
                Ok(Look::Step(Step::Packet(Packet {
                    number: self.frames,
                    time: seconds.plus_micros(packet.header.ts.tv_usec),
                    link_type: self.link_type,
                    wire_length: packet.header.len,
                    bytes: packet.data,
                })))
            }
            Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => {
                self.flowing = false;
                Ok(Look::Nothing)
            }
            Err(source) => Err(CaptureError::Lost {
                name: self.name.clone(),
                source,
            }),
        }
    }

    /// Waits until a frame is there or the time is over.
    fn is_waiting(&self) -> Result<bool, CaptureError> {
        let mut ports = [PollFd::from_borrowed_fd(
            self.capture.as_fd(),
            PollFlags::IN,
        )];
        match poll(&mut ports, Some(&self.wait)) {
            Ok(ready) => Ok(ready > 0),
            // Told to stop, perhaps: the caller looks. A look that finds nothing is no silence.
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(error) => Err(CaptureError::Read(error.into())),
        }
    }

    /// What was lost since the device was opened.
    pub fn drops(&mut self) -> Drops {
        if let Ok(stat) = self.capture.stats() {
            let (kernel, device) = self.told;
            self.told = (stat.dropped, stat.if_dropped);
            self.drops.kernel += u64::from(stat.dropped.wrapping_sub(kernel));
            if self.is_first {
                self.drops.device += u64::from(stat.if_dropped.wrapping_sub(device));
            }
        }
        self.drops
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device")
            .field("name", &self.name)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

/// What files call a link type that libpcap calls by a number of the system: raw IP is 12 here and 101 there.
fn registered(link_type: u16) -> u16 {
    if link_type == 12 { 101 } else { link_type }
}
