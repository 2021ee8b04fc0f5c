//! Kerberos (RFC 4120): who was given a ticket, from which address, becomes a sign-in.

use super::heard::sign_in;
use super::{Answer, Application, Facts, Hearing, Talk};
use crate::flow::bytes::Bytes;
use crate::record::{
    AccountText, ApplicationClass, Basis, Event, SignInEvent, Word, from_store_ip,
};

pub(super) struct Kerberos;

/// The messages' application tags: questions and answers for a first ticket and for further ones, and errors.
const FIRST_TAG: u8 = 0x6a;
const AS_REPLY: u8 = 0x6b;
const TGS_REPLY: u8 = 0x6d;
const LAST_REQUEST: u8 = 0x6f;
const ERROR: u8 = 0x7e;
/// Tags of ASN.1.
const SEQUENCE: u8 = 0x30;
const CONTEXT: u8 = 0xa0;
const INTEGER: u8 = 2;
const TEXT: u8 = 0x1b;
/// The version that every message carries.
const VERSION: u8 = 5;
/// A wrong password (RFC 4120, 7.5.9).
const WRONG_PASSWORD: u8 = 24;
/// How many messages of a stream are looked at in one go, and the longest.
const MOST_MESSAGES: usize = 8;
const LONGEST: u32 = 64 * 1024;

impl Application for Kerberos {
    fn begins(&self, first: u8) -> bool {
        // Over TCP a length stands before the message.
        matches!(first, 0 | FIRST_TAG..=LAST_REQUEST | ERROR)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.now();
        if !talk.is_tcp() {
            return Answer::when(is_message(said));
        }
        match said {
            [0, _, _, _, message @ ..] if message.len() >= 12 => Answer::when(is_message(message)),
            _ => Answer::when_more(said.len() < 16 && talk.has_port(88)),
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("kerberos", ApplicationClass::Network);
        if !talk.is_tcp() {
            if let Some(event) = event(talk.packet, talk) {
                facts.tell(event);
            }
            return Hearing::PacketsAlone;
        }
        if talk.from_initiator {
            return Hearing::GoOn;
        }
        // A stream mostly carries one question and one answer; an answer is told when its last byte has come.
        let said = talk.answered();
        let before = said.len().saturating_sub(talk.packet.len());
        let mut reader = Bytes::new(said);
        for _ in 0..MOST_MESSAGES {
            let Some(length) = reader.be32().filter(|length| *length <= LONGEST) else {
                break;
            };
            let Some(message) = reader.take(length as usize) else {
                break;
            };
            if said.len() - reader.rest().len() > before
                && talk.is_new
                && let Some(event) = event(message, talk)
            {
                facts.tell(event);
            }
        }
        Hearing::GoOn
    }
}

/// Whether this begins as a message does: its tag, a sequence, and the version behind one or two tags.
fn is_message(said: &[u8]) -> bool {
    let Some(&(FIRST_TAG..=LAST_REQUEST | ERROR)) = said.first() else {
        return false;
    };
    // The message may be longer than what has come: tags and lengths are walked, and not held against it.
    let mut at = said.get(1..).unwrap_or_default();
    let mut step = |tag: Option<u8>| -> Option<u8> {
        let (first, rest) = at.split_first()?;
        let skipped = if first & 0x80 == 0 {
            0
        } else {
            usize::from(first & 0x7f)
        };
        let rest = rest.get(skipped..)?;
        let (found, rest) = rest.split_first()?;
        at = rest;
        tag.is_none_or(|tag| tag == *found).then_some(*found)
    };
    let walked = (|| {
        step(Some(SEQUENCE))?;
        let outer = step(None)?;
        step(Some(INTEGER))?;
        Some(outer)
    })();
    let is_version = matches!(at, [1, VERSION, ..]);
    matches!(walked, Some(0xa0 | 0xa1)) && is_version
}

/// The sign-in that an answer tells of.
fn event(message: &[u8], talk: &Talk<'_>) -> Option<Event<'static>> {
    let (tag, body) = Bytes::new(message).tagged()?;
    let mut fields = Bytes::new(body).of_tag(SEQUENCE)?;
    let (event, realm_at, name_at) = match tag {
        AS_REPLY => (SignInEvent::Logon, CONTEXT + 3, CONTEXT + 4),
        TGS_REPLY => (SignInEvent::Interim, CONTEXT + 3, CONTEXT + 4),
        ERROR => (SignInEvent::Fail, CONTEXT + 7, CONTEXT + 8),
        _ => return None,
    };
    let (mut realm, mut name, mut code) = (String::new(), String::new(), None);
    while let Some((tag, value)) = fields.tagged() {
        if tag == realm_at {
            realm = text(Bytes::new(value).of_tag(TEXT)?.rest());
        } else if tag == name_at {
            name = principal(value)?;
        } else if tag == CONTEXT + 6 {
            code = Bytes::new(value)
                .of_tag(INTEGER)
                .and_then(|code| code.rest().last().copied());
        }
    }
    if event == SignInEvent::Fail && code != Some(WRONG_PASSWORD) {
        return None;
    }
    let mut sign_in = sign_in(talk.time, event, Basis::Kerberos);
    sign_in.account_token = Some(AccountText::new(name)?);
    sign_in.realm = Word::from(realm);
    let [client, _] = talk.addresses;
    sign_in.ip = Some(from_store_ip(client.into()));
    Some(Event::SignIn(sign_in))
}

/// The parts of a name, joined as they are written.
fn principal(value: &[u8]) -> Option<String> {
    let mut name = Bytes::new(value).of_tag(SEQUENCE)?;
    name.of_tag(CONTEXT)?;
    let mut parts = name.of_tag(CONTEXT + 1)?.of_tag(SEQUENCE)?;
    let mut joined = String::new();
    while let Some(part) = parts.of_tag(TEXT) {
        if !joined.is_empty() {
            joined.push('/');
        }
        joined.push_str(&text(part.rest()));
    }
    Some(joined)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
