//! What a line says, part by part, before it is a record: formats whose fields have names put each under its [`Part`], and what the parts
//! mean for a record is decided here once, for all of them.
//!
//! Values are kept as they stand in the frame; what stands for other bytes in them is resolved only where a record takes them.

pub(in crate::logs) mod actions;
pub(in crate::logs) mod containers;
pub(in crate::logs) mod escapes;
pub(in crate::logs) mod judge;

use std::borrow::Cow;
use std::net::IpAddr;

use escapes::Escapes;

use crate::logs::fields::{address, lower_case, number, text};
use crate::logs::urls::{Url, split_target};
use crate::record::{
    AccountText, Action, Basis, DnsQuery, EndReason, Event, Flow, Mac, RejectReason, SignIn,
    SignInEvent, Timestamp, WebHit,
};

/// What a field of a line can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::logs) enum Part {
    Time,
    Date,
    Clock,
    Zone,
    Epoch,
    Kind,
    Subkind,
    Action,
    Verdict,
    ClientIp,
    ClientPort,
    ServerIp,
    ServerPort,
    Protocol,
    User,
    OtherUser,
    Realm,
    Method,
    Url,
    Scheme,
    Host,
    Path,
    Query,
    Status,
    Category,
    Policy,
    Sent,
    Received,
    SentPackets,
    ReceivedPackets,
    Duration,
    Agent,
    Referrer,
    ContentType,
    Application,
    Qname,
    Qtype,
    Rcode,
    Answer,
    Mac,
    Session,
    Server,
    NatIp,
    NatPort,
    Message,
}

/// How many parts there are.
const PARTS: usize = Part::Message as usize + 1;

/// The parts that a line had, each as it stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::logs) struct Said<'a> {
    parts: [&'a [u8]; PARTS],
    escapes: Escapes,
}

impl<'a> Said<'a> {
    /// Nothing yet; values will be written in this way.
    pub(in crate::logs) fn nothing(escapes: Escapes) -> Self {
        Said {
            parts: [&[]; PARTS],
            escapes,
        }
    }

    /// Puts a value, unless there is one already or it stands for nothing.
    #[inline]
    pub(in crate::logs) fn put(&mut self, part: Part, value: &'a [u8]) {
        if let Some(place) = self.parts.get_mut(part as usize)
            && place.is_empty()
            && !stands_for_nothing(value)
        {
            *place = value;
        }
    }

    /// Puts a value in the place of whatever there was.
    pub(in crate::logs) fn replace(&mut self, part: Part, value: &'a [u8]) {
        if let Some(place) = self.parts.get_mut(part as usize) {
            *place = if stands_for_nothing(value) {
                &[]
            } else {
                value
            };
        }
    }

