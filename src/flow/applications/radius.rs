//! RADIUS (RFC 2865, 2866): accounting, and access that was granted, become sign-ins.

use std::net::{IpAddr, Ipv4Addr};

use super::heard::sign_in;
use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::{AccountText, ApplicationClass, Basis, Event, Mac, SignIn, SignInEvent, Word};

pub(super) struct Radius;

/// Kinds of packet.
const ACCESS_REQUEST: u8 = 1;
const ACCESS_ACCEPT: u8 = 2;
const ACCESS_REJECT: u8 = 3;
const ACCOUNTING_REQUEST: u8 = 4;
/// Numbers of attributes.
const USER_NAME: u8 = 1;
const NAS_ADDRESS: u8 = 4;
const FRAMED_ADDRESS: u8 = 8;
const CALLING_STATION: u8 = 31;
const NAS_IDENTIFIER: u8 = 32;
const STATUS: u8 = 40;
const DELAY: u8 = 41;
const SESSION: u8 = 44;
/// The head: kind, number, length, authenticator.
const HEAD: usize = 20;
/// Questions that wait for an answer.
const MOST_WAITING: usize = 16;
/// Where servers listen, today and before.
const PORTS: [u16; 6] = [1812, 1813, 1645, 1646, 3799, 1700];

impl Application for Radius {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        matches!(first, 1..=5 | 11..=13 | 40..=45)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let is_usual = PORTS.iter().any(|port| talk.has_port(*port));
        Answer::when(is_usual && attributes(talk.packet).is_some())
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("radius", ApplicationClass::Network);
        let (Some([kind, number, ..]), Some(said)) =
            (talk.packet.first_chunk::<2>(), attributes(talk.packet))
        else {
            return Hearing::PacketsAlone;
        };
        match *kind {
            ACCOUNTING_REQUEST => {
                if let Some(told) = accounting(said, talk) {
                    facts.tell(Event::SignIn(told));
                }
            }
            ACCESS_REQUEST => {
                let waiting = &mut facts.passing().waiting;
                waiting.retain(|(waiting, _)| waiting != number);
                if waiting.len() >= MOST_WAITING {
                    waiting.remove(0);
                }
                waiting.push((*number, said.to_vec()));
            }
            ACCESS_ACCEPT | ACCESS_REJECT => {
                let waiting = &mut facts.passing().waiting;
                if let Some(at) = waiting.iter().position(|(asked, _)| asked == number) {
                    let (_, question) = waiting.swap_remove(at);
                    if let Some(told) = access(*kind, &question, said, talk) {
                        facts.tell(Event::SignIn(told));
                    }
                }
            }
            _ => {}
        }
        Hearing::PacketsAlone
    }
}

/// The attributes of a packet that is as long as it says and full of them.
fn attributes(packet: &[u8]) -> Option<&[u8]> {
    let mut reader = Bytes::new(packet);
    reader.skip(2)?;
    let length = usize::from(reader.be16()?);
    let attributes = packet.get(HEAD..length)?;
    let mut rest = Bytes::new(attributes);
    while !rest.is_empty() {
        rest.skip(1)?;
        let length = usize::from(rest.u8()?).checked_sub(2)?;
        rest.skip(length)?;
    }
    Some(attributes)
}

/// Each attribute and its value.
fn each(attributes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = Bytes::new(attributes);
    std::iter::from_fn(move || {
        let kind = rest.u8()?;
        let length = usize::from(rest.u8()?).checked_sub(2)?;
        rest.take(length).map(|value| (kind, value))
    })
}

/// Takes over what names the person, the device and the session.
fn take_over(attributes: &[u8], sign_in: &mut SignIn<'static>) {
    for (kind, value) in each(attributes) {
        let text = || String::from_utf8_lossy(value).into_owned();
        match kind {
            USER_NAME => {
                let name = text();
                if let Some((_, realm)) = name.split_once('@') {
                    sign_in.realm = Word::from(realm.to_owned());
                } else if let Some((domain, _)) = name.split_once('\\') {
                    sign_in.realm = Word::from(domain.to_owned());
                }
                sign_in.account_token = AccountText::new(name);
            }
            FRAMED_ADDRESS => sign_in.ip = address(value).or(sign_in.ip),
            CALLING_STATION => sign_in.mac = Mac::parse(text().trim()).or(sign_in.mac),
            NAS_IDENTIFIER => sign_in.nas = Word::from(text()),
            NAS_ADDRESS if sign_in.nas.0.is_empty() => {
                sign_in.nas = Word::from(address(value).map_or(String::new(), |ip| ip.to_string()));
            }
            SESSION => sign_in.session = Word::from(text()),
            _ => {}
        }
    }
}

/// An address; those that mean "choose one" (RFC 2865, 5.8) are none.
fn address(value: &[u8]) -> Option<IpAddr> {
    let bytes: [u8; 4] = value.try_into().ok()?;
    let ip = Ipv4Addr::from(bytes);
    (bytes != [0xff; 4] && bytes != [0xff, 0xff, 0xff, 0xfe] && !ip.is_unspecified())
        .then_some(IpAddr::V4(ip))
}

fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// What a request for accounting tells; its delay is taken off.
fn accounting(attributes: &[u8], talk: &Talk<'_>) -> Option<SignIn<'static>> {
    let of = |kind| each(attributes).find(|(found, _)| *found == kind);
    let event = match of(STATUS).and_then(|(_, value)| number(value))? {
        1 => SignInEvent::Start,
        2 => SignInEvent::Stop,
        3 => SignInEvent::Interim,
        7 | 8 => SignInEvent::Restart,
        _ => return None,
    };
    let delay = of(DELAY).and_then(|(_, value)| number(value)).unwrap_or(0);
    let time = talk.time.plus_micros(-i64::from(delay) * 1_000_000);
    let mut sign_in = sign_in(time, event, Basis::Radius);
    take_over(attributes, &mut sign_in);
    if event == SignInEvent::Restart {
        sign_in.account_token = None;
        sign_in.ip = None;
        return Some(sign_in);
    }
    (sign_in.account_token.is_some() || sign_in.mac.is_some()).then_some(sign_in)
}

/// What an answer to a request for access tells, with what the request said.
fn access(kind: u8, question: &[u8], answer: &[u8], talk: &Talk<'_>) -> Option<SignIn<'static>> {
    let event = if kind == ACCESS_ACCEPT {
        SignInEvent::Logon
    } else {
        SignInEvent::Fail
    };
    let mut sign_in = sign_in(talk.time, event, Basis::Radius);
    take_over(question, &mut sign_in);
    // The server may know the true name where the request hides it.
    take_over(answer, &mut sign_in);
    sign_in.account_token.is_some().then_some(sign_in)
}
