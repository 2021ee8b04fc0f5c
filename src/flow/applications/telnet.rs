//! Telnet: the options that both ends negotiate before anything is shown (RFC 854).

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::RemoteControl;

pub(super) static TELNET: Signature = Signature {
    name: "telnet",
    class: RemoteControl,
    over: Over::Tcp,
    first: b"\xff",
    probe,
};

fn probe(talk: &Talk<'_>) -> Answer {
    match talk.now() {
        [] | [0xff] | [0xff, 0xfb..=0xfe] => Answer::NeedMore,
        // WILL, WONT, DO or DONT, and an option that is assigned; then another command, the end, or text.
        [0xff, 0xfb..=0xfe, option, rest @ ..] => Answer::when(
            *option <= 49
                && rest
                    .first()
                    .is_none_or(|next| *next == 0xff || *next < 0x80),
        ),
        _ => Answer::NotMine,
    }
}
