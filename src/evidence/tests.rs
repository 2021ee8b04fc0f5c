//! What a package must withstand, on a small world with a store that is played.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

mod forgeries;
mod layouts;

use super::*;
use crate::casework::{self, Decision, Request, Wanted, Window};
use crate::ledger::{
    Act, BatchIngested, Digest, FrameNonces, FrameTree, Ledger, LedgerKeys, VerifyKey,
};
use crate::record::{AccountText, AccountToken, Place, SourceId, Timestamp};
use crate::store::originals::{Batch, Originals};

const POLICE: &str = include_str!("../../fixtures/evidence/police_icr.toml");
const INTERNAL: &str = include_str!("../../fixtures/evidence/internal_content.toml");
const NONCES: [u8; 32] = [9; 32];
const WEB: SourceId = SourceId([1; 16]);
const RADIUS: SourceId = SourceId([2; 16]);
const SUBJECT: AccountToken = AccountToken([0xaa; 16]);
const OTHER: AccountToken = AccountToken([0xbb; 16]);

/// The program, as packages name it.
const AGENT: &str = "invigil test";

fn now() -> Timestamp {
    Timestamp::parse("2026-03-12T09:00:00Z").unwrap()
}

fn moment(minute: i64) -> Timestamp {
    Timestamp::parse("2026-03-02T10:00:00Z")
        .unwrap()
        .plus_seconds(60 * minute)
}

fn ip() -> IpAddr {
    "10.1.2.3".parse().unwrap()
}

/// A ledger and originals of two sources, and a key to sign with.
struct World {
    home: tempfile::TempDir,
    ledger: Ledger,
    originals: Originals,
    signer: Signer,
}

fn world() -> World {
    world_of(LedgerKeys {
        signing: [1; 32],
        records: [2; 32],
    })
}

fn world_of(keys: LedgerKeys) -> World {
    let home = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&home.path().join("ledger"), &keys, "ledger.example/test").unwrap();
    let originals = Originals::open(home.path(), &[3; 32]).unwrap();
    let signer = Signer::open(home.path()).unwrap();
    let world = World {
        home,
        ledger,
        originals,
        signer,
    };
    let web: Vec<String> = (1..=9)
        .map(|n| format!("web line {n} http://host{n}.example/private-path?q=word\n"))
        .collect();
    world.ingest(WEB, 1, &web[..5]);
    world.ingest(WEB, 6, &web[5..]);
    let radius: Vec<String> = (1..=3).map(|n| format!("radius record {n}\n")).collect();
    world.ingest(RADIUS, 1, &radius);
    world
}

impl World {
    fn ingest(&self, source: SourceId, first: u64, lines: &[String]) {
        let mut tree = FrameTree::new(FrameNonces::new(&NONCES, source));
        let mut batch = Batch::default();
        for (frame, line) in (first..).zip(lines) {
            tree.push(frame, line.as_bytes());
            batch.push(frame, 0, line.as_bytes());
        }
        self.originals.put(source, &batch).unwrap();
        let (frames, root) = tree.finish();
        let entry = BatchIngested {
            first_frame: first,
            last_frame: first + frames - 1,
            frames,
            read: frames,
            stored: frames,
            root,
            first_time: Some(moment(0)),
            last_time: Some(moment(9)),
            ..BatchIngested::of(source)
        };
        self.ledger
            .append(now(), &Act::BatchIngested(entry), None)
            .unwrap();
    }

    fn decide(&self, text: &str) -> Decision {
        casework::decide(&self.ledger, text, &Request::parse(text).unwrap(), now()).unwrap()
    }

    fn export(&self, text: &str) -> (Bag, Summary) {
        let decision = self.decide(text);
        let authorised = decision.outcome.clone().unwrap();
        let mut exporter = Exporter {
            holdings: &Fake,
            frames: &self.originals,
            ledger: &self.ledger,
            signer: &self.signer,
            nonces_key: &NONCES,
            token: &mut |_: &AccountText| SUBJECT,
            name: &|token| (token == SUBJECT).then(|| "p.invented".to_owned()),
            organisation: "Westshire Grid for Learning",
            marking: "Confidential",
            agent: AGENT,
            recipients: 1,
            now: now(),
        };
        export(&mut exporter, text, &decision, &authorised).unwrap()
    }

    fn key(&self) -> SignerKey {
        SignerKey::parse(&self.signer.public_text().unwrap()).unwrap()
    }

    fn written(&self, name: &str, bag: &Bag) -> PathBuf {
        let folder = self.home.path().join(name);
        bag.write(&folder).unwrap();
        folder
    }

    fn signer_file(&self) -> PathBuf {
        self.home.path().join("signer.pub")
    }
}

