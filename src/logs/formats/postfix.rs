//! Postfix in syslog: a record for each delivery, joined by queue number with who handed the mail in and how large it is; refusals; failed
//! and successful SASL sign-ins; and sessions that the server broke off. Mailboxes leave this file as names for tokens alone.
//!
//! A failed sign-in is told of twice, at once and when the client leaves (`auth=0/1`): the second counts only if the first was not logged.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use memchr::{memchr, memmem};

use super::share_of_lines;
use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number, text};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::lines::{BAD_TIME, OTHER, Passed, Read, WRONG_SHAPE};
use crate::logs::pairs::Pairs;
use crate::logs::times::LocalClock;
use crate::record::{
    AccountText, Basis, Event, MailEvent, RejectReason, SignIn, SignInEvent, Timestamp, Word,
};

/// Postfix in syslog.
pub(super) struct Postfix;

struct Reader {
    clock: LocalClock,
    mails: BTreeMap<Vec<u8>, Mail>,
    /// Clients whose failed sign-in was told of and who have not left yet.
    failed: BTreeSet<IpAddr>,
}

/// What is known of a mail in the queue.
#[derive(Clone, Debug, Default)]
struct Mail {
    client: Option<IpAddr>,
    from: Option<String>,
    size: Option<u64>,
}

impl LogFormat for Postfix {
    fn name(&self) -> &'static str {
        "postfix"
    }

    fn title(&self) -> &'static str {
        "Postfix (syslog)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| daemon(Heading::of(line).program).is_some())
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
            mails: BTreeMap::new(),
            failed: BTreeSet::new(),
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        match self.event(frame.bytes) {
            Ok(event) => {
                out(event);
                Outcome::Records
            }
            Err(none) => none.into(),
        }
    }
}

/// The daemon in `postfix/smtpd`, `postfix/submission/smtpd`, `postfix-out/smtp`.
fn daemon(program: &[u8]) -> Option<&[u8]> {
    let at = memchr::memrchr(b'/', program)?;
    program
        .starts_with(b"postfix")
        .then(|| program.get(at + 1..))?
}

