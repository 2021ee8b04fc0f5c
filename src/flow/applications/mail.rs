//! Mail and files whose ends first speak in clear, and then may begin TLS: SMTP, IMAP, POP3, FTP.

use super::tls;
use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass::{self, FileTransfer, Mail as Post};

pub(super) struct Mail;

/// How a client that wants TLS asks for it.
const STARTS: [&[u8]; 4] = [b"STARTTLS", b"STLS", b"AUTH TLS", b"AUTH SSL"];
/// What is looked at in search of that question.
const LONGEST: usize = 4_096;

impl Application for Mail {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if !talk.is_tcp() {
            return Answer::NotMine;
        }
        let (answered, asked) = (talk.answered(), talk.asked());
        let may_come = |said: &[u8]| said.len() < 4;
        match kind(answered, asked) {
            Some(_) => Answer::Mine,
            None if may_come(answered) || answered.starts_with(b"220") && may_come(asked) => {
                Answer::when_more(talk.ports.iter().any(|port| USUAL.contains(port)))
            }
            None => Answer::NotMine,
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        if facts.application.is_empty()
            && let Some((name, class)) = kind(talk.answered(), talk.asked())
        {
            facts.name(name, class);
        }
        if facts.server_name.is_empty()
            && let Some(name) = banner(talk.answered())
        {
            facts.server_name = name.into();
        }
        let asked = talk.asked();
        // What the server says changes nothing of what is looked for here.
        if !talk.from_initiator {
            return Hearing::GoOn;
        }
        match sealed(asked) {
            Some(sealed) if tls::hear_hello(sealed, facts) => Hearing::Enough,
            None if asked.len() > LONGEST => Hearing::Enough,
            _ => Hearing::GoOn,
        }
    }
}

/// What a client says after it has asked for TLS.
fn sealed(asked: &[u8]) -> Option<&[u8]> {
    let clear = asked.get(..LONGEST).unwrap_or(asked);
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', clear) {
        let line = clear.get(begin..end).unwrap_or_default().trim_ascii_end();
        begin = end + 1;
        // IMAP puts a word of the client's own before it.
        let asks = STARTS.iter().any(|start| {
            line.len()
                .checked_sub(start.len())
                .and_then(|at| line.get(at..))
                .is_some_and(|last| last.eq_ignore_ascii_case(start))
        });
        if asks {
            return asked.get(begin..);
        }
    }
    None
}

/// Ports on which a client may speak only after the server.
const USUAL: [u16; 5] = [21, 25, 110, 143, 587];

/// What both ends' first words are.
fn kind(answered: &[u8], asked: &[u8]) -> Option<(&'static str, ApplicationClass)> {
    let says = |words: &[&[u8]]| {
        words.iter().any(|word| {
            asked
                .get(..word.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        })
    };
    if answered.starts_with(b"* OK ") || answered.starts_with(b"* PREAUTH ") {
        Some(("imap", Post))
    } else if answered.starts_with(b"+OK ") {
        Some(("pop3", Post))
    } else if !answered.starts_with(b"220") {
        None
    } else if says(&[b"EHLO ", b"HELO ", b"LHLO "]) {
        Some(("smtp", Post))
    } else if says(&[b"USER ", b"AUTH ", b"FEAT", b"OPTS ", b"SYST"]) {
        Some(("ftp", FileTransfer))
    } else {
        None
    }
}

/// The host by which a server of mail greets (RFC 5321, 4.2); a sealed hello names it better.
fn banner(answered: &[u8]) -> Option<String> {
    let line = answered.split(|byte| *byte == b'\n').next()?;
    let rest = line.strip_prefix(b"220")?.get(1..)?;
    let name = rest.split(u8::is_ascii_whitespace).next()?;
    let is_name = name.contains(&b'.')
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let name = std::str::from_utf8(name).ok().filter(|_| is_name)?;
    Some(name.trim_end_matches('.').to_lowercase())
}
