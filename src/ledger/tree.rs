//! The Merkle tree of RFC 6962 and RFC 9162: roots, proofs, and the check of proofs.
//!
//! Used twice: over the entries of the ledger, and over the frames of each batch.

use super::digest::Digest;

/// The hash of a leaf (RFC 9162, 2.1.1).
pub(crate) fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest::of(&[&[0x00], leaf])
}

/// The hash of a node above two others.
pub(crate) fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut node = [0x01u8; 65];
    for (to, from) in node.iter_mut().skip(1).zip(left.0.iter().chain(&right.0)) {
        *to = *from;
    }
    Digest::of(&[&node])
}

/// The root over leaves that come one by one, holding no more than the logarithm of their number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frontier {
    size: u64,
    /// Roots of complete subtrees, largest first: one for each bit that is set in `size`.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// Adds a leaf by its hash.
    pub(crate) fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        let mut complete = self.size;
        while complete & 1 == 1 {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
            complete >>= 1;
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// How many leaves there are.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The root; of no leaves, the hash of nothing.
    pub(crate) fn root(&self) -> Digest {
        self.peaks
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(|| Digest::of(&[]))
    }
}

/// A tree with all its nodes, for when many proofs are wanted of one set of leaves.
#[derive(Clone, Debug)]
pub(crate) struct Levels(Vec<Vec<Digest>>);

impl Levels {
    /// The tree over these hashes of leaves.
    pub(crate) fn of(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node_hash(left, right),
                    // A last node without a neighbour rises as it is.
                    [alone, ..] => *alone,
                    [] => Digest::default(),
                })
                .collect();
            levels.push(above);
        }
        Levels(levels)
    }

    /// The root.
    pub(crate) fn root(&self) -> Digest {
        self.0
            .last()
            .and_then(|level| level.first())
            .copied()
            .unwrap_or_else(|| Digest::of(&[]))
    }

    /// The inclusion proof of a leaf by its place, from 0; `None` beyond the last.
    pub(crate) fn inclusion(&self, place: usize) -> Option<Vec<Digest>> {
        self.0.first()?.get(place)?;
        let mut at = place;
        let mut path = Vec::new();
        for level in &self.0 {
            if level.len() > 1
                && let Some(neighbour) = level.get(at ^ 1)
            {
                path.push(*neighbour);
            }
            at >>= 1;
        }
        Some(path)
    }
}

/// The root over these hashes of leaves.
pub(crate) fn root(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// The proof that the tree over the first `old` of these leaves is a beginning of the whole (RFC 9162, 2.1.4.1).
pub(crate) fn consistency(leaves: &[Digest], old: usize) -> Option<Vec<Digest>> {
    if old > leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    if old > 0 && old < leaves.len() {
        subproof(leaves, old, true, &mut proof);
    }
    Some(proof)
}

fn subproof(leaves: &[Digest], old: usize, complete: bool, proof: &mut Vec<Digest>) {
    if old == leaves.len() {
        if !complete {
            proof.push(root(leaves));
        }
        return;
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(split.min(leaves.len()));
    if old <= split {
        subproof(left, old, complete, proof);
        proof.push(root(right));
    } else {
        subproof(right, old - split, false, proof);
        proof.push(root(left));
    }
}

/// Checks an inclusion proof (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(
    leaf: &Digest,
    place: u64,
    size: u64,
    path: &[Digest],
    root: &Digest,
) -> bool {
    if place >= size {
        return false;
    }
    let (mut at, mut last) = (place, size - 1);
    let mut node = *leaf;
    for step in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            node = node_hash(step, &node);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            node = node_hash(&node, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && node == *root
}

/// Checks a consistency proof (RFC 9162, 2.1.4.2).
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Digest,
    new_root: &Digest,
    proof: &[Digest],
) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == Digest::of(&[]);
    }
    let mut steps = proof.iter();
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    // If the old tree is complete, its root is where the proof starts and is left out of it.
    let start = if old.is_power_of_two() {
        Some(old_root)
    } else {
        steps.next()
    };
    let Some(start) = start else { return false };
    let (mut old_node, mut new_node) = (*start, *start);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_node = node_hash(step, &old_node);
            new_node = node_hash(step, &new_node);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_node = node_hash(&new_node, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_node == *old_root && new_node == *new_root
}

#[cfg(test)]
mod tests;
