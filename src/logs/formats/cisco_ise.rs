//! Cisco Identity Services Engine through syslog: authentications passed and failed, and RADIUS accounting.
//!
//! `CISE_Passed_Authentications 0000012345 1 0 2026-03-02 10:15:00.123 +00:00 0012345678 5200 NOTICE ..., UserName=j.bloggs, ...`: a number, how many
//! parts the message has and which this is, the moment, and attributes set apart by commas. Of a message in parts only the first has the moment.

use crate::logs::fields::{Words, address, after, between, card, contains, number, text};
use crate::logs::lines::{LineFormat, OTHER, Read, sign_in};
use crate::logs::pairs::Pairs;
use crate::logs::stamps::stamp;
use crate::logs::times::LocalClock;
use crate::record::{AccountText, Basis, Event, RejectReason, SignIn, SignInEvent};

pub(super) static CISCO_ISE: LineFormat = LineFormat {
    name: "cisco_ise",
    title: "Cisco ISE (authentications, accounting)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    contains(line, "CISE_")
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let message = after(line, "CISE_").ok_or(RejectReason::WrongShape)?;
    let mut words = Words::of(message);
    let (kind, _number, _parts, part) = (words.next(), words.next(), words.next(), words.next());
    let part = part.and_then(number).ok_or(RejectReason::MissingFields)?;
    if part != 0 {
        return Err(OTHER);
    }
    let (found, attributes) = stamp(words.rest(), clock);
    let pairs = Pairs::apart_by(attributes, b',');
    let value = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| pairs.value(name.as_bytes()))
            .map(<[u8]>::trim_ascii)
            .filter(|value| !value.is_empty())
    };
    let event = match (kind, value(&["Acct-Status-Type"])) {
        (Some(b"Passed_Authentications"), _) => SignInEvent::Logon,
        (Some(b"Failed_Attempts"), _) => SignInEvent::Fail,
        (Some(b"RADIUS_Accounting"), Some(status)) => match status {
            b"Start" => SignInEvent::Start,
            b"Stop" => SignInEvent::Stop,
            b"Interim-Update" => SignInEvent::Interim,
            b"Accounting-On" | b"Accounting-Off" => SignInEvent::Restart,
            _ => return Err(RejectReason::UnknownWord.into()),
        },
        _ => return Err(OTHER),
    };
    let nas = text(
        value(&[
            "NetworkDeviceName",
            "NAS-Identifier",
            "NAS-IP-Address",
            "Device IP Address",
        ])
        .unwrap_or_default(),
    )
    .into();
    let time = found.moment()?;
    if event == SignInEvent::Restart {
        return Ok(Event::SignIn(SignIn {
            nas,
            ..sign_in(time, event, Basis::Radius)
        }));
    }
    let ip = match value(&["Framed-IP-Address", "FramedIPAddress"]) {
        Some(ip) => Some(address(ip).ok_or(RejectReason::BadAddress)?),
        None => None,
    };
    let user = value(&["UserName", "User-Name"]);
    // Devices that are known by their card alone have it for a name: they are nobody.
    let user = user.filter(|user| card(user).is_none());
    let session = value(&["Acct-Session-Id"]).or(between(attributes, "audit-session-id=", ","));
    Ok(Event::SignIn(SignIn {
        // ISE doubles a backslash when it writes it.
        account_token: user
            .map(|user| text(user).replace("\\\\", "\\"))
            .and_then(AccountText::new),
        ip: ip.filter(|ip| !ip.is_unspecified()),
        mac: value(&["Calling-Station-ID", "Calling-Station-Id"]).and_then(card),
        session: text(session.unwrap_or_default()).into(),
        nas,
        ..sign_in(time, event, Basis::Radius)
    }))
}
