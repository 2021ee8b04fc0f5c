//! Every file under `queries/` says what it is for, and the engine understands it.

use std::path::{Path, PathBuf};

use super::super::queries::{QUERIES, SCHEMA, VIEWS};
use super::*;

fn files_below(folder: &Path, kind: &str, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, kind, found);
        } else if path.extension().is_some_and(|ending| ending == kind) {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    let mut files = Vec::new();
    files_below(&root, "sql", &mut files);
    files
        .iter()
        .map(|path| {
            let id = path
                .strip_prefix(&root)
                .unwrap()
                .with_extension("")
                .display()
                .to_string();
            (id, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn every_file_says_what_it_is_for() {
    for (id, text) in all() {
        let text: &'static str = text.leak();
        let sql = Sql::embedded("", text);
        assert_eq!(
            sql.heading("id"),
            Some(id.as_str()),
            "the first line of {id}.sql is `-- id: {id}`"
        );
        for word in ["title", "reader", "window", "why"] {
            assert!(
                sql.heading(word).is_some_and(|said| !said.is_empty()),
                "{id}.sql has no line `-- {word}: ...`"
            );
        }
    }
}

#[test]
fn every_file_is_asked_by_somebody() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut code = String::new();
    let mut files = Vec::new();
    files_below(&source, "rs", &mut files);
    for file in files {
        code.push_str(&std::fs::read_to_string(file).unwrap());
    }
    for (id, text) in all() {
        let named =
            code.contains(&format!("\"{id}\"")) || code.contains(&format!("queries/{id}.sql"));
        assert!(
            named,
            "queries/{id}.sql is asked by nobody: embed it, or add the line \"{id}\", to src/store/queries.rs"
        );
        let listed = SCHEMA
            .iter()
            .chain(VIEWS)
            .chain(QUERIES)
            .find(|sql| sql.id() == id);
        assert!(listed.is_none_or(|sql| sql.text() == text));
        let inner = id.starts_with("schema/") || id.starts_with("views/");
        assert!(
            !inner || listed.is_some(),
            "add the line \"{id}\", to src/store/queries.rs"
        );
    }
}

#[test]
fn every_statement_is_understood_by_the_engine() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    for (id, text) in all() {
        for statement in super::super::migrate::statements(&text) {
            let explain: &'static str = format!("EXPLAIN AST {statement}").leak();
            let answer = scratch.store.bytes(
                Sql::embedded("test/explain", explain),
                &any_values(&text),
                "TSV",
            );
            assert!(answer.is_ok(), "{id}: {answer:?}");
        }
    }
}

/// Some value for each `{name:Type}` of a statement.
fn any_values(text: &str) -> Params {
    let mut params = Params::new();
    for part in text.split('{').skip(1) {
        let Some((name, kind)) = part
            .split_once('}')
            .and_then(|(inside, _)| inside.split_once(':'))
        else {
            continue;
        };
        let name: &'static str = name.trim().to_owned().leak();
        let kind = kind.trim();
        params = match kind {
            "IPv6" => params.text(name, "::1"),
            _ if kind.starts_with("Array") => params.text(name, "[]"),
            _ if kind.contains("Int") || kind.contains("Float") => params.text(name, "1"),
            _ if kind.starts_with("DateTime") => params.text(name, "2026-03-02 10:15:00"),
            _ => params.text(name, "x"),
        };
    }
    params
}
