//! RTP: two packets of one source with numbers that follow each other (RFC 3550).

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct Rtp;

/// Numbers may have been lost in between, but not many.
const WIDEST_GAP: u16 = 32;

impl Application for Rtp {
    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if talk.is_tcp() {
            return in_stream(talk.now());
        }
        let first = if talk.from_initiator {
            talk.asked()
        } else {
            talk.answered()
        };
        match (source(first), source(talk.packet)) {
            (Some((from, kind, before)), Some((to, other, after)))
                if from == to && kind == other =>
            {
                match after.wrapping_sub(before) {
                    // The first packet is the one that is asked about, or it came twice.
                    0 => Answer::NeedMore,
                    1..=WIDEST_GAP => Answer::Mine,
                    _ => Answer::NotMine,
                }
            }
            _ => Answer::NotMine,
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("rtp", ApplicationClass::VoiceVideo);
        Hearing::Enough
    }
}

/// Packets in a stream, each with its length before it (RFC 4571).
fn in_stream(said: &[u8]) -> Answer {
    let mut reader = Bytes::new(said);
    match (reader.counted16(), reader.counted16()) {
        (Some(first), Some(second)) => match (source(first.rest()), source(second.rest())) {
            (Some((from, kind, before)), Some((to, other, after))) => {
                Answer::when(from == to && kind == other && after.wrapping_sub(before) == 1)
            }
            _ => Answer::NotMine,
        },
        (Some(first), None) => Answer::when_more(source(first.rest()).is_some()),
        (None, _) => {
            let begin = said.get(2..).unwrap_or_default();
            Answer::when_more(begin.len() < 12 || source(begin).is_some())
        }
    }
}

/// Who sends, of what kind, and the number of a packet; `None` if it is none.
fn source(packet: &[u8]) -> Option<([u8; 4], u8, u16)> {
    let ([head, kind, high, low, _, _, _, _, source @ ..], _) = packet.split_first_chunk::<12>()?;
    let kind = kind & 0x7f;
    let is_usual = head >> 6 == 2 && matches!(kind, 0..=34 | 96..=127) && *source != [0; 4];
    is_usual.then_some((*source, kind, u16::from_be_bytes([*high, *low])))
}