/// Rows of the two sources: one names the subject, one another, two have only the address.
struct Fake;

impl Holdings for Fake {
    fn addresses(
        &self,
        _: &BTreeSet<AccountToken>,
        _: Window,
    ) -> Result<BTreeSet<IpAddr>, EvidenceError> {
        Ok(BTreeSet::from([ip()]))
    }

    fn candidates(
        &self,
        wanted: Wanted,
        _: &Subject,
        _: Window,
    ) -> Result<Vec<Candidate>, EvidenceError> {
        let row = |source, frame, named| Candidate {
            place: Place {
                source,
                frame,
                ordinal: 0,
            },
            time: moment(i64::try_from(frame).unwrap()),
            ip: Some(ip()),
            named,
        };
        Ok(match wanted {
            Wanted::SignIns => vec![row(RADIUS, 1, Some(SUBJECT))],
            _ => vec![
                row(WEB, 2, Some(SUBJECT)),
                row(WEB, 3, Some(OTHER)),
                row(WEB, 4, None),
                row(WEB, 7, None),
            ],
        })
    }

    fn attribution(
        &self,
        _: &BTreeSet<IpAddr>,
        _: Window,
    ) -> Result<Box<dyn Attribution>, EvidenceError> {
        Ok(Box::new(Fake))
    }

    fn records(&self, ask: &RecordsWanted<'_>) -> Result<Records, EvidenceError> {
        let web = ask.wanted == Wanted::WebRecords;
        let further = if web {
            ",host,action,bytes_received"
        } else {
            ",event"
        };
        let mut csv = format!("source,frame,ordinal,time,account_token{further}\n");
        for place in ask.places {
            let named = [(WEB, 2), (RADIUS, 1)].contains(&(place.source, place.frame));
            let account = if named {
                SUBJECT.to_string()
            } else {
                String::new()
            };
            let further = if web {
                ",host.example,allowed,700"
            } else {
                ",login"
            };
            csv.push_str(&format!(
                "{},{},{},{},{account}{further}\n",
                place.source,
                place.frame,
                place.ordinal,
                moment(i64::try_from(place.frame).unwrap()),
            ));
        }
        let rows = ask.places.len();
        let frames = || {
            ask.places
                .iter()
                .map(|place| i64::try_from(place.frame).unwrap())
        };
        let mut told = vec![
            ("rows", "", rows.to_string()),
            ("first", "", moment(frames().min().unwrap()).to_string()),
            ("last", "", moment(frames().max().unwrap()).to_string()),
            ("rows_by_day", "2026-03-02", rows.to_string()),
        ];
        if web {
            told.extend([
                ("bytes_received", "", (700 * rows).to_string()),
                ("rows_by_action", "allowed", rows.to_string()),
                ("rows_by_host", "host.example", rows.to_string()),
                (
                    "bytes_received_by_host",
                    "host.example",
                    (700 * rows).to_string(),
                ),
            ]);
        } else {
            told.push(("rows_by_event", "login", rows.to_string()));
        }
        let figures = told.into_iter().map(|(figure, key, value)| Figure {
            figure: figure.to_owned(),
            key: key.to_owned(),
            value,
        });
        Ok(Records {
            files: vec![("csv", csv.into_bytes()), ("parquet", b"PAR1".to_vec())],
            figures: figures.collect(),
        })
    }

    fn statements(&self, _: &BTreeSet<Wanted>, _: casework::DataClass) -> Vec<(String, String)> {
        vec![("evidence/fake".to_owned(), "SELECT 1\n".to_owned())]
    }
}

impl Attribution for Fake {
    /// Until minute five the subject had the address; then it can not be said.
    fn who(&self, _: IpAddr, time: Timestamp, named: Option<&AccountToken>) -> Judgement {
        let subject = time < moment(5);
        let account = named.copied().or(subject.then_some(SUBJECT));
        Judgement {
            verdict: if account.is_some() {
                "attributed"
            } else {
                "not_attributable"
            },
            establishment: Some("hill-primary".to_owned()),
            account: account.map(|token| token.to_string()),
            basis: Some("radius"),
            rests_on: vec![
                format!("sign_ins:{RADIUS}:2:0"),
                format!("networks:{RADIUS}:1:0"),
            ],
            rivals: Vec::new(),
            margin_us: Some(1),
            reasons: vec!["one_claimant"],
        }
    }
}

fn text<'b>(bag: &'b Bag, path: &str) -> &'b str {
    std::str::from_utf8(&bag.files()[path]).unwrap()
}

fn json(bag: &Bag, path: &str) -> serde_json::Value {
    serde_json::from_slice(&bag.files()[path]).unwrap()
}

fn check(folder: &Path, key: Option<&SignerKey>) -> Verification {
    verify(folder, key, None).unwrap()
}

