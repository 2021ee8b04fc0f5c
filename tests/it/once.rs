//! Each line and packet once, whatever a file goes through; and the originals are what the ledger says they are.

use std::path::Path;

use invigil::keys::{KeyRing, Purpose};
use invigil::ledger::{FrameNonces, FrameProofs, Ledger, LedgerKeys};
use invigil::store::originals::Originals;

use crate::home::{Counts, Home};

#[test]
fn a_line_that_is_cut_anywhere_and_completed_later_is_stored_once() {
    let Some(home) = Home::with_engine("cut lines") else {
        return;
    };
    let log = home.path("access.log");
    let whole = lines(0, 3);
    let two = lines(0, 2).len();
    for cut in [two, two + 20, whole.len() - 8, whole.len() - 1] {
        std::fs::write(&log, &whole[..cut]).unwrap();
        let counts = home.ingest(&log);
        assert_eq!(counts.read, if cut == two { 2 } else { 3 }, "cut at {cut}");
        assert_eq!(counts.rejected, 0, "cut at {cut}");
        stored(&home, "web_hits", 2, &format!("cut at {cut}"));
    }
    std::fs::write(&log, &whole).unwrap();
    assert_eq!(home.ingest(&log).stored, 1, "the line is whole");
    assert_eq!(home.ingest(&log).ignored, 3, "and known");
    stored(&home, "web_hits", 3, "whole");
    assert_eq!(read_of_all_sources(&home), 3);
    originals_are_what_the_ledger_says(&home);
}

#[test]
fn a_file_of_one_line_without_its_end_is_counted_and_read_when_it_has_one() {
    let Some(home) = Home::with_engine("one line") else {
        return;
    };
    let log = home.path("access.log");
    let line = lines(0, 1);
    std::fs::write(&log, &line[..line.len() - 1]).unwrap();
    for _ in 0..2 {
        let counts = home.ingest(&log);
        assert_eq!((counts.read, counts.ignored), (1, 1));
    }
    std::fs::write(&log, &line).unwrap();
    assert_eq!(home.ingest(&log).stored, 1);
    stored(&home, "web_hits", 1, "whole");
}

#[test]
fn a_paragraph_that_is_cut_between_its_lines_is_stored_once() {
    let Some(home) = Home::with_engine("cut paragraphs") else {
        return;
    };
    let log = home.path("detail");
    let paragraph = |session: u32| {
        format!(
            "Mon Mar  2 09:0{session}:00 2026\n\tUser-Name = \"p10201\"\n\tAcct-Status-Type = Start\n\tAcct-Session-Id = \"{session}\"\n\tFramed-IP-Address = 10.21.0.20\n\tNAS-Identifier = \"ap1\"\n\n"
        )
    };
    let whole = paragraph(1) + &paragraph(2);
    let ends: Vec<usize> = whole
        .match_indices('\n')
        .map(|(at, _)| at + 1)
        .filter(|end| *end >= paragraph(1).len())
        .collect();
    for end in ends {
        std::fs::write(&log, &whole[..end]).unwrap();
        home.ends(
            0,
            &["ingest", "--format", "radius_detail", log.to_str().unwrap()],
        );
    }
    let rows = |kind: &str| {
        let once = Home::with_engine("a paragraph read once").map(|other| {
            std::fs::write(other.path("detail"), &whole).unwrap();
            other.ingest(&other.path("detail"));
            count(&other, kind)
        });
        once.unwrap_or_default()
    };
    assert_eq!(count(&home, "sign_ins"), rows("sign_ins"));
    assert_eq!(read_of_all_sources(&home), 14);
    originals_are_what_the_ledger_says(&home);
}

#[test]
fn packed_bytes_that_break_off_and_come_whole_later_are_stored_once() {
    let Some(home) = Home::with_engine("torn gzip") else {
        return;
    };
    let log = home.path("access.log.gz");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut gz, lines(0, 3000).as_bytes()).unwrap();
    let packed = gz.finish().unwrap();
    std::fs::write(&log, &packed[..packed.len() / 2]).unwrap();
    assert_eq!(home.ingest(&log).rejected, 1);
    assert_eq!(home.ingest(&log).stored, 0);
    std::fs::write(&log, &packed).unwrap();
    assert_eq!(home.ingest(&log).read, 3000);
    stored(&home, "web_hits", 3000, "whole");
    assert_eq!(read_of_all_sources(&home), 3000);
    originals_are_what_the_ledger_says(&home);
}

