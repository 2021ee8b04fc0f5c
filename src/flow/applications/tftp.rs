//! TFTP: a question for a file with a mode of transfer, or blocks on a port of their own (RFC 1350).

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::ApplicationClass;

pub(super) struct Tftp;

const MODES: [&[u8]; 3] = [b"octet", b"netascii", b"mail"];

/// Options that a server grants.
const OPTIONS: [&[u8]; 4] = [b"blksize\0", b"tsize\0", b"timeout\0", b"windowsize\0"];

impl Application for Tftp {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        first == 0
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let is_mine = match talk.packet {
            _ if talk.is_tcp() => false,
            [0, 1 | 2, names @ ..] => {
                let mut words = names.split(|byte| *byte == 0);
                words.next().is_some()
                    && words.any(|word| MODES.iter().any(|mode| word.eq_ignore_ascii_case(mode)))
            }
            // The first block is full; nothing else begins with number one and this length.
            [0, 3, 0, 1, block @ ..] => block.len() == 512,
            // What was asked for is granted, option by option, or the first block may come (RFC 2347).
            [0, 6, options @ ..] => OPTIONS.iter().any(|option| {
                options
                    .get(..option.len())
                    .is_some_and(|begin| begin.eq_ignore_ascii_case(option))
            }),
            [0, 4, 0, 0] => return Answer::NeedMore,
            _ => false,
        };
        Answer::when(is_mine)
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("tftp", ApplicationClass::FileTransfer);
        Hearing::Enough
    }
}