    /// The value as it stands.
    #[inline]
    pub(in crate::logs) fn raw(&self, part: Part) -> Option<&'a [u8]> {
        self.parts
            .get(part as usize)
            .copied()
            .filter(|value| !value.is_empty())
    }

    /// The value as it stands, empty if there is none.
    #[inline]
    pub(in crate::logs) fn bytes(&self, part: Part) -> &'a [u8] {
        self.parts.get(part as usize).copied().unwrap_or_default()
    }

    /// The value as text, with what stands for other bytes resolved.
    #[inline]
    pub(in crate::logs) fn text(&self, part: Part) -> Cow<'a, str> {
        let bytes = self.bytes(part);
        if bytes.is_empty() {
            return Cow::Borrowed("");
        }
        match self.escapes.resolve(bytes) {
            Cow::Borrowed(bytes) => text(bytes),
            Cow::Owned(bytes) => Cow::Owned(
                String::from_utf8(bytes)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            ),
        }
    }

    /// An address; what is there must be one.
    pub(in crate::logs) fn ip(&self, part: Part) -> Result<Option<IpAddr>, RejectReason> {
        let Some(value) = self.raw(part) else {
            return Ok(None);
        };
        // `fe80::1%eth0`: the zone is the logger's own.
        let end = memchr::memchr(b'%', value).unwrap_or(value.len());
        let ip = address(value.get(..end).unwrap_or(value)).ok_or(RejectReason::BadAddress)?;
        Ok(Some(ip.to_canonical()))
    }

    /// A port; what is there must be one, and 0 is none.
    pub(in crate::logs) fn port(&self, part: Part) -> Result<Option<u16>, RejectReason> {
        let port = self.count(part)?;
        let port = port.map(|port| u16::try_from(port).map_err(|_| RejectReason::BadNumber));
        Ok(port.transpose()?.filter(|port| *port != 0))
    }

    /// A number; what is there must be one. A fraction of nothing but noughts is passed over.
    pub(in crate::logs) fn count(&self, part: Part) -> Result<Option<u64>, RejectReason> {
        let Some(value) = self.raw(part) else {
            return Ok(None);
        };
        let whole = match memchr::memchr(b'.', value) {
            Some(at) if value.iter().skip(at + 1).all(|byte| *byte == b'0') => value.get(..at),
            _ => Some(value),
        };
        whole
            .and_then(number)
            .map(Some)
            .ok_or(RejectReason::BadNumber)
    }

    /// How long it took, of a value in units of so many to the second, with or without a fraction.
    pub(in crate::logs) fn duration_ms(&self, unit: u64) -> Result<Option<u64>, RejectReason> {
        let Some(value) = self.raw(Part::Duration) else {
            return Ok(None);
        };
        let value = value.strip_suffix(b"s").unwrap_or(value);
        let at = memchr::memchr(b'.', value).unwrap_or(value.len());
        let whole = number(value.get(..at).unwrap_or_default()).ok_or(RejectReason::BadNumber)?;
        let mut micros = whole.saturating_mul(1_000_000);
        let mut place = 100_000;
        for byte in value.iter().skip(at + 1).take(6) {
            if !byte.is_ascii_digit() {
                return Err(RejectReason::BadNumber);
            }
            micros = micros.saturating_add(u64::from(byte - b'0') * place);
            place /= 10;
        }
        let ms = micros / unit.max(1) / 1_000;
        if ms > LONGEST_MS {
            return Err(RejectReason::BadNumber);
        }
        Ok(Some(ms))
    }

    /// The account, if one is named.
    pub(in crate::logs) fn account(&self) -> Option<AccountText> {
        let name = self.text(Part::User);
        let name = name.trim();
        // `Joe Bloggs (j.bloggs)`: the account stands in the brackets.
        let within = name
            .strip_suffix(')')
            .and_then(|name| name.rsplit_once(" ("));
        let name = within.map_or(name, |(_, account)| account);
        let nobody = NOBODY.iter().any(|word| name.eq_ignore_ascii_case(word));
        (!nobody).then(|| AccountText::new(name)).flatten()
    }

    /// What was done, by the word in `Action`.
    pub(in crate::logs) fn action(&self) -> Option<Action> {
        self.raw(Part::Action).and_then(actions::action_of)
    }

    /// A web request at this moment.
    pub(in crate::logs) fn web(
        &self,
        time: Timestamp,
        action: Option<Action>,
    ) -> Result<WebHit<'a>, RejectReason> {
        let mut hit = WebHit::at(time);
        hit.client_ip = self.ip(Part::ClientIp)?;
        hit.client_port = self.port(Part::ClientPort)?;
        hit.server_ip = self.ip(Part::ServerIp)?;
        hit.server_port = self.port(Part::ServerPort)?;
        hit.account_token = self.account();
        hit.method = self.text(Part::Method).into();
        self.put_url(&mut hit)?;
        let status = self.count(Part::Status)?;
        let status =
            status.map(|status| u16::try_from(status).map_err(|_| RejectReason::BadNumber));
        hit.status = status.transpose()?.filter(|status| *status != 0);
        hit.action = action;
        hit.vendor_category = self.text(Part::Category).into();
        hit.policy = self.text(Part::Policy).into();
        hit.bytes_sent = self.count(Part::Sent)?;
        hit.bytes_received = self.count(Part::Received)?;
        hit.user_agent = self.text(Part::Agent);
        hit.referrer = self.text(Part::Referrer);
        hit.content_type = self.text(Part::ContentType).into();
        Ok(hit)
    }

    /// A web request as an event, with how long it took.
    pub(in crate::logs) fn web_event(
        &self,
        time: Timestamp,
        action: Option<Action>,
        duration_ms: Option<u64>,
    ) -> Result<Event<'a>, RejectReason> {
        let mut hit = self.web(time, action)?;
        hit.duration_ms = duration_ms.and_then(|ms| u32::try_from(ms).ok());
        Ok(Event::WebHit(hit))
    }

    fn put_url(&self, hit: &mut WebHit<'a>) -> Result<(), RejectReason> {
        match self.escapes.resolve(self.bytes(Part::Url)) {
            Cow::Borrowed(url) => self.put_url_of(hit, url)?,
            Cow::Owned(url) => {
                let mut own = WebHit::at(hit.time);
                own.method = hit.method.clone();
                self.put_url_of(&mut own, &url)?;
                hit.scheme = own.scheme.0.into_owned().into();
                hit.host = own.host.0.into_owned().into();
                hit.path = own.path.into_owned().into();
                hit.query = own.query.into_owned().into();
                hit.search_terms = own.search_terms.into_owned().into();
                hit.port = own.port;
            }
        }
        if hit.scheme.0.is_empty() {
            let scheme = self.bytes(Part::Scheme);
            let known =
                |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
            if scheme.iter().all(known) {
                hit.scheme = lower_case(scheme).into();
            }
        }
        if hit.path.is_empty() {
            (hit.path, hit.query) = match self.text(Part::Path) {
                Cow::Borrowed(target) => {
                    let (path, query) = split_target(target.as_bytes());
                    (text(path), text(query))
                }
                Cow::Owned(target) => {
                    let (path, query) = split_target(target.as_bytes());
                    (
                        text(path).into_owned().into(),
                        text(query).into_owned().into(),
                    )
                }
            };
        }
        if hit.query.is_empty()
            && let Some(query) = self.raw(Part::Query)
        {
            hit.query = text(query.strip_prefix(b"?").unwrap_or(query));
        }
        if hit.search_terms.is_empty() && !hit.host.0.is_empty() && !hit.query.is_empty() {
            // The parts came in fields of their own.
            let parts = Url {
                host: hit.host.0.as_bytes(),
                path: hit.path.as_bytes(),
                query: hit.query.as_bytes(),
                ..Url::default()
            };
            hit.search_terms = parts.search_terms().into_owned().into();
        }
        Ok(())
    }

    /// The parts of a URL, whole or without scheme or host; a host that stands in a field of its own is taken where the URL has none.
    fn put_url_of<'u>(&self, hit: &mut WebHit<'u>, url: &'u [u8]) -> Result<(), RejectReason>
    where
        'a: 'u,
    {
        let connect = hit.method.0.eq_ignore_ascii_case("CONNECT");
        let parts = if url.is_empty() {
            Url::default()
        } else if memchr::memmem::find(url, b"://").is_some_and(|at| at < 12) {
            Url::split(url).ok_or(RejectReason::BadUrl)?
        } else if url.starts_with(b"/") && !url.starts_with(b"//") {
            let (path, query) = split_target(url);
            Url {
                path,
                query,
                ..Url::default()
            }
        } else if connect {
            Url::split_connect(url)
                .or_else(|| Url::split_bare(url))
                .ok_or(RejectReason::BadUrl)?
        } else {
            Url::split_bare(url.strip_prefix(b"//").unwrap_or(url)).ok_or(RejectReason::BadUrl)?
        };
        let parts = match self.raw(Part::Host) {
            Some(host) if parts.host.is_empty() => {
                let host = Url::split(host)
                    .or_else(|| Url::split_bare(host))
                    .ok_or(RejectReason::BadUrl)?;
                Url {
                    host: host.host,
                    port: parts.port.or(host.port),
                    ..parts
                }
            }
            _ => parts,
        };
        hit.scheme = lower_case(parts.scheme).into();
        hit.host = parts.host_text().into();
        hit.port = parts.port;
        hit.path = text(parts.path);
        hit.query = text(parts.query);
        hit.search_terms = parts.search_terms();
        Ok(())
    }

    /// A connection as an event: `time` is when it was told of, which is its end if it says how long it took.
    pub(in crate::logs) fn flow_event(
        &self,
        time: Timestamp,
        action: Option<Action>,
        duration_ms: Option<u64>,
        end: EndReason,
    ) -> Result<Event<'a>, RejectReason> {
        let mut flow = self.flow(time, end)?;
        let micros = duration_ms
            .and_then(|ms| i64::try_from(ms).ok())
            .unwrap_or(0);
        flow.start = time.plus_micros(micros.saturating_mul(-1_000));
        flow.action = action;
        Ok(Event::Flow(Box::new(flow)))
    }

    /// A connection of which only a moment is known. Both ends must be.
    pub(in crate::logs) fn flow(
        &self,
        time: Timestamp,
        end_reason: EndReason,
    ) -> Result<Flow, RejectReason> {
        let src_ip = self
            .ip(Part::ClientIp)?
            .ok_or(RejectReason::MissingFields)?;
        let dst_ip = self
            .ip(Part::ServerIp)?
            .ok_or(RejectReason::MissingFields)?;
        let mut flow = bare_flow(time, src_ip, dst_ip, end_reason);
        flow.src_port = self.port(Part::ClientPort)?.unwrap_or(0);
        flow.dst_port = self.port(Part::ServerPort)?.unwrap_or(0);
        flow.protocol = self
            .raw(Part::Protocol)
            .and_then(actions::protocol_of)
            .unwrap_or(0);
        flow.src_packets = self.count(Part::SentPackets)?.unwrap_or(0);
        flow.dst_packets = self.count(Part::ReceivedPackets)?.unwrap_or(0);
        flow.src_bytes = self.count(Part::Sent)?.unwrap_or(0);
        flow.dst_bytes = self.count(Part::Received)?.unwrap_or(0);
        flow.server_name = self.host_text().into_owned().into();
        flow.account_token = self.account();
        Ok(flow)
    }

    /// The host that is named, without port.
    fn host_text(&self) -> Cow<'a, str> {
        let host = self.bytes(Part::Host);
        let parts = Url::split(host).or_else(|| Url::split_bare(host));
        parts.map(|parts| parts.host_text()).unwrap_or_default()
    }

    /// A DNS question as an event.
    pub(in crate::logs) fn dns_event(
        &self,
        time: Timestamp,
        action: Option<Action>,
    ) -> Result<Event<'a>, RejectReason> {
        let name = self.raw(Part::Qname).ok_or(RejectReason::MissingFields)?;
        let name = name.strip_suffix(b".").unwrap_or(name);
        let answer = self.text(Part::Answer);
        Ok(Event::DnsQuery(DnsQuery {
            time,
            client_ip: self.ip(Part::ClientIp)?,
            client_port: self.port(Part::ClientPort)?,
            server_ip: self.ip(Part::ServerIp)?,
            qname: lower_case(name).into(),
            qtype: self.text(Part::Qtype).into(),
            rcode: self.text(Part::Rcode).into(),
            answers: answers(answer),
            action,
            categories: Vec::new(),
            lists: Vec::new(),
        }))
    }

    /// A sign-in as an event.
    pub(in crate::logs) fn sign_in_event(
        &self,
        time: Timestamp,
        event: SignInEvent,
        basis: Basis,
    ) -> Result<Event<'a>, RejectReason> {
        let mac = self.text(Part::Mac);
        let ip = self.ip(Part::ClientIp)?;
        Ok(Event::SignIn(SignIn {
            time,
            event,
            account_token: self.account(),
            ip,
            // Without the person's address the port is that of somebody who asked for them.
            client_port: self.port(Part::ClientPort)?.filter(|_| ip.is_some()),
            mac: Mac::parse(&mac),
            session: self.text(Part::Session).into(),
            nas: self.text(Part::Server).into(),
            realm: self.text(Part::Realm).into(),
            basis,
        }))
    }
}