#[test]
fn a_capture_that_grows_by_half_packets_counts_each_once() {
    let Some(home) = Home::with_engine("half packets") else {
        return;
    };
    let whole =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pcap/bypass.pcap"))
            .unwrap();
    let mut ends = vec![24usize];
    while let Some(length) = whole
        .get(ends[ends.len() - 1] + 8..)
        .and_then(|rest| rest.first_chunk())
    {
        ends.push(ends[ends.len() - 1] + 16 + u32::from_le_bytes(*length) as usize);
    }
    let file = home.path("a.pcap");
    for cut in [
        ends[10],
        ends[10] + 20,
        ends[10] + 30,
        ends[15] + 3,
        whole.len(),
    ] {
        std::fs::write(&file, &whole[..cut]).unwrap();
        home.ends(0, &["capture", "-r", file.to_str().unwrap()]);
    }
    assert_eq!(read_of_all_sources(&home), ends.len() as u64 - 1);
}

#[test]
fn programs_that_start_at_once_in_an_empty_home_do_not_disturb_each_other() {
    let Some(home) = Home::with_engine("at once") else {
        return;
    };
    let log = home.path("access.log");
    std::fs::write(&log, lines(0, 500)).unwrap();
    let counts: Vec<_> = (0..3)
        .map(|n| home.path(&format!("counts{n}.json")))
        .collect();
    let running: Vec<_> = counts
        .iter()
        .map(|counts| {
            let arguments = [
                "ingest",
                "--counts-json",
                counts.to_str().unwrap(),
                log.to_str().unwrap(),
            ];
            home.command(&arguments)
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for one in running {
        let output = one.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let new: u64 = counts
        .iter()
        .map(|counts| Counts::read(counts).stored)
        .sum();
    assert_eq!(new, 500);
    stored(&home, "web_hits", 500, "at once");
    let sets = std::fs::read_dir(home.path("keys")).unwrap().count();
    assert_eq!(sets, 1, "one set of keys");
}

/// Makes the root of every batch of a log again from its originals, as a stranger would.
pub(crate) fn originals_are_what_the_ledger_says(home: &Home) {
    home.ends(0, &["ledger", "verify"]);
    let keys = KeyRing::open(&home.path("keys"), &home.data()).unwrap();
    let ledger = ledger_of(home);
    let originals = Originals::open(&home.data(), &keys.key(Purpose::Originals)).unwrap();
    let nonces_key = keys.key(Purpose::Nonces);
    for (index, batch) in ledger.batches(None).unwrap() {
        let kept = originals.batches(batch.source).unwrap();
        let (first, last) = kept
            .into_iter()
            .filter(|(first, last)| *first == batch.first_frame && *last <= batch.last_frame)
            .max()
            .unwrap_or_else(|| panic!("the batch of entry {index} has no originals"));
        let frames = originals.batch(batch.source, first, last).unwrap();
        let proofs = FrameProofs::new(
            &FrameNonces::new(&nonces_key, batch.source),
            frames.iter().map(|one| (one.frame, one.bytes.as_slice())),
        );
        assert_eq!(proofs.frames(), batch.frames, "entry {index}");
        assert_eq!(proofs.root(), batch.root, "entry {index}");
    }
}

/// The ledger of a home, as the program has it.
pub(crate) fn ledger_of(home: &Home) -> Ledger {
    let keys = KeyRing::open(&home.path("keys"), &home.data()).unwrap();
    let ledger_keys = LedgerKeys {
        signing: *keys.key(Purpose::LedgerSigning),
        records: *keys.key(Purpose::LedgerRecords),
    };
    let folder = home.data().join("ledger");
    Ledger::open(&folder, &ledger_keys, "invigil.example/ledger").unwrap()
}

fn stored(home: &Home, table: &str, rows: u64, when: &str) {
    assert_eq!(count(home, table), rows, "{table}, {when}");
}

fn count(home: &Home, table: &str) -> u64 {
    status(home)["tables"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["table"] == table)
        .filter_map(|row| row["rows"].as_u64())
        .sum()
}

/// What all sources say was read of them; each one's sums must add up.
fn read_of_all_sources(home: &Home) -> u64 {
    let all = status(home);
    let mut read = 0;
    for source in all["sources"].as_array().unwrap() {
        let number = |name: &str| source[name].as_u64().unwrap();
        assert_eq!(
            number("read"),
            number("stored") + number("rejected") + number("ignored")
        );
        read += number("read");
    }
    read
}

fn status(home: &Home) -> serde_json::Value {
    serde_json::from_str(&home.ends(0, &["--json", "store", "status"])).unwrap()
}

fn lines(from: u64, to: u64) -> String {
    (from..to)
        .map(|n| {
            format!(
                "{}.{:03}     40 10.21.0.{} TCP_MISS/200 {} GET http://classroom.example/page/{n} p10201 HIER_DIRECT/192.0.2.7 text/html\n",
                1_772_440_000 + n,
                n % 1000,
                20 + n % 40,
                900 + n
            )
        })
        .collect()
}
