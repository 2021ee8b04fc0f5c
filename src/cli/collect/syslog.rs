//! `invigil collect syslog`: logs that devices send by syslog to events.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use listenfd::ListenFd;
use serde_json::json;

use crate::cli::context::{Context, Exit};
use crate::cli::ingest::{self, Formats};
use crate::keys::{self, Purpose};
use crate::logs::{SourceSettings, without_heading};
use crate::pipeline::PipelineError;
use crate::pipeline::lists;
use crate::pipeline::log_files::LogFiles;
use crate::pipeline::stop::{self, Told};
use crate::pipeline::syslog::{Chosen, Known, Listening, Sockets, Total, tls};
use crate::record::SourceId;
use crate::store::names::Names;

/// Logs that devices send by syslog: UDP, TCP, TLS.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil collect syslog --udp 0.0.0.0:514 --tcp 0.0.0.0:514\n  invigil collect syslog --tls 0.0.0.0:6514 --tls-cert log.pem --tls-key log.key --tls-clients ca.pem\n\nEach sender is a source of its own; its format is told from its first lines, or named with --format or by [[logs.source]] files = \"syslog*ADDRESS\". A socket that was handed over (LISTEN_FDS) is taken for the address that it listens on, so nothing is lost at a restart. Senders over TCP and TLS wait while there is no room; over UDP what does not fit is lost, and counted."
)]
pub(super) struct Args {
    /// Take datagrams at this address and port.
    #[arg(long, value_name = "ADDRESS:PORT")]
    udp: Vec<SocketAddr>,
    /// Take streams at this address and port (RFC 6587, counted or by line).
    #[arg(long, value_name = "ADDRESS:PORT", required_unless_present_any = ["udp", "tls"])]
    tcp: Vec<SocketAddr>,
    /// Take streams over TLS at this address and port (RFC 5425).
    #[arg(long, value_name = "ADDRESS:PORT", requires_all = ["tls_cert", "tls_key"])]
    tls: Vec<SocketAddr>,
    /// Our certificate with its chain, as PEM.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its key, as PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Hear only senders with a certificate of one of these authorities, as PEM.
    #[arg(long, value_name = "FILE")]
    tls_clients: Option<PathBuf>,
    /// How many connections may be open at once; who comes later waits.
    #[arg(long, value_name = "NUMBER", default_value_t = 256)]
    connections: usize,
    #[command(flatten)]
    lines: ingest::Lines,
    /// Write the counts here as JSON, too.
    #[arg(long, value_name = "FILE")]
    counts_json: Option<PathBuf>,
}

/// Runs it.
pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let formats = Formats::of(&args.lines, context)?;
    formats.check()?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => {
            let config = tls::config(certificate, key, args.tls_clients.as_deref());
            Some(config.context("cannot use the certificates that were named")?)
        }
        _ => None,
    };
    let sockets = sockets(args)?;
    let workshop = context.workshop()?;
    let deposit = workshop.deposit();
    deposit.finish()?;
    let lists = lists::load(&context.places.data)?;
    let nonces = workshop.keys.key(Purpose::Nonces);
    let known = Senders {
        files: LogFiles {
            deposit: &deposit,
            data_id: workshop.keys.id(),
            nonces: &nonces,
            lists: &lists,
            // What came is stored, also when the program has been told to stop.
            told_to_stop: Told::default(),
        },
        names: Mutex::new(context.names()?),
        formats: &formats,
        context,
        waits: Mutex::new(None),
    };
    let listening = Listening {
        known: &known,
        tls,
        told_to_stop: stop::when_told()?,
        connections: args.connections.max(1),
    };
    context.tell("listening");
    let total = listening.run(sockets)?;
    if let Some(path) = &args.counts_json {
        let text = serde_json::to_vec_pretty(&counts_json(&total))?;
        std::fs::write(path, text)
            .with_context(|| format!("cannot write to {}", path.display()))?;
    }
    context.tell(sentence(&total));
    context.arrived(&total.left)
}

