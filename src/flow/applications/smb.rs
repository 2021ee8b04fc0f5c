//! SMB 1 to 3 (MS-SMB2), and who signs in over it by NTLM: a sign-in once the server has agreed.

use super::heard::sign_in;
use super::{Answer, Application, Facts, Hearing, Over, Talk, ntlm};
use crate::flow::bytes::Bytes;
use crate::record::{
    AccountText, ApplicationClass, Basis, Event, SignInEvent, Word, from_store_ip,
};

pub(super) struct Smb;

/// What messages begin with: version 1, 2 and 3, sealed, packed.
const MARKS: [[u8; 4]; 4] = [*b"\xffSMB", *b"\xfeSMB", *b"\xfdSMB", *b"\xfcSMB"];
/// NetBIOS's own messages that open a session (RFC 1002, 4.3).
const SESSION: std::ops::RangeInclusive<u8> = 0x81..=0x84;
/// The command of version 2 by which a client signs in.
const SESSION_SETUP: u16 = 1;
/// How much of what each end said is searched for it.
const LONGEST: usize = 8 * 1024;
/// How many messages are looked at.
const MOST_MESSAGES: usize = 16;

impl Application for Smb {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        first == 0 || SESSION.contains(&first)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        match talk.now() {
            [0, _, _, _, message @ ..] => match message.first_chunk::<4>() {
                Some(mark) => Answer::when(MARKS.contains(mark)),
                None => Answer::NeedMore,
            },
            [kind, ..] if SESSION.contains(kind) && talk.has_port(139) => Answer::Mine,
            said => Answer::when_more(said.len() < 4),
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        let asked = talk.asked();
        // A session of NetBIOS is opened first, and need not carry SMB.
        if facts.application.is_empty() || facts.application == "netbios" {
            let is_there = [asked, talk.answered()]
                .iter()
                .any(|said| messages(said).any(|message| message.get(1..4) == Some(b"SMB")));
            if is_there {
                facts.name("smb", ApplicationClass::FileTransfer);
            } else {
                facts.name("netbios", ApplicationClass::Network);
            }
        }
        // Only an answer tells whether the server agreed.
        if talk.from_initiator || !talk.is_new {
            return if asked.len() > LONGEST {
                Hearing::Enough
            } else {
                Hearing::GoOn
            };
        }
        let Some((domain, user)) = last_sign_in(asked) else {
            return Hearing::GoOn;
        };
        match outcome(talk.answered()) {
            Some(is_agreed) => {
                let event = if is_agreed {
                    SignInEvent::Logon
                } else {
                    SignInEvent::Fail
                };
                let mut signed = sign_in(talk.time, event, Basis::Directory);
                let [client, _] = talk.addresses;
                signed.ip = Some(from_store_ip(client.into()));
                signed.realm = Word::from(domain);
                signed.account_token = AccountText::new(user);
                if signed.account_token.is_some() {
                    facts.tell(Event::SignIn(signed));
                }
                Hearing::Enough
            }
            None => Hearing::GoOn,
        }
    }
}

/// Who signs in by what the client said, if it has said so.
fn last_sign_in(asked: &[u8]) -> Option<(String, String)> {
    messages(asked)
        .filter(|message| command(message).is_some_and(|(command, _)| command == SESSION_SETUP))
        .find_map(ntlm::who)
}

/// What the server's last answer to a sign-in says; `None` if it is not there, or asks for more.
fn outcome(answered: &[u8]) -> Option<bool> {
    const MORE: u32 = 0xc000_0016;
    let statuses = messages(answered)
        .filter_map(command)
        .filter(|(command, _)| *command == SESSION_SETUP)
        .map(|(_, status)| status);
    statuses
        .last()
        .filter(|status| *status != MORE)
        .map(|status| status == 0)
}

/// The messages out of their frames.
fn messages(said: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Bytes::new(said.get(..LONGEST).unwrap_or(said));
    std::iter::from_fn(move || {
        rest.skip(1)?;
        let length = rest.be24()? as usize;
        rest.take(length)
    })
    .take(MOST_MESSAGES)
}

/// Command and status of a message of version 2.
fn command(message: &[u8]) -> Option<(u16, u32)> {
    let mut reader = Bytes::new(message);
    (reader.array()? == *b"\xfeSMB").then_some(())?;
    reader.skip(4)?;
    let status = reader.be32()?.swap_bytes();
    let command = reader.be16()?.swap_bytes();
    Some((command, status))
}
