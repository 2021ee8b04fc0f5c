//! Exim's main log: a record for each delivery, joined by message number with its arrival; refusals; sign-ins at submission, good and
//! bad. Mailboxes leave this file as names for tokens alone.
//!
//! `2026-03-02 10:15:00 [+0000] [pid] ID <= from H=host [ip] A=plain:name S=size`; `=>` and `->` are delivered, `**` has failed, `==` waits.

use std::collections::BTreeMap;
use std::net::IpAddr;

use memchr::{memchr, memmem};

use super::postfix::{mail_at, mailbox};
use super::share_of_lines;
use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number, text};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::lines::{BAD_TIME, OTHER, Passed, Read, WRONG_SHAPE};
use crate::logs::times::LocalClock;
use crate::record::{
    AccountText, Basis, Event, RejectReason, SignIn, SignInEvent, Timestamp, Word,
};

/// Exim's main log.
pub(super) struct Exim;

struct Reader {
    clock: LocalClock,
    mails: BTreeMap<Vec<u8>, Mail>,
}

/// What the arrival of a mail said.
struct Mail {
    client: Option<IpAddr>,
    from: String,
    size: Option<u64>,
}

impl LogFormat for Exim {
    fn name(&self) -> &'static str {
        "exim"
    }

    fn title(&self) -> &'static str {
        "Exim main log"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| {
            split(line).is_some_and(|(_, rest)| {
                let has = |part: &[u8]| memmem::find(rest, part).is_some();
                has(b" <= ")
                    || has(b" => ")
                    || has(b" -> ")
                    || has(b" ** ")
                    || has(b" == ")
                    || has(b" Completed")
                    || has(b" rejected ")
                    || has(b"authenticator failed")
                    || rest.starts_with(b"H=")
                    || has(b"SMTP connection from")
            })
        })
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
            mails: BTreeMap::new(),
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

/// The time in up to three words, and the rest. Where syslog carries it, Exim's own time comes after the heading.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = Heading::of(line).message;
    let digits = |from: usize, to: usize| {
        line.get(from..to)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let dated = digits(0, 4)
        && line.get(4) == Some(&b'-')
        && line.get(10) == Some(&b' ')
        && digits(11, 13)
        && line.get(13) == Some(&b':');
    if !dated {
        return None;
    }
    let mut words = Words::of(line);
    let (_date, _time) = (words.next()?, words.next()?);
    let mut rest = words.rest();
    if let [b'+' | b'-', zone @ ..] = rest
        && zone
            .get(..4)
            .is_some_and(|zone| zone.iter().all(u8::is_ascii_digit))
    {
        words.next()?;
        rest = words.rest();
    }
    let stamp = line
        .get(..line.len().checked_sub(rest.len())?)?
        .trim_ascii_end();
    // The process, where `log_selector = +pid`.
    if rest.starts_with(b"[") {
        words.next()?;
        rest = words.rest();
    }
    Some((stamp, rest))
}

impl Reader {
    fn event<'a>(&mut self, line: &'a [u8]) -> Read<'a> {
        let (stamp, rest) = split(line).ok_or(WRONG_SHAPE)?;
        let time = self.clock.stamp(stamp).ok_or(BAD_TIME)?;
        let mut words = Words::of(rest);
        let (first, second) = (
            words.next().ok_or(WRONG_SHAPE)?,
            words.next().unwrap_or_default(),
        );
        let after = words.rest();
        match second {
            b"<=" => self.arrival(first, after, time),
            b"=>" | b"->" | b">>" | b"*>" => self.delivery(first, after, time, "delivered"),
            b"**" => self.delivery(first, after, time, "failed"),
            b"==" => self.delivery(first, after, time, "deferred"),
            b"Completed" => {
                self.mails.remove(first);
                Err(OTHER)
            }
            _ if memmem::find(rest, b"authenticator failed").is_some() => failed(rest, time),
            _ if memmem::find(rest, b" rejected ").is_some() => refusal(rest, time),
            _ => Err(OTHER),
        }
    }

    /// Remembers who sent it; a sign-in at submission is a record.
    fn arrival<'a>(&mut self, id: &[u8], rest: &'a [u8], time: Timestamp) -> Read<'a> {
        let from = Words::of(rest).next().unwrap_or_default();
        let client = host(rest)?;
        if self.mails.len() < MOST_REMEMBERED {
            let mail = Mail {
                client,
                from: if from == b"<>" {
                    String::new()
                } else {
                    text(from).into_owned()
                },
                size: value(rest, b" S=").and_then(number),
            };
            self.mails.insert(id.to_vec(), mail);
        }
        let name = value(rest, b" A=").and_then(|how| {
            let at = memchr(b':', how)?;
            how.get(at + 1..)
        });
        match (name, client) {
            (Some(name), Some(ip)) => Ok(sign_in(time, SignInEvent::Logon, ip, name)),
            _ => Err(OTHER),
        }
    }

    fn delivery<'a>(
        &self,
        id: &'a [u8],
        rest: &'a [u8],
        time: Timestamp,
        status: &'static str,
    ) -> Read<'a> {
        // `name <mailbox> R=...` where an alias was followed.
        let first = Words::of(rest).next().ok_or(RejectReason::MissingFields)?;
        let to = match (memchr(b'<', rest), memmem::find(rest, b" R=")) {
            (Some(open), Some(router)) if open < router => {
                let inner = rest.get(open + 1..router).unwrap_or_default();
                memchr(b'>', inner)
                    .and_then(|end| inner.get(..end))
                    .unwrap_or(first)
            }
            _ => first.strip_suffix(b":").unwrap_or(first),
        };
        let mut mail = mail_at(time);
        if let Some(known) = self.mails.get(id) {
            mail.client_ip = known.client;
            mail.size = known.size;
            let (domain, name) = mailbox(known.from.as_bytes());
            mail.from_domain = domain.into();
            mail.from_token = name;
        }
        let (domain, name) = mailbox(to);
        mail.to_domain = domain.into();
        mail.to_tokens.extend(name);
        mail.recipients = Some(1);
        mail.status = Word::from(status);
        mail.queue_id = text(id).into();
        Ok(Event::MailEvent(mail))
    }
}

