//! Suricata's EVE: a JSON object a line. Flows, web requests, DNS questions, TLS names, alerts and drops, DHCP and Kerberos; other kinds are passed over.
//!
//! A DNS answer stands beside its question in the same log, so the question alone is kept.

use crate::logs::envelope::Heading;
use crate::logs::json;
use crate::logs::lines::{BAD_TIME, LineFormat, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{
    Action, Basis, EndReason, Event, Lease, LeaseEvent, Mac, RejectReason, SignInEvent, Timestamp,
};

/// Suricata's EVE.
pub(super) static SURICATA_EVE: LineFormat<ReadLines> = LineFormat {
    name: "suricata_eve",
    title: "Suricata EVE (JSON)",
    extensions: &["json", "log"],
    is_ours: |line| {
        let has = |part: &[u8]| memchr::memmem::find(line, part).is_some();
        has(b"{")
            && has(b"\"event_type\"")
            && has(b"\"timestamp\"")
            && (has(b"\"flow_id\"") || has(b"\"src_ip\"") || has(b"\"stats\""))
    },
    read,
};

/// What the object says, and what has no part of its own.
struct Eve<'a> {
    said: Said<'a>,
    flow_start: &'a [u8],
    flow_end: &'a [u8],
    reason: &'a [u8],
    lease_seconds: &'a [u8],
    hostname: &'a [u8],
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let message = Heading::of(line).message;
    let eve = Eve::of(message).ok_or(WRONG_SHAPE)?;
    let said = &eve.said;
    let kind = said.raw(Part::Kind).ok_or(RejectReason::MissingFields)?;
    let moment = || {
        said.raw(Part::Time)
            .and_then(|time| clock.stamp(time))
            .ok_or(BAD_TIME)
    };
    out(match kind {
        b"flow" | b"netflow" => eve.flow(moment()?, clock)?,
        b"http" => said.web_event(moment()?, None, None)?,
        b"tls" => {
            let mut said = *said;
            said.replace(Part::Scheme, b"https");
            said.raw(Part::Host).ok_or(OTHER)?;
            said.web_event(moment()?, None, None)?
        }
        b"dns" if matches!(said.bytes(Part::Subkind), b"query" | b"request") => {
            said.dns_event(moment()?, None)?
        }
        b"alert" | b"drop" => eve.judged(kind, moment()?)?,
        b"dhcp" => eve.lease(moment()?)?,
        b"krb5" => eve.kerberos(moment()?)?,
        _ => return Err(OTHER),
    });
    Ok(())
}