/// A connection between two addresses of which nothing else is known yet.
pub(in crate::logs) fn bare_flow(
    time: Timestamp,
    src_ip: IpAddr,
    dst_ip: IpAddr,
    end_reason: EndReason,
) -> Flow {
    Flow {
        start: time,
        end: time,
        src_ip,
        src_port: 0,
        dst_ip,
        dst_port: 0,
        protocol: 0,
        src_packets: 0,
        dst_packets: 0,
        src_bytes: 0,
        dst_bytes: 0,
        src_frame_bytes: 0,
        dst_frame_bytes: 0,
        src_payload_bytes: 0,
        dst_payload_bytes: 0,
        src_tcp_flags: 0,
        dst_tcp_flags: 0,
        end_reason: Some(end_reason),
        vlans: Vec::new(),
        tunnel: Vec::new(),
        community_id: String::new(),
        handshake_rtt_us: None,
        src_retransmits: None,
        dst_retransmits: None,
        application: Cow::Borrowed("").into(),
        application_class: None,
        application_basis: None,
        server_name: Cow::Borrowed("").into(),
        alpn: Cow::Borrowed("").into(),
        tls_version: "",
        ja4: Cow::Borrowed("").into(),
        ech: None,
        dns_queries: Vec::new(),
        http_method: Cow::Borrowed("").into(),
        http_path: String::new(),
        http_user_agent: String::new(),
        account_token: None,
        action: None,
    }
}

/// Answers set apart by commas or semicolons.
fn answers(text: Cow<'_, str>) -> Vec<crate::record::Word<'_>> {
    if text.is_empty() {
        return Vec::new();
    }
    let split = |text: &str| -> Vec<String> {
        let parts = text
            .split([',', ';'])
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    if text.contains([',', ';']) {
        return split(&text).into_iter().map(Into::into).collect();
    }
    vec![text.into()]
}

/// What products write where they have nothing to say.
#[inline]
fn stands_for_nothing(value: &[u8]) -> bool {
    matches!(
        value,
        b"" | b"-"
            | b"N/A"
            | b"n/a"
            | b"NA"
            | b"(null)"
            | b"None"
            | b"null"
            | b"(empty)"
            | b"\"\""
            | b"--"
    )
}

/// Names that are nobody's.
static NOBODY: [&str; 9] = [
    "unknown",
    "unknown user",
    "unauthenticated user",
    "unauthenticated-user",
    "none",
    "anonymous",
    "unauthenticated",
    "nobody",
    "n/a",
];

/// A year: nothing lasts longer.
const LONGEST_MS: u64 = 366 * 86_400 * 1_000;