/// Opens the sockets, or takes those that were handed over.
fn sockets(args: &Args) -> anyhow::Result<Sockets> {
    let (mut streams, mut datagrams) = handed_over()?;
    let mut stream = |address: &SocketAddr| -> anyhow::Result<TcpListener> {
        let place = streams
            .iter()
            .position(|one| is_at(one.local_addr(), address));
        match place {
            Some(place) => Ok(streams.swap_remove(place)),
            None => TcpListener::bind(address).with_context(|| {
                format!(
                    "cannot listen on TCP {address}: see who has it with `ss -ltn`, or name another"
                )
            }),
        }
    };
    let tcp = args.tcp.iter().map(&mut stream).collect::<Result<_, _>>()?;
    let tls = args.tls.iter().map(&mut stream).collect::<Result<_, _>>()?;
    let mut udp = Vec::new();
    for address in &args.udp {
        let place = datagrams
            .iter()
            .position(|one: &UdpSocket| is_at(one.local_addr(), address));
        udp.push(match place {
            Some(place) => datagrams.swap_remove(place),
            None => UdpSocket::bind(address).with_context(|| {
                format!(
                    "cannot listen on UDP {address}: see who has it with `ss -lun`, or name another"
                )
            })?,
        });
    }
    Ok(Sockets { udp, tcp, tls })
}

fn is_at(local: io::Result<SocketAddr>, address: &SocketAddr) -> bool {
    local.is_ok_and(|local| local.port() == address.port() && local.is_ipv4() == address.is_ipv4())
}

/// The sockets that a service manager or an earlier run has left to us.
fn handed_over() -> anyhow::Result<(Vec<TcpListener>, Vec<UdpSocket>)> {
    let (mut streams, mut datagrams) = (Vec::new(), Vec::new());
    let mut handed = ListenFd::from_env();
    for at in 0..handed.len() {
        if let Ok(Some(listener)) = handed.take_tcp_listener(at) {
            streams.push(listener);
        } else if let Ok(Some(socket)) = handed.take_udp_socket(at) {
            datagrams.push(socket);
        } else {
            anyhow::bail!("socket {at} that was handed over is neither for TCP nor for UDP");
        }
    }
    Ok((streams, datagrams))
}

/// What is known of senders.
struct Senders<'a> {
    files: LogFiles<'a>,
    names: Mutex<Names>,
    formats: &'a Formats<'a>,
    context: &'a Context,
    /// What was told of a lack of room.
    waits: Mutex<Option<String>>,
}

impl Known for Senders<'_> {
    fn files(&self) -> &LogFiles<'_> {
        &self.files
    }

    fn names(&self) -> &Mutex<Names> {
        &self.names
    }

    fn new_id(&self) -> io::Result<SourceId> {
        keys::random().map(SourceId).map_err(io::Error::other)
    }

    fn choose(&self, name: &str, first: &[u8]) -> Chosen {
        let lines: Vec<&[u8]> = first
            .split(|byte| *byte == b'\n')
            .take(crate::logs::SAMPLE_LINES)
            .collect();
        let bare: Vec<&[u8]> = lines.iter().map(|line| without_heading(line)).collect();
        self.formats.of_sender(name, &lines, &bare)
    }

    fn settings(&self, name: &str) -> SourceSettings {
        self.formats.settings_of(name)
    }

    fn tell_waiting(&self, why: &PipelineError) {
        let why = why.to_string();
        let mut told = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref() != Some(&why) {
            self.context
                .warn(format!("{why}: senders wait until there is room"));
            *told = Some(why);
        }
    }
}

fn counts_json(total: &Total) -> serde_json::Value {
    let mut counts = ingest::counts_json(&total.counts);
    if let Some(object) = counts.as_object_mut() {
        object.insert("senders".to_owned(), json!(total.senders));
        object.insert("refused".to_owned(), json!(total.refused));
        object.insert(
            "dropped".to_owned(),
            json!(total.lost + total.left.dropped.counts.read),
        );
        object.insert("spooled".to_owned(), json!(total.left.frames));
    }
    counts
}

fn sentence(total: &Total) -> String {
    format!(
        "{}; senders {}; refused {}; datagrams lost {}",
        ingest::sentence(&total.counts),
        total.senders,
        total.refused,
        total.lost
    )
}
