//! The values of a line, by field, made into a record.

use std::borrow::Cow;
use std::net::IpAddr;

use super::super::columns::cell_text;
use super::super::fields::{address, card, domain, lower_case, number, text};
use super::super::lines::{OTHER, Read, lease, question, sign_in};
use super::super::stamps::{DayOrder, moment};
use super::super::times::LocalClock;
use super::super::urls::{Url, split_target, target_text};
use super::{FIELDS, Field, Kind, Mapping};
use crate::record::{
    AccountText, Action, Basis, DnsQuery, Event, Lease, LeaseEvent, RejectReason, SignIn,
    SignInEvent, Timestamp, Translation, WebHit, Word,
};

/// What a line has: of each field the value, and which choice of the field's columns it is from. A line has few of all the fields.
pub(super) struct Values<'a> {
    /// A bit for each field that is there.
    there: u64,
    cells: Vec<Cell<'a>>,
}

struct Cell<'a> {
    field: usize,
    rank: usize,
    value: Cow<'a, [u8]>,
}

/// Each field has its bit.
const _: () = assert!(FIELDS <= u64::BITS as usize);

impl<'a> Values<'a> {
    pub(super) fn new() -> Self {
        Values {
            there: 0,
            cells: Vec::with_capacity(8),
        }
    }

    /// Keeps a value, unless it is empty or an earlier choice has one.
    pub(super) fn put(&mut self, field: usize, rank: usize, value: Cow<'a, [u8]>) {
        let value = match value {
            Cow::Borrowed(value) => Cow::Borrowed(value.trim_ascii()),
            owned => owned,
        };
        if matches!(&*value, b"" | b"-" | b"N/A" | b"n/a" | b"null" | b"NULL") {
            return;
        }
        let new = Cell { field, rank, value };
        match self.cells.iter_mut().find(|cell| cell.field == field) {
            Some(cell) if rank < cell.rank => *cell = new,
            Some(_) => {}
            None => {
                self.there |= 1 << field;
                self.cells.push(new);
            }
        }
    }