fn wrong_file(verification: &Verification) -> &str {
    match verification {
        Verification::Wrong { file, .. } => file,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_package_for_communications_data_is_intact_and_holds_no_content() {
    let world = world();
    let (bag, summary) = world.export(POLICE);
    assert_eq!(summary.rows, 3);
    assert_eq!(
        summary.rows_withheld,
        BTreeMap::from([("names_another_account", 1), ("not_attributable", 1)])
    );
    assert_eq!(
        (
            summary.originals,
            summary.originals_withheld["original_holds_content"]
        ),
        (2, 2)
    );
    let folder = world.written("bag", &bag);
    assert!(matches!(
        check(&folder, Some(&world.key())),
        Verification::Intact { .. }
    ));
    assert!(matches!(
        check(&folder, None),
        Verification::SignerNotChecked { .. }
    ));
    for (path, bytes) in bag.files() {
        let has = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        assert!(!has(b"private-path"), "{path}");
        assert!(!has(b"web line"), "{path}");
    }
    let originals = text(&bag, &format!("data/originals/{RADIUS}.txt"));
    assert_eq!(originals, "radius record 1\nradius record 2\n");
    assert_eq!(
        json(&bag, "data/withheld.json")["columns"]["web_hits"][0],
        "path"
    );
    let log = fs::read_to_string(world.home.path().join("ledger/entries.jsonl")).unwrap();
    assert!(log.contains("\"exported\"") && log.contains(&summary.package.to_string()));
    let log_key = world.ledger.verify_key();
    assert!(matches!(
        verify(&folder, Some(&world.key()), Some(&log_key)).unwrap(),
        Verification::Intact { .. }
    ));
}

#[test]
fn an_internal_matter_gets_the_lines_themselves() {
    let world = world();
    let (bag, summary) = world.export(INTERNAL);
    assert_eq!(
        (summary.originals, summary.originals_withheld.len()),
        (4, 0)
    );
    let originals = text(&bag, &format!("data/originals/{WEB}.txt"));
    assert!(
        originals.starts_with("web line 2 http://host2.example/private-path?q=word\nweb line 4")
    );
    let folder = world.written("bag", &bag);
    assert!(matches!(
        check(&folder, Some(&world.key())),
        Verification::Intact { .. }
    ));
}

#[test]
fn the_same_request_on_the_same_data_gives_the_same_bytes() {
    let world = world();
    let (one, two) = (world.export(POLICE).0, world.export(POLICE).0);
    for (path, bytes) in one.files() {
        let steady = ["records", "originals", "attribution", "withheld", "method"]
            .iter()
            .any(|part| path.starts_with(&format!("data/{part}")));
        if steady {
            assert_eq!(Some(bytes), two.files().get(path), "{path}");
        }
    }
}

#[test]
fn every_changed_byte_of_every_file_is_refused_and_the_file_named() {
    let world = world();
    let (bag, _) = world.export(POLICE);
    let key = world.key();
    let mut files = bag.files().clone();
    for (path, bytes) in bag.files() {
        // Of a long file some four thousand bytes will do: its hash is the same check for each of them.
        let step = 1 + bytes.len() / 4000;
        for place in (0..bytes.len()).step_by(step) {
            files.get_mut(path).unwrap()[place] ^= 1;
            let found = verify::check_files(&files, Some(&key), None);
            assert_eq!(wrong_file(&found), path, "byte {place}: {found:?}");
            // Without a signer a changed signature can not be seen; all else must be.
            if place % 16 == 0 && !path.ends_with(".minisig") {
                let alone = verify::check_files(&files, None, None);
                assert_eq!(
                    wrong_file(&alone),
                    path,
                    "byte {place}, no signer: {alone:?}"
                );
            }
            files.get_mut(path).unwrap()[place] ^= 1;
        }
    }
    let untouched = verify::check_files(&files, Some(&key), None);
    assert!(matches!(untouched, Verification::Intact { .. }));
}

#[test]
fn a_missing_file_an_extra_file_and_a_link_are_refused() {
    let world = world();
    let (bag, _) = world.export(POLICE);
    let folder = world.written("bag", &bag);
    let key = world.key();
    for (path, bytes) in bag.files() {
        fs::remove_file(folder.join(path)).unwrap();
        assert_eq!(wrong_file(&check(&folder, Some(&key))), path);
        fs::write(folder.join(path), bytes).unwrap();
    }
    for path in [
        "extra.txt",
        "data/extra.txt",
        "data/records/extra.csv",
        "data/.hidden",
    ] {
        fs::write(folder.join(path), b"x").unwrap();
        assert_eq!(wrong_file(&check(&folder, Some(&key))), path);
        fs::remove_file(folder.join(path)).unwrap();
    }
    let target = folder.join("data/gates.json");
    fs::rename(&target, world.home.path().join("gates.json")).unwrap();
    std::os::unix::fs::symlink(world.home.path().join("gates.json"), &target).unwrap();
    assert_eq!(wrong_file(&check(&folder, Some(&key))), "data/gates.json");
    let empty = tempfile::tempdir().unwrap();
    assert!(verify(empty.path(), None, None).is_err());
    assert!(verify(&world.home.path().join("nowhere"), None, None).is_err());
}

/// Puts the manifests of a changed bag in order again and signs it with this key: what a forger would do.
fn forge(bag: &Bag, change: impl Fn(&mut BTreeMap<String, Vec<u8>>), signer: &Signer) -> Bag {
    let mut files: BTreeMap<String, Vec<u8>> = bag
        .files()
        .iter()
        .filter(|(path, _)| path.starts_with("data/"))
        .map(|(p, b)| (p.clone(), b.clone()))
        .collect();
    change(&mut files);
    let mut forged = Bag::default();
    for (path, bytes) in files {
        forged.put(path.strip_prefix("data/").unwrap(), bytes);
    }
    let info = BagInfo {
        date: "2026-03-12".to_owned(),
        urn: "AB/2026/0042".to_owned(),
        organisation: "Forger".to_owned(),
        agent: "forgery".to_owned(),
    };
    forged.seal(&info, signer, "signed by nobody").unwrap();
    forged
}

#[test]
fn a_forgery_that_was_signed_again_is_refused() {
    let world = world();
    let (bag, _) = world.export(POLICE);
    let elsewhere = tempfile::tempdir().unwrap();
    let forger = Signer::open(elsewhere.path()).unwrap();
    let forged = forge(&bag, |_| {}, &forger);
    let folder = world.written("forged", &forged);
    assert_eq!(
        wrong_file(&check(&folder, Some(&world.key()))),
        "tagmanifest-sha256.txt.minisig"
    );
    assert!(matches!(
        check(&folder, None),
        Verification::SignerNotChecked { .. }
    ));
}

#[test]
fn what_even_the_signer_changes_fails_the_proofs() {
    let world = world();
    let (bag, _) = world.export(POLICE);
    let original = format!("data/originals/{RADIUS}.txt");
    type Change<'c> = (&'c str, &'c str, &'c str);
    let changes: [Change<'_>; 7] = [
        (&original, "record 2", "record 9"),
        ("data/request.json", "p.invented", "q.invented"),
        ("data/gates.json", "\"passed\": true", "\"passed\": false"),
        ("data/records/web_records.csv", ",4,0", ",5,0"),
        ("data/proofs/frames.jsonl", "\"place\":1", "\"place\":2"),
        ("data/proofs/entries.jsonl", "frames\\\":5", "frames\\\":6"),
        (
            "data/proofs/head.txt",
            "ledger.example/test\n",
            "ledger.example/tesd\n",
        ),
    ];
    for (at, (path, from, to)) in changes.iter().enumerate() {
        let forged = forge(
            &bag,
            |files| {
                let bytes = files.get_mut(*path).unwrap();
                *bytes = String::from_utf8(bytes.clone())
                    .unwrap()
                    .replace(from, to)
                    .into_bytes();
            },
            &world.signer,
        );
        let folder = world.written(&format!("forged{at}"), &forged);
        let found = check(&folder, Some(&world.key()));
        assert_eq!(wrong_file(&found), *path, "{found:?}");
        assert_eq!(
            python(
                &folder,
                &["--signer", world.signer_file().to_str().unwrap()]
            ),
            1,
            "{path}"
        );
    }
    // An extra line that no proof covers.
    let forged = forge(
        &bag,
        |files| {
            files
                .get_mut(&original)
                .unwrap()
                .extend_from_slice(b"smuggled\n")
        },
        &world.signer,
    );
    let folder = world.written("smuggled", &forged);
    assert_eq!(wrong_file(&check(&folder, Some(&world.key()))), original);
    // A ledger of the forger's own.
    let other = LedgerKeys {
        signing: [7; 32],
        records: [2; 32],
    };
    let own = tempfile::tempdir().unwrap();
    let log_key: VerifyKey = Ledger::open(own.path(), &other, "ledger.example/test")
        .unwrap()
        .verify_key();
    let folder = world.written("honest", &bag);
    let found = verify(&folder, Some(&world.key()), Some(&log_key)).unwrap();
    assert_eq!(wrong_file(&found), "data/proofs/ledger.vkey");
}

#[test]
fn originals_that_the_ledger_does_not_know_are_not_given_out() {
    let world = world();
    let mut batch = Batch::default();
    for frame in 1..=5 {
        batch.push(frame, 0, b"other line\n");
    }
    world.originals.put(WEB, &batch).unwrap();
    let decision = world.decide(POLICE);
    let authorised = decision.outcome.clone().unwrap();
    let mut exporter = Exporter {
        holdings: &Fake,
        frames: &world.originals,
        ledger: &world.ledger,
        signer: &world.signer,
        nonces_key: &NONCES,
        token: &mut |_: &AccountText| SUBJECT,
        name: &|_| None,
        organisation: "x",
        marking: "Confidential",
        agent: "x",
        recipients: 0,
        now: now(),
    };
    let refused = export(&mut exporter, POLICE, &decision, &authorised);
    assert!(matches!(
        refused,
        Err(EvidenceError::OriginalsDiffer { .. })
    ));
}

#[test]
fn a_sealed_package_is_opened_by_its_recipient_and_nobody_else() {
    let world = world();
    let (bag, summary) = world.export(POLICE);
    let plain = bag.tar(&summary.name).unwrap();
    let (friend, stranger) = (
        age::x25519::Identity::generate(),
        age::x25519::Identity::generate(),
    );
    let sealed = seal(
        &plain,
        &recipients(&[friend.to_public().to_string()]).unwrap(),
    )
    .unwrap();
    let secret = |identity: &age::x25519::Identity| {
        use age::secrecy::ExposeSecret;
        identity.to_string().expose_secret().to_owned()
    };
    let out = world.home.path().join("opened");
    open(&sealed, &secret(&friend), &out).unwrap();
    let folder = out.join(&summary.name);
    assert!(matches!(
        check(&folder, Some(&world.key())),
        Verification::Intact { .. }
    ));
    assert!(matches!(
        open(&sealed, &secret(&stranger), &out),
        Err(EvidenceError::NotForUs)
    ));
    assert!(matches!(
        open(&sealed[..sealed.len() - 9], &secret(&friend), &out),
        Err(EvidenceError::NotSealed)
    ));
    assert!(recipients(&["age1nonsense"]).is_err());
    // Debian's own tool opens it too.
    let (file, key) = (
        world.home.path().join("p.age"),
        world.home.path().join("id.txt"),
    );
    fs::write(&file, &sealed).unwrap();
    fs::write(&key, secret(&friend)).unwrap();
    if let Some(output) = tool(Command::new("age").arg("-d").arg("-i").arg(&key).arg(&file)) {
        assert!(output.status.success());
        assert_eq!(output.stdout, plain);
    }
}

#[test]
fn an_archive_that_leads_out_of_the_folder_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let identity = age::x25519::Identity::generate();
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    archive
        .append_data(&mut header, "harmless.txt", b"x".as_slice())
        .unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.as_gnu_mut().unwrap().name[..8].copy_from_slice(b"../outer");
    header.set_cksum();
    archive.append(&header, b"x".as_slice()).unwrap();
    let sealed = seal(&archive.into_inner().unwrap(), &[identity.to_public()]).unwrap();
    use age::secrecy::ExposeSecret;
    let refused = open(
        &sealed,
        identity.to_string().expose_secret(),
        &home.path().join("in"),
    );
    assert!(matches!(refused, Err(EvidenceError::Smuggled)));
    assert!(!home.path().join("outer").exists());
    // Not even what came before it.
    assert!(!home.path().join("in/harmless.txt").exists());
}

