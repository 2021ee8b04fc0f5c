//! The same seed gives the same bytes, and the truth tells of every line.

use ring::digest::{Context, SHA256};

use super::*;

fn region(seed: u64) -> Region {
    Region::new(Plan {
        seed,
        establishments: 3,
        days: 2,
        scale: 30,
        requests: 20,
        start: None,
    })
    .unwrap()
}

fn all(region: &Region) -> Vec<Piece> {
    let mut pieces = region.beginning();
    for index in 0..region.establishments() {
        let establishment = region.establishment(index);
        pieces.extend(establishment.beginning(region));
        for day in 0..region.days() {
            pieces.extend(establishment.day(region, day));
        }
    }
    pieces
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    assert_eq!(all(&region(7)), all(&region(7)));
    assert_ne!(all(&region(7)), all(&region(9)));
}

/// The digest of all files of a region, whatever way its code is cut: who means to change what is made writes the new one here.
#[test]
fn a_region_is_made_to_the_same_bytes_as_ever() {
    let mut sum = Context::new(&SHA256);
    for piece in all(&region(7)) {
        for part in [piece.file.as_bytes(), &piece.bytes] {
            sum.update(&u64::try_from(part.len()).unwrap().to_be_bytes());
            sum.update(part);
        }
    }
    let digest: String = sum
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        digest,
        "cf001e90b38d4351f7db695ab29d9dc7ac8f553060f04bb2742d216c28fba8f7"
    );
}

#[test]
fn each_line_of_a_proxy_has_its_truth_but_for_the_spoilt_ones() {
    for piece in all(&region(8)).chunks(2) {
        if let [log, truth] = piece
            && log.file.starts_with("logs/squid-")
        {
            let lines = log
                .bytes
                .split(|byte| *byte == b'\n')
                .filter(|line| line.len() > 10)
                .count();
            let told = truth
                .bytes
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .count();
            assert_eq!(lines, told, "{}", log.file);
        }
    }
}
