//! strongSwan's messages about IPsec clients (charon, through syslog or a file): who came in, and which inside address they got.
//!
//! Where a client came in from is no address of a school's: it may be anybody's home or a whole mobile network's, and is not kept with the
//! account. Only the virtual address, which the server gave to this one client, is claimed.

use crate::logs::envelope::Envelope;
use crate::logs::fields::{address, after, between, contains, text};
use crate::logs::lines::{LineFormat, OTHER, Read, sign_in};
use crate::logs::times::LocalClock;
use crate::record::{AccountText, Basis, Event, RejectReason, SignIn, SignInEvent};

pub(super) static STRONGSWAN: LineFormat = LineFormat {
    name: "strongswan",
    title: "strongSwan (IPsec server)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    contains(line, "charon")
        || [
            "[IKE]", "[CFG]", "[ENC]", "[NET]", "[MGR]", "[KNL]", "[JOB]", "[DMN]",
        ]
        .iter()
        .any(|group| contains(line, group))
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    if !is_ours(line) {
        return Err(RejectReason::WrongShape.into());
    }
    let said = Said::of(line).ok_or(OTHER)?;
    let envelope = Envelope::of(line, clock);
    let ip = match said.ip {
        Some(ip) => Some(address(ip).ok_or(RejectReason::BadAddress)?),
        None => None,
    };
    Ok(Event::SignIn(SignIn {
        account_token: said.account.map(text).and_then(AccountText::new),
        ip,
        session: text(said.session.unwrap_or_default()).into(),
        nas: text(envelope.host).into(),
        ..sign_in(envelope.stamp.moment()?, said.event, Basis::Directory)
    }))
}

struct Said<'a> {
    event: SignInEvent,
    account: Option<&'a [u8]>,
    ip: Option<&'a [u8]>,
    /// The number of the association, which lasts as long as the session.
    session: Option<&'a [u8]>,
}

impl<'a> Said<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        // `<con|3>` stands before the message where several clients are served.
        let tagged =
            between(line, "<", ">").and_then(|tag| tag.get(memchr::memchr(b'|', tag)? + 1..));
        let association = || between(line, "IKE_SA ", " ").and_then(|name| between(name, "[", "]"));
        if contains(line, "] established between ") || contains(line, "deleting IKE_SA ") {
            let event = match contains(line, "deleting IKE_SA ") {
                true => SignInEvent::Stop,
                false => SignInEvent::Start,
            };
            let far = after(line, " between ").and_then(|ends| after(ends, "..."))?;
            let bracket = memchr::memchr(b'[', far)?;
            let account = far.get(bracket + 1..memchr::memrchr(b']', far)?);
            return Some(Said {
                event,
                account,
                ip: None,
                session: association().or(tagged),
            });
        }
        if let Some(rest) = after(line, "assigning virtual IP ") {
            let (ip, peer) = (
                rest.split(|byte| *byte == b' ').next()?,
                between(rest, "to peer '", "'"),
            );
            return Some(Said {
                event: SignInEvent::Interim,
                account: peer,
                ip: Some(ip),
                session: tagged,
            });
        }
        for (start, end) in FAILURES {
            if let Some(rest) = after(line, start)
                && let Some(at) = memchr::memmem::find(rest, end.as_bytes())
            {
                return Some(Said {
                    event: SignInEvent::Fail,
                    account: rest.get(..at),
                    ip: None,
                    session: tagged,
                });
            }
        }
        None
    }
}

/// What stands before and after the name of who failed.
static FAILURES: &[(&str, &str)] = &[
    ("RADIUS authentication of '", "' failed"),
    ("XAuth authentication of '", "' failed"),
    ("EAP authentication of '", "' failed"),
    ("authentication of '", "' with EAP failed"),
];
