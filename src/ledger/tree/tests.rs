//! The tree against the values of the reference tests of Certificate Transparency, and against itself.

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
        let digit = |c: &u8| u8::try_from(char::from(*c).to_digit(16).unwrap()).unwrap();
        let bytes: Vec<u8> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| digit(&pair[0]) << 4 | digit(&pair[1]))
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
        for (place, leaf) in leaves[..size].iter().enumerate() {
            let path = tree.inclusion(place).unwrap();
            assert!(verify_inclusion(leaf, place as u64, n, &path, &top));
            assert!(!verify_inclusion(leaf, place as u64 + 1, n, &path, &top));
            let other = leaf_hash(b"other");
            assert!(!verify_inclusion(&other, place as u64, n, &path, &top));
            let mut longer = path.clone();
            longer.push(other);
            assert!(!verify_inclusion(leaf, place as u64, n, &longer, &top));
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
