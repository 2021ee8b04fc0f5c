//! How the program's own requests are told from those of others on the same socket.
//!
//! Who holds the key of a data folder may do there what the program does; the word said on the socket
//! comes from that key, so it lies nowhere and needs no exchange. Everybody else may only ask.

use ring::{digest, hmac};
use zeroize::Zeroizing;

/// The name that the program gives.
pub(super) const USER: &str = "invigil";

/// The word that goes with it.
pub(super) fn word(key: &[u8; 32]) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, b"invigil: own statements on the socket, 1");
    let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    Zeroizing::new(digits.collect())
}

/// What is kept of the word where requests are answered.
#[derive(Clone)]
pub(super) struct Own {
    digest: digest::Digest,
}

impl Own {
    /// For a data folder with this key.
    pub(super) fn new(key: &[u8; 32]) -> Own {
        Own {
            digest: of(word(key).as_bytes()),
        }
    }

    /// For strangers at an address, who have a key of their own.
    pub(super) fn of_strangers(key: &str) -> Own {
        Own {
            digest: of(key.as_bytes()),
        }
    }

    /// Whether this is the word. Digests are compared, so that the time it takes tells nothing of it.
    pub(super) fn is(&self, word: &[u8]) -> bool {
        of(word).as_ref() == self.digest.as_ref()
    }
}

fn of(word: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_of_one_key_and_is_not_the_key() {
        let own = Own::new(&[7; 32]);
        assert!(own.is(word(&[7; 32]).as_bytes()));
        assert!(!own.is(word(&[8; 32]).as_bytes()));
        assert!(!own.is(b""));
        assert!(!word(&[7; 32]).contains("0707"));
    }
}