/// `H=host [ip]:port ... F=<a@b> rejected RCPT <c@d>: reason`.
fn refusal<'a>(rest: &'a [u8], time: Timestamp) -> Read<'a> {
    let mut mail = mail_at(time);
    mail.client_ip = host(rest)?;
    if mail.client_ip.is_none() {
        return Err(OTHER);
    }
    mail.status = Word::from("rejected");
    if let Some(from) = value(rest, b" F=") {
        let (domain, name) = mailbox(from);
        mail.from_domain = domain.into();
        mail.from_token = name;
    }
    let at = memmem::find(rest, b" rejected RCPT ");
    if let Some(to) = at.and_then(|at| Words::of(rest.get(at + 15..)?).next()) {
        let (domain, name) = mailbox(to.strip_suffix(b":").unwrap_or(to));
        mail.to_domain = domain.into();
        mail.to_tokens.extend(name);
        mail.recipients = Some(1);
    }
    Ok(Event::MailEvent(mail))
}

/// `dovecot_login authenticator failed for host ([helo]) [ip]:port: 535 ... (set_id=name)`.
fn failed<'a>(rest: &'a [u8], time: Timestamp) -> Read<'a> {
    let at = memmem::find(rest, b" failed for ").ok_or(OTHER)?;
    let after = rest.get(at + 12..).unwrap_or_default();
    let end = memmem::find(after, b": ").unwrap_or(after.len());
    let ip = bracketed(after.get(..end).unwrap_or_default())?.ok_or(RejectReason::MissingFields)?;
    let name = value(rest, b"(set_id=");
    let name = name
        .map(|name| name.strip_suffix(b")").unwrap_or(name))
        .unwrap_or_default();
    Ok(sign_in(time, SignInEvent::Fail, ip, name))
}

fn sign_in<'a>(time: Timestamp, event: SignInEvent, ip: IpAddr, name: &[u8]) -> Event<'a> {
    Event::SignIn(SignIn {
        time,
        event,
        account_token: AccountText::new(text(name)),
        ip: Some(ip),
        client_port: None,
        mac: None,
        session: Word::default(),
        nas: Word::default(),
        realm: Word::default(),
        basis: Basis::Event,
    })
}

/// The client after `H=`: the last address in brackets before the next field; the one before it is what the client called itself.
fn host(rest: &[u8]) -> Result<Option<IpAddr>, Passed> {
    let at = if rest.starts_with(b"H=") {
        Some(0)
    } else {
        memmem::find(rest, b" H=").map(|at| at + 1)
    };
    let Some(after) = at.and_then(|at| rest.get(at + 2..)) else {
        return Ok(None);
    };
    let end = Words::of(after)
        .skip(1)
        .find(|word| memchr(b'=', word).is_some_and(|at| at <= 3));
    let end = end
        .and_then(|word| memmem::find(after, word))
        .unwrap_or(after.len());
    bracketed(after.get(..end).unwrap_or_default())
}

/// The last address in square brackets.
fn bracketed(part: &[u8]) -> Result<Option<IpAddr>, Passed> {
    let Some(open) = memchr::memrchr(b'[', part) else {
        return Ok(None);
    };
    let inner = part.get(open + 1..).unwrap_or_default();
    let end = memchr(b']', inner).ok_or(WRONG_SHAPE)?;
    let ip = inner
        .get(..end)
        .and_then(address)
        .ok_or(RejectReason::BadAddress)?;
    Ok(Some(ip))
}

/// The word after a key.
fn value<'a>(rest: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = memmem::find(rest, key)?;
    Words::of(rest.get(at + key.len()..)?).next()
}

/// Mails remembered at most, so that a hostile log can not fill the memory.
const MOST_REMEMBERED: usize = 1 << 18;