#[test]
fn stock_tools_accept_the_package_and_notice_a_change() {
    let world = world();
    let (bag, _) = world.export(POLICE);
    let folder = world.written("bag", &bag);
    let signer = world.signer_file();
    let minisign = || {
        let mut command = Command::new("minisign");
        command
            .arg("-V")
            .arg("-p")
            .arg(&signer)
            .arg("-m")
            .arg(folder.join("tagmanifest-sha256.txt"));
        tool(&mut command).map(|output| output.status.success())
    };
    let bagit = || {
        let mut command = Command::new("bagit.py");
        command.arg("--validate").arg(&folder);
        tool(&mut command).map(|output| output.status.success())
    };
    let sums = |manifest: &str| {
        let mut command = Command::new("sha256sum");
        command
            .current_dir(&folder)
            .args(["--check", "--strict", "--status", manifest]);
        tool(&mut command).map(|output| output.status.success())
    };
    let signer_args = ["--signer", signer.to_str().unwrap()];
    assert_ne!(minisign(), Some(false));
    assert_ne!(bagit(), Some(false));
    assert_ne!(sums("tagmanifest-sha256.txt"), Some(false));
    assert_ne!(sums("manifest-sha256.txt"), Some(false));
    assert_eq!(python(&folder, &signer_args), 0);
    assert_eq!(python(&folder, &[]), 1);
    for path in [
        "data/withheld.json",
        "bag-info.txt",
        "tagmanifest-sha512.txt",
        "tagmanifest-sha256.txt.minisig",
    ] {
        let bytes = &bag.files()[path];
        let mut changed = bytes.clone();
        changed[20] ^= 1;
        fs::write(folder.join(path), changed).unwrap();
        assert_eq!(python(&folder, &signer_args), 1, "{path}");
        if path.starts_with("data/") {
            assert_ne!(bagit(), Some(true));
        }
        fs::write(folder.join(path), bytes).unwrap();
    }
    let elsewhere = tempfile::tempdir().unwrap();
    Signer::open(elsewhere.path()).unwrap();
    let other = elsewhere.path().join("signer.pub");
    assert_eq!(python(&folder, &["--signer", other.to_str().unwrap()]), 1);
}

