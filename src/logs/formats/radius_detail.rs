//! FreeRADIUS's accounting file (`detail`): a heading with the time, `Attribute = value` lines, a blank line.
//!
//! Each Start, Interim-Update and Stop becomes a sign-in, one for each address the session has. The
//! time is the access server's own (`Event-Timestamp`) where it sends one; else the moment of receipt
//! less the delay that it admits to.

use std::borrow::Cow;
use std::net::IpAddr;

use super::share_of_lines;
use crate::logs::fields::{address, number, text};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::{Frame, Framing};
use crate::logs::times::{LocalClock, epoch};
use crate::record::{
    AccountText, Basis, Event, IgnoreReason, Mac, RejectReason, SignIn, SignInEvent, Timestamp,
};

/// FreeRADIUS's accounting file.
pub(super) struct RadiusDetail;

struct Reader {
    clock: LocalClock,
}

/// The attributes that matter, as they stand.
#[derive(Default)]
struct Attributes<'a> {
    heading: &'a [u8],
    packet_type: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    realm: Option<&'a [u8]>,
    ip: Option<&'a [u8]>,
    ipv6: Option<&'a [u8]>,
    calling_station: Option<&'a [u8]>,
    session: Option<&'a [u8]>,
    unique_session: Option<&'a [u8]>,
    nas_ip: Option<&'a [u8]>,
    nas_identifier: Option<&'a [u8]>,
    event_time: Option<&'a [u8]>,
    received: Option<&'a [u8]>,
    delay: Option<&'a [u8]>,
    found: usize,
}

impl LogFormat for RadiusDetail {
    fn name(&self) -> &'static str {
        "radius_detail"
    }

    fn title(&self) -> &'static str {
        "FreeRADIUS accounting (detail file)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["detail", "log"]
    }

    fn framing(&self) -> Framing {
        Framing::Paragraph
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        // Only lines that begin with a blank can be attributes; each record has one more, its heading.
        let attributes = share_of_lines(sample, |line| {
            matches!(line.first(), Some(b'\t' | b' ')) && split_attribute(line).is_some()
        });
        let named = sample.iter().any(|line| {
            split_attribute(line).is_some_and(|(name, _)| {
                matches!(
                    name,
                    b"Acct-Status-Type" | b"Acct-Session-Id" | b"User-Name"
                )
            })
        });
        if named { attributes } else { 0 }
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        let attributes = Attributes::of(frame.bytes);
        if attributes.found == 0 {
            return Outcome::Rejected(RejectReason::WrongShape);
        }
        let event = match attributes.event() {
            Ok(Some(event)) => event,
            Ok(None) => return Outcome::Ignored(IgnoreReason::OtherMessage),
            Err(reason) => return Outcome::Rejected(reason),
        };
        match attributes.sign_ins(event, &self.clock) {
            Ok((first, second)) => {
                out(Event::SignIn(first));
                if let Some(second) = second {
                    out(Event::SignIn(second));
                }
                Outcome::Records
            }
            Err(reason) => Outcome::Rejected(reason),
        }
    }
}

impl<'a> Attributes<'a> {
    fn of(record: &'a [u8]) -> Self {
        let mut attributes = Attributes::default();
        for line in record.split(|byte| *byte == b'\n') {
            match split_attribute(line) {
                Some((name, value)) => attributes.put(name, value),
                None if attributes.heading.is_empty() => attributes.heading = line.trim_ascii(),
                None => {}
            }
        }
        attributes
    }

    fn put(&mut self, name: &[u8], value: &'a [u8]) {
        self.found += 1;
        let place = match name {
            b"Packet-Type" => &mut self.packet_type,
            b"Acct-Status-Type" => &mut self.status,
            b"User-Name" => &mut self.user,
            b"Realm" => &mut self.realm,
            b"Framed-IP-Address" => &mut self.ip,
            b"Framed-IPv6-Address" => &mut self.ipv6,
            b"Calling-Station-Id" => &mut self.calling_station,
            b"Acct-Session-Id" => &mut self.session,
            b"Acct-Unique-Session-Id" => &mut self.unique_session,
            b"NAS-IP-Address" | b"NAS-IPv6-Address" => &mut self.nas_ip,
            b"NAS-Identifier" => &mut self.nas_identifier,
            b"Event-Timestamp" => &mut self.event_time,
            b"Timestamp" => &mut self.received,
            b"Acct-Delay-Time" => &mut self.delay,
            _ => return,
        };
        // Of an attribute that is there twice, the first counts, as in FreeRADIUS.
        place.get_or_insert(value);
    }

    /// What happened; `None` for records that are about no session (authentication, tunnels).
    fn event(&self) -> Result<Option<SignInEvent>, RejectReason> {
        if self
            .packet_type
            .is_some_and(|kind| !matches!(kind, b"Accounting-Request" | b"4"))
        {
            return Ok(None);
        }
        // Names by RFC 2866, 5.1 and its numbers; `Alive` is what old dictionaries call an interim update.
        match self.status {
            None => Ok(None),
            Some(b"Start" | b"1") => Ok(Some(SignInEvent::Start)),
            Some(b"Stop" | b"2") => Ok(Some(SignInEvent::Stop)),
            Some(b"Interim-Update" | b"Alive" | b"3") => Ok(Some(SignInEvent::Interim)),
            Some(b"Accounting-On" | b"Accounting-Off" | b"7" | b"8") => {
                Ok(Some(SignInEvent::Restart))
            }
            Some(other) if other.starts_with(b"Tunnel-") || other == b"Failed" => Ok(None),
            Some(_) => Err(RejectReason::UnknownWord),
        }
    }

