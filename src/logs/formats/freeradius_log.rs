//! FreeRADIUS's own log (`radius.log`, or through syslog): who was let in and who was not, and the lines of its `linelog` module for accounting.
//!
//! `Auth: (5) Login OK: [j.bloggs] (from client ap1 port 0 cli 02-00-00-00-16-21)`. It names no address, but the card. Where passwords are
//! logged they stand after the name and are left out.

use std::borrow::Cow;

use crate::logs::envelope::Envelope;
use crate::logs::fields::{Words, address, after, card, contains, text};
use crate::logs::lines::{LineFormat, OTHER, Read, sign_in};
use crate::logs::times::LocalClock;
use crate::record::{AccountText, Basis, Event, RejectReason, SignIn, SignInEvent};

pub(super) static FREERADIUS_LOG: LineFormat = LineFormat {
    name: "freeradius_log",
    title: "FreeRADIUS log (logins, linelog)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    KINDS.iter().any(|(word, _)| contains(line, word))
        || [
            " : Info: ",
            " : Auth: ",
            " : Error: ",
            " : Warning: ",
            " radiusd[",
            " freeradius[",
        ]
        .iter()
        .any(|word| contains(line, word))
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let found = KINDS
        .iter()
        .find_map(|(word, event)| Some((*event, after(line, word)?)));
    let Some((event, rest)) = found else {
        return Err(if is_ours(line) {
            OTHER
        } else {
            RejectReason::WrongShape.into()
        });
    };
    // A reason may stand in brackets before the name.
    let name = after(rest, "[").ok_or(RejectReason::MissingFields)?;
    let end = memchr::memmem::find(name, b"] (").or(memchr::memrchr(b']', name));
    let (name, about) = end
        .and_then(|end| name.split_at_checked(end))
        .ok_or(RejectReason::MissingFields)?;
    let time = Envelope::of(line, clock).stamp.moment()?;
    let name = text(without_password(name));
    // FreeRADIUS doubles a backslash when it prints it; the detail file's reader undoes the same.
    let name = match name.contains("\\\\") {
        true => Cow::Owned(name.replace("\\\\", "\\")),
        false => name,
    };
    let realm = name.rsplit_once('@').map(|(_, realm)| realm.to_owned());
    let about = Words::of(about);
    let value = |key: &[u8]| {
        let mut words = about.clone();
        words.find(|word| word.strip_prefix(b"(").unwrap_or(word) == key)?;
        let word = words.next()?;
        Some(word.strip_suffix(b")").unwrap_or(word))
    };
    Ok(Event::SignIn(SignIn {
        account_token: AccountText::new(name),
        ip: value(b"ip").and_then(address),
        mac: value(b"cli").and_then(card),
        nas: value(b"client").map(text).unwrap_or_default().into(),
        realm: realm.unwrap_or_default().into(),
        ..sign_in(time, event, Basis::Radius)
    }))
}

/// `name/<via Auth-Type = eap>` or `name/password`; machines are called `host/name`.
fn without_password(name: &[u8]) -> &[u8] {
    if let Some(at) = memchr::memmem::rfind(name, b"/<") {
        return name.get(..at).unwrap_or(name);
    }
    let from = if name.starts_with(b"host/") { 5 } else { 0 };
    match name.get(from..).and_then(|rest| memchr::memchr(b'/', rest)) {
        Some(at) => name.get(..from + at).unwrap_or(name),
        None => name,
    }
}

static KINDS: &[(&str, SignInEvent)] = &[
    ("Login OK: ", SignInEvent::Logon),
    ("Login incorrect", SignInEvent::Fail),
    ("Invalid user", SignInEvent::Fail),
    (" Connect: ", SignInEvent::Start),
    (" Disconnect: ", SignInEvent::Stop),
];
