//! Where export datagrams come from: a file of one or several, the UDP packets of a capture, or a socket.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::capture::{CaptureFile, Step};
use crate::flow::export::{Datagram, export_packet, first_datagram, is_export};
use crate::record::{IgnoreReason, RejectReason, SourceId, Timestamp, from_store_ip, to_store_ip};

use crate::pipeline::PipelineError;
use crate::pipeline::capture::Pace;
use crate::pipeline::input::{InputName, Opened};

/// No UDP datagram is longer.
const LONGEST: usize = 65_535;
/// What the kernel is asked to keep for us while we are busy; it may give less.
const SOCKET_BUFFER: usize = 8 << 20;
/// What is read of the datagrams that wait when the program is told to stop: an exporter that never rests keeps nobody here.
const MOST_LEFT: u32 = 10_000;
/// How long a read waits before the pace is asked again.
const PATIENCE: Duration = Duration::from_millis(100);

/// A source of export datagrams.
pub enum Exports {
    /// A file of datagrams, one behind the other.
    File(DatagramFile),
    /// A capture in which they are on the wire.
    Capture(CaptureFile),
    /// A socket.
    Socket {
        /// The socket.
        socket: UdpSocket,
        /// Asked before each datagram, and several times a second when none comes.
        pace: Box<dyn FnMut() -> Pace + Send>,
        /// Reads the time.
        now: fn() -> Timestamp,
        /// Room for a datagram.
        buffer: Vec<u8>,
        /// How many came.
        count: u64,
        /// Once told to stop: how many more of those that came before that may still be read.
        left: Option<u32>,
    },
}

/// What comes next.
pub(super) enum Next<'a> {
    Datagram {
        datagram: Datagram<'a>,
        /// What the ledger's tree is made over: the datagram, or the packet that carried it.
        frame: &'a [u8],
    },
    /// A frame that is no export.
    Other {
        number: u64,
        frame: &'a [u8],
        reason: IgnoreReason,
    },
    Damage {
        reason: RejectReason,
        offset: u64,
        length: u32,
    },
    /// Nothing for the moment; store what there is if `store` says so.
    Nothing {
        store: bool,
    },
    End,
}

/// A file of datagrams, read through a window.
pub struct DatagramFile {
    name: InputName,
    input: Box<dyn Read + Send>,
    window: Vec<u8>,
    start: usize,
    is_at_end: bool,
    count: u64,
}

/// Opens a socket for exports.
pub fn listen(
    address: SocketAddr,
    pace: Box<dyn FnMut() -> Pace + Send>,
    now: fn() -> Timestamp,
) -> io::Result<Exports> {
    let socket = UdpSocket::bind(address)?;
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(Exports::Socket {
        socket,
        pace,
        now,
        buffer: vec![0; LONGEST],
        count: 0,
        left: None,
    })
}

impl Exports {
    pub(super) fn next(&mut self, name: &str, source: SourceId) -> Result<Next<'_>, PipelineError> {
        match self {
            Exports::File(file) => Ok(file.next(source)?),
            Exports::Capture(capture) => match capture.next_step() {
                Ok(None) => Ok(Next::End),
                Ok(Some(Step::Time(_))) => Ok(Next::Nothing { store: false }),
                Ok(Some(Step::Damage {
                    reason,
                    offset,
                    length,
                })) => Ok(Next::Damage {
                    reason,
                    offset,
                    length,
                }),
                Ok(Some(Step::Packet(packet))) => Ok(match export_packet(&packet) {
                    Some(export) => Next::Datagram {
                        datagram: Datagram {
                            source,
                            number: packet.number,
                            exporter: export.exporter,
                            received: Some(packet.time),
                            bytes: export.bytes,
                        },
                        frame: packet.bytes,
                    },
                    None => Next::Other {
                        number: packet.number,
                        frame: packet.bytes,
                        reason: IgnoreReason::OtherMessage,
                    },
                }),
                Err(error) => Err(PipelineError::capture(name, error)),
            },
            Exports::Socket {
                socket,
                pace,
                now,
                buffer,
                count,
                left,
            } => {
                match (left.as_mut(), pace()) {
                    (Some(0), _) => return Ok(Next::End),
                    (Some(left), _) => *left -= 1,
                    (None, Pace::Store) => return Ok(Next::Nothing { store: true }),
                    (None, Pace::Go) => {}
                    (None, Pace::Stop) => {
                        socket
                            .set_nonblocking(true)
                            .map_err(PipelineError::Listen)?;
                        *left = Some(MOST_LEFT);
                    }
                }
                match socket.recv_from(buffer) {
                    Ok((length, from)) => {
                        *count += 1;
                        let bytes = buffer.get(..length).unwrap_or_default();
                        let datagram = Datagram {
                            source,
                            number: *count,
                            exporter: from_store_ip(to_store_ip(from.ip())),
                            received: Some(now()),
                            bytes,
                        };
                        Ok(Next::Datagram {
                            datagram,
                            frame: bytes,
                        })
                    }
                    Err(error) if is_passing(&error) => Ok(match left {
                        Some(_) => Next::End,
                        None => Next::Nothing { store: false },
                    }),
                    Err(source) => Err(PipelineError::Listen(source)),
                }
            }
        }
    }

    /// Datagrams that the kernel had no room for.
    pub(super) fn dropped(&self) -> u64 {
        match self {
            Exports::Socket { socket, .. } => dropped_by_kernel(socket),
            _ => 0,
        }
    }
}