/// Runs a tool of the system; where it is missing, says so and gives nothing.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn tool(command: &mut Command) -> Option<std::process::Output> {
    let output = command.output().ok();
    if output.is_none() {
        eprintln!(
            "skipped: {} is not installed",
            command.get_program().to_string_lossy()
        );
    }
    output
}

/// The exit code of the package's own program, given the folder; as if it had passed where there is no Python.
fn python(folder: &Path, args: &[&str]) -> i32 {
    let mut command = Command::new("python3");
    command
        .arg("-I")
        .arg("-B")
        .arg(folder.join("verify.py"))
        .args(args);
    match tool(&mut command) {
        Some(output) => output.status.code().unwrap_or(2),
        None => 0,
    }
}

#[test]
fn a_signer_is_made_once_and_found_again() {
    let home = tempfile::tempdir().unwrap();
    let first = Signer::open(home.path()).unwrap().public_text().unwrap();
    assert_eq!(
        Signer::open(home.path()).unwrap().public_text().unwrap(),
        first
    );
    assert_eq!(
        fs::read_to_string(home.path().join("signer.pub")).unwrap(),
        first
    );
    fs::write(home.path().join("signer.key"), "damaged").unwrap();
    assert!(Signer::open(home.path()).is_err());
    assert!(SignerKey::parse("not a key").is_err());
    assert_ne!(Digest::default(), Digest::of(&[b""]));
}

