//! Who has the engine: one process at a time, and the others are its guests.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

const HOSTS: Sql = Sql::embedded("test/hosts", "SELECT host FROM web_hits ORDER BY host");

fn hosts(store: &Store) -> String {
    String::from_utf8(store.bytes(HOSTS, &Params::new(), "TSV").unwrap()).unwrap()
}

/// A process of its own that serves a folder until its standard input ends.
struct Other {
    child: Child,
    /// Kept open, as the test runner in there goes on printing.
    _out: BufReader<ChildStdout>,
}

impl Other {
    fn serving(data: &std::path::Path) -> Other {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::tests::owner::the_other_process",
                "--nocapture",
            ])
            .env("INVIGIL_TEST_SERVES", data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while out.read_line(&mut line).unwrap() > 0 {
            if line.starts_with("serving") {
                return Other { child, _out: out };
            }
            line.clear();
        }
        panic!("the other process did not start: {:?}", child.wait());
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// No test of its own: what the other process does.
#[test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "how a test speaks with its own process"
)]
fn the_other_process() {
    let Some(data) = std::env::var_os("INVIGIL_TEST_SERVES") else {
        return;
    };
    let Some((_turn, library)) = turn() else {
        return;
    };
    let StoreSettings::Embedded(embedded) = settings(data.as_ref(), &library) else {
        return;
    };
    let serving = Serving::start(&embedded).unwrap();
    serving
        .store()
        .insert(web_hits(), hits(&["other.example"]), None)
        .unwrap();
    println!("\nserving");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_second_process_uses_the_socket_of_the_first_and_takes_over_when_it_has_ended() {
    let Some((_turn, library)) = turn() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let other = Other::serving(folder.path());
    let StoreSettings::Embedded(embedded) = settings(folder.path(), &library) else {
        return;
    };
    let store = Store::open(&StoreSettings::Embedded(embedded.clone())).unwrap();
    assert!(!store.is_owner());
    store
        .insert(web_hits(), hits(&["guest.example"]), None)
        .unwrap();
    assert_eq!(hosts(&store), "guest.example\nother.example\n");
    let error = Serving::start(&embedded).unwrap_err().to_string();
    assert!(
        error.contains(&format!(
            "process {} since 2026-03-02T10:15:00",
            other.child.id()
        )),
        "{error}"
    );
    let socket = std::fs::metadata(folder.path().join("store.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);

    other.end();
    assert!(!folder.path().join("store.sock").exists());
    assert_eq!(hosts(&store), "guest.example\nother.example\n");
    assert!(store.is_owner());
}

#[test]
fn the_socket_and_lock_of_a_killed_process_are_no_hindrance() {
    let Some((_turn, library)) = turn() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut other = Other::serving(folder.path());
    other.child.kill().unwrap();
    other.child.wait().unwrap();
    assert!(folder.path().join("store.sock").exists());
    let store = Store::open(&settings(folder.path(), &library)).unwrap();
    assert!(store.is_owner());
    assert_eq!(hosts(&store), "other.example\n");
}

#[test]
fn two_stores_of_one_process_share_the_engine_and_the_last_one_closes_it() {
    let Some((_turn, library)) = turn() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let first = Store::open(&settings(folder.path(), &library)).unwrap();
    let second = Store::open(&settings(folder.path(), &library)).unwrap();
    let refused = Store::open(&settings(elsewhere.path(), &library)).unwrap_err();
    assert!(matches!(refused, StoreError::OtherFolder(_)));
    drop(first);
    second
        .insert(web_hits(), hits(&["a.example"]), None)
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            let store = second.clone();
            scope.spawn(move || assert_eq!(hosts(&store), "a.example\n"));
        }
    });
    drop(second);
    assert!(!folder.path().join("store.sock").exists());
    assert!(
        Store::open(&settings(elsewhere.path(), &library))
            .unwrap()
            .is_owner()
    );
}

#[test]
fn a_folder_that_is_held_in_silence_says_by_whom() {
    let Some((_turn, library)) = turn() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("lock");
    std::fs::write(&lock, "process 4711 since 2026-03-02T08:00:00.000000Z\n").unwrap();
    let file = std::fs::File::open(&lock).unwrap();
    file.lock().unwrap();
    let error = Store::open(&settings(folder.path(), &library)).unwrap_err();
    assert!(matches!(error, StoreError::Held { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("process 4711 since 2026-03-02T08:00:00"),
        "{error}"
    );
}

#[test]
fn a_folder_with_a_long_path_is_served_too() {
    let Some((_turn, library)) = turn() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(120)).join("<&> y");
    let store = Store::open(&settings(&long, &library)).unwrap();
    assert_eq!(hosts(&store), "");
}

#[test]
fn without_an_engine_one_sentence_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("libchdb.so");
    let Some((_turn, _)) = turn() else { return };
    let error = Store::open(&settings(folder.path(), &missing)).unwrap_err();
    assert!(error.to_string().contains("run `make engine`"), "{error}");
}
