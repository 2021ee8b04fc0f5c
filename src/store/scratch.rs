//! A store for the length of one test, in a folder of its own.
//!
//! The engine serves one folder a process, so tests that need one wait for each other here.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::{Outside, Question, Server, Store, StoreSettings, Witness, own};
use crate::record::Timestamp;

/// A store in an empty folder that goes when this goes.
pub(crate) struct Scratch {
    pub(crate) store: Store,
    /// What stands in for a server, where the store is reached by an address.
    pub(crate) server: Option<StandIn>,
    pub(crate) folder: tempfile::TempDir,
    _turn: Turn,
}

/// The engine of a folder at an address on TCP, in the place of a ClickHouse server: what comes there goes to the
/// folder's socket, byte for byte. What differs from a real one is told in queries/schema/SERVER.md.
pub(crate) struct StandIn {
    pub(crate) url: String,
    address: std::net::SocketAddr,
    socket: PathBuf,
    /// Keeps the engine up.
    _store: Store,
    /// Carries the bytes; none once it is down.
    carries: Option<Runtime>,
}

impl StandIn {
    fn of(store: Store, data: &Path) -> StandIn {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut stand_in = StandIn {
            url: format!("http://{address}"),
            address,
            socket: data.join("store.sock"),
            _store: store,
            carries: None,
        };
        drop(listener);
        stand_in.comes_back();
        stand_in
    }

    /// Somebody answers at the address (again).
    pub(crate) fn comes_back(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(self.address))
            .unwrap();
        let socket = self.socket.clone();
        runtime.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let socket = socket.clone();
                tokio::spawn(async move {
                    let mut engine = tokio::net::UnixStream::connect(socket).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut client, &mut engine).await);
                });
            }
        });
        self.carries = Some(runtime);
    }

    /// Settings for whoever has all rights there.
    pub(crate) fn settings(&self) -> Server {
        Server::at(
            &self.url,
            Some(own::USER),
            Some(own::word(&KEY)),
            Some("elsewhere"),
        )
    }

    /// From now on nobody answers at the address, and what is under way breaks off.
    pub(crate) fn goes_down(&mut self) {
        if let Some(runtime) = self.carries.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.goes_down();
    }
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
            server: None,
            folder,
            _turn: turn,
        })
    }

    /// The same, with the store reached as a server is, by an address.
    pub(crate) fn at_an_address() -> Option<Scratch> {
        let scratch = Scratch::open()?;
        let server = StandIn::of(scratch.store, scratch.folder.path());
        let store = Store::open(&StoreSettings::Server(server.settings())).unwrap();
        Some(Scratch {
            store,
            server: Some(server),
            ..scratch
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
    let mut settings = StoreSettings::embedded(data, library, Zeroizing::new(KEY), moment());
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

/// A question with these words can not be entered.
pub(crate) const LEDGER_IS_FULL: &str = "the ledger is full";

/// A ledger for tests.
struct Remembering;

impl Witness for Remembering {
    fn enter(&self, question: &Question<'_>) -> Result<(), String> {
        if question.sql.contains(LEDGER_IS_FULL) {
            return Err("no room".to_owned());
        }
        let entry = format!(
            "{} {:?} {}",
            question.who, question.tables, question.changes
        );
        let names = |name: &str| question.settings.iter().any(|(known, _)| known == name);
        assert!(!question.database.is_empty() && names("max_result_rows"));
        let mut entered = ENTERED.lock().unwrap_or_else(PoisonError::into_inner);
        entered.push(entry);
        Ok(())
    }
}

/// The key of each folder in a test.
const KEY: [u8; 32] = [7; 32];

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test has no configuration"
)]
pub(crate) fn library() -> Option<PathBuf> {
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
