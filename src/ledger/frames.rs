//! The tree over the frames of a batch: what ties a single line to the ledger.
//!
//! A frame's leaf is the hash of a 16-byte nonce and the frame's bytes, line end included, as they stand in the source.
//! The nonce is a keyed function of source and frame. Only nonces of disclosed frames are released, so that the hash of a
//! neighbour in a proof can not be tried against guesses of what the neighbour's line said.
//! This runs for every line that is read, so it allocates nothing.

use ring::hmac;

use super::digest::Digest;
use super::tree::{Frontier, Levels};
use crate::record::SourceId;

/// Makes the nonces of one source.
#[derive(Clone)]
pub struct FrameNonces([u8; 32]);

impl FrameNonces {
    /// For this source, with the key for nonces.
    pub fn new(key: &[u8; 32], source: SourceId) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mut of_source = [0u8; 32];
        for (to, from) in of_source
            .iter_mut()
            .zip(hmac::sign(&key, &source.0).as_ref())
        {
            *to = *from;
        }
        FrameNonces(of_source)
    }

    /// The nonce of a frame.
    pub fn nonce(&self, frame: u64) -> [u8; 16] {
        let Digest(whole) = Digest::of(&[&self.0, &frame.to_le_bytes()]);
        let mut nonce = [0u8; 16];
        for (to, from) in nonce.iter_mut().zip(whole) {
            *to = from;
        }
        nonce
    }

    /// The leaf of a frame.
    pub fn leaf(&self, frame: u64, bytes: &[u8]) -> Digest {
        frame_leaf(&self.nonce(frame), bytes)
    }
}

impl std::fmt::Debug for FrameNonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FrameNonces(withheld)")
    }
}

/// The leaf of a frame whose nonce is known: what a stranger computes from a package.
pub fn frame_leaf(nonce: &[u8; 16], bytes: &[u8]) -> Digest {
    Digest::of(&[&[0x00], nonce, bytes])
}

/// The running tree over the frames of one batch; it holds a few dozen hashes at most.
#[derive(Clone, Debug)]
pub struct FrameTree {
    nonces: FrameNonces,
    frontier: Frontier,
}

impl FrameTree {
    /// An empty tree for a batch of this source.
    pub fn new(nonces: FrameNonces) -> Self {
        FrameTree {
            nonces,
            frontier: Frontier::default(),
        }
    }

    /// Adds the next frame: its number, and its bytes with its line end.
    pub fn push(&mut self, frame: u64, bytes: &[u8]) {
        let leaf = self.nonces.leaf(frame, bytes);
        self.frontier.push(leaf);
    }

    /// How many frames there are.
    pub fn frames(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over the frames so far.
    pub fn root(&self) -> Digest {
        self.frontier.root()
    }

    /// Ends the batch: gives how many frames it had and their root, and is empty for the next batch of the source.
    pub fn finish(&mut self) -> (u64, Digest) {
        let frontier = std::mem::take(&mut self.frontier);
        (frontier.size(), frontier.root())
    }
}

/// The whole tree of one batch, made again from its originals when frames of it are to be proved.
#[derive(Clone, Debug)]
pub struct FrameProofs {
    frames: Vec<u64>,
    tree: Levels,
}

impl FrameProofs {
    /// From all frames of the batch, in order: number and bytes with line end.
    pub fn new<'a>(
        nonces: &FrameNonces,
        frames: impl IntoIterator<Item = (u64, &'a [u8])>,
    ) -> FrameProofs {
        let (frames, leaves) = frames
            .into_iter()
            .map(|(frame, bytes)| (frame, nonces.leaf(frame, bytes)))
            .unzip();
        FrameProofs {
            frames,
            tree: Levels::of(leaves),
        }
    }

    /// The root, to compare with the batch's entry.
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// How many frames there are.
    pub fn frames(&self) -> u64 {
        self.frames.len() as u64
    }

    /// The place of a frame among the batch's frames, from 0, and its path to the root.
    pub fn inclusion(&self, frame: u64) -> Option<(u64, Vec<Digest>)> {
        let place = self.frames.binary_search(&frame).ok()?;
        Some((place as u64, self.tree.inclusion(place)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tree::verify_inclusion;

    #[test]
    fn each_frame_of_a_batch_is_proved_and_a_changed_one_is_not() {
        let nonces = FrameNonces::new(&[7; 32], SourceId([1; 16]));
        let lines: Vec<(u64, Vec<u8>)> = (0..13u64)
            .map(|n| (1 + n * 3, format!("line {n}\n").into_bytes()))
            .collect();
        let mut tree = FrameTree::new(nonces.clone());
        for (frame, line) in &lines {
            tree.push(*frame, line);
        }
        let proofs = FrameProofs::new(&nonces, lines.iter().map(|(n, l)| (*n, l.as_slice())));
        assert_eq!(proofs.root(), tree.root());
        for (frame, line) in &lines {
            let (place, path) = proofs.inclusion(*frame).unwrap();
            let leaf = frame_leaf(&nonces.nonce(*frame), line);
            assert!(verify_inclusion(&leaf, place, 13, &path, &tree.root()));
            let wrong = frame_leaf(&nonces.nonce(*frame), b"line x\n");
            assert!(!verify_inclusion(&wrong, place, 13, &path, &tree.root()));
        }
        assert!(proofs.inclusion(2).is_none());
        assert_eq!(tree.finish(), (13, proofs.root()));
        assert_eq!(tree.frames(), 0);
    }

    #[test]
    fn the_same_line_has_another_leaf_in_another_place() {
        let nonces = FrameNonces::new(&[7; 32], SourceId([1; 16]));
        let elsewhere = FrameNonces::new(&[7; 32], SourceId([2; 16]));
        assert_ne!(nonces.leaf(1, b"same\n"), nonces.leaf(2, b"same\n"));
        assert_ne!(nonces.leaf(1, b"same\n"), elsewhere.leaf(1, b"same\n"));
    }
}
