//! Zeek's logs, by the names in `#fields` or as JSON: connections, DNS, HTTP, TLS names, leases, and sign-ins by RADIUS, Kerberos and NTLM.
//! Files and all other logs are passed over. Which log it is, `#path` says, or `_path`, or else the fields themselves.

use super::share_of_lines;
use crate::logs::fields::{number, text};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::json;
use crate::logs::lines::{BAD_TIME, MISSING, OTHER, Passed, WRONG_SHAPE};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{
    Basis, EndReason, Event, IgnoreReason, Lease, LeaseEvent, Mac, RejectReason, SignInEvent,
};

/// Zeek's logs.
pub(super) struct Zeek;

struct Reader {
    clock: LocalClock,
    separator: u8,
    log: Log,
    columns: Vec<Option<Part>>,
}

/// The logs that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Log {
    Conn,
    Dns,
    Http,
    Ssl,
    Dhcp,
    Radius,
    Kerberos,
    Ntlm,
    Other,
}

impl LogFormat for Zeek {
    fn name(&self) -> &'static str {
        "zeek"
    }

    fn title(&self) -> &'static str {
        "Zeek (TSV and JSON)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log", "json"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        if sample
            .iter()
            .any(|line| line.starts_with(b"#fields\t") || line.starts_with(b"#separator "))
        {
            return 100;
        }
        share_of_lines(sample, |line| {
            let has = |part: &[u8]| memchr::memmem::find(line, part).is_some();
            line.starts_with(b"{")
                && has(b"\"ts\"")
                && (has(b"\"uid\"")
                    || has(b"\"uids\"")
                    || has(b"\"id.orig_h\"")
                    || has(b"\"_path\""))
        })
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
            separator: b'\t',
            log: Log::Other,
            columns: Vec::new(),
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        let line = frame.bytes;
        if line.starts_with(b"#") {
            return self.heading(line);
        }
        let event = if line.starts_with(b"{") {
            object(line, &self.clock)
        } else {
            self.row(line)
        };
        match event {
            Ok(event) => {
                out(event);
                Outcome::Records
            }
            Err(none) => none.into(),
        }
    }
}

impl Reader {
    fn heading(&mut self, line: &[u8]) -> Outcome {
        let at = line
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\t'))
            .unwrap_or(line.len());
        let (name, value) = line.split_at_checked(at).unwrap_or((line, &[]));
        let value = value.get(1..).unwrap_or_default();
        match name {
            b"#separator" => {
                let digits = value
                    .strip_prefix(b"\\x")
                    .and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                self.separator = byte.or(value.first().copied()).unwrap_or(b'\t');
            }
            b"#path" => self.log = Log::named(value),
            b"#fields" => {
                let names = value
                    .split(|byte| *byte == self.separator)
                    .take(MOST_COLUMNS);
                self.columns = names.map(part).collect();
            }
            _ => {}
        }
        Outcome::Ignored(IgnoreReason::Comment)
    }

    fn row<'a>(&self, line: &'a [u8]) -> Result<Event<'a>, Passed> {
        if self.columns.is_empty() {
            return Err(WRONG_SHAPE);
        }
        let mut said = Said::nothing(Escapes::Backslash);
        let mut columns = self.columns.iter();
        for value in line.split(|byte| *byte == self.separator) {
            if let Some(part) = columns.next().ok_or(MISSING)? {
                said.put(*part, value);
            }
        }
        if columns.next().is_some() {
            return Err(MISSING);
        }
        event(self.log, &said, &self.clock)
    }
}

fn object<'a>(line: &'a [u8], clock: &LocalClock) -> Result<Event<'a>, Passed> {
    let mut said = Said::nothing(Escapes::Backslash);
    let mut log = None;
    let mut guess = Log::Other;
    let put = &mut |value: json::Value<'a>| {
        if value.key == b"_path" {
            log = Some(Log::named(value.text));
        }
        if guess == Log::Other {
            guess = Log::with(value.key);
        }
        // `id.orig_h` is one key; some shippers make an object of it.
        let key = match (value.parent, value.key) {
            (b"id", b"orig_h") => b"id.orig_h",
            (b"id", b"orig_p") => b"id.orig_p",
            (b"id", b"resp_h") => b"id.resp_h",
            (b"id", b"resp_p") => b"id.resp_p",
            (_, key) => key,
        };
        if let Some(part) = part(key) {
            said.put(part, value.text);
        }
    };
    if !json::values(line, put) {
        return Err(WRONG_SHAPE);
    }
    event(log.unwrap_or(guess), &said, clock)
}

impl Log {
    fn named(path: &[u8]) -> Self {
        // Rotated logs may keep their time in the name.
        let end = path
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))
            .unwrap_or(path.len());
        match path.get(..end).unwrap_or_default() {
            b"conn" | b"conn_long" => Log::Conn,
            b"dns" => Log::Dns,
            b"http" => Log::Http,
            b"ssl" => Log::Ssl,
            b"dhcp" => Log::Dhcp,
            b"radius" => Log::Radius,
            b"kerberos" => Log::Kerberos,
            b"ntlm" => Log::Ntlm,
            _ => Log::Other,
        }
    }

    /// The log that alone has this field.
    fn with(field: &[u8]) -> Self {
        match field {
            b"conn_state" => Log::Conn,
            b"qtype_name" | b"qclass" | b"rtt" => Log::Dns,
            b"trans_depth" | b"status_code" => Log::Http,
            b"cipher" | b"curve" | b"cert_chain_fuids" | b"ssl_history" => Log::Ssl,
            b"assigned_addr" | b"msg_types" => Log::Dhcp,
            b"tunnel_client" | b"framed_addr" => Log::Radius,
            b"request_type" => Log::Kerberos,
            b"server_nb_computer_name" | b"domainname" => Log::Ntlm,
            _ => Log::Other,
        }
    }
}

