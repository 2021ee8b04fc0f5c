//! Aruba's controllers and gateways (ArubaOS) through syslog: who signed in over the air, with which card and address, and who left.
//!
//! Messages have numbers: `<522008> ... User Authentication Successful: username=.. MAC=.. IP=..`, `<522275>` failures, `<522005>` and `<522006>` for entries
//! of the table of users.

use crate::logs::envelope::Envelope;
use crate::logs::fields::{address, card, contains, text};
use crate::logs::lines::{LineFormat, OTHER, Read, sign_in};
use crate::logs::pairs::Pairs;
use crate::logs::times::LocalClock;
use crate::record::{AccountText, Basis, Event, RejectReason, SignIn, SignInEvent};

pub(super) static ARUBA_CONTROLLER: LineFormat = LineFormat {
    name: "aruba_controller",
    title: "Aruba controller (ArubaOS user messages)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    [
        "authmgr[", "stm[", "<NOTI>", "<INFO>", "<WARN>", "<ERRS>", "<DBUG>",
    ]
    .iter()
    .filter(|word| contains(line, word))
    .count()
        > 1
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let found = KINDS.iter().find(|(words, _)| contains(line, words));
    let Some((_, event)) = found else {
        return Err(if is_ours(line) {
            OTHER
        } else {
            RejectReason::WrongShape.into()
        });
    };
    let pairs = Pairs::of(line);
    let value = |names: &[&str]| {
        let mut all = pairs.clone();
        let named = all.find(|(name, _)| {
            names
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        });
        named
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    };
    let ip = match value(&["IP", "userip"]) {
        Some(ip) => Some(address(ip).ok_or(RejectReason::BadAddress)?),
        None => None,
    };
    let mac = match value(&["MAC", "usermac"]) {
        Some(mac) => Some(card(mac).ok_or(RejectReason::BadAddress)?),
        None => None,
    };
    let user = value(&["username", "name"]).filter(|user| card(user).is_none());
    if user.is_none() && mac.is_none() {
        return Err(RejectReason::MissingFields.into());
    }
    Ok(Event::SignIn(SignIn {
        account_token: user.map(text).and_then(AccountText::new),
        ip: ip.filter(|ip| !ip.is_unspecified()),
        mac,
        ..sign_in(
            Envelope::of(line, clock).stamp.moment()?,
            *event,
            Basis::Radius,
        )
    }))
}

static KINDS: &[(&str, SignInEvent)] = &[
    ("User Authentication Successful", SignInEvent::Logon),
    ("User authentication successful", SignInEvent::Logon),
    ("User Authentication failed", SignInEvent::Fail),
    ("User authentication failed", SignInEvent::Fail),
    ("User de-authenticated", SignInEvent::Logoff),
    ("User entry deleted", SignInEvent::Logoff),
];
