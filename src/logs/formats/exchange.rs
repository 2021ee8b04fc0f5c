//! Microsoft Exchange: message tracking (`MSGTRK`) and the protocol logs of IMAP and POP, fields set apart by commas under `#Fields:`.
//! Tracking gives mails by domain, size and number of recipients, mailboxes as names for tokens alone; IMAP and POP give sign-ins.
//!
//! Times are UTC. A line without heading is read by the columns that Exchange has by default.

use std::borrow::Cow;

use super::postfix::{mail_at, mailbox};
use super::share_of_lines;
use crate::logs::cells::Fields;
use crate::logs::fields::{address, number, text};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::lines::{BAD_TIME, OTHER, Passed, Read, WRONG_SHAPE};
use crate::logs::stamps::utc_stamp;
use crate::record::{
    AccountText, Basis, Direction, Event, IgnoreReason, RejectReason, SignIn, SignInEvent, Word,
};

/// Exchange's logs.
pub(super) struct Exchange;

#[derive(Default)]
struct Reader {
    names: Vec<Vec<u8>>,
}

impl LogFormat for Exchange {
    fn name(&self) -> &'static str {
        "exchange"
    }

    fn title(&self) -> &'static str {
        "Microsoft Exchange (message tracking, IMAP, POP)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        let headed = sample.iter().any(|line| {
            let names = line.strip_prefix(b"#Fields: ").unwrap_or_default();
            names.starts_with(b"date-time,") || names.starts_with(b"dateTime,")
        });
        if headed {
            return 100;
        }
        share_of_lines(sample, |line| {
            columns(line).and_then(default_names).is_some()
        })
    }

    fn reader(&self, _settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader::default())
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        let line = frame
            .bytes
            .strip_prefix("\u{feff}".as_bytes())
            .unwrap_or(frame.bytes);
        if let Some(names) = line.strip_prefix(b"#Fields: ") {
            self.names = names
                .trim_ascii()
                .split(|byte| *byte == b',')
                .map(<[u8]>::to_vec)
                .take(MOST_COLUMNS)
                .collect();
        }
        if line.starts_with(b"#") || line.starts_with(b"dateTime,") {
            return Outcome::Ignored(IgnoreReason::Comment);
        }
        match self.event(line) {
            Ok(event) => {
                out(event);
                Outcome::Records
            }
            Err(none) => none.into(),
        }
    }
}

/// The columns of a line, if it begins with a time in UTC.
fn columns(line: &[u8]) -> Option<[&[u8]; MOST_COLUMNS]> {
    let (columns, count) = Fields::columns::<MOST_COLUMNS>(line, b',')?;
    let time = columns.first()?;
    (count >= 10 && time.len() >= 20 && time.ends_with(b"Z") && time.get(10) == Some(&b'T'))
        .then_some(columns)
}

/// The names that Exchange gives the columns by default, told apart by what stands in them.
fn default_names(columns: [&[u8]; MOST_COLUMNS]) -> Option<&'static str> {
    let [_, session, sequence, server, client, _, ..] = columns;
    let end = |column: &[u8]| {
        let at = memchr::memrchr(b':', column)?;
        address(column.get(..at)?)
    };
    if !session.is_empty()
        && number(sequence).is_some()
        && end(server).is_some()
        && end(client).is_some()
    {
        return Some(PROTOCOL);
    }
    let [_, _, _, _, _, _, _, source, event, ..] = columns;
    let upper = |word: &[u8]| !word.is_empty() && word.iter().all(|byte| byte.is_ascii_uppercase());
    (upper(source) && upper(event)).then_some(TRACKING)
}