fn event<'a>(log: Log, said: &Said<'a>, clock: &LocalClock) -> Result<Event<'a>, Passed> {
    if log == Log::Other {
        return Err(OTHER);
    }
    let time = said
        .raw(Part::Time)
        .and_then(|time| clock.stamp(time))
        .ok_or(BAD_TIME)?;
    let signed_in = |event, basis| match said.account() {
        Some(_) => Ok(said.sign_in_event(time, event, basis)?),
        None => Err(OTHER),
    };
    let success = said.bytes(Part::Verdict);
    let outcome = match success {
        b"T" | b"true" | b"success" => Some(SignInEvent::Logon),
        b"F" | b"false" | b"failed" => Some(SignInEvent::Fail),
        _ => None,
    };
    Ok(match log {
        Log::Conn => {
            let mut flow = said.flow(time, EndReason::End)?;
            let ms = said.duration_ms(1)?.and_then(|ms| i64::try_from(ms).ok());
            flow.end = time.plus_micros(ms.unwrap_or(0).saturating_mul(1_000));
            flow.community_id = said.text(Part::Session).into_owned();
            Event::Flow(Box::new(flow))
        }
        Log::Dns => {
            let mut said = *said;
            if said.raw(Part::Qname).is_none() {
                return Err(OTHER);
            }
            said.replace(Part::Host, &[]);
            said.dns_event(time, None)?
        }
        Log::Http => said.web_event(time, None, None)?,
        Log::Ssl => {
            let mut said = *said;
            said.raw(Part::Host).ok_or(OTHER)?;
            said.replace(Part::Scheme, b"https");
            said.web_event(time, None, None)?
        }
        Log::Dhcp => lease(said, time)?,
        Log::Radius => {
            // The asker is the access server; the person's device has the address in the frame.
            let mut said = *said;
            said.account().ok_or(OTHER)?;
            said.replace(Part::Server, said.bytes(Part::ClientIp));
            said.replace(Part::ClientIp, said.bytes(Part::NatIp));
            said.replace(Part::Session, &[]);
            said.sign_in_event(time, outcome.ok_or(OTHER)?, Basis::Radius)?
        }
        Log::Kerberos => {
            // A ticket for a service rests on an earlier sign-in.
            if said.raw(Part::Kind) != Some(b"AS") {
                return Err(OTHER);
            }
            let mut said = *said;
            let client = said.bytes(Part::OtherUser);
            let at = memchr::memchr(b'/', client).unwrap_or(client.len());
            said.replace(Part::User, client.get(..at).unwrap_or_default());
            said.replace(Part::Realm, client.get(at + 1..).unwrap_or_default());
            said.account().ok_or(OTHER)?;
            said.sign_in_event(time, outcome.ok_or(OTHER)?, Basis::Kerberos)?
        }
        Log::Ntlm => signed_in(outcome.ok_or(OTHER)?, Basis::Directory)?,
        Log::Other => return Err(OTHER),
    })
}

fn lease<'a>(said: &Said<'a>, time: crate::record::Timestamp) -> Result<Event<'a>, Passed> {
    let Some(ip) = said.ip(Part::NatIp)? else {
        return Err(OTHER);
    };
    let seconds = said.bytes(Part::Query);
    let whole = memchr::memchr(b'.', seconds)
        .and_then(|at| seconds.get(..at))
        .unwrap_or(seconds);
    let seconds = number(whole).and_then(|seconds| i64::try_from(seconds).ok());
    let mac = said
        .raw(Part::Mac)
        .map(|mac| Mac::parse(&text(mac)).ok_or(RejectReason::BadAddress))
        .transpose()?;
    Ok(Event::Lease(Lease {
        time,
        event: LeaseEvent::Assign,
        ip,
        mac,
        hostname: said.text(Part::Message),
        expires: seconds.map(|seconds| time.plus_seconds(seconds)),
    }))
}

/// The fields of all these logs; their names do not clash but where `event` says what they mean.
fn part(name: &[u8]) -> Option<Part> {
    Some(match name {
        b"ts" => Part::Time,
        b"id.orig_h" => Part::ClientIp,
        b"id.orig_p" => Part::ClientPort,
        b"id.resp_h" => Part::ServerIp,
        b"id.resp_p" => Part::ServerPort,
        b"proto" => Part::Protocol,
        b"duration" => Part::Duration,
        b"orig_ip_bytes" | b"request_body_len" => Part::Sent,
        b"resp_ip_bytes" | b"response_body_len" => Part::Received,
        b"orig_pkts" => Part::SentPackets,
        b"resp_pkts" => Part::ReceivedPackets,
        b"community_id" => Part::Session,
        b"query" => Part::Qname,
        b"qtype_name" => Part::Qtype,
        b"rcode_name" => Part::Rcode,
        b"answers" => Part::Answer,
        b"method" => Part::Method,
        b"host" | b"server_name" => Part::Host,
        b"uri" => Part::Url,
        b"referrer" => Part::Referrer,
        b"user_agent" => Part::Agent,
        b"status_code" => Part::Status,
        b"username" => Part::User,
        b"mac" => Part::Mac,
        b"assigned_addr" | b"assigned_ip" | b"framed_addr" => Part::NatIp,
        b"lease_time" => Part::Query,
        b"host_name" => Part::Message,
        b"result" | b"success" => Part::Verdict,
        b"request_type" => Part::Kind,
        b"client" => Part::OtherUser,
        b"domainname" => Part::Realm,
        _ => return None,
    })
}

/// Columns at most.
const MOST_COLUMNS: usize = 200;