impl Reader {
    fn event<'a>(&mut self, line: &'a [u8]) -> Read<'a> {
        let envelope = Heading::of(line);
        let Some(daemon) = daemon(envelope.program) else {
            return Err(if envelope.program.is_empty() {
                WRONG_SHAPE
            } else {
                OTHER
            });
        };
        let time = || envelope.time(&self.clock).ok_or(BAD_TIME);
        let message = envelope.message;
        match daemon {
            b"smtpd" | b"postscreen" => {
                let time = time()?;
                self.session(message, time)
            }
            b"qmgr" | b"oqmgr" | b"nqmgr" => {
                self.queue(message)?;
                Err(OTHER)
            }
            b"smtp" | b"lmtp" | b"local" | b"virtual" | b"pipe" | b"error" | b"discard"
            | b"relay" => {
                let time = time()?;
                self.delivery(message, time)
            }
            _ => Err(OTHER),
        }
    }

    /// What the side says that takes mail in.
    fn session<'a>(&mut self, message: &'a [u8], time: Timestamp) -> Read<'a> {
        if let Some(at) = memmem::find(message, b": client=") {
            return self.taken_in(message, at, time);
        }
        if let Some(at) = memmem::find(message, b"reject: ") {
            return refusal(message.get(at..).unwrap_or_default(), time);
        }
        if let Some(at) = memmem::find(message, b": SASL ")
            && memmem::find(message, b" authentication failed").is_some()
        {
            let ip = client(message.get(..at).unwrap_or_default())?;
            if self.failed.len() < MOST_REMEMBERED {
                self.failed.insert(ip);
            }
            let name =
                memmem::find(message, b"sasl_username=").and_then(|at| message.get(at + 14..));
            return Ok(sign_in(time, SignInEvent::Fail, ip, name.map(until_comma)));
        }
        if message.starts_with(b"disconnect from ") {
            let ip = client(message)?;
            let told = self.failed.remove(&ip);
            return if !told && memmem::find(message, b" auth=0/").is_some() {
                Ok(sign_in(time, SignInEvent::Fail, ip, None))
            } else {
                Err(OTHER)
            };
        }
        let fault = FAULTS
            .iter()
            .find(|(words, _)| memmem::find(message, words.as_bytes()).is_some());
        let (_, status) = fault.ok_or(OTHER)?;
        let at = memmem::find(message, b" from ").ok_or(OTHER)?;
        let ip = client(message.get(at..).unwrap_or_default())?;
        let mut mail = mail_at(time);
        mail.client_ip = Some(ip);
        mail.status = Word::from(*status);
        Ok(Event::MailEvent(mail))
    }

    /// `QUEUE: client=host[ip], sasl_method=PLAIN, sasl_username=name`.
    fn taken_in<'a>(&mut self, message: &'a [u8], at: usize, time: Timestamp) -> Read<'a> {
        let ip = message.get(at..).and_then(|rest| client(rest).ok());
        let queue = message.get(..at).unwrap_or_default();
        if self.mails.len() < MOST_REMEMBERED {
            self.mails.entry(queue.to_vec()).or_default().client = ip;
        }
        let name = memmem::find(message, b"sasl_username=").and_then(|at| message.get(at + 14..));
        match (name, ip) {
            (Some(name), Some(ip)) => Ok(sign_in(
                time,
                SignInEvent::Logon,
                ip,
                Some(until_comma(name)),
            )),
            _ => Err(OTHER),
        }
    }

    /// `QUEUE: from=<a@b>, size=1234, nrcpt=1 (queue active)`, `QUEUE: removed`.
    fn queue(&mut self, message: &[u8]) -> Result<(), Passed> {
        let (queue, rest) = split_queue(message).ok_or(OTHER)?;
        if rest == b"removed" {
            self.mails.remove(queue);
            return Ok(());
        }
        if self.mails.len() >= MOST_REMEMBERED && !self.mails.contains_key(queue) {
            return Ok(());
        }
        let mail = self.mails.entry(queue.to_vec()).or_default();
        for (key, value) in Pairs::with(rest, b'=', b',') {
            match key {
                b"from" => mail.from = Some(text(without_angles(value)).into_owned()),
                b"size" => mail.size = number(value),
                _ => {}
            }
        }
        Ok(())
    }

    /// `QUEUE: to=<a@b>, relay=host[ip]:25, delay=1.2, dsn=2.0.0, status=sent (...)`.
    fn delivery<'a>(&self, message: &'a [u8], time: Timestamp) -> Read<'a> {
        let (queue, rest) = split_queue(message).ok_or(OTHER)?;
        let to = rest.strip_prefix(b"to=").ok_or(OTHER)?;
        let at = memmem::find(rest, b"status=").ok_or(OTHER)?;
        let status = Words::of(rest.get(at + 7..).unwrap_or_default())
            .next()
            .unwrap_or_default();
        let mut mail = mail_at(time);
        if let Some(known) = self.mails.get(queue) {
            mail.client_ip = known.client;
            mail.size = known.size;
            let (domain, name) = mailbox(known.from.as_deref().unwrap_or_default().as_bytes());
            mail.from_domain = domain.into();
            mail.from_token = name;
        }
        put_recipient(&mut mail, until_comma(to));
        mail.status = text(status).into();
        mail.queue_id = text(queue).into();
        Ok(Event::MailEvent(mail))
    }
}

/// `reject: RCPT from host[ip]: 554 ... from=<a@b> to=<c@d> proto=ESMTP`.
fn refusal<'a>(message: &'a [u8], time: Timestamp) -> Read<'a> {
    let at = memmem::find(message, b" from ").ok_or(WRONG_SHAPE)?;
    let rest = message.get(at..).unwrap_or_default();
    let mut mail = mail_at(time);
    mail.client_ip = Some(client(rest)?);
    mail.status = Word::from("rejected");
    if let Some(at) = memmem::rfind(rest, b"from=<") {
        let (domain, name) = mailbox(until_comma(rest.get(at + 5..).unwrap_or_default()));
        mail.from_domain = domain.into();
        mail.from_token = name;
    }
    if let Some(at) = memmem::rfind(rest, b"to=<") {
        put_recipient(
            &mut mail,
            until_comma(rest.get(at + 3..).unwrap_or_default()),
        );
    }
    Ok(Event::MailEvent(mail))
}

