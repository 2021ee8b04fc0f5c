//! Listening for syslog: UDP, TCP, TLS. Each sender is a source of its own, each message a line of it.
//!
//! What a sender has sent is stored every few seconds, or when some megabytes have come. A sender over TCP or TLS waits
//! while that goes on, and while there is no room: nothing more is read from it, so the system takes no more from it
//! either. A sender over UDP can not wait: what comes when there is no room is lost, and counted.
//!
//! Told to stop, it says to each connection that it writes no more, and reads on until the sender has closed its side:
//! so what was on the wire is read, and the sender goes to who has the listening socket then.

/// Senders, and what is stored of each.
mod sender;
/// TLS with certificates of senders.
pub mod tls;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{
    Receiver, RecvTimeoutError, Sender as ChannelSender, TrySendError, bounded,
};
use rustls::ServerConfig;

use crate::clock::Stopwatch;
use crate::logs::MessageStream;

use super::PipelineError;
use super::stop::Told;
pub use sender::{Chosen, Known, Total};
use sender::{Sender, Way};

/// The sockets to listen on.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For datagrams.
    pub udp: Vec<UdpSocket>,
    /// For streams.
    pub tcp: Vec<TcpListener>,
    /// For streams over TLS.
    pub tls: Vec<TcpListener>,
}

/// What a listener needs.
pub struct Listening<'a, K> {
    /// What is known of senders, and where their lines go.
    pub known: &'a K,
    /// How senders over TLS are met.
    pub tls: Option<Arc<ServerConfig>>,
    /// Asked several times a second.
    pub told_to_stop: Told,
    /// How many connections there may be at once.
    pub connections: usize,
}

/// How often the sockets are left to look at the clock.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a sender has to close its side.
const FAREWELL: Duration = Duration::from_secs(10);
/// How many datagrams may wait to be taken.
const DATAGRAMS: usize = 50_000;
/// What the kernel is asked to keep of datagrams; it may give less.
const SOCKET_BUFFER: usize = 8 << 20;

