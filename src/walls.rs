//! The walls between the stages, held by reading the sources: who may import whom, and where threads,
//! the clock, the environment, printing and `unsafe` may stand.
//!
//! A change of this table is a change of the design: it edits ARCHITECTURE.md in the same commit.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use text::{bare, first_names, places, without_tests};

/// Whom each module may import. A module that is not named here does not exist.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("clock", &["record"]),
    ("config", &["record"]),
    ("keys", &["record"]),
    ("capture", &["record"]),
    ("flow", &["record"]),
    ("logs", &["record"]),
    ("classify", &["record"]),
    ("ledger", &["record"]),
    ("store", &["record"]),
    ("attribute", &["store", "record"]),
    ("report", &["store", "record"]),
    ("detect", &["store", "attribute", "classify", "record"]),
    ("casework", &["ledger", "store", "record"]),
    ("simulate", &["record"]),
    (
        "evidence",
        &[
            "store",
            "ledger",
            "attribute",
            "casework",
            "report",
            "record",
        ],
    ),
    (
        "pipeline",
        &[
            "record",
            "capture",
            "flow",
            "logs",
            "classify",
            "ledger",
            "store",
            "attribute",
            "report",
            "detect",
            "casework",
            "evidence",
            "simulate",
            "config",
            "clock",
            "keys",
        ],
    ),
    (
        "cli",
        &[
            "record",
            "capture",
            "flow",
            "logs",
            "classify",
            "ledger",
            "store",
            "attribute",
            "report",
            "detect",
            "casework",
            "evidence",
            "simulate",
            "config",
            "clock",
            "keys",
            "pipeline",
        ],
    ),
];

/// Words that may stand only in some places (a module, a folder or a file below `src/`), and why.
const ONLY_IN: &[(&[&str], &[&str], &str)] = &[
    (
        &["unsafe"],
        &["store/engine/ffi.rs", "capture/ring.rs"],
        "the engine's C functions and one option of a packet socket are all that is called",
    ),
    (
        &["print!", "println!", "eprint!", "eprintln!", "dbg!"],
        &["cli/"],
        "the command line is the only place that prints",
    ),
    (
        &[
            "thread::spawn",
            "thread::scope",
            "thread::Builder",
            "spawn_blocking",
            "rayon::",
            "tokio::spawn",
        ],
        &["pipeline/", "store/engine/", "serve/"],
        "threads belong to the pipeline and to the engine",
    ),
    (
        &[
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
        ],
        &["clock.rs"],
        "time is read in one place and passed on as a value",
    ),
    (
        &[
            "env::var",
            "env::vars",
            "env::var_os",
            "env::vars_os",
            "env::home_dir",
            "env::temp_dir",
        ],
        &["config.rs"],
        "the environment is read in one place",
    ),
    (
        &["process::exit", "process::abort"],
        &[],
        "a command returns its exit code; main leaves",
    ),
    (
        &["anyhow"],
        &["cli/"],
        "a stage has an error type of its own",
    ),
];

/// Words that the pure middle may not hold: it is given bytes and values, and returns values.
const NOT_IN_THE_MIDDLE: &[&str] = &[
    "std::fs",
    "File::open",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "stdin()",
    "stdout()",
];
const MIDDLE: &[&str] = &[
    "record",
    "flow",
    "logs",
    "classify",
    "attribute",
    "detect",
    "simulate",
];

/// One source file below `src/`, by its path there.
struct Source {
    path: String,
    text: String,
}

/// What is wrong with these sources, each as `path:line: what`.
fn breaches(sources: &[Source]) -> Vec<String> {
    let mut stripped = Vec::new();
    let mut tests = BTreeSet::new();
    for source in sources {
        let (code, test_modules) = without_tests(&bare(&source.text));
        for name in test_modules {
            let folder = folder_of_children(&source.path);
            tests.insert(format!("{folder}{name}.rs"));
            tests.insert(format!("{folder}{name}/"));
        }
        stripped.push((source, code));
    }
    let is_test = |path: &str| {
        tests
            .iter()
            .any(|test| path == test || (test.ends_with('/') && path.starts_with(test)))
    };
    let mut found = Vec::new();
    for (source, code) in &stripped {
        if is_test(&source.path) {
            continue;
        }
        if !source.text.starts_with("//!") {
            found.push(format!(
                "{}:1: no `//!` head that says where the file stands",
                source.path
            ));
        }
        imports(&source.path, code, &mut found);
        words(&source.path, code, &mut found);
    }
    found.sort();
    found
}

fn imports(path: &str, code: &str, found: &mut Vec<String>) {
    let module = module_of(path);
    if module == "lib" || module == "main" {
        return;
    }
    let table: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let Some(allowed) = table.get(module) else {
        found.push(format!(
            "{path}:1: the module `{module}` is not in the table of walls"
        ));
        return;
    };
    let climb = "super::".repeat(depth_of(path));
    let ways = places(code, "crate::").chain(places(code, &climb));
    for (line, after) in ways {
        for name in first_names(after) {
            // A name that is no module of ours is a macro or a value of the crate's root, or our own.
            if table.contains_key(name.as_str())
                && name != module
                && !allowed.contains(&name.as_str())
            {
                found.push(format!("{path}:{line}: `{module}` may not import `{name}`"));
            }
        }
    }
}