    pub(super) fn record(
        &mut self,
        mapping: &Mapping,
        order: DayOrder,
        clock: &LocalClock,
    ) -> Read<'a> {
        let time = self.time(order, clock)?;
        match mapping.kind {
            Kind::WebHit => self
                .web_hit(mapping, time)
                .map(Event::WebHit)
                .map_err(Into::into),
            Kind::DnsQuery => self
                .dns_query(mapping, time)
                .map(Event::DnsQuery)
                .map_err(Into::into),
            Kind::SignIn => {
                let event = self.event(mapping, SignInEvent::parse)?;
                let event = event.ok_or(OTHER)?;
                self.sign_in(time, event)
                    .map(Event::SignIn)
                    .map_err(Into::into)
            }
            Kind::Lease => {
                let event = self.event(mapping, LeaseEvent::parse)?;
                let event = event.ok_or(OTHER)?;
                self.lease(time, event, order, clock)
                    .map(Event::Lease)
                    .map_err(Into::into)
            }
            Kind::Translation => self
                .translation(time, order, clock)
                .map(Event::Translation)
                .map_err(Into::into),
        }
    }

    fn take(&mut self, field: Field) -> Option<Cow<'a, [u8]>> {
        if self.there & (1 << field as usize) == 0 {
            return None;
        }
        let is_it = |cell: &Cell<'_>| cell.field == field as usize;
        let at = self.cells.iter().position(is_it)?;
        self.there &= !(1 << field as usize);
        Some(self.cells.swap_remove(at).value)
    }

    fn text(&mut self, field: Field) -> Cow<'a, str> {
        self.take(field).map(cell_text).unwrap_or_default()
    }

    fn word(&mut self, field: Field) -> Word<'a> {
        self.text(field).into()
    }

    fn address(&mut self, field: Field) -> Result<Option<IpAddr>, RejectReason> {
        match self.take(field) {
            Some(value) => address(&value).map(Some).ok_or(RejectReason::BadAddress),
            None => Ok(None),
        }
    }

    fn number<T: TryFrom<u64>>(&mut self, field: Field) -> Result<Option<T>, RejectReason> {
        match self.take(field) {
            Some(value) => number(&value)
                .and_then(|number| T::try_from(number).ok())
                .map(Some)
                .ok_or(RejectReason::BadNumber),
            None => Ok(None),
        }
    }

    fn time(&mut self, order: DayOrder, clock: &LocalClock) -> Result<Timestamp, RejectReason> {
        let said = match (
            self.take(Field::Time),
            self.take(Field::Date),
            self.take(Field::TimeOfDay),
        ) {
            (Some(time), _, _) => time,
            (None, Some(date), Some(time)) => Cow::Owned([&*date, b" ", &*time].concat()),
            _ => return Err(RejectReason::MissingFields),
        };
        moment(&said, order, clock).ok_or(RejectReason::BadTime)
    }

    fn moment(
        &mut self,
        field: Field,
        order: DayOrder,
        clock: &LocalClock,
    ) -> Result<Option<Timestamp>, RejectReason> {
        match self.take(field) {
            Some(said) => moment(&said, order, clock)
                .map(Some)
                .ok_or(RejectReason::BadTime),
            None => Ok(None),
        }
    }

    /// What happened. A word that the description has no meaning for is an event that nobody asked for.
    fn event<T>(
        &mut self,
        mapping: &Mapping,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, RejectReason> {
        let said = self.text(Field::Event);
        match (said.is_empty(), mapping.event) {
            (false, _) => Ok(parse(mapping.meaning(&said).to_ascii_lowercase().as_str())),
            (true, Some(event)) => Ok(parse(event)),
            (true, None) => Err(RejectReason::MissingFields),
        }
    }

    /// What a filter did; the words of the records themselves need no description.
    fn action(&mut self, mapping: &Mapping) -> Option<Action> {
        let said = self.text(Field::Action);
        Action::parse(&lower_case(mapping.meaning(&said).as_bytes()))
    }

    fn web_hit(&mut self, mapping: &Mapping, time: Timestamp) -> Result<WebHit<'a>, RejectReason> {
        let mut hit = WebHit::at(time);
        match self.take(Field::Url) {
            Some(Cow::Borrowed(url)) => put_target(&mut hit, url)?,
            Some(Cow::Owned(url)) => {
                // The URL stood in a cell with quotation marks: its parts are kept apart from it.
                let mut parts = WebHit::at(time);
                put_target(&mut parts, &url)?;
                hit.scheme = parts.scheme.0.into_owned().into();
                hit.host = parts.host.0.into_owned().into();
                hit.port = parts.port;
                hit.path = Cow::Owned(parts.path.into_owned());
                hit.query = Cow::Owned(parts.query.into_owned());
                hit.search_terms = Cow::Owned(parts.search_terms.into_owned());
            }
            None => {}
        }
        if let Some(host) = self.take(Field::Host).filter(|_| hit.host.0.is_empty()) {
            hit.host = domain_of(host).into();
        }
        for (field, place) in [
            (Field::Path, &mut hit.path),
            (Field::Query, &mut hit.query),
            (Field::SearchTerms, &mut hit.search_terms),
        ] {
            let value = self.text(field);
            if !value.is_empty() {
                *place = value;
            }
        }
        let scheme = self.text(Field::Scheme);
        if !scheme.is_empty() {
            hit.scheme = match scheme {
                Cow::Borrowed(scheme) => lower_case(scheme.as_bytes()).into(),
                Cow::Owned(scheme) => Cow::<str>::Owned(scheme.to_ascii_lowercase()).into(),
            };
        }
        hit.client_ip = self.address(Field::ClientIp)?;
        hit.server_ip = self.address(Field::ServerIp)?;
        hit.client_port = self.number(Field::ClientPort)?;
        hit.server_port = self.number(Field::ServerPort)?;
        hit.account_token = AccountText::new(self.text(Field::Account));
        hit.method = self.word(Field::Method);
        hit.status = self.number(Field::Status)?;
        hit.action = self.action(mapping);
        hit.vendor_category = self.word(Field::VendorCategory);
        hit.policy = self.word(Field::Policy);
        hit.bytes_sent = self.number(Field::BytesSent)?;
        hit.bytes_received = self.number(Field::BytesReceived)?;
        hit.duration_ms = self.number(Field::DurationMs)?;
        hit.user_agent = self.text(Field::UserAgent);
        hit.referrer = self.text(Field::Referrer);
        hit.content_type = self.word(Field::ContentType);
        let nothing =
            hit.host.0.is_empty() && hit.server_ip.is_none() && hit.search_terms.is_empty();
        if nothing {
            return Err(RejectReason::MissingFields);
        }
        Ok(hit)
    }

    fn dns_query(
        &mut self,
        mapping: &Mapping,
        time: Timestamp,
    ) -> Result<DnsQuery<'a>, RejectReason> {
        let qname = self.take(Field::Qname).or_else(|| self.take(Field::Host));
        let qname = qname.ok_or(RejectReason::MissingFields)?;
        Ok(DnsQuery {
            client_ip: self.address(Field::ClientIp)?,
            client_port: self.number(Field::ClientPort)?,
            server_ip: self.address(Field::ServerIp)?,
            qname: domain_of(qname).into(),
            qtype: self.word(Field::Qtype),
            rcode: self.word(Field::Rcode),
            action: self.action(mapping),
            ..question(time)
        })
    }

    fn sign_in(&mut self, time: Timestamp, event: SignInEvent) -> Result<SignIn<'a>, RejectReason> {
        let account = AccountText::new(self.text(Field::Account));
        let ip = match self.address(Field::Ip)? {
            Some(ip) => Some(ip),
            None => self.address(Field::ClientIp)?,
        };
        let mac = self.card()?;
        if account.is_none() && ip.is_none() && mac.is_none() {
            return Err(RejectReason::MissingFields);
        }
        Ok(SignIn {
            account_token: account,
            ip,
            client_port: self.number(Field::ClientPort)?,
            mac,
            session: self.word(Field::Session),
            nas: self.word(Field::Nas),
            realm: self.word(Field::Realm),
            ..sign_in(time, event, Basis::Directory)
        })
    }

    fn card(&mut self) -> Result<Option<crate::record::Mac>, RejectReason> {
        match self.take(Field::Mac) {
            Some(value) => card(&value).map(Some).ok_or(RejectReason::BadAddress),
            None => Ok(None),
        }
    }

    fn lease(
        &mut self,
        time: Timestamp,
        event: LeaseEvent,
        order: DayOrder,
        clock: &LocalClock,
    ) -> Result<Lease<'a>, RejectReason> {
        let ip = self
            .address(Field::Ip)?
            .ok_or(RejectReason::MissingFields)?;
        Ok(Lease {
            mac: self.card()?,
            hostname: self.text(Field::Hostname),
            expires: self.moment(Field::Expires, order, clock)?,
            ..lease(time, event, ip)
        })
    }

    fn translation(
        &mut self,
        from: Timestamp,
        order: DayOrder,
        clock: &LocalClock,
    ) -> Result<Translation, RejectReason> {
        let first = self.number(Field::OutsidePortFirst)?;
        Ok(Translation {
            from,
            to: self.moment(Field::To, order, clock)?,
            protocol: match self.take(Field::Protocol) {
                Some(word) => protocol(&word).ok_or(RejectReason::UnknownWord)?,
                None => 0,
            },
            inside_ip: self
                .address(Field::InsideIp)?
                .ok_or(RejectReason::MissingFields)?,
            inside_port: self.number(Field::InsidePort)?,
            outside_ip: self
                .address(Field::OutsideIp)?
                .ok_or(RejectReason::MissingFields)?,
            outside_port_first: first,
            outside_port_last: self.number(Field::OutsidePortLast)?.or(first),
        })
    }
}