impl<K: Known> Listening<'_, K> {
    /// Listens until told to stop, and stores all that came until then.
    pub fn run(&self, sockets: Sockets) -> Result<Total, PipelineError> {
        let total = Mutex::new(Total::default());
        let fault = Mutex::new(None);
        let failed = |done: Result<(), PipelineError>| {
            if let Err(error) = done {
                let mut fault = fault.lock().unwrap_or_else(PoisonError::into_inner);
                fault.get_or_insert(error);
                self.told_to_stop.tell();
            }
        };
        let seats = AtomicUsize::new(self.connections);
        std::thread::scope(|threads| {
            for socket in sockets.udp {
                let (total, failed) = (&total, &failed);
                let (to_take, datagrams) = bounded(DATAGRAMS);
                let lost = Arc::new(AtomicU64::new(0));
                let dropped = Arc::clone(&lost);
                threads.spawn(move || failed(self.receive(&socket, &to_take, &dropped)));
                threads.spawn(move || failed(self.take(&datagrams, &lost, total)));
            }
            let streams = sockets.tcp.into_iter().map(|listener| (listener, None));
            let sealed = sockets
                .tls
                .into_iter()
                .map(|listener| (listener, self.tls.clone()));
            for (listener, tls) in streams.chain(sealed) {
                let (total, failed, seats) = (&total, &failed, &seats);
                threads.spawn(move || {
                    let accepted = self.accept(&listener, seats, |wire, peer| {
                        let tls = tls.clone();
                        threads.spawn(move || {
                            failed(self.connected(wire, peer, tls, total));
                            seats.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                    failed(accepted);
                });
            }
        });
        match fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    fn accept(
        &self,
        listener: &TcpListener,
        seats: &AtomicUsize,
        mut out: impl FnMut(TcpStream, IpAddr),
    ) -> Result<(), PipelineError> {
        listener
            .set_nonblocking(true)
            .map_err(PipelineError::Syslog)?;
        while !self.told_to_stop.is_set() {
            // Without a seat nobody is accepted: who comes waits in the system's queue.
            let has_seat = seats.load(Ordering::Relaxed) > 0;
            match has_seat.then(|| listener.accept()) {
                Some(Ok((wire, peer))) => {
                    seats.fetch_sub(1, Ordering::Relaxed);
                    out(wire, peer.ip());
                }
                // Nobody, or one who left at once, or no descriptor is free for now.
                Some(Err(_)) | None => std::thread::sleep(PATIENCE),
            }
        }
        Ok(())
    }

    /// Reads one connection to its end.
    fn connected(
        &self,
        wire: TcpStream,
        peer: IpAddr,
        tls: Option<Arc<ServerConfig>>,
        total: &Mutex<Total>,
    ) -> Result<(), PipelineError> {
        let way = if tls.is_some() { Way::Tls } else { Way::Tcp };
        let mut wire = match Wire::of(wire, tls) {
            Ok(wire) => wire,
            // Who can not show a certificate that we trust has sent nothing.
            Err(_) => {
                total.lock().unwrap_or_else(PoisonError::into_inner).refused += 1;
                return Ok(());
            }
        };
        let mut sender = Sender::new(self.known, way, peer)?;
        let mut stream = MessageStream::default();
        let mut buffer = vec![0; 1 << 16];
        let mut farewell: Option<Stopwatch> = None;
        loop {
            if farewell.is_none() && self.told_to_stop.is_set() {
                wire.say_farewell();
                farewell = Some(Stopwatch::start());
            }
            if farewell.is_some_and(|since| since.elapsed() > FAREWELL) {
                break;
            }
            match wire.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    let bytes = buffer.get(..read).unwrap_or_default();
                    stream.take(bytes, &mut |message| sender.message(message));
                }
                Err(error) if is_passing(&error) => {}
                // The sender is gone, without a word or with a wrong one.
                Err(_) => break,
            }
            sender.store_if_due(&self.told_to_stop)?;
        }
        stream.end(&mut |message| sender.message(message));
        let came = sender.end(0, &self.told_to_stop)?;
        total
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(came);
        Ok(())
    }

    /// Takes datagrams off a socket as fast as they come.
    fn receive(
        &self,
        socket: &UdpSocket,
        out: &ChannelSender<(SocketAddr, Vec<u8>)>,
        lost: &AtomicU64,
    ) -> Result<(), PipelineError> {
        rustix::net::sockopt::set_socket_recv_buffer_size(socket, SOCKET_BUFFER)
            .map_err(|error| PipelineError::Syslog(error.into()))?;
        socket
            .set_nonblocking(false)
            .map_err(PipelineError::Syslog)?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .map_err(PipelineError::Syslog)?;
        let mut buffer = vec![0; 65_536];
        // What waits when the program is told to stop is still read; a sender that never rests keeps nobody here.
        let mut left: Option<u32> = None;
        loop {
            if left.is_none() && self.told_to_stop.is_set() {
                left = Some(100_000);
            }
            match left.as_mut() {
                Some(0) => break,
                Some(left) => *left -= 1,
                None => {}
            }
            match socket.recv_from(&mut buffer) {
                Ok((length, peer)) => {
                    let message = buffer.get(..length).unwrap_or_default().to_vec();
                    match out.try_send((peer, message)) {
                        Ok(()) => {}
                        Err(TrySendError::Full(_)) => {
                            lost.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(TrySendError::Disconnected(_)) => return Ok(()),
                    }
                }
                Err(error) if is_passing(&error) => {
                    if left.is_some() {
                        break;
                    }
                }
                Err(error) => return Err(PipelineError::Syslog(error)),
            }
        }
        lost.fetch_add(super::collect::dropped_by_kernel(socket), Ordering::Relaxed);
        Ok(())
    }

    /// Gives each datagram to its sender.
    fn take(
        &self,
        datagrams: &Receiver<(SocketAddr, Vec<u8>)>,
        lost: &AtomicU64,
        total: &Mutex<Total>,
    ) -> Result<(), PipelineError> {
        let mut senders: BTreeMap<IpAddr, Sender<'_, K>> = BTreeMap::new();
        let mut looked = Stopwatch::start();
        loop {
            match datagrams.recv_timeout(PATIENCE) {
                Ok((peer, message)) => {
                    let peer = peer.ip();
                    if let Some(sender) = senders.get_mut(&peer) {
                        sender.datagram(&message);
                    } else {
                        let mut sender = Sender::new(self.known, Way::Udp, peer)?;
                        sender.datagram(&message);
                        senders.insert(peer, sender);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if looked.elapsed() >= PATIENCE {
                looked = Stopwatch::start();
                for sender in senders.values_mut() {
                    sender.store_if_due(&self.told_to_stop)?;
                }
            }
        }
        // Whose datagrams were lost nobody can say: the first sender's entry tells of all of them.
        let mut lost = lost.load(Ordering::Relaxed);
        for (_, sender) in senders {
            let came = sender.end(std::mem::take(&mut lost), &self.told_to_stop)?;
            total
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .add(came);
        }
        total.lock().unwrap_or_else(PoisonError::into_inner).lost += lost;
        Ok(())
    }
}

/// Nothing came in time.
fn is_passing(error: &io::Error) -> bool {
    let kinds = [
        ErrorKind::WouldBlock,
        ErrorKind::TimedOut,
        ErrorKind::Interrupted,
    ];
    kinds.contains(&error.kind())
}

/// A connection, sealed or not.
enum Wire {
    Plain(TcpStream),
    Sealed(Box<rustls::StreamOwned<rustls::ServerConnection, TcpStream>>),
}

impl Wire {
    fn of(wire: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Wire> {
        wire.set_nonblocking(false)?;
        let Some(tls) = tls else {
            wire.set_read_timeout(Some(PATIENCE))?;
            return Ok(Wire::Plain(wire));
        };
        wire.set_read_timeout(Some(HANDSHAKE))?;
        wire.set_write_timeout(Some(HANDSHAKE))?;
        let connection = rustls::ServerConnection::new(tls).map_err(io::Error::other)?;
        let mut sealed = rustls::StreamOwned::new(connection, wire);
        while sealed.conn.is_handshaking() {
            sealed.conn.complete_io(&mut sealed.sock)?;
        }
        sealed.sock.set_read_timeout(Some(PATIENCE))?;
        Ok(Wire::Sealed(Box::new(sealed)))
    }

    /// Says that we write no more; what the sender has on its way is still read.
    fn say_farewell(&mut self) {
        let socket = match self {
            Wire::Plain(wire) => wire,
            // Senders that never read look at the socket alone: a word of TLS there would hide its end from them.
            Wire::Sealed(sealed) => &mut sealed.sock,
        };
        // A sender that is gone needs no farewell.
        drop(socket.shutdown(Shutdown::Write));
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(wire) => wire.read(buffer),
            Wire::Sealed(wire) => wire.read(buffer),
        }
    }
}