    fn sign_ins(
        &self,
        event: SignInEvent,
        clock: &LocalClock,
    ) -> Result<(SignIn<'a>, Option<SignIn<'a>>), RejectReason> {
        if event == SignInEvent::Restart {
            return Ok((self.restart(clock)?, None));
        }
        let user = self.user.map(unescaped).unwrap_or_default();
        let v4 = framed(self.ip)?;
        let v6 = framed(self.ipv6)?;
        let first = SignIn {
            time: self.time(clock)?,
            event,
            realm: self.realm(&user).into(),
            account_token: AccountText::new(user),
            ip: v4.or(v6),
            client_port: None,
            mac: self.calling_station.and_then(station_card),
            session: text(self.unique_session.or(self.session).unwrap_or_default()).into(),
            nas: self.server().into(),
            basis: Basis::Radius,
        };
        let second = v4.and(v6).map(|ip| SignIn {
            ip: Some(ip),
            ..first.clone()
        });
        Ok((first, second))
    }

    /// A server that comes up or goes down: whatever else its record says is about no person.
    fn restart(&self, clock: &LocalClock) -> Result<SignIn<'a>, RejectReason> {
        Ok(SignIn {
            time: self.time(clock)?,
            event: SignInEvent::Restart,
            realm: Cow::Borrowed("").into(),
            account_token: AccountText::new(String::new()),
            ip: None,
            client_port: None,
            mac: None,
            session: Cow::Borrowed("").into(),
            nas: self.server().into(),
            basis: Basis::Radius,
        })
    }

    fn server(&self) -> Cow<'a, str> {
        text(self.nas_identifier.or(self.nas_ip).unwrap_or_default())
    }

    /// When it happened: the access server's own time, else the moment of receipt, less the admitted delay (RFC 2866, 5.2), else the heading, likewise.
    fn time(&self, clock: &LocalClock) -> Result<Timestamp, RejectReason> {
        if let Some(time) = self.event_time.and_then(|value| clock.radius_date(value)) {
            return Ok(time);
        }
        let delay = match self.delay {
            Some(value) => number(value)
                .and_then(|seconds| i64::try_from(seconds).ok())
                .filter(|seconds| *seconds <= LONGEST_DELAY)
                .ok_or(RejectReason::BadNumber)?,
            None => 0,
        };
        self.received
            .and_then(epoch)
            .or_else(|| clock.ctime(self.heading))
            .map(|received| received.plus_seconds(-delay))
            .ok_or(RejectReason::BadTime)
    }

    /// The realm as the server says it, else as the name has it. The name stays whole: two realms may know the same name for two people.
    fn realm(&self, user: &str) -> Cow<'a, str> {
        if let Some(realm) = self.realm {
            return text(realm);
        }
        let domain = user.rsplit_once('@').map(|(_, realm)| realm);
        let domain = domain.or_else(|| user.split_once('\\').map(|(domain, _)| domain));
        Cow::Owned(domain.unwrap_or_default().to_owned())
    }
}

/// An address that a session has.
fn framed(value: Option<&[u8]>) -> Result<Option<IpAddr>, RejectReason> {
    let Some(value) = value else {
        return Ok(None);
    };
    let ip = address(value).ok_or(RejectReason::BadAddress)?;
    Ok((!is_chosen_later(ip)).then_some(ip))
}

/// Addresses that stand for "let the server or the user choose" (RFC 2865, 5.8) are nobody's.
pub(super) fn is_chosen_later(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.octets().starts_with(&[255, 255, 255]),
        IpAddr::V6(v6) => v6.is_unspecified(),
    }
}

/// The card that calls, if it is a card: twelve decimal digits without anything between are a telephone number.
fn station_card(id: &[u8]) -> Option<Mac> {
    if id.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Mac::parse(std::str::from_utf8(id).ok()?)
}

/// Splits `\tName = value`; quotes around the value are taken off. Names hold letters, digits, dots and dashes.
fn split_attribute(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii();
    let at = memchr::memchr(b'=', line)?;
    let name = line.get(..at)?;
    // `+=` and `:=` stand where an attribute is repeated.
    let name = name
        .strip_suffix(b"+")
        .or(name.strip_suffix(b":"))
        .unwrap_or(name);
    let name = name.trim_ascii_end();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || !name.iter().all(is_name) {
        return None;
    }
    let value = line.get(at + 1..)?.trim_ascii();
    let bare = match value {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => value,
    };
    Some((name, bare))
}

/// A quoted value in which a backslash protects the next byte. FreeRADIUS writes a backslash in a name as two.
fn unescaped(value: &[u8]) -> String {
    if memchr::memchr(b'\\', value).is_none() {
        return text(value).into_owned();
    }
    let mut plain = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(next @ (b'\\' | b'"' | b'\'')) => plain.push(next),
                Some(next) => plain.extend_from_slice(&[b'\\', next]),
                None => plain.push(b'\\'),
            },
            byte => plain.push(byte),
        }
    }
    text(&plain).into_owned()
}

/// A month: no access server holds a record back longer.
const LONGEST_DELAY: i64 = 31 * 86_400;
