//! The captive portals of pfSense and OPNsense through syslog: who signed in from which card and address, and who left.
//!
//! pfSense: `logportalauth[811]: Zone: pupils - USER LOGIN: j.bloggs, 02:00:00:00:16:21, 10.1.16.21`. OPNsense: `AUTH j.bloggs (10.1.16.21) zone 0`.

use crate::logs::envelope::Envelope;
use crate::logs::fields::{address, after, card, contains, text};
use crate::logs::lines::{LineFormat, OTHER, Read, sign_in};
use crate::logs::times::LocalClock;
use crate::record::{AccountText, Basis, Event, RejectReason, SignIn, SignInEvent};

pub(super) static CAPTIVE_PORTAL: LineFormat = LineFormat {
    name: "captive_portal",
    title: "Captive portal of pfSense and OPNsense",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    contains(line, "logportalauth[")
        || contains(line, "captiveportal")
        || contains(line, " logportalauth ")
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    if !is_ours(line) {
        return Err(RejectReason::WrongShape.into());
    }
    let envelope = Envelope::of(line, clock);
    let message = envelope.message;
    for (words, event) in PFSENSE {
        if let Some(rest) = after(message, words) {
            // A name may hold commas: the card and the address stand last.
            let mut parts = rest.rsplitn(3, |byte| *byte == b',');
            let (ip, mac, user) = (parts.next(), parts.next(), parts.next());
            let (Some(ip), Some(mac), Some(user)) = (ip, mac, user) else {
                return Err(RejectReason::MissingFields.into());
            };
            let mac = match mac.trim_ascii() {
                b"" => None,
                mac => Some(card(mac).ok_or(RejectReason::BadAddress)?),
            };
            return signed(&envelope, *event, user, ip, mac);
        }
    }
    for (start, event) in OPNSENSE {
        if let Some(rest) = message.strip_prefix(start.as_bytes()) {
            let bracket = memchr::memrchr(b'(', rest).ok_or(RejectReason::MissingFields)?;
            let (user, ip) = rest
                .split_at_checked(bracket)
                .ok_or(RejectReason::MissingFields)?;
            let end = memchr::memchr(b')', ip).ok_or(RejectReason::MissingFields)?;
            return signed(
                &envelope,
                *event,
                user,
                ip.get(1..end).unwrap_or_default(),
                None,
            );
        }
    }
    Err(OTHER)
}

fn signed<'a>(
    envelope: &Envelope<'a>,
    event: SignInEvent,
    user: &'a [u8],
    ip: &'a [u8],
    mac: Option<crate::record::Mac>,
) -> Read<'a> {
    let user = user.trim_ascii();
    Ok(Event::SignIn(SignIn {
        account_token: Some(user)
            .filter(|user| *user != b"unauthenticated")
            .map(text)
            .and_then(AccountText::new),
        ip: Some(address(ip.trim_ascii()).ok_or(RejectReason::BadAddress)?),
        mac,
        nas: text(envelope.host).into(),
        ..sign_in(envelope.stamp.moment()?, event, Basis::Directory)
    }))
}

static PFSENSE: &[(&str, SignInEvent)] = &[
    ("USER LOGIN: ", SignInEvent::Logon),
    ("ACCEPT: ", SignInEvent::Logon),
    (
        "CONCURRENT LOGIN - REUSING OLD SESSION: ",
        SignInEvent::Logon,
    ),
    ("FAILURE: ", SignInEvent::Fail),
    ("SESSION TIMEOUT: ", SignInEvent::Logoff),
    ("IDLE TIMEOUT: ", SignInEvent::Logoff),
    ("TIMEOUT: ", SignInEvent::Logoff),
    ("DISCONNECT: ", SignInEvent::Logoff),
    ("LOGOUT: ", SignInEvent::Logoff),
];

static OPNSENSE: &[(&str, SignInEvent)] = &[
    ("AUTH ", SignInEvent::Logon),
    ("DENY ", SignInEvent::Fail),
    ("LOGOUT ", SignInEvent::Logoff),
    ("TIMEOUT ", SignInEvent::Logoff),
    ("DISCONNECT ", SignInEvent::Logoff),
];
