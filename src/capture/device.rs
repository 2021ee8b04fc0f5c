//! A port that packets are read off, through libpcap: the kernel's ring, no immediate mode, and a wait that ends.

use std::os::fd::AsFd;

use pcap::{Active, Capture};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{CaptureError, Step};
use crate::record::{Packet, Timestamp};

/// How a device is read.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// How many bytes of each frame are kept.
    pub snaplen: u32,
    /// The size of the kernel's ring.
    pub buffer_bytes: u32,
    /// A filter in libpcap's language.
    pub filter: Option<String>,
    /// How long [`Device::next_step`] waits for a frame, in milliseconds.
    pub wait_ms: u32,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        DeviceOptions {
            snaplen: 65_535,
            buffer_bytes: 64 << 20,
            filter: None,
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

/// An open device.
pub struct Device {
    name: String,
    capture: Capture<Active>,
    link_type: u16,
    wait: Timespec,
    frames: u64,
    drops: Drops,
    /// The last look found a frame, so that another may lie beside it and a wait would only cost a call to the kernel.
    flowing: bool,
}

impl Device {
    /// Opens a device in promiscuous mode.
    pub fn open(name: &str, options: &DeviceOptions) -> Result<Device, CaptureError> {
        let failed = |source| CaptureError::Open {
            name: name.to_owned(),
            source,
        };
        let mut capture = Capture::from_device(name)
            .map_err(failed)?
            .promisc(true)
            .snaplen(i32::try_from(options.snaplen).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(options.buffer_bytes).unwrap_or(i32::MAX))
            .timeout(100)
            .open()
            .map_err(failed)?
            .setnonblock()
            .map_err(failed)?;
        if let Some(filter) = &options.filter {
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
            wait: Timespec {
                tv_sec: i64::from(options.wait_ms / 1_000),
                tv_nsec: i64::from(options.wait_ms % 1_000) * 1_000_000,
            },
            frames: 0,
            drops: Drops::default(),
            flowing: false,
        })
    }

    /// The next frame; `None` when there is none now or none came in time, so that the caller can look at its clock
    /// and ask again. Waits only when the last answer was `None`.
    pub fn next_step(&mut self) -> Result<Option<Step<'_>>, CaptureError> {
        if !self.flowing && !self.is_waiting()? {
            return Ok(None);
        }
        match self.capture.next_packet() {
            Ok(packet) => {
                self.flowing = true;
                self.frames += 1;
                let seconds = Timestamp::from_seconds(packet.header.ts.tv_sec);
                Ok(Some(Step::Packet(Packet {
                    number: self.frames,
                    time: seconds.plus_micros(packet.header.ts.tv_usec),
                    link_type: self.link_type,
                    wire_length: packet.header.len,
                    bytes: packet.data,
                })))
            }
            Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => {
                self.flowing = false;
                Ok(None)
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
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(CaptureError::Read(error.into())),
        }
    }

    /// What was lost since the device was opened.
    pub fn drops(&mut self) -> Drops {
        if let Ok(stat) = self.capture.stats() {
            self.drops = Drops {
                kernel: u64::from(stat.dropped),
                device: u64::from(stat.if_dropped),
            };
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