fn words(path: &str, code: &str, found: &mut Vec<String>) {
    for (banned, places_allowed, reason) in ONLY_IN {
        if places_allowed
            .iter()
            .any(|place| path == *place || (place.ends_with('/') && path.starts_with(place)))
        {
            continue;
        }
        for word in *banned {
            found.extend(
                places(code, word).map(|(line, _)| {
                    format!("{path}:{line}: `{word}` may not stand here: {reason}")
                }),
            );
        }
    }
    if MIDDLE.contains(&module_of(path)) {
        for word in NOT_IN_THE_MIDDLE {
            found.extend(
                places(code, word)
                    .map(|(line, _)| format!("{path}:{line}: `{word}` in the pure middle")),
            );
        }
    }
}

/// `flow/table.rs` stands in `flow`, `clock.rs` in `clock`.
fn module_of(path: &str) -> &str {
    path.split('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".rs")
}

/// How many `super::` lead from this file to the crate's root.
fn depth_of(path: &str) -> usize {
    path.trim_end_matches("/mod.rs").split('/').count()
}

/// Where the files of a file's own modules lie.
fn folder_of_children(path: &str) -> String {
    match path
        .strip_suffix("mod.rs")
        .or_else(|| path.strip_suffix("lib.rs"))
    {
        Some(folder) => folder.to_owned(),
        None => format!("{}/", path.trim_end_matches(".rs")),
    }
}

fn all_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut waiting: Vec<PathBuf> = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(Source {
                    text: std::fs::read_to_string(&path).unwrap(),
                    path: path
                        .strip_prefix(&root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

#[test]
fn every_source_keeps_to_its_walls() {
    let sources = all_sources();
    assert!(sources.len() > 20, "the sources were not found");
    let found = breaches(&sources);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_module_of_the_crate_stands_in_the_table() {
    let lib = include_str!("lib.rs");
    for (_, after) in places(&without_tests(&bare(lib)).0, "pub mod ") {
        let name = first_names(after).pop().unwrap();
        assert!(
            MAY_IMPORT.iter().any(|(module, _)| *module == name),
            "`{name}` has no walls"
        );
    }
}

/// How many breaches one file with this text has.
fn count(path: &str, text: &str) -> usize {
    breaches(&[Source {
        path: path.to_owned(),
        text: format!("//! A head.\n{text}"),
    }])
    .len()
}

#[test]
fn a_planted_import_is_noticed() {
    assert_eq!(count("flow/table.rs", "use crate::store::Store;"), 1);
    assert_eq!(
        count(
            "flow/table.rs",
            "use crate::{record::Flow, store::{self, Sql}, logs};"
        ),
        2
    );
    assert_eq!(count("flow/mod.rs", "fn f() { super::ledger::open(); }"), 1);
    assert_eq!(
        count("flow/applications/dns.rs", "use super::super::super::cli;"),
        1
    );
    assert_eq!(
        count("record/flow.rs", "fn f() { crate::flow::meter() }"),
        1
    );
    assert_eq!(count("evidence/seal.rs", "use crate::pipeline::run;"), 1);
    assert_eq!(count("newcomer/mod.rs", ""), 1);
}

#[test]
fn a_planted_word_is_noticed() {
    assert_eq!(count("logs/fields.rs", "fn f() { println!(\"x\") }"), 1);
    assert_eq!(
        count("store/rows.rs", "fn f() { std::thread::spawn(|| ()); }"),
        1
    );
    assert_eq!(count("capture/device.rs", "fn f() { unsafe { g() } }"), 1);
    assert_eq!(
        count("report/mod.rs", "let now = std::time::SystemTime::now();"),
        1
    );
    assert_eq!(
        count("cli/audit.rs", "let home = std::env::var(\"HOME\");"),
        1
    );
    assert_eq!(count("classify/index.rs", "use std::fs;"), 1);
    assert_eq!(
        count("evidence/mod.rs", "fn f() -> anyhow::Result<()> { Ok(()) }"),
        1
    );
}

#[test]
fn what_is_allowed_is_left_alone() {
    assert_eq!(
        count(
            "detect/mod.rs",
            "use crate::{attribute::Facts, store::Sql};"
        ),
        0
    );
    assert_eq!(
        count(
            "flow/table.rs",
            "use crate::flow::decode; use super::key::Key;"
        ),
        0
    );
    assert_eq!(
        count(
            "pipeline/mod.rs",
            "use crate::store; fn f() { std::thread::spawn(|| ()); }"
        ),
        0
    );
    assert_eq!(
        count("cli/who.rs", "use anyhow::Result; fn f() { println!() }"),
        0
    );
    assert_eq!(
        count(
            "logs/mod.rs",
            "#[cfg(test)]\nmod tests { use crate::store; fn f() { println!(\"}\") } }\n"
        ),
        0
    );
    assert_eq!(
        count(
            "logs/mod.rs",
            "// use crate::store\n/* unsafe /* println!() */ */ const A: &str = \"use crate::cli \\\" unsafe\";"
        ),
        0
    );
    assert_eq!(
        count(
            "logs/mod.rs",
            "const A: &str = r#\"unsafe \" println!\"#; const B: char = '\"'; fn f<'a>(unsafer: &'a str) {}"
        ),
        0
    );
    let whole = [
        ("logs/mod.rs", "//! H\n#[cfg(test)]\nmod hostile;\n"),
        ("logs/hostile.rs", "//! H\nuse crate::pipeline;\n"),
    ];
    assert!(
        breaches(&whole.map(|(path, text)| Source {
            path: path.to_owned(),
            text: text.to_owned()
        }))
        .is_empty()
    );
}

#[test]
fn a_file_without_a_head_is_noticed() {
    assert_eq!(
        breaches(&[Source {
            path: "main.rs".to_owned(),
            text: "fn main() {}".to_owned()
        }])
        .len(),
        1
    );
}