impl<'a> Eve<'a> {
    fn of(message: &'a [u8]) -> Option<Self> {
        let mut eve = Eve {
            said: Said::nothing(Escapes::Backslash),
            flow_start: &[],
            flow_end: &[],
            reason: &[],
            lease_seconds: &[],
            hostname: &[],
        };
        let put = &mut |value: json::Value<'a>| match (value.parent, value.key) {
            (b"flow" | b"netflow", b"start") => eve.flow_start = value.text,
            (b"flow" | b"netflow", b"end") => eve.flow_end = value.text,
            (b"flow", b"reason") => eve.reason = value.text,
            (b"dhcp", b"lease_time") => eve.lease_seconds = value.text,
            (b"dhcp", b"hostname") => eve.hostname = value.text,
            (parent, key) => {
                if let Some(part) = part(parent, key) {
                    eve.said.put(part, value.text);
                }
            }
        };
        json::values(message, put).then_some(())?;
        Some(eve)
    }

    fn flow(&self, time: Timestamp, clock: &LocalClock) -> Result<Event<'a>, Passed> {
        let end_reason = match self.reason {
            b"timeout" => EndReason::Idle,
            b"forced" | b"shutdown" => EndReason::Forced,
            _ => EndReason::End,
        };
        let mut flow = self.said.flow(time, end_reason)?;
        if !self.flow_start.is_empty() {
            flow.start = clock.stamp(self.flow_start).ok_or(BAD_TIME)?;
        }
        if !self.flow_end.is_empty() {
            flow.end = clock.stamp(self.flow_end).ok_or(BAD_TIME)?;
        }
        flow.community_id = self.said.text(Part::Session).into_owned();
        flow.action = self
            .said
            .action()
            .filter(|action| *action == Action::Blocked);
        Ok(Event::Flow(Box::new(flow)))
    }

    /// An alert or a drop: the packet that caused it, and what became of it.
    fn judged(&self, kind: &[u8], time: Timestamp) -> Result<Event<'a>, Passed> {
        let action = if kind == b"drop" {
            Some(Action::Blocked)
        } else {
            self.said.action()
        };
        let end = if action == Some(Action::Blocked) {
            EndReason::Forced
        } else {
            EndReason::Active
        };
        let mut flow = self.said.flow(time, end)?;
        flow.action = action;
        // The counts of an alert are those of its flow so far, which has a record of its own.
        (
            flow.src_packets,
            flow.dst_packets,
            flow.src_bytes,
            flow.dst_bytes,
        ) = (0, 0, 0, 0);
        flow.community_id = self.said.text(Part::Session).into_owned();
        Ok(Event::Flow(Box::new(flow)))
    }

    fn lease(&self, time: Timestamp) -> Result<Event<'a>, Passed> {
        let event = match self.said.bytes(Part::Verdict) {
            b"ack" => LeaseEvent::Assign,
            b"release" => LeaseEvent::Release,
            b"decline" => LeaseEvent::Decline,
            _ => return Err(OTHER),
        };
        let part = if event == LeaseEvent::Assign {
            Part::NatIp
        } else {
            Part::ClientIp
        };
        let ip = self.said.ip(part)?.ok_or(RejectReason::MissingFields)?;
        if ip.is_unspecified() {
            return Err(OTHER);
        }
        let seconds = crate::logs::fields::number(self.lease_seconds)
            .and_then(|seconds| i64::try_from(seconds).ok());
        Ok(Event::Lease(Lease {
            time,
            event,
            ip,
            mac: Mac::parse(&self.said.text(Part::Mac)),
            hostname: crate::logs::fields::text(self.hostname),
            expires: seconds
                .filter(|_| event == LeaseEvent::Assign)
                .map(|seconds| time.plus_seconds(seconds)),
        }))
    }

    fn kerberos(&self, time: Timestamp) -> Result<Event<'a>, Passed> {
        // An answer with a ticket names the person who has shown the password; an error names who asked.
        let event = match self.said.bytes(Part::Subkind) {
            b"KRB_AS_REP" => SignInEvent::Logon,
            b"KRB_ERROR" => SignInEvent::Fail,
            _ => return Err(OTHER),
        };
        if self.said.account().is_none() {
            return Err(OTHER);
        }
        let mut said = self.said;
        said.replace(Part::Session, &[]);
        // The client asks port 88; the answer comes from it.
        if said.raw(Part::ClientPort) == Some(b"88") {
            let client = said.bytes(Part::ServerIp);
            said.replace(Part::ClientIp, client);
        }
        Ok(said.sign_in_event(time, event, Basis::Kerberos)?)
    }
}

fn part(parent: &[u8], key: &[u8]) -> Option<Part> {
    Some(match (parent, key) {
        (b"", b"timestamp") => Part::Time,
        (b"", b"event_type") => Part::Kind,
        (b"", b"src_ip") => Part::ClientIp,
        (b"", b"src_port") => Part::ClientPort,
        (b"", b"dest_ip") => Part::ServerIp,
        (b"", b"dest_port") => Part::ServerPort,
        (b"", b"proto") => Part::Protocol,
        (b"", b"community_id") => Part::Session,
        (b"flow", b"pkts_toserver") | (b"netflow", b"pkts") => Part::SentPackets,
        (b"flow", b"pkts_toclient") => Part::ReceivedPackets,
        (b"flow", b"bytes_toserver") | (b"netflow", b"bytes") => Part::Sent,
        (b"flow", b"bytes_toclient") | (b"http", b"length") => Part::Received,
        (b"flow", b"action") | (b"alert", b"action") => Part::Action,
        (b"http", b"hostname") | (b"tls", b"sni") => Part::Host,
        (b"http", b"url") => Part::Url,
        (b"http", b"http_method") => Part::Method,
        (b"http", b"status") => Part::Status,
        (b"http", b"http_user_agent") => Part::Agent,
        (b"http", b"http_refer") => Part::Referrer,
        (b"http", b"http_content_type") => Part::ContentType,
        (b"dns", b"type") => Part::Subkind,
        (b"dns" | b"queries", b"rrname") => Part::Qname,
        (b"dns" | b"queries", b"rrtype") => Part::Qtype,
        (b"dhcp", b"dhcp_type") => Part::Verdict,
        (b"dhcp", b"assigned_ip") => Part::NatIp,
        (b"dhcp", b"client_mac") => Part::Mac,
        (b"krb5", b"msg_type") => Part::Subkind,
        (b"krb5", b"cname") => Part::User,
        (b"krb5", b"realm") => Part::Realm,
        _ => return None,
    })
}
