//! The log of an OpenVPN server, its own or through syslog: who came in from where, which inside address they got, who was turned away.
//!
//! A peer stands before the message: `NAME/ADDRESS:PORT`, or `ADDRESS:PORT` while it has no name. `Peer Connection Initiated` begins a session, `MULTI:
//! Learn` gives it its inside address, a `client-instance` that exits or restarts ends it. The outside address and port are the session's number.

use std::net::IpAddr;

use crate::logs::envelope::Envelope;
use crate::logs::fields::{
    address, address_and_port, after, between, card, contains, number, text,
};
use crate::logs::lines::{LineFormat, OTHER, Read, sign_in};
use crate::logs::times::LocalClock;
use crate::record::{AccountText, Basis, Event, Mac, RejectReason, SignIn, SignInEvent};

pub(super) static OPENVPN: LineFormat = LineFormat {
    name: "openvpn",
    title: "OpenVPN server",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    contains(line, "openvpn")
        || contains(line, "ovpn-")
        || contains(line, "[AF_INET")
        || contains(line, "OpenVPN ")
        || KINDS.iter().any(|(words, _)| contains(line, words))
            && (contains(line, "TLS")
                || contains(line, "client-instance")
                || contains(line, "MULTI: "))
        || [
            "MULTI: ",
            "VERIFY OK: ",
            "Data Channel: ",
            "Control Channel: ",
            "Outgoing Data Channel",
            "Incoming Data Channel",
            "peer info: IV_",
        ]
        .iter()
        .any(|words| contains(line, words))
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let kind = KINDS.iter().find(|(words, _)| contains(line, words));
    let Some((words, kind)) = kind else {
        let known = is_ours(line) || Envelope::of(line, clock).stamp.moment().is_ok();
        return Err(if known {
            OTHER
        } else {
            RejectReason::WrongShape.into()
        });
    };
    let envelope = Envelope::of(line, clock);
    let peer = Peer::of(line).ok_or(OTHER)?;
    let event = match (kind, peer.name) {
        (Kind::Begins, None) | (Kind::Learns, None) => return Err(OTHER),
        (Kind::Begins, Some(_)) => SignInEvent::Start,
        (Kind::Signs, _) => SignInEvent::Logon,
        (Kind::Learns, Some(_)) => SignInEvent::Interim,
        (Kind::Ends, Some(_)) => SignInEvent::Stop,
        // Who goes without ever having had a name did not come in.
        (Kind::Ends, None) | (Kind::Fails, _) => SignInEvent::Fail,
    };
    let mut name = peer.name;
    let mut ip = Some(peer.ip);
    let mut mac: Option<Mac> = None;
    match kind {
        Kind::Signs => name = between(line, "for username '", "'").or(name),
        Kind::Learns => {
            let learnt =
                after(line, words).and_then(|rest| rest.split(|byte| *byte == b' ').next());
            let learnt = learnt.ok_or(RejectReason::MissingFields)?;
            mac = card(learnt.split(|byte| *byte == b'@').next().unwrap_or(learnt));
            ip = address(learnt);
            if ip.is_none() && mac.is_none() {
                // A network behind a client is no device.
                return Err(if learnt.contains(&b'/') {
                    OTHER
                } else {
                    RejectReason::BadAddress.into()
                });
            }
        }
        _ => {}
    }
    Ok(Event::SignIn(SignIn {
        account_token: name.map(text).and_then(AccountText::new),
        ip,
        // An address of the tunnel is not the one that the port belongs to.
        client_port: address_and_port(peer.number)
            .filter(|(end, _)| Some(*end) == ip)
            .and_then(|(_, port)| port),
        mac,
        session: text(peer.number).into(),
        nas: text(server(&envelope)).into(),
        ..sign_in(envelope.stamp.moment()?, event, Basis::Directory)
    }))
}

/// The machine that wrote it; in a file of OpenVPN's own what stands there is something else.
fn server<'a>(envelope: &Envelope<'a>) -> &'a [u8] {
    match contains(envelope.program, "vpn") {
        true => envelope.host,
        false => &[],
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Begins,
    Signs,
    Learns,
    Ends,
    Fails,
}

static KINDS: &[(&str, Kind)] = &[
    ("Peer Connection Initiated with ", Kind::Begins),
    ("uthentication succeeded", Kind::Signs),
    ("MULTI: Learn: ", Kind::Learns),
    ("client-instance exiting", Kind::Ends),
    ("client-instance restarting", Kind::Ends),
    ("TLS Auth Error: ", Kind::Fails),
    ("TLS Error: ", Kind::Fails),
    ("TLS_ERROR: ", Kind::Fails),
    ("VERIFY ERROR: ", Kind::Fails),
    ("OpenSSL: error", Kind::Fails),
    ("AUTH_FAILED", Kind::Fails),
];

/// Whom a line is about.
struct Peer<'a> {
    name: Option<&'a [u8]>,
    ip: IpAddr,
    /// The address and port as they stand, which tell one session from another.
    number: &'a [u8],
}

impl<'a> Peer<'a> {
    /// The first word that has an address and a port in it, or what stands after `[AF_INET]`.
    fn of(line: &'a [u8]) -> Option<Self> {
        let words = || line.split(|byte| matches!(byte, b' ' | b'\t'));
        let before = words().find_map(|word| {
            let word = word.strip_suffix(b":").unwrap_or(word);
            let mut parts = word.splitn(2, |byte| *byte == b'/');
            let (first, second) = (parts.next()?, parts.next());
            match (
                address_with_port(first),
                second.map(|second| (second, address_with_port(second))),
            ) {
                // Most write the name before the address, some after it.
                (None, Some((number, Some(ip)))) => Some(Peer {
                    name: Some(first),
                    ip,
                    number,
                }),
                (Some(ip), Some((name, _))) => Some(Peer {
                    name: Some(name),
                    ip,
                    number: first,
                }),
                (Some(ip), None) => Some(Peer {
                    name: None,
                    ip,
                    number: first,
                }),
                _ => None,
            }
        });
        let mut peer = before.or_else(|| {
            let at = after(line, "[AF_INET")?;
            let at = at.get(memchr::memchr(b']', at)? + 1..)?;
            let number = at.split(|byte| matches!(byte, b' ' | b',' | b')')).next()?;
            Some(Peer {
                name: None,
                ip: address_with_port(number)?,
                number,
            })
        })?;
        if peer.name.is_none() {
            // `10.1.2.3:1194 [name] Peer Connection Initiated with ...`
            let named = before_words(line, b"] Peer Connection Initiated");
            let named = named.and_then(|front| front.get(memchr::memrchr(b'[', front)? + 1..));
            peer.name = named.filter(|name| *name != b"UNDEF" && !name.is_empty());
        }
        Some(peer)
    }
}

fn before_words<'a>(line: &'a [u8], words: &[u8]) -> Option<&'a [u8]> {
    line.get(..memchr::memmem::find(line, words)?)
}

/// `10.1.2.3:1194`, `[AF_INET6]2001:db8::1:1194`: the port is what follows the last colon.
fn address_with_port(word: &[u8]) -> Option<IpAddr> {
    let colon = memchr::memrchr(b':', word)?;
    let (ip, port) = word.split_at_checked(colon)?;
    let port = number(port.get(1..)?)?;
    (1..=65_535).contains(&port).then_some(())?;
    address(ip).map(|ip| ip.to_canonical())
}
