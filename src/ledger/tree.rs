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
mod tests {
    use super::*;

    /// The eight inputs of the reference tests of Certificate Transparency (RFC 6962's own implementation).
    fn reference() -> Vec<Digest> {
        [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .iter()
        .map(|hex| {
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            leaf_hash(&bytes)
        })
        .collect()
    }

    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn hashes(texts: &[&str]) -> Vec<Digest> {
        texts
            .iter()
            .map(|text| Digest::parse(text).unwrap())
            .collect()
    }

    #[test]
    fn the_roots_are_those_of_the_reference() {
        let leaves = reference();
        assert_eq!(
            root(&[]).to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (at, expected) in ROOTS.iter().enumerate() {
            assert_eq!(&root(&leaves[..=at]).to_string(), expected);
            assert_eq!(
                &Levels::of(leaves[..=at].to_vec()).root().to_string(),
                expected
            );
        }
    }

    #[test]
    fn the_inclusion_proofs_are_those_of_the_reference() {
        let leaves = reference();
        let path = |place: usize, size: usize| {
            Levels::of(leaves[..size].to_vec())
                .inclusion(place)
                .unwrap()
        };
        assert_eq!(path(0, 1), hashes(&[]));
        assert_eq!(
            path(0, 8),
            hashes(&[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ])
        );
        assert_eq!(
            path(5, 8),
            hashes(&[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ])
        );
        assert_eq!(
            path(2, 3),
            hashes(&["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"])
        );
    }

    #[test]
    fn the_consistency_proofs_are_those_of_the_reference() {
        let leaves = reference();
        let proof = |old: usize, new: usize| consistency(&leaves[..new], old).unwrap();
        assert_eq!(proof(1, 1), hashes(&[]));
        assert_eq!(
            proof(1, 8),
            hashes(&[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ])
        );
        assert_eq!(
            proof(6, 8),
            hashes(&[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ])
        );
        assert_eq!(
            proof(2, 5),
            hashes(&[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ])
        );
    }

    #[test]
    fn every_proof_of_every_small_tree_holds_and_no_other_does() {
        let leaves: Vec<Digest> = (0..40u8).map(|n| leaf_hash(&[n])).collect();
        for size in 1..=leaves.len() {
            let tree = Levels::of(leaves[..size].to_vec());
            let (n, top) = (size as u64, tree.root());
            for place in 0..size {
                let path = tree.inclusion(place).unwrap();
                assert!(verify_inclusion(
                    &leaves[place],
                    place as u64,
                    n,
                    &path,
                    &top
                ));
                assert!(!verify_inclusion(
                    &leaves[place],
                    place as u64 + 1,
                    n,
                    &path,
                    &top
                ));
                let other = leaf_hash(b"other");
                assert!(!verify_inclusion(&other, place as u64, n, &path, &top));
                let mut longer = path.clone();
                longer.push(other);
                assert!(!verify_inclusion(
                    &leaves[place],
                    place as u64,
                    n,
                    &longer,
                    &top
                ));
            }
            for old in 0..=size {
                let proof = consistency(&leaves[..size], old).unwrap();
                let old_root = root(&leaves[..old]);
                assert!(verify_consistency(old as u64, n, &old_root, &top, &proof));
                if old > 0 && old < size {
                    let wrong = leaf_hash(b"wrong");
                    assert!(!verify_consistency(old as u64, n, &wrong, &top, &proof));
                    assert!(!verify_consistency(
                        old as u64, n, &old_root, &wrong, &proof
                    ));
                }
            }
        }
    }
}