fn domain_of(name: Cow<'_, [u8]>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => domain(name),
        Cow::Owned(name) => Cow::Owned(domain(&name).into_owned()),
    }
}

/// The number of a protocol, by number or by name.
pub(in crate::logs) fn protocol(word: &[u8]) -> Option<u8> {
    if let Some(number) = number(word) {
        return u8::try_from(number).ok();
    }
    match word.to_ascii_lowercase().as_slice() {
        b"tcp" => Some(6),
        b"udp" => Some(17),
        b"icmp" => Some(1),
        b"icmpv6" | b"icmp6" | b"ipv6-icmp" => Some(58),
        b"gre" => Some(47),
        b"esp" => Some(50),
        b"sctp" => Some(132),
        _ => None,
    }
}

/// A URL, or a host with what follows it.
fn put_target<'a>(hit: &mut WebHit<'a>, url: &'a [u8]) -> Result<(), RejectReason> {
    if let Some(parts) = Url::split(url) {
        hit.scheme = text(parts.scheme).into();
        hit.host = parts.host_text().into();
        hit.port = parts.port;
        hit.path = target_text(parts.path);
        hit.query = target_text(parts.query);
        hit.search_terms = parts.search_terms();
        return Ok(());
    }
    if memchr::memmem::find(url, b"://").is_some() {
        return Err(RejectReason::BadUrl);
    }
    let end = url
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(url.len());
    let (host, target) = url.split_at_checked(end).ok_or(RejectReason::BadUrl)?;
    let (host, port) = match Url::split_connect(host) {
        Some(parts) => (parts.host, parts.port),
        None => (host, None),
    };
    if host.is_empty() || host.iter().any(u8::is_ascii_whitespace) {
        return Err(RejectReason::BadUrl);
    }
    hit.host = domain(host).into();
    hit.port = port;
    let (path, query) = split_target(target);
    hit.path = target_text(path);
    hit.query = target_text(query);
    Ok(())
}