/// Datagrams that the kernel had no room for on this socket.
pub fn dropped_by_kernel(socket: &UdpSocket) -> u64 {
    let Ok(address) = socket.local_addr() else {
        return 0;
    };
    let table = if address.is_ipv4() {
        "/proc/net/udp"
    } else {
        "/proc/net/udp6"
    };
    std::fs::read_to_string(table).map_or(0, |table| drops_of_port(&table, address.port()))
}

/// No datagram came in time, or one of ours was answered by nobody.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
    )
}

/// The last column of the kernel's table of sockets, for those on this port.
fn drops_of_port(table: &str, port: u16) -> u64 {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let (_, of) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
            let is_ours = u16::from_str_radix(of, 16).ok()? == port;
            line.split_whitespace()
                .last()?
                .parse::<u64>()
                .ok()
                .filter(|_| is_ours)
        })
        .sum()
}

impl DatagramFile {
    /// Of an input that was opened.
    pub fn new(opened: Opened) -> Self {
        DatagramFile {
            name: opened.name,
            input: opened.reader,
            window: Vec::new(),
            start: 0,
            is_at_end: false,
            count: 0,
        }
    }

    fn next(&mut self, source: SourceId) -> Result<Next<'_>, PipelineError> {
        self.fill().map_err(|error| self.name.error(error))?;
        let rest = self.window.get(self.start..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(Next::End);
        }
        let length = self.length(rest);
        let bytes = rest.get(..length).unwrap_or(rest);
        self.start += bytes.len();
        self.count += 1;
        Ok(Next::Datagram {
            datagram: Datagram {
                source,
                number: self.count,
                exporter: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                received: None,
                bytes,
            },
            frame: bytes,
        })
    }

    /// Where the datagram ends that begins here. What is no export goes on to where one may begin, or to the end.
    fn length(&self, rest: &[u8]) -> usize {
        let most = rest.len().min(LONGEST);
        let Some(first) = first_datagram(rest) else {
            return most;
        };
        let after = rest.get(first..).unwrap_or_default();
        // Padding at the end of a file belongs to its last datagram.
        if self.is_at_end && after.len() < 16 && !is_export(after) {
            return rest.len();
        }
        first
    }

    /// Sees to it that a whole datagram is in the window, if there is one.
    fn fill(&mut self) -> io::Result<()> {
        if self.is_at_end || self.window.len() - self.start > LONGEST {
            return Ok(());
        }
        self.window.drain(..self.start);
        self.start = 0;
        let wanted = (4 * LONGEST).saturating_sub(self.window.len());
        let more = (&mut self.input)
            .take(wanted as u64)
            .read_to_end(&mut self.window)?;
        self.is_at_end = more < wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_dropped_is_read_for_our_port_alone() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
             1: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 17\n\
             2: 00000000:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 5\n";
        assert_eq!(drops_of_port(table, 2055), 17);
        assert_eq!(drops_of_port(table, 6343), 5);
        assert_eq!(drops_of_port(table, 53), 0);
    }
}
