//! Access points that run hostapd (UniFi, OpenWrt and many others) through syslog: who signed in over the air by 802.1X, with which card.
//!
//! The name comes first (`STA .. IEEE 802.1X: STA identity 'NAME'`), then that it was accepted. A session is one card at one access point's
//! radio: what another access point says of the card later, when a device roams, ends that one's own session only. That a card came or went
//! without a name says nothing of a person.

use std::collections::BTreeMap;

use crate::logs::envelope::{Envelope, Heading};
use crate::logs::fields::{after, between, card, contains, text};
use crate::logs::lines::{OTHER, Passed, RememberingFormat, WRONG_SHAPE, sign_in};
use crate::logs::times::LocalClock;
use crate::record::{AccountText, Basis, Event, Mac, RejectReason, SignIn, SignInEvent};

/// hostapd's messages.
pub(super) static HOSTAPD: RememberingFormat<Stations> = RememberingFormat {
    name: "hostapd",
    title: "hostapd, UniFi access points (802.1X)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    contains(line, "hostapd")
        || [": STA ", "AP-STA-"]
            .iter()
            .any(|word| contains(line, word))
            && [" IEEE 802.1", " WPA: ", " RADIUS: ", "CONNECTED "]
                .iter()
                .any(|word| contains(line, word))
}

/// What is known of the cards: at which access point and radio, with which name.
#[derive(Default)]
pub(super) struct Stations {
    known: BTreeMap<(Vec<u8>, Mac), Station>,
}

#[derive(Default)]
struct Station {
    name: Vec<u8>,
    /// The number of the session that runs.
    session: Option<String>,
}

impl Stations {
    fn of(&mut self, place: (Vec<u8>, Mac)) -> &mut Station {
        if self.known.len() >= MOST_REMEMBERED && !self.known.contains_key(&place) {
            self.known.clear();
        }
        self.known.entry(place).or_default()
    }
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    stations: &mut Stations,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    if !is_ours(line) {
        return Err(WRONG_SHAPE);
    }
    let rest = ["STA ", "AP-STA-DISCONNECTED "]
        .iter()
        .find_map(|word| after(line, word))
        .ok_or(OTHER)?;
    let mut words = rest.split(|byte| *byte == b' ');
    let mac = words
        .next()
        .and_then(card)
        .ok_or(RejectReason::BadAddress)?;
    let host = access_point(line);
    let station = stations.of(([host, b" ", radio(line)].concat(), mac));
    if let Some(name) = between(rest, "STA identity '", "'") {
        name.clone_into(&mut station.name);
        return Err(OTHER);
    }
    let event = if contains(rest, "authenticated - EAP type") {
        SignInEvent::Start
    } else if contains(rest, "authentication failed - EAP type") {
        SignInEvent::Fail
    } else if LEAVING.iter().any(|word| contains(rest, word)) || contains(line, "AP-STA-DIS") {
        SignInEvent::Stop
    } else {
        return Err(OTHER);
    };
    let time = Envelope::of(line, clock).stamp.moment()?;
    if event == SignInEvent::Start {
        station.session = Some(format!("{} {}", mac, time.calendar().as_second()));
    }
    // The same person is let in again and again while a device stays.
    let session = match event {
        SignInEvent::Stop => station.session.take().ok_or(OTHER)?,
        _ => station.session.clone().unwrap_or_default(),
    };
    let name = text(&station.name).into_owned();
    let account = AccountText::new(name).ok_or(OTHER)?;
    out(Event::SignIn(SignIn {
        account_token: Some(account),
        mac: Some(mac),
        session: session.into(),
        nas: text(host).into(),
        ..sign_in(time, event, Basis::Radius)
    }));
    Ok(())
}

/// The access point: the word before the program's name, which on UniFi's is a model, a card and a version with commas between; it tells
/// them apart all the same.
fn access_point(line: &[u8]) -> &[u8] {
    let named = memchr::memmem::find(line, b" hostapd")
        .and_then(|at| line.get(..at)?.rsplit(|byte| *byte == b' ').next())
        .filter(|word| !word.is_empty());
    named.unwrap_or_else(|| Heading::of(line).host)
}

/// The radio: the word before `STA`, without its colon.
fn radio(line: &[u8]) -> &[u8] {
    let at = memchr::memmem::find(line, b": STA ").or(memchr::memmem::find(line, b": AP-STA-"));
    let before = at.and_then(|at| line.get(..at)).unwrap_or_default();
    before
        .rsplit(|byte| *byte == b' ')
        .next()
        .unwrap_or_default()
}

static LEAVING: &[&str] = &[
    "IEEE 802.11: disassociated",
    "IEEE 802.11: deauthenticated",
    "IEEE 802.1X: unauthorizing port",
];

/// Cards remembered at most; a hostile log makes the reader forget, not grow.
const MOST_REMEMBERED: usize = 1 << 16;
