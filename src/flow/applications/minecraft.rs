//! Minecraft (Java edition): a client's first message names the server that was typed in, whoever runs it.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct Minecraft;

/// The longest first message: a name of 255 characters and what stands around it.
const LONGEST: usize = 270;

impl Application for Minecraft {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.asked();
        if said.is_empty() {
            return Answer::NotMine;
        }
        match greeting(said) {
            Some(_) => Answer::Mine,
            // The length comes first, then the number of the message, which is 0.
            None => Answer::when_more(said.len() < 4 && matches!(said.get(1), None | Some(0 | 1))),
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("minecraft", ApplicationClass::Games);
        facts.server_name = greeting(talk.asked()).unwrap_or_default().into();
        Hearing::Enough
    }
}

/// The server's name in a first message that is as long as it says.
fn greeting(said: &[u8]) -> Option<String> {
    let mut stream = Bytes::new(said);
    let length = number(&mut stream)?;
    if length > LONGEST {
        return None;
    }
    let mut message = Bytes::new(stream.take(length)?);
    let (kind, _version) = (number(&mut message)?, number(&mut message)?);
    let length = number(&mut message)?;
    let name = message.take(length)?;
    message.skip(2)?;
    let next = message.u8()?;
    let is_greeting = kind == 0 && matches!(next, 1..=3) && message.is_empty();
    // Programs that change the game add words of their own behind a zero.
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let is_name = name.len() > 2
        && name.contains(&b'.')
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let name = std::str::from_utf8(name).ok()?;
    (is_greeting && is_name).then(|| name.trim_end_matches('.').to_lowercase())
}

/// A number of seven bits a byte, the lowest first.
fn number(reader: &mut Bytes<'_>) -> Option<usize> {
    let mut value = 0usize;
    for place in 0..3 {
        let byte = reader.u8()?;
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