#[test]
fn the_subscriber_of_an_address_is_not_answered_by_silence() {
    let world = world();
    let text = POLICE
        .replace("[\"web_records\", \"sign_ins\"]", "[\"subscriber\"]")
        .replace("kind = \"account\"", "kind = \"address\"")
        .replace("value = \"p.invented\"", "value = \"10.1.2.3\"");
    let decision = world.decide(&text);
    let authorised = decision.outcome.clone().unwrap();
    let mut exporter = Exporter {
        holdings: &Fake,
        frames: &world.originals,
        ledger: &world.ledger,
        signer: &world.signer,
        nonces_key: &NONCES,
        token: &mut |_: &AccountText| SUBJECT,
        name: &|_| None,
        organisation: "x",
        marking: "Confidential",
        agent: "x",
        recipients: 0,
        now: now(),
    };
    let refused = export(&mut exporter, &text, &decision, &authorised);
    assert!(matches!(refused, Err(EvidenceError::SubscriberOfAddress)));
}

#[test]
fn the_program_in_the_package_knows_the_same_columns_and_gates() {
    use crate::record::Class;
    let script = include_str!("package/verify.py");
    let words = |name: &str| -> BTreeSet<&str> {
        let (_, rest) = script.split_once(&format!("\n{name} = \"\"\"")).unwrap();
        let (list, _) = rest.split_once("\"\"\"").unwrap();
        list.split_whitespace().collect()
    };
    let columns = |class: Class| -> BTreeSet<&str> {
        [
            Wanted::ConnectionRecords,
            Wanted::WebRecords,
            Wanted::SignIns,
            Wanted::Subscriber,
        ]
        .into_iter()
        .flat_map(|kind| export::table_of(kind).unwrap().columns)
        .filter(|column| column.class == class)
        .map(|column| column.name)
        .collect()
    };
    assert_eq!(words("CONTENT"), columns(Class::Content));
    assert_eq!(words("LOCAL"), columns(Class::Local));
    // A column of one name has one class in every table whose rows are given out.
    for class in [Class::Entity, Class::Events, Class::Icr] {
        let beyond = columns(Class::Content)
            .union(&columns(Class::Local))
            .copied()
            .collect();
        assert!(columns(class).is_disjoint(&beyond), "{class:?}");
    }
    let gates: BTreeSet<&str> = casework::GATES.iter().map(|gate| gate.id).collect();
    assert_eq!(words("GATES"), proof::ALWAYS_ASKED.into_iter().collect());
    assert!(words("GATES").is_subset(&gates));
}

