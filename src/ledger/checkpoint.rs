//! Signed heads of the ledger, in the form of C2SP's tlog-checkpoint and signed-note, so that others can witness them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::LedgerError;
use super::digest::Digest;

/// The type of an Ed25519 key in a signed note.
const ED25519_NOTE: u8 = 0x01;

/// What a head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose ledger.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// The key that signs heads.
pub(crate) struct SigningKey {
    origin: String,
    pair: Ed25519KeyPair,
}

/// The key that heads are checked with, as it is printed: `origin+hash+key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyKey {
    origin: String,
    public: [u8; 32],
}

impl Checkpoint {
    /// The text that is signed.
    pub fn body(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root.0)
        )
    }

    fn parse(body: &str) -> Option<Checkpoint> {
        let mut lines = body.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty())?.to_owned();
        let size_text = lines.next()?;
        let size: u64 = size_text.parse().ok()?;
        let root = STANDARD.decode(lines.next()?).ok()?;
        let checkpoint = Checkpoint {
            origin,
            size,
            root: Digest(root.try_into().ok()?),
        };
        // Only the one spelling that we would sign ourselves is a head of ours.
        (checkpoint.body() == body).then_some(checkpoint)
    }
}

impl SigningKey {
    /// From the origin of the ledger and the seed of its key.
    pub(crate) fn new(origin: &str, seed: &[u8; 32]) -> Result<Self, LedgerError> {
        let fit = !origin.is_empty()
            && !origin.contains('+')
            && !origin.chars().any(|c| c.is_whitespace() || c.is_control());
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| LedgerError::BadKey)?;
        if !fit {
            return Err(LedgerError::BadOrigin);
        }
        Ok(SigningKey {
            origin: origin.to_owned(),
            pair,
        })
    }

    /// The key to check with.
    pub(crate) fn verify_key(&self) -> VerifyKey {
        let mut public = [0u8; 32];
        for (to, from) in public.iter_mut().zip(self.pair.public_key().as_ref()) {
            *to = *from;
        }
        VerifyKey {
            origin: self.origin.clone(),
            public,
        }
    }

    /// A signed head. Ed25519 is deterministic: the same head has the same bytes.
    pub(crate) fn sign(&self, size: u64, root: Digest) -> String {
        let body = Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
        }
        .body();
        let mut stamped = self.verify_key().hash().to_vec();
        stamped.extend_from_slice(self.pair.sign(body.as_bytes()).as_ref());
        format!(
            "{body}\n\u{2014} {} {}\n",
            self.origin,
            STANDARD.encode(stamped)
        )
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.origin)
    }
}

impl VerifyKey {
    /// Reads `origin+hash+key`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (origin, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = STANDARD.decode(key).ok()?;
        let (kind, public) = key.split_first()?;
        let key = VerifyKey {
            origin: origin.to_owned(),
            public: public.try_into().ok()?,
        };
        let expected: String = key.hash().iter().map(|b| format!("{b:02x}")).collect();
        (*kind == ED25519_NOTE && !origin.is_empty() && hash == expected).then_some(key)
    }

    /// Whose ledger.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Checks a signed head and reads it. Signatures of others in the note are passed over.
    pub fn open(&self, note: &str) -> Result<Checkpoint, LedgerError> {
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(LedgerError::BadHead)?;
        let body = format!("{text}\n");
        let checkpoint = Checkpoint::parse(&body).ok_or(LedgerError::BadHead)?;
        if checkpoint.origin != self.origin {
            return Err(LedgerError::BadHead);
        }
        let public = UnparsedPublicKey::new(&ED25519, &self.public);
        let signed = signatures.lines().any(|line| {
            line.strip_prefix("\u{2014} ")
                .and_then(|rest| rest.split_once(' '))
                .filter(|(name, _)| *name == self.origin)
                .and_then(|(_, stamped)| STANDARD.decode(stamped).ok())
                .is_some_and(|stamped| {
                    stamped
                        .split_at_checked(4)
                        .is_some_and(|(hash, signature)| {
                            hash == self.hash() && public.verify(body.as_bytes(), signature).is_ok()
                        })
                })
        });
        if signed {
            Ok(checkpoint)
        } else {
            Err(LedgerError::BadHead)
        }
    }

    fn hash(&self) -> [u8; 4] {
        let Digest([a, b, c, d, ..]) =
            Digest::of(&[self.origin.as_bytes(), b"\n", &[ED25519_NOTE], &self.public]);
        [a, b, c, d]
    }
}

impl std::fmt::Display for VerifyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d] = self.hash();
        let mut key = vec![ED25519_NOTE];
        key.extend_from_slice(&self.public);
        write!(
            f,
            "{}+{a:02x}{b:02x}{c:02x}{d:02x}+{}",
            self.origin,
            STANDARD.encode(key)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_opened_with_its_key_and_no_other() {
        let key = SigningKey::new("ledger.example/one", &[3; 32]).unwrap();
        let note = key.sign(7, Digest([9; 32]));
        let public = VerifyKey::parse(&key.verify_key().to_string()).unwrap();
        assert_eq!(public.open(&note).unwrap().size, 7);
        assert!(public.open(&note.replacen('7', "8", 1)).is_err());
        let other = SigningKey::new("ledger.example/one", &[4; 32]).unwrap();
        assert!(other.verify_key().open(&note).is_err());
        let elsewhere = SigningKey::new("ledger.example/two", &[3; 32]).unwrap();
        assert!(elsewhere.verify_key().open(&note).is_err());
    }

    #[test]
    fn a_note_of_the_reference_is_opened() {
        // Key, text and signature are the published example of Go's package golang.org/x/mod/sumdb/note.
        let key = VerifyKey {
            origin: "PeterNeumann".to_owned(),
            public: STANDARD
                .decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
                .unwrap()
                .split_off(1)
                .try_into()
                .unwrap(),
        };
        assert_eq!(
            key.to_string(),
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        );
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let stamped = STANDARD
            .decode("x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=")
            .unwrap();
        let public = UnparsedPublicKey::new(&ED25519, &key.public);
        assert!(public.verify(text.as_bytes(), &stamped[4..]).is_ok());
    }

    #[test]
    fn an_origin_that_a_note_can_not_carry_is_refused() {
        assert!(SigningKey::new("a b", &[3; 32]).is_err());
        assert!(SigningKey::new("a+b", &[3; 32]).is_err());
        assert!(SigningKey::new("", &[3; 32]).is_err());
    }
}
