//! OpenVPN over UDP and TCP: the reset that opens a session and its answer (OpenVPN wire protocol draft).

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct OpenVpn;

/// Opcodes in the upper five bits; the key number, zero here, in the lower three.
const CLIENT_RESETS: [u8; 3] = [1 << 3, 7 << 3, 10 << 3];
const SERVER_RESETS: [u8; 2] = [2 << 3, 8 << 3];
/// Opcode and session number.
const SHORTEST: usize = 9;
/// What a reset is at most: the third kind carries a wrapped key of up to a kilobyte.
const LONGEST: usize = 1_500;
/// The whole of a reset with nothing around it: number of acknowledgements and its own number, both zero.
const BARE_TAIL: [u8; 5] = [0; 5];

impl Application for OpenVpn {
    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if !talk.is_tcp() && (talk.asked().is_empty() || talk.answered().is_empty()) {
            return alone(talk);
        }
        let (Some(asked), Some(answered)) =
            (message(talk, talk.asked()), message(talk, talk.answered()))
        else {
            return Answer::NeedMore;
        };
        let Some(asked) = asked else {
            return if talk.asked().is_empty() {
                Answer::NeedMore
            } else {
                Answer::NotMine
            };
        };
        let Some(client) = reset(asked, &CLIENT_RESETS) else {
            return Answer::NotMine;
        };
        let Some(answered) = answered else {
            return if talk.answered().is_empty() {
                Answer::NeedMore
            } else {
                Answer::NotMine
            };
        };
        let Some(server) = reset(answered, &SERVER_RESETS) else {
            return Answer::NotMine;
        };
        // The answer names the session that it answers, unless it is encrypted as a whole.
        let names_it = answered
            .get(SHORTEST..)
            .is_some_and(|rest| rest.windows(8).any(|window| window == client));
        let is_wrapped = asked.len() >= 54 && answered.len() >= 54;
        if client != server && (names_it || is_wrapped) {
            Answer::Mine
        } else {
            Answer::NotMine
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("openvpn", ApplicationClass::Vpn);
        Hearing::Enough
    }
}

/// One end alone, where the other's way was not captured: a bare reset, then control messages of the same session.
fn alone(talk: &Talk<'_>) -> Answer {
    const CONTROL: u8 = 4;
    const ACKNOWLEDGED: u8 = 5;
    let first = if talk.from_initiator {
        talk.asked()
    } else {
        talk.answered()
    };
    let is_client = reset(first, &CLIENT_RESETS);
    let Some(session) = is_client.or_else(|| reset(first, &SERVER_RESETS)) else {
        return Answer::NotMine;
    };
    // The answer's array of one acknowledgement, the session that it answers, and its own number.
    let bare = SHORTEST + BARE_TAIL.len() + if is_client.is_some() { 0 } else { 12 };
    let is_bare = first.len() == bare && first.ends_with(&BARE_TAIL[..4]);
    match talk.packet.split_first() {
        Some((opcode, rest)) if is_bare && matches!(opcode >> 3, CONTROL | ACKNOWLEDGED) => {
            Answer::when(rest.starts_with(session))
        }
        _ => Answer::NeedMore,
    }
}

/// The first message of a stream, where TCP puts its length before it. The outer `None`: not whole yet; the inner: none.
#[expect(clippy::option_option, reason = "not yet and never are two answers")]
fn message<'a>(talk: &Talk<'_>, said: &'a [u8]) -> Option<Option<&'a [u8]>> {
    if said.is_empty() {
        return Some(None);
    }
    if !talk.is_tcp() {
        return Some(Some(said));
    }
    let mut stream = Bytes::new(said);
    let length = usize::from(stream.be16()?);
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Some(None);
    }
    stream.take(length).map(Some)
}

/// The session number of a reset.
fn reset<'a>(message: &'a [u8], opcodes: &[u8]) -> Option<&'a [u8]> {
    let mut header = Bytes::new(message);
    let opcode = header.u8()?;
    let session = header.take(8)?;
    let is_long_enough = header.rest().len() >= BARE_TAIL.len() && message.len() <= LONGEST;
    (opcodes.contains(&opcode) && is_long_enough && session != [0; 8]).then_some(session)
}
