//! A backup is of one moment, tells its own faults, and gives back what it was given.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::home::{Home, region};

/// A home with a register, a list, two logs and a name; and a set of it, with the identity that opens it.
fn backed_up(test: &str) -> Option<(Home, PathBuf, PathBuf)> {
    let home = Home::with_engine(test)?;
    let of = |file: &str| region(file).to_str().unwrap().to_owned();
    home.ends(
        0,
        &[
            "register",
            "networks",
            "import",
            &of("registers/networks.csv"),
        ],
    );
    home.ends(
        0,
        &[
            "register",
            "accounts",
            "import",
            &of("registers/accounts.csv"),
        ],
    );
    home.ends(
        0,
        &[
            "lists",
            "add",
            "games",
            "--kind",
            "plain",
            "--category",
            "games",
            &of("lists/gambling.txt"),
        ],
    );
    let log = home.path("access.log");
    std::fs::write(&log, lines(0, 300)).unwrap();
    home.ingest(&log);
    home.ends(
        0,
        &[
            "hold",
            "add",
            "--everything",
            "--from",
            "2026-01-01T00:00:00Z",
            "--to",
            "2026-02-01T00:00:00Z",
            "--until",
            "2099-01-01T00:00:00Z",
            "--case",
            "planted-case",
            "--reason",
            "planted-reason",
        ],
    );
    let (identity, recipient) = identity(&home);
    let set = home.path("sets/first");
    std::fs::create_dir(home.path("sets")).unwrap();
    home.ends(
        0,
        &[
            "store",
            "backup",
            set.to_str().unwrap(),
            "--recipient",
            &recipient,
        ],
    );
    Some((home, set, identity))
}

#[test]
fn what_was_backed_up_is_restored_elsewhere_with_its_keys_and_goes_on() {
    let Some((home, set, identity)) = backed_up("restore") else {
        return;
    };
    let (set_name, identity) = (set.to_str().unwrap(), identity.to_str().unwrap());
    let before = rows(&home, &[]);
    let log = home.path("access.log");
    std::fs::write(&log, lines(0, 310)).unwrap();
    home.ingest(&log);

    // Another machine: neither the data nor its keys are there.
    let other = home.path("other");
    let (into, keys) = (other.join("data"), other.join("keys"));
    std::fs::create_dir(&other).unwrap();
    let run = |arguments: &[&str]| {
        home.command(arguments)
            .env("INVIGIL_DATA_DIR", &into)
            .env("INVIGIL_KEYS_DIR", &keys)
            .output()
            .unwrap()
    };
    let restore = [
        "store",
        "restore",
        set_name,
        "--into",
        into.to_str().unwrap(),
        "--identity",
        identity,
    ];
    let output = run(&restore);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        run(&restore).status.code(),
        Some(2),
        "it is never written over"
    );
    assert_eq!(run(&["ledger", "verify"]).status.code(), Some(0));
    let shown = run(&["ledger", "show", "--json"]);
    let entries: Vec<Value> = serde_json::from_slice(&shown.stdout).unwrap();
    assert!(entries.last().unwrap()["act"].get("restored").is_some());
    let restored =
        String::from_utf8(run(&["query", "store/tables", "--to", "csv"]).stdout).unwrap();
    for line in before
        .lines()
        .filter(|line| line.contains("web_hits") || line.contains("networks"))
    {
        let start = line.rsplit_once(',').unwrap().0;
        assert!(restored.contains(start), "{start} in {restored}");
    }
    // The originals are those of the ledger, and the hold holds.
    assert_eq!(run(&["store", "check"]).status.code(), Some(0));
    let holds = run(&["hold", "list", "--json", "--reveal"]).stdout;
    assert!(String::from_utf8_lossy(&holds).contains("planted-reason"));
    // The log has grown since: its ten new lines are stored, once.
    for stored in [10, 0] {
        let counts = home.path("counts.json");
        let output = run(&[
            "ingest",
            "--counts-json",
            counts.to_str().unwrap(),
            log.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(crate::home::Counts::read(&counts).stored, stored);
    }
    let matched = run(&["lists", "match", "no-such-site.example"]);
    assert_eq!(
        matched.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&matched.stderr)
    );
}

