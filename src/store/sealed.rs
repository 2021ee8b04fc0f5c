//! Sealing of what lies in the data folder beside the engine: originals, names.
//!
//! ChaCha20-Poly1305 (RFC 8439) with a random nonce in front. The context, such as the file's own name,
//! is authenticated too, so that a sealed piece can not be put in another's place unnoticed.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

/// A key that seals and opens.
pub struct SealKey {
    key: LessSafeKey,
    random: SystemRandom,
}

/// A piece can not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The piece was changed, is cut, or was sealed with another key or for another place.
    #[error("a sealed piece was changed, or belongs to another key or place")]
    Changed,
    /// The system gives no random bytes, or the piece is too long to seal.
    #[error("a piece could not be sealed")]
    CannotSeal,
}

impl SealKey {
    /// From 32 secret bytes.
    pub fn new(key: &[u8; 32]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| SealError::CannotSeal)?;
        Ok(SealKey {
            key: LessSafeKey::new(key),
            random: SystemRandom::new(),
        })
    }

    /// Seals a piece for the place that `context` names.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0u8; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| SealError::CannotSeal)?;
        // In its last place from the beginning: a batch has megabytes.
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + MAX_TAG_LEN);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (_, body) = sealed
            .split_at_mut_checked(NONCE_LEN)
            .ok_or(SealError::CannotSeal)?;
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                body,
            )
            .map_err(|_| SealError::CannotSeal)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens a piece that was sealed for this place.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, body) = sealed
            .split_at_checked(NONCE_LEN)
            .ok_or(SealError::Changed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Changed)?;
        let mut body = body.to_vec();
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(context), &mut body)
            .map_err(|_| SealError::Changed)?
            .len();
        body.truncate(plain);
        Ok(body)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_opens_in_its_own_place_alone() {
        let key = SealKey::new(&[3; 32]).unwrap();
        let sealed = key.seal(b"here", b"a line").unwrap();
        assert_eq!(key.open(b"here", &sealed).unwrap(), b"a line");
        assert_eq!(key.open(b"there", &sealed), Err(SealError::Changed));
        assert_eq!(
            SealKey::new(&[4; 32]).unwrap().open(b"here", &sealed),
            Err(SealError::Changed)
        );
    }

    #[test]
    fn any_changed_byte_and_any_cut_is_noticed() {
        let key = SealKey::new(&[3; 32]).unwrap();
        let sealed = key.seal(b"here", b"a line").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(b"here", &changed), Err(SealError::Changed));
            assert_eq!(key.open(b"here", &sealed[..at]), Err(SealError::Changed));
        }
    }
}
