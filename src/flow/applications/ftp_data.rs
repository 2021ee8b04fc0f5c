//! The data connection of FTP where it can be told by itself: the listing of a folder, as servers print it.

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::FileTransfer;

pub(super) static FTP_DATA: Signature = Signature {
    name: "ftp_data",
    class: FileTransfer,
    over: Over::Tcp,
    first: b"-dlt",
    probe,
};

fn probe(talk: &Talk<'_>) -> Answer {
    let said = talk.now();
    if said.starts_with(b"total ") {
        return Answer::when(talk.has_port(20));
    }
    let Some((mode, rest)) = said.split_at_checked(10) else {
        return Answer::when_more(said.iter().all(|byte| b"-dlrwxsStT".contains(byte)));
    };
    // The kind, three rights for three, a blank, and how many names there are.
    let is_mode = mode.iter().skip(1).all(|byte| b"-rwxsStT".contains(byte));
    let count = rest.trim_ascii_start().first();
    Answer::when(
        is_mode && rest.starts_with(b" ") && count.is_some_and(|byte| byte.is_ascii_digit()),
    )
}