#[test]
fn nothing_of_a_set_is_in_clear_and_without_the_identity_it_stays_shut() {
    let Some((home, set, _)) = backed_up("a set is shut") else {
        return;
    };
    let secret = walk(&home.path("keys"))
        .into_iter()
        .find(|path| path.ends_with("secret.key"))
        .unwrap();
    let secret = std::fs::read(secret).unwrap();
    let words: [&[u8]; 5] = [
        b"planted.pupil",
        b"planted-reason",
        b"planted-host",
        b"source_opened\":",
        secret.trim_ascii(),
    ];
    for path in walk(&set) {
        let bytes = std::fs::read(&path).unwrap();
        for word in words {
            assert!(
                !bytes.windows(word.len()).any(|part| part == word),
                "{} is in clear in {path:?}",
                String::from_utf8_lossy(word)
            );
        }
    }
    let wrong = home.path("wrong.txt");
    std::fs::write(&wrong, identity_text(2).0).unwrap();
    let into = home.path("nowhere");
    let arguments = [
        "store",
        "restore",
        set.to_str().unwrap(),
        "--into",
        into.to_str().unwrap(),
        "--identity",
        wrong.to_str().unwrap(),
    ];
    let output = home.run(&arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not open"));
    assert!(!into.exists());
}

#[test]
fn a_drill_passes_on_a_whole_set_and_names_each_file_that_is_not() {
    let Some((home, set, identity)) = backed_up("drill") else {
        return;
    };
    let set_name = set.to_str().unwrap();
    let drill = |code: i32, more: &[&str]| -> Value {
        let all = [&["--json", "store", "drill", set_name], more].concat();
        serde_json::from_str(&home.ends(code, &all)).unwrap()
    };
    assert_eq!(
        drill(0, &["--identity", identity.to_str().unwrap()])["passed"],
        true
    );
    let passed = drill(0, &[]);
    assert!(passed["set"]["answers"].as_u64().unwrap() > 10, "{passed}");
    assert!(
        !home.data().join("drill").exists(),
        "the trial is taken away"
    );

    // One of each kind of file, changed at its middle, cut, or taken away.
    let files = walk(&set);
    let mut tried = 0;
    for kind in [
        "data.bin",
        "count.txt",
        ".sealed",
        "entries.jsonl",
        "head",
        "keys.age",
        "manifest.json",
        "manifest.mark",
        "id",
    ] {
        let path = files
            .iter()
            .find(|path| path.to_string_lossy().ends_with(kind))
            .unwrap_or_else(|| panic!("no {kind}"));
        let name = path.strip_prefix(&set).unwrap().to_str().unwrap();
        let whole = std::fs::read(path).unwrap();
        let mut changed = whole.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        for bytes in [Some(changed), Some(whole[..whole.len() - 1].to_vec()), None] {
            std::fs::remove_file(path).unwrap();
            if let Some(bytes) = bytes {
                std::fs::write(path, bytes).unwrap();
            }
            let said = drill(1, &[]).to_string();
            let named = if kind.starts_with("manifest") {
                "manifest"
            } else {
                name
            };
            assert!(said.contains(named), "{name}: {said}");
            std::fs::write(path, &whole).unwrap_or_else(|_| panic!("{name}"));
            tried += 1;
        }
    }
    assert_eq!(tried, 27);
    std::fs::write(set.join("data/smuggled"), "x").unwrap();
    assert!(drill(1, &[]).to_string().contains("data/smuggled"));
    std::fs::remove_file(set.join("data/smuggled")).unwrap();
    assert_eq!(drill(0, &[])["passed"], true);
    home.ends(0, &["ledger", "verify"]);
    let shown: Vec<Value> =
        serde_json::from_str(&home.ends(0, &["ledger", "show", "--json"])).unwrap();
    let drills: Vec<bool> = shown
        .iter()
        .filter_map(|entry| entry["act"].get("drill_held")?["passed"].as_bool())
        .collect();
    assert_eq!(drills.len(), 31);
    assert_eq!(drills.iter().filter(|passed| **passed).count(), 3);
}

#[test]
fn a_set_that_was_broken_off_is_none_and_a_later_one_links_what_is_the_same() {
    let Some((home, set, identity)) = backed_up("sets") else {
        return;
    };
    let recipient = identity_text(1).1;
    let backup = |code: i32, name: &Path, more: &[&str]| {
        let all = [
            &[
                "--json",
                "store",
                "backup",
                name.to_str().unwrap(),
                "--recipient",
                &recipient,
            ],
            more,
        ]
        .concat();
        home.ends(code, &all)
    };
    backup(2, &set, &[]);
    backup(2, &home.path("sets/named.partial"), &[]);
    // Also whole, it is none while it has not got its name.
    let unnamed = home.path("sets/unnamed.partial");
    std::fs::rename(&set, &unnamed).unwrap();
    home.ends(1, &["store", "drill", unnamed.to_str().unwrap()]);
    std::fs::rename(&unnamed, &set).unwrap();
    let second = home.path("sets/second");
    let said: Value =
        serde_json::from_str(&backup(0, &second, &["--base", set.to_str().unwrap()])).unwrap();
    assert!(said["linked"].as_u64().unwrap() > 20, "{said}");
    home.ends(
        0,
        &[
            "store",
            "drill",
            second.to_str().unwrap(),
            "--identity",
            identity.to_str().unwrap(),
        ],
    );

    // Broken off: the folder has another name, and no manifest.
    let partial = home.path("sets/third.partial");
    std::fs::create_dir(&partial).unwrap();
    std::fs::copy(second.join("keys.age"), partial.join("keys.age")).unwrap();
    let output = home.run(&["store", "drill", partial.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("broken off"));
    backup(0, &home.path("sets/third"), &[]);
    assert!(!partial.exists());
    assert!(
        !walk(&home.data())
            .iter()
            .any(|path| path.to_string_lossy().contains("invigil_backup")),
        "what was frozen is thawed"
    );
}

fn rows(home: &Home, more: &[&str]) -> String {
    home.ends(
        0,
        &[&["query", "store/tables", "--to", "csv"], more].concat(),
    )
}

/// An age identity in a file, and its public key.
pub(crate) fn identity(home: &Home) -> (PathBuf, String) {
    let (text, recipient) = identity_text(1);
    let path = home.path("recovery.txt");
    std::fs::write(&path, text).unwrap();
    (path, recipient)
}

fn identity_text(which: usize) -> (String, String) {
    static MADE: std::sync::OnceLock<Vec<(String, String)>> = std::sync::OnceLock::new();
    let made = MADE.get_or_init(|| {
        let one = |_| {
            use age::secrecy::ExposeSecret;
            let identity = age::x25519::Identity::generate();
            (
                format!("{}\n", identity.to_string().expose_secret()),
                identity.to_public().to_string(),
            )
        };
        (0..2).map(one).collect()
    });
    made[which - 1].clone()
}

pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(walk(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

fn lines(from: u64, to: u64) -> String {
    (from..to)
        .map(|n| format!("{}.000 5 10.21.0.{} TCP_MISS/200 900 GET http://planted-host.example/page/{n} planted.pupil HIER_DIRECT/192.0.2.7 text/html\n", 1_772_440_000 + n * 7000, n % 200))
        .collect()
}
