//! RTP: two packets of one source with numbers that follow each other (RFC 3550).

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::record::ApplicationClass;

pub(super) struct Rtp;

/// Numbers may have been lost in between, but not many.
const WIDEST_GAP: u16 = 32;

impl Application for Rtp {
    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if talk.is_tcp() {
            return Answer::NotMine;
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

/// Who sends, of what kind, and the number of a packet; `None` if it is none.
fn source(packet: &[u8]) -> Option<([u8; 4], u8, u16)> {
    let ([head, kind, high, low, _, _, _, _, source @ ..], _) = packet.split_first_chunk::<12>()?;
    let kind = kind & 0x7f;
    let is_usual = head >> 6 == 2 && matches!(kind, 0..=34 | 96..=127) && *source != [0; 4];
    is_usual.then_some((*source, kind, u16::from_be_bytes([*high, *low])))
}