fn put_recipient(mail: &mut MailEvent<'_>, mailbox_text: &[u8]) {
    let (domain, name) = mailbox(mailbox_text);
    mail.to_domain = domain.into();
    mail.to_tokens.extend(name);
    mail.recipients = Some(1);
}

/// A mail at this moment, of which nothing else is known yet.
pub(super) fn mail_at<'a>(time: Timestamp) -> MailEvent<'a> {
    MailEvent {
        time,
        direction: None,
        client_ip: None,
        from_domain: Word::default(),
        to_domain: Word::default(),
        from_token: None,
        to_tokens: Vec::new(),
        recipients: None,
        size: None,
        status: Word::default(),
        queue_id: Word::default(),
    }
}

/// The domain of a mailbox, in lower case, and its whole name.
pub(super) fn mailbox(address: &[u8]) -> (String, Option<AccountText>) {
    let address = text(without_angles(address.trim_ascii()));
    let domain = address
        .rsplit_once('@')
        .map(|(_, domain)| domain.to_ascii_lowercase());
    (domain.unwrap_or_default(), AccountText::new(address))
}

fn without_angles(address: &[u8]) -> &[u8] {
    match address {
        [b'<', inner @ .., b'>'] => inner,
        _ => address,
    }
}

/// Up to the comma or blank that ends it; what stands in angle brackets is whole.
fn until_comma(value: &[u8]) -> &[u8] {
    let end = if value.starts_with(b"<") {
        memchr(b'>', value).map(|at| at + 1)
    } else {
        value.iter().position(|byte| matches!(byte, b',' | b' '))
    };
    value.get(..end.unwrap_or(value.len())).unwrap_or(value)
}

fn sign_in<'a>(time: Timestamp, event: SignInEvent, ip: IpAddr, name: Option<&[u8]>) -> Event<'a> {
    Event::SignIn(SignIn {
        time,
        event,
        account_token: name.map(text).and_then(AccountText::new),
        ip: Some(ip),
        client_port: None,
        mac: None,
        session: Word::default(),
        nas: Word::default(),
        realm: Word::default(),
        basis: Basis::Event,
    })
}

/// The address in the first `host[address]`.
fn client(message: &[u8]) -> Result<IpAddr, Passed> {
    let open = memchr(b'[', message).ok_or(OTHER)?;
    let rest = message.get(open + 1..).unwrap_or_default();
    let end = memchr(b']', rest).ok_or(WRONG_SHAPE)?;
    let inner = rest.get(..end).unwrap_or_default();
    if inner == b"unknown" {
        return Err(OTHER);
    }
    Ok(address(inner).ok_or(RejectReason::BadAddress)?)
}

/// `3F1A2B: rest`, with a queue number of digits and letters.
fn split_queue(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memmem::find(message, b": ")?;
    let queue = message.get(..at)?;
    let sound = !queue.is_empty() && queue.iter().all(u8::is_ascii_alphanumeric);
    sound.then(|| Some((queue, message.get(at + 2..)?)))?
}

/// What the server says when it breaks a session off, and what it becomes here.
static FAULTS: &[(&str, &str)] = &[
    ("improper command pipelining", "protocol_error"),
    ("too many errors", "too_many_errors"),
    ("lost connection after", "lost_connection"),
    ("non-SMTP command", "protocol_error"),
    ("PREGREET ", "protocol_error"),
    ("HANGUP ", "lost_connection"),
    ("COMMAND TIME LIMIT", "limit_exceeded"),
    ("COMMAND COUNT LIMIT", "limit_exceeded"),
    ("COMMAND LENGTH LIMIT", "limit_exceeded"),
    ("rate limit exceeded", "limit_exceeded"),
    ("timeout after", "lost_connection"),
];

/// Mails and clients remembered at most, so that a hostile log can not fill the memory.
const MOST_REMEMBERED: usize = 1 << 18;
