//! A store for the length of one test, in a folder of its own.
//!
//! The engine serves one folder a process, so tests that need one wait for each other here.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::{Outside, Question, Store, StoreSettings, Witness};
use crate::record::Timestamp;

/// A store in an empty folder that goes when this goes.
pub(crate) struct Scratch {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
    _turn: Turn,
}

/// A turn at the engine.
pub(crate) type Turn = MutexGuard<'static, ()>;

static TURN: Mutex<()> = Mutex::new(());

impl Scratch {
    /// None, and a word about it, where there is no engine.
    pub(crate) fn open() -> Option<Scratch> {
        let (turn, library) = turn()?;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&settings(folder.path(), &library)).unwrap();
        Some(Scratch {
            store,
            folder,
            _turn: turn,
        })
    }
}

/// Waits for a turn; the engine's library comes with it.
pub(crate) fn turn() -> Option<(Turn, PathBuf)> {
    let library = library()?;
    Some((TURN.lock().unwrap_or_else(PoisonError::into_inner), library))
}

/// Settings for a folder in a test.
pub(crate) fn settings(data: &std::path::Path, library: &std::path::Path) -> StoreSettings {
    let mut settings = StoreSettings::embedded(data, library, Zeroizing::new([7; 32]), moment());
    if let StoreSettings::Embedded(embedded) = &mut settings {
        embedded.outside = Some(Outside {
            witness: Arc::new(Remembering),
            clock: passing,
        });
    }
    settings
}

/// The moment that every test of the store happens at.
fn moment() -> Timestamp {
    Timestamp::from_seconds(1_772_446_500)
}

/// A clock that goes on by a fifth of a second whenever somebody looks.
fn passing() -> Timestamp {
    static LOOKS: AtomicI64 = AtomicI64::new(0);
    moment().plus_micros(LOOKS.fetch_add(1, Ordering::Relaxed) * 200_000)
}

/// What was entered since the last time that somebody looked.
pub(crate) fn entered() -> Vec<String> {
    std::mem::take(&mut *ENTERED.lock().unwrap_or_else(PoisonError::into_inner))
}

static ENTERED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A ledger for tests.
struct Remembering;

impl Witness for Remembering {
    fn enter(&self, question: &Question<'_>) -> Result<(), String> {
        let entry = format!(
            "{} {:?} {}",
            question.who, question.tables, question.changes
        );
        let mut entered = ENTERED.lock().unwrap_or_else(PoisonError::into_inner);
        entered.push(entry);
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test has no configuration"
)]
fn library() -> Option<PathBuf> {
    let named = std::env::var_os("INVIGIL_ENGINE").map(PathBuf::from);
    let installed = std::env::var_os("HOME").and_then(|home| {
        std::fs::read_dir(PathBuf::from(home).join(".local/share/invigil/engine")).ok()
    });
    let own = installed
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|version| {
            version
                .file_name()
                .to_string_lossy()
                .starts_with(super::LIBRARY_VERSION)
        })
        .map(|version| version.path().join("libchdb.so"));
    let found = named.into_iter().chain(own).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: there is no engine (INVIGIL_ENGINE is not set)");
    }
    found
}