impl Reader {
    fn event<'a>(&self, line: &'a [u8]) -> Read<'a> {
        let columns = columns(line).ok_or(WRONG_SHAPE)?;
        let default = if self.names.is_empty() {
            Some(default_names(columns).ok_or(WRONG_SHAPE)?)
        } else {
            None
        };
        let of = |name: &str| -> &'a [u8] {
            let at = match default {
                Some(names) => names.split(',').position(|one| one == name),
                None => self
                    .names
                    .iter()
                    .position(|one| one.as_slice() == name.as_bytes()),
            };
            at.and_then(|at| columns.get(at).copied())
                .unwrap_or_default()
        };
        let time = columns
            .first()
            .copied()
            .and_then(utc_stamp)
            .ok_or(BAD_TIME)?;
        if !of("cIp").is_empty() {
            return sign_in(time, &of);
        }
        let status = match of("event-id") {
            b"RECEIVE" => "received",
            b"SEND" => "sent",
            b"DELIVER" => "delivered",
            b"FAIL" | b"BADMAIL" => "failed",
            b"DEFER" => "deferred",
            b"" => return Err(Passed::Rejected(RejectReason::MissingFields)),
            _ => return Err(OTHER),
        };
        let mut mail = mail_at(time);
        mail.status = Word::from(status);
        mail.direction = match of("directionality") {
            b"Incoming" => Some(Direction::Inbound),
            b"Originating" => Some(Direction::Outbound),
            _ => None,
        };
        let client = [of("original-client-ip"), of("client-ip")]
            .into_iter()
            .find(|ip| !ip.is_empty());
        mail.client_ip = client
            .map(|ip| address(ip).ok_or(RejectReason::BadAddress))
            .transpose()?;
        let (domain, name) = mailbox(of("sender-address"));
        mail.from_domain = domain.into();
        mail.from_token = name;
        let recipients = of("recipient-address")
            .split(|byte| *byte == b';')
            .filter(|one| !one.is_empty());
        for (at, recipient) in recipients.enumerate() {
            let (domain, name) = mailbox(recipient);
            // Recipients of several domains have none in common.
            mail.to_domain = if at == 0 || mail.to_domain.0 == domain {
                domain.into()
            } else {
                Word::default()
            };
            mail.to_tokens.extend(name);
        }
        let count = |value: &[u8]| match value {
            b"" => Ok(None),
            value => number(value).map(Some).ok_or(RejectReason::BadNumber),
        };
        mail.size = count(of("total-bytes"))?;
        mail.recipients = count(of("recipient-count"))?.and_then(|count| u32::try_from(count).ok());
        mail.queue_id = text(of("internal-message-id")).into();
        Ok(Event::MailEvent(mail))
    }
}

/// A sign-in by IMAP or POP; commands after it are none.
fn sign_in<'a>(time: crate::record::Timestamp, of: &dyn Fn(&str) -> &'a [u8]) -> Read<'a> {
    let command = of("command");
    let asks = [b"authenticate".as_slice(), b"login", b"auth", b"pass"];
    if !asks.iter().any(|one| one.eq_ignore_ascii_case(command)) {
        return Err(OTHER);
    }
    let context = of("context");
    let has = |part: &[u8]| memchr::memmem::find(context, part).is_some();
    let event = if has(b"AuthFailed") || has(b"-ERR") || has(b" NO ") || has(b"LogonDenied") {
        SignInEvent::Fail
    } else {
        SignInEvent::Logon
    };
    let end = of("cIp");
    let at = memchr::memrchr(b':', end).ok_or(RejectReason::BadAddress)?;
    let ip = end
        .get(..at)
        .and_then(address)
        .ok_or(RejectReason::BadAddress)?;
    let user = text(of("user"));
    let realm = user
        .split_once('\\')
        .map(|(domain, _)| domain.to_owned())
        .or_else(|| user.rsplit_once('@').map(|(_, domain)| domain.to_owned()));
    Ok(Event::SignIn(SignIn {
        time,
        event,
        account_token: AccountText::new(user),
        ip: Some(ip),
        client_port: end
            .get(at + 1..)
            .and_then(number)
            .and_then(|port| u16::try_from(port).ok()),
        mac: None,
        session: text(of("sessionId")).into(),
        nas: Word::default(),
        realm: Cow::<str>::Owned(realm.unwrap_or_default()).into(),
        basis: Basis::Event,
    }))
}

static PROTOCOL: &str =
    "dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,context";
static TRACKING: &str = "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip,custom-data";

/// Columns at most.
const MOST_COLUMNS: usize = 40;
