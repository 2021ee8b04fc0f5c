//! A package made from the store itself: only the subject's rows, no content, and the same bytes twice.

use std::path::Path;

use super::*;
use crate::attribute::fill;
use crate::casework::{Request, decide};
use crate::evidence::{Bag, Exporter, Signer, Summary, Verification, export, verify};
use crate::ledger::{Act, BatchIngested, FrameNonces, FrameTree, Ledger, LedgerKeys};
use crate::record::AccountText;
use crate::store::originals::{Batch, Originals};
use crate::store::scratch::Scratch;

const POLICE: &str = include_str!("../../../fixtures/evidence/police_icr.toml");
const NONCES: [u8; 32] = [9; 32];
/// The program, as packages name it.
const PROGRAM: &str = "invigil 0";

mod papers;

struct World {
    scratch: Scratch,
    ledger: Ledger,
    originals: Originals,
    signer: Signer,
}

/// Sources are numbered by the names of their files, from 1.
fn world() -> Option<World> {
    let scratch = Scratch::open()?;
    let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/evidence/store");
    fill::fill(&scratch.store, &rows);
    let home = scratch.folder.path();
    let keys = LedgerKeys {
        signing: [1; 32],
        records: [2; 32],
    };
    let ledger = Ledger::open(&home.join("ledger"), &keys, "ledger.example/test").unwrap();
    let originals = Originals::open(home, &[3; 32]).unwrap();
    for source in 1..=5 {
        let source = SourceId([source; 16]);
        let mut tree = FrameTree::new(FrameNonces::new(&NONCES, source));
        let mut batch = Batch::default();
        for frame in 1..=6 {
            let line = format!("line {frame} with private-path\n");
            tree.push(frame, line.as_bytes());
            batch.push(frame, 0, line.as_bytes());
        }
        originals.put(source, &batch).unwrap();
        let (frames, root) = tree.finish();
        let batch = BatchIngested {
            first_frame: 1,
            last_frame: 6,
            frames,
            root,
            ..BatchIngested::of(source)
        };
        ledger
            .append(now(), &Act::BatchIngested(batch), None)
            .unwrap();
    }
    let signer = Signer::open(home).unwrap();
    Some(World {
        scratch,
        ledger,
        originals,
        signer,
    })
}

fn now() -> Timestamp {
    Timestamp::parse("2026-03-12T09:00:00Z").unwrap()
}

fn package(world: &World, text: &str) -> (Bag, Summary) {
    let decision = decide(&world.ledger, text, &Request::parse(text).unwrap(), now()).unwrap();
    let authorised = decision.outcome.clone().unwrap();
    let holdings = StoreHoldings {
        store: &world.scratch.store,
        settings: AttributeSettings::default(),
    };
    let mut exporter = Exporter {
        holdings: &holdings,
        frames: &world.originals,
        ledger: &world.ledger,
        signer: &world.signer,
        nonces_key: &NONCES,
        token: &mut |_: &AccountText| AccountToken([0xaa; 16]),
        name: &|_| None,
        organisation: "x",
        marking: "Confidential",
        agent: PROGRAM,
        recipients: 0,
        now: now(),
    };
    export(&mut exporter, text, &decision, &authorised).unwrap()
}

fn rows(bag: &Bag, name: &str) -> Vec<Vec<String>> {
    csv::Reader::from_reader(bag.files()[&format!("data/records/{name}.csv")].as_slice())
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn a_package_from_the_store_holds_the_subjects_rows_and_no_others() {
    let Some(world) = world() else { return };
    let text = POLICE.replace(
        "[\"web_records\", ",
        "[\"web_records\", \"connection_records\", \"subscriber\", ",
    );
    let (bag, summary) = package(&world, &text);
    let web = rows(&bag, "web_records");
    let frames: Vec<&str> = web.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(frames, ["1", "2"]);
    assert!(web[0].contains(&"http://games.example/".to_owned()));
    assert!(web[1].contains(&"chat.example:443/".to_owned()));
    assert_eq!(web[0][3], "2026-03-02T10:00:00.000000Z");
    assert_eq!(rows(&bag, "sign_ins").len(), 2);
    assert_eq!(rows(&bag, "connection_records").len(), 1);
    assert_eq!(rows(&bag, "subscriber").len(), 1);
    assert_eq!(summary.rows_withheld["names_another_account"], 1);
    assert_eq!(summary.rows_withheld["attributed_to_another"], 1);
    for (path, bytes) in bag.files() {
        let original = path.starts_with("data/originals/");
        let found = bytes.windows(12).any(|window| window == b"private-path");
        // The lines of sign-ins go out; in this test they carry the word too.
        assert_eq!(found, original, "{path}");
        if path.ends_with(".parquet") {
            assert!(bytes.starts_with(b"PAR1"));
        }
    }
    let folder = world.scratch.folder.path().join("bag");
    bag.write(&folder).unwrap();
    let key = crate::evidence::SignerKey::parse(&world.signer.public_text().unwrap()).unwrap();
    let found = verify(&folder, Some(&key), None).unwrap();
    assert!(matches!(found, Verification::Intact { .. }), "{found:?}");
    let (again, _) = package(&world, &text);
    for (path, bytes) in bag.files() {
        let steady = ["records", "originals", "attribution", "withheld", "method"]
            .iter()
            .any(|part| path.starts_with(&format!("data/{part}")));
        assert!(!steady || again.files().get(path) == Some(bytes), "{path}");
    }
}

#[test]
fn content_is_written_where_the_request_may_have_it() {
    let Some(world) = world() else { return };
    let text = include_str!("../../../fixtures/evidence/internal_content.toml");
    let (bag, summary) = package(&world, text);
    let web = rows(&bag, "web_records");
    assert!(web[0].contains(&"http://games.example/private-path?q=word".to_owned()));
    assert!(summary.originals_withheld.is_empty());
}
