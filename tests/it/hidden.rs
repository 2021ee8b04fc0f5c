//! A planted word stands in no file of the data folder, nor in one that is open and was deleted: while millions of rows
//! are grouped, when a question fails, while batches wait in the spool and are stored from there, and after `kill -9`.
//!
//! It is looked for as bytes and as UTF-16. What is packed by LZ4 or deflate keeps a word that was not met before as it is,
//! so its first place is found too. `INVIGIL_ROWS=20000000` is the whole.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use invigil::store::{Params, Sql};

use crate::check::store_of;
use crate::home::Home;
use crate::kills::asked;

const WORD: &str = "quokkaplanted";

const MAKE: Sql = Sql::embedded(
    "test/make",
    "INSERT INTO web_hits (source_id, frame, ordinal, time, host, path) SELECT toFixedString('planted', 16), number, 0, toDateTime64(1772440000 + number / 100, 6, 'UTC'), concat({word:String}, toString(number % 1000), '.example'), concat('/', {word:String}, '/', toString(number)) FROM numbers({rows:UInt64})",
);
/// Writes, since only what writes may make settings; each group is its own, so that there is much to hold.
const GROUP: Sql = Sql::embedded(
    "test/group",
    "INSERT INTO rejects (source_id, frame, reason) SELECT toFixedString('counted', 16), count(), '' FROM (SELECT path, count() FROM web_hits GROUP BY path) SETTINGS max_bytes_before_external_group_by = 1000000, max_bytes_ratio_before_external_group_by = 0",
);
const GROUP_PLAIN: Sql = Sql::embedded(
    "test/group_plain",
    "SELECT count() FROM (SELECT path, count() AS n FROM web_hits GROUP BY path ORDER BY n, path)",
);
const FAILS: Sql = Sql::embedded(
    "test/fails",
    "SELECT throwIf(path LIKE concat('/', {word:String}, '/%99')) FROM web_hits",
);

#[test]
fn a_planted_word_is_in_no_file_while_questions_run_or_fail() {
    let Some(home) = Home::with_engine("hidden while asked") else {
        return;
    };
    home.ends(0, &["store", "migrate"]);
    let rows = asked("INVIGIL_ROWS", 1_000_000);
    let store = store_of(&home);
    let looks = watched(&home.data(), std::process::id(), || {
        let word = Params::new().text("word", WORD);
        store.run(MAKE, &word.clone().number("rows", rows)).unwrap();
        // With its wish to spill it is refused or bounded by memory; what counts is that it writes nothing in clear.
        let wish = store.run(GROUP, &Params::new());
        let plain = store.bytes(GROUP_PLAIN, &Params::new(), "TSV");
        let failed = store.bytes(FAILS, &word, "TSV").unwrap_err();
        assert!(!failed.to_string().contains(WORD));
        println!(
            "{rows} rows: grouped with a wish to spill: {}; without: {}",
            wish.map_or_else(|error| error.to_string(), |()| "done".to_owned()),
            plain.map_or_else(|error| error.to_string(), |_| "done".to_owned())
        );
    });
    assert!(looks > 1);
    println!("looked {looks} times");
}

#[test]
fn a_planted_word_is_in_no_file_of_a_spool_nor_after_a_kill() {
    let Some(home) = Home::with_engine("hidden on its way") else {
        return;
    };
    let log = home.path("access.log");
    let lines: String = (0..60_000)
        .map(|n| {
            format!(
                "{}.{:03}     40 10.21.0.{} TCP_MISS/200 900 GET http://{WORD}{}.example/{WORD}/{n} {WORD}{} HIER_DIRECT/192.0.2.7 text/html\n",
                1_772_440_000 + n / 4, n % 1000, 20 + n % 40, n % 7, n % 5
            )
        })
        .collect();
    std::fs::write(&log, lines).unwrap();
    // A server that nobody can reach: all of it waits.
    let config = home.path("away.toml");
    std::fs::write(&config, "[store]\nurl = \"http://127.0.0.1:9\"\n").unwrap();
    let away = [
        "--config",
        config.to_str().unwrap(),
        "ingest",
        log.to_str().unwrap(),
    ];
    let output = home.run(&away);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("wait for it in the spool") && !said.contains(WORD),
        "{said}"
    );
    println!(
        "60000 lines wait in {} bytes",
        bytes_below(&home.data().join("spool"))
    );
    none_in(&home.data());

    let mut replaying = start(&home, &["store", "replay"]);
    let id = replaying.id();
    let looks = watched(&home.data(), id, || {
        std::thread::sleep(Duration::from_millis(700));
        replaying.kill().unwrap();
        replaying.wait().unwrap();
    });
    none_in(&home.data());
    let mut replaying = start(&home, &["store", "replay"]);
    let id = replaying.id();
    let more = watched(&home.data(), id, || {
        assert!(replaying.wait().unwrap().success())
    });
    assert!(looks + more > 1);
    none_in(&home.data());
    crate::kills::exactly_once(&home, "web_hits", 60_000);
}

fn start(home: &Home, arguments: &[&str]) -> Child {
    home.command(arguments)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Does the work and looks meanwhile, again and again; answers how often.
fn watched(folder: &Path, process: u32, work: impl FnOnce()) -> u64 {
    let (over, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        let watching = threads.spawn(|| {
            let mut found = Vec::new();
            while !over.load(Ordering::SeqCst) && found.is_empty() {
                found = with_word(folder);
                found.extend(deleted_with_word(folder, process));
                looks.fetch_add(1, Ordering::SeqCst);
            }
            found
        });
        work();
        over.store(true, Ordering::SeqCst);
        assert_eq!(watching.join().unwrap(), Vec::<PathBuf>::new());
    });
    looks.into_inner()
}

fn none_in(folder: &Path) {
    assert_eq!(with_word(folder), Vec::<PathBuf>::new());
}

fn with_word(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(with_word(&path));
        } else if path.is_file() && has_word(&path) {
            found.push(path);
        }
    }
    found
}

/// Files that a process has open below the folder and that have no name any more.
fn deleted_with_word(folder: &Path, process: u32) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{process}/fd")) else {
        return Vec::new();
    };
    let below = |open: &PathBuf| {
        std::fs::read_link(open)
            .is_ok_and(|to| to.starts_with(folder) && to.to_string_lossy().ends_with(" (deleted)"))
    };
    let open = entries.flatten().map(|entry| entry.path());
    open.filter(below).filter(|path| has_word(path)).collect()
}

/// Whether a file holds the word. It is read in pieces that overlap; one that goes meanwhile is nobody's fault.
fn has_word(path: &Path) -> bool {
    let wide: Vec<u8> = WORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let Ok(mut file) = std::fs::File::open(path) else {
        return false;
    };
    let mut piece = vec![0; 1 << 20];
    let mut kept = 0;
    loop {
        let read = std::io::Read::read(&mut file, &mut piece[kept..]).unwrap_or(0);
        if read == 0 {
            return false;
        }
        let here = &piece[..kept + read];
        let is_here = |needle: &[u8]| memchr::memmem::find(here, needle).is_some();
        if is_here(WORD.as_bytes()) || is_here(&wide) {
            return true;
        }
        let overlap = here.len().min(wide.len());
        let from = here.len() - overlap;
        piece.copy_within(from..from + overlap, 0);
        kept = overlap;
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| match entry.metadata().unwrap() {
            about if about.is_dir() => bytes_below(&entry.path()),
            about => about.len(),
        })
        .sum()
}