/// What somebody who has the signer's key could write into a package so that it contradicts itself.
#[test]
fn a_package_that_lies_is_refused_by_both_programs_alike() {
    let world = world();
    let (bag, _) = world.export(POLICE);
    let mut amiss = Vec::new();
    let subject = SUBJECT.to_string();
    let other = OTHER.to_string();
    let frames = text(&bag, "data/proofs/frames.jsonl");
    let first = frames.lines().find(|line| line.contains("nonce")).unwrap();
    let web4 = frames
        .lines()
        .find(|line| line.contains("\"frame\":4"))
        .unwrap();
    let lie = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let twice = format!("{web4}\n{web4}\n");
    let as_fraction = web4.replace("\"frame\":4", "\"frame\":4.0");
    let huge = web4.replace("\"place\":3", "\"place\":99999999999999999999");
    let renumbered = web4.replace("\"frame\":4", "\"frame\":5");
    let with_more = web4.replace("\"frame\":4", "\"extra\":1,\"frame\":4");
    let web = "data/records/web_records.csv";
    let proofs = "data/proofs/frames.jsonl";
    let parameters = "data/method/parameters.json";
    let attribution = "data/attribution.json";
    let nonce = first
        .split("\"nonce\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let originals = format!("data/originals/{RADIUS}.txt");
    let lies: Vec<(&str, (String, String), &str)> = vec![
        // A row twice, a row of somebody else, a row outside the window, a number spelled otherwise.
        (web, lie(",2,0,", ",4,0,"), attribution),
        (web, lie(&subject, &other), attribution),
        (web, lie("2026-03-02T10:04", "2026-03-03T10:04"), web),
        (
            web,
            lie("2026-03-02T10:04", "2026-03-02T10:03"),
            attribution,
        ),
        (web, lie(",4,0,", ",04,0,"), web),
        (web, lie(",4,0,", ",+4,0,"), web),
        (web, lie(",account_token", ",path"), web),
        (web, lie(",account_token", ",lists"), web),
        // Attributions that say something else or rest on nothing.
        (attribution, lie(":4:0\"", ":5:0\""), web),
        (
            attribution,
            lie(&format!("{RADIUS}:2:0"), &format!("{RADIUS}:3:0")),
            attribution,
        ),
        (
            attribution,
            lie("\"value\": \"p.invented\"", "\"value\": \"q.invented\""),
            attribution,
        ),
        // Other parameters than those of the request.
        (parameters, lie("T12:00", "T13:00"), parameters),
        (
            parameters,
            lie("\"addresses\": []", "\"addresses\": [\"10.1.2.3\"]"),
            parameters,
        ),
        (parameters, lie("\"icr\"", "\"content\""), parameters),
        // Proofs: a line twice, of another number, with fields or numbers that are none.
        (proofs, lie(&format!("{web4}\n"), &twice), proofs),
        (proofs, lie(web4, &renumbered), proofs),
        (proofs, lie(web4, &as_fraction), ""),
        (proofs, lie(web4, &huge), ""),
        (proofs, lie(web4, &with_more), ""),
        (
            proofs,
            lie(
                "\"withheld\":\"original_holds_content\"",
                "\"withheld\":\"original_not_kept\"",
            ),
            proofs,
        ),
        (
            proofs,
            lie("original_holds_content", "names_another_person"),
            "data/withheld.json",
        ),
        (
            "data/withheld.json",
            lie(
                "\"original_holds_content\": 2",
                "\"original_holds_content\": 1",
            ),
            "data/withheld.json",
        ),
        // A nonce that swallows the beginning of the line, or leaves a part of itself to it.
        (proofs, lie(nonce, &format!("{nonce}72")), ""),
        // A gate that is passed over.
        (
            "data/gates.json",
            lie("\"still_valid\"", "\"zone_given\""),
            "data/gates.json",
        ),
        (
            "data/request.json",
            lie("\"salt\"", "\"more\": 1, \"salt\""),
            "",
        ),
        (
            "data/proofs/head.txt",
            lie("\n\n", "\nmore\n\n"),
            "data/proofs/head.txt",
        ),
    ];
    for (at, (path, (from, to), named)) in lies.iter().enumerate() {
        assert!(text(&bag, path).contains(from), "{path}: {from}");
        let change = |files: &mut BTreeMap<String, Vec<u8>>| {
            let bytes = files.get_mut(*path).unwrap();
            *bytes = std::str::from_utf8(bytes)
                .unwrap()
                .replacen(from, to, 1)
                .into_bytes();
        };
        let folder = world.written(&format!("lie{at}"), &forge(&bag, change, &world.signer));
        if let Err(found) = both_refuse(&folder, &world, named) {
            amiss.push(format!("{path}: {from} -> {to}: {found}"));
        }
    }
    // Files that do not belong there, although they are listed and signed.
    for extra in [
        "data/bagit.txt",
        "data/records/subscriber.csv",
        "data/records/web_records.CSV",
        "data/inner/data/records/web_records.csv",
        "data/proofs/head.txt/x",
    ] {
        let change = |files: &mut BTreeMap<String, Vec<u8>>| {
            if extra.ends_with("/x") {
                files.remove("data/proofs/head.txt");
            }
            files.insert(extra.to_owned(), b"x\n".to_vec());
        };
        let name = extra.replace('/', "_");
        let folder = world.written(&name, &forge(&bag, change, &world.signer));
        if let Err(found) = both_refuse(&folder, &world, "") {
            amiss.push(format!("{extra}: {found}"));
        }
    }
    // The line's first bytes hidden in a longer nonce.
    let change = |files: &mut BTreeMap<String, Vec<u8>>| {
        let line = files.get_mut(&originals).unwrap();
        line.drain(..1);
        let proofs = files.get_mut(proofs).unwrap();
        let forged = String::from_utf8(proofs.clone())
            .unwrap()
            .replacen(nonce, &format!("{nonce}72"), 1)
            .replacen("\"length\":16", "\"length\":15", 1)
            .replacen("\"offset\":16", "\"offset\":15", 1);
        *proofs = forged.into_bytes();
    };
    let folder = world.written("swallowed", &forge(&bag, change, &world.signer));
    assert_eq!(both_refuse(&folder, &world, &originals), Ok(()));
    assert!(
        amiss.is_empty(),
        "{}",
        amiss.join(
            "
"
        )
    );
}

/// What is amiss if not both programs refuse the package, each naming this file.
fn both_refuse(folder: &Path, world: &World, named: &str) -> Result<(), String> {
    let found = verify(folder, Some(&world.key()), None);
    let Ok(Verification::Wrong { file, reason }) = &found else {
        return Err(format!("{found:?}"));
    };
    let signer = world.signer_file();
    let mut command = Command::new("python3");
    command
        .args(["-I", "-B"])
        .arg(folder.join("verify.py"))
        .arg("--signer")
        .arg(signer);
    let Some(output) = tool(&mut command) else {
        return Ok(());
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    let alike = output.status.code() == Some(1)
        && (named.is_empty() || (file == named && said.starts_with(&format!("WRONG: {named}:"))))
        && said.starts_with("WRONG: ");
    if alike {
        Ok(())
    } else {
        Err(format!("{file}: {reason} / {said}{complained}"))
    }
}

#[test]
fn names_that_are_not_plain_are_shown_without_what_a_terminal_obeys() {
    use std::os::unix::ffi::OsStrExt;
    let world = world();
    let (bag, _) = world.export(POLICE);
    for name in ["\u{1b}[2Jx", "a\nb", "\u{e4}.txt", "cafe\u{301}", "..x"] {
        let folder = world.written("bag", &bag);
        fs::write(folder.join("data").join(name), b"x").unwrap();
        let found = check(&folder, Some(&world.key()));
        assert!(!wrong_file(&found).contains(char::is_control), "{found:?}");
        assert!(wrong_file(&found).is_ascii(), "{found:?}");
        assert_eq!(python(&folder, &[]), 1);
        fs::remove_dir_all(folder).unwrap();
    }
    let folder = world.written("bag", &bag);
    fs::write(
        folder.join(std::ffi::OsStr::from_bytes(b"data/\xff\xfe")),
        b"x",
    )
    .unwrap();
    assert_eq!(both_refuse(&folder, &world, ""), Ok(()));
}

#[test]
fn what_can_not_be_read_is_not_called_wrong_by_either_program() {
    let world = world();
    let (bag, _) = world.export(POLICE);
    let folder = world.written("bag", &bag);
    let empty = tempfile::tempdir().unwrap();
    let at = |place: &Path| python(&folder, &["--bag", place.to_str().unwrap()]);
    assert_eq!(at(empty.path()), 2);
    assert_eq!(at(&empty.path().join("nowhere")), 2);
    let key = empty.path().join("key");
    fs::write(&key, "no key\n").unwrap();
    fs::write(folder.join("data/gates.json"), "changed").unwrap();
    assert_eq!(python(&folder, &["--signer", key.to_str().unwrap()]), 2);
    assert_eq!(python(&folder, &["--log-key", key.to_str().unwrap()]), 2);
    let log_key = empty.path().join("vkey");
    fs::write(&log_key, format!("{}\n", world.ledger.verify_key())).unwrap();
    assert_eq!(
        python(&folder, &["--log-key", log_key.to_str().unwrap()]),
        1
    );
}
