//! DNS in clear, over UDP and TCP, with its kin on the local network (mDNS, LLMNR): the names that were asked for.

use super::dns_answer;
use super::{Answer, Application, Facts, Hearing, Talk};
use crate::flow::bytes::Bytes;
use crate::record::{ApplicationClass, Event};

pub(super) struct Dns;

/// How many questions of a message are read.
const MOST_QUESTIONS: u16 = 32;
/// The longest name (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 255;

impl Application for Dns {
    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let is_usual = [53, 5353, 5355].iter().any(|port| talk.has_port(*port));
        let said = talk.now();
        if !talk.is_tcp() {
            return match questions(said) {
                Some(message) if is_usual || message.is_plain => Answer::Mine,
                // A broken or cut message says nothing against those after it.
                _ if talk.has_port(53) && first_name(said).is_empty() => Answer::NeedMore,
                _ => Answer::when(talk.has_port(53)),
            };
        }
        let mut stream = Bytes::new(said);
        match stream.counted16() {
            Some(message) => match questions(message.rest()) {
                Some(found) if is_usual || found.is_plain => Answer::Mine,
                _ => Answer::NotMine,
            },
            None if is_usual => Answer::NeedMore,
            None => Answer::NotMine,
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        let name = if talk.has_port(5353) {
            "mdns"
        } else if talk.has_port(5355) {
            "llmnr"
        } else {
            "dns"
        };
        facts.name(name, ApplicationClass::Dns);
        if talk.is_tcp() {
            let mut stream = Bytes::new(talk.now());
            let said = talk.now();
            let before = said.len().saturating_sub(talk.packet.len());
            while let Some(message) = stream.counted16() {
                // What ended in an earlier segment was told then.
                if talk.is_new && said.len() - stream.rest().len() > before {
                    tell(message.rest(), talk, facts);
                }
            }
            return Hearing::GoOn;
        }
        tell(talk.packet, talk, facts);
        Hearing::PacketsAlone
    }
}

/// The questions of a message.
struct Questions {
    names: Vec<String>,
    /// Whether this can hardly be anything else: one ordinary question and flags that fit it.
    is_plain: bool,
}

/// An answer is told of by itself, as a name server's log would; what the local network asks itself is not.
fn tell(message: &[u8], talk: &Talk<'_>, facts: &mut Facts) {
    let is_asked_of_a_server = facts.application == "dns";
    let answer = is_asked_of_a_server.then(|| dns_answer::read(message, talk));
    match answer.flatten() {
        Some(answer) => {
            facts.dns_queries.keep(&answer.qname.0);
            facts.tell(Event::DnsQuery(answer));
        }
        None => note(message, facts),
    }
}

fn note(message: &[u8], facts: &mut Facts) {
    if facts.dns_queries.is_full() {
        return;
    }
    let names = match questions(message) {
        Some(questions) if !questions.names.is_empty() => questions.names,
        // An answer without its question (as mDNS has it), or a message that is broken further on.
        _ => vec![first_name(message)],
    };
    for name in names {
        facts.dns_queries.keep(&name);
    }
}

/// The name that stands behind a message's head, of a question or else of an answer; empty if there is none.
fn first_name(message: &[u8]) -> String {
    let mut reader = Bytes::new(message);
    reader
        .skip(12)
        .and_then(|()| name(message, &mut reader))
        .unwrap_or_default()
}

/// Reads a message's head and questions (RFC 1035, 4.1); `None` if it is none.
fn questions(message: &[u8]) -> Option<Questions> {
    let mut reader = Bytes::new(message);
    reader.skip(2)?;
    let flags = reader.be16()?;
    let asked = reader.be16()?;
    let answers = reader.be16()?;
    let authorities = reader.be16()?;
    let additional = reader.be16()?;
    let is_answer = flags & 0x8000 != 0;
    let operation = flags >> 11 & 0x0f;
    if operation > 6 || asked > MOST_QUESTIONS || answers.max(authorities).max(additional) > 1_000 {
        return None;
    }
    if asked == 0 && !is_answer && answers == 0 {
        return None;
    }
    let mut names = Vec::new();
    let mut is_plain = operation == 0 && asked == 1 && flags & 0x0040 == 0;
    for _ in 0..asked {
        let name = name(message, &mut reader)?;
        let kind = reader.be16()?;
        let class = reader.be16()?;
        is_plain &=
            matches!(kind, 1..=65 | 99..=110 | 249..=258) && class == 1 && name.contains('.');
        if !name.is_empty() {
            names.push(name);
        }
    }
    is_plain &= is_answer || (answers == 0 && authorities == 0 && additional <= 2);
    is_plain &=
        !is_answer || answers > 0 || authorities > 0 || flags & 0x0f != 0 || reader.is_empty();
    Some(Questions { names, is_plain })
}

/// A name in lower case without the dot at its end; follows a pointer backwards, a few times.
pub(super) fn name<'a>(message: &'a [u8], reader: &mut Bytes<'a>) -> Option<String> {
    let mut name = String::new();
    let mut jumped: Option<Bytes<'a>> = None;
    let mut jumps = 0;
    loop {
        let from = jumped.as_mut().unwrap_or(reader);
        let length = from.u8()?;
        match length {
            0 => return Some(name),
            1..=63 => {
                let label = from.take(usize::from(length))?;
                if !name.is_empty() {
                    name.push('.');
                }
                push_label(&mut name, label);
                if name.len() > LONGEST_NAME * 4 {
                    return None;
                }
            }
            192.. => {
                let low = from.u8()?;
                let at = usize::from(length & 0x3f) << 8 | usize::from(low);
                jumps += 1;
                if jumps > 8 {
                    return None;
                }
                jumped = Some(Bytes::new(message.get(at..)?));
            }
            _ => return None,
        }
    }
}

/// A label as zone files write it: what is no printable ASCII becomes `\DDD`, unless it is UTF-8 (as mDNS has it).
fn push_label(name: &mut String, label: &[u8]) {
    if label.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        let before = name.len();
        name.push_str(std::str::from_utf8(label).unwrap_or_default());
        if let Some(added) = name.get_mut(before..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    if let Ok(text) = std::str::from_utf8(label)
        && !text.chars().any(char::is_control)
    {
        name.extend(text.chars().flat_map(char::to_lowercase));
        return;
    }
    for byte in label {
        if byte.is_ascii_graphic() {
            name.push(char::from(byte.to_ascii_lowercase()));
        } else {
            name.push_str(&format!("\\{byte:03}"));
        }
    }
}
