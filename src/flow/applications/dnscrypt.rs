//! DNSCrypt: a sealed answer that begins with the letters that every resolver sends.

use super::{Answer, Application, Facts, Hearing, Talk};
use crate::record::ApplicationClass;

pub(super) struct DnsCrypt;

/// How every answer of a resolver begins.
const ANSWER: &[u8] = b"r6fnvWj8";
/// Letters, nonce and seal: no answer is shorter.
const SHORTEST_ANSWER: usize = 8 + 24 + 16;

impl Application for DnsCrypt {
    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let said = talk.now();
        let said = if talk.is_tcp() {
            said.get(2..).unwrap_or_default()
        } else {
            said
        };
        if said.starts_with(ANSWER) && said.len() >= SHORTEST_ANSWER {
            Answer::Mine
        } else if talk.answered().is_empty() {
            // Only the answer tells; a stream whose first bytes others know is not waited for.
            Answer::when_more(!talk.is_tcp() || talk.has_port(443) || talk.has_port(5353))
        } else {
            Answer::NotMine
        }
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("dnscrypt", ApplicationClass::EncryptedDns);
        Hearing::Enough
    }
}
