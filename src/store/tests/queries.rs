//! Every file under `queries/` says what it is for, and the engine understands it.

use std::path::{Path, PathBuf};

use super::*;
use crate::store::queries::{QUERIES, SCHEMA, VIEWS};

fn sql_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sql_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "sql") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    let mut files = Vec::new();
    sql_files(&root, &mut files);
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

/// A file is the schema's, a view, a question that can be asked by name, or embedded where it is asked.
#[test]
fn every_file_is_in_a_list_or_embedded_where_it_is_asked() {
    let mut sources = Vec::new();
    rust_files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut sources,
    );
    let sources: String = sources
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for (id, text) in all() {
        let listed = SCHEMA
            .iter()
            .chain(VIEWS)
            .chain(QUERIES)
            .find(|sql| sql.id() == id);
        match listed {
            Some(sql) => assert_eq!(sql.text(), text),
            None => assert!(
                sources.contains(&format!("{id}.sql")) || sources.contains(&format!("\"{id}\"")),
                "nobody asks {id}: add the line \"{id}\", to src/store/queries.rs, or embed it where it is asked"
            ),
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_statement_is_understood_by_the_engine() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    for (id, text) in all() {
        for statement in crate::store::migrate::statements(&text) {
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
