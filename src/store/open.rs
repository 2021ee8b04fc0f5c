//! Opening a store: who owns the data folder, and who is only a guest there.
//!
//! One process has the engine on a folder; it answers on a socket, and every [`Store`] of every
//! process, its own too, speaks to that socket. Within a process the hold on the folder is shared.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::client::{Call, Caller, Manner};
use super::drift::{self, Drift, Found};
use super::engine::{Occupied, Owner, Start};
use super::error::{SHORTEST_KEY, StoreError};
use super::migrate;
use super::outside::{StoreKey, TlsFiles};
use super::settings::{Embedded, StoreSettings};
use super::sql::{Params, Sql};
use super::unix::SocketOf;
use super::version;

/// The store. Clones share one hold; the engine, if it is ours, closes when the last one goes.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    /// How its questions are asked.
    pub(super) manner: Manner,
}

struct Inner {
    caller: Caller,
    database: String,
    place: Place,
    /// What the operator should read.
    notices: Vec<String>,
    /// What stops every write.
    stops: Mutex<Vec<Drift>>,
}

enum Place {
    Folder {
        settings: Embedded,
        socket: SocketOf,
        /// Our share in the folder, if this process has the engine; it goes after the caller.
        hold: Mutex<Option<Hold>>,
    },
    Server,
}

impl Store {
    /// Opens the store and brings its schema up to date.
    pub fn open(settings: &StoreSettings) -> Result<Store, StoreError> {
        let database = settings.database();
        let mut notices = Vec::new();
        let (caller, place) = match settings {
            StoreSettings::Embedded(embedded) => {
                let hold = Mutex::new(hold(embedded)?);
                let socket = SocketOf::new(&embedded.data).map_err(unusable(&embedded.data))?;
                let settings = embedded.clone();
                let caller = Caller::of_folder(socket.clone(), &embedded.key, database)
                    .map_err(unusable(&embedded.data))?;
                let place = Place::Folder {
                    settings,
                    socket,
                    hold,
                };
                (caller, place)
            }
            StoreSettings::Server(server) => {
                let greeted = version::greet(server)?;
                notices = greeted.notices;
                (greeted.caller, Place::Server)
            }
        };
        let stops = as_it_should_be(&caller, database, is_encrypted(&place), &mut notices)?;
        Ok(Store {
            inner: Arc::new(Inner {
                caller,
                database: database.to_owned(),
                place,
                notices,
                stops: Mutex::new(stops),
            }),
            manner: Manner::Usual,
        })
    }

    /// The same store for long work that nobody waits for at a screen: its questions step back while others ask, so that
    /// the rules over a month do not hold up who looks up a name. Rows that are stored keep nobody waiting either way.
    pub fn in_background(&self) -> Store {
        Store {
            manner: Manner::Behind,
            ..self.clone()
        }
    }

    /// The same store for questions that many may ask at once and that come to a few rows: most of what they take is to plan
    /// them, and a second thread only takes a core from somebody else. Long work stays what it is.
    pub fn looking_up(&self) -> Store {
        Store {
            manner: match self.manner {
                Manner::Usual => Manner::LookUp,
                other => other,
            },
            ..self.clone()
        }
    }

    /// Brings the schema up to date, and makes tables and views that are gone anew; the answer is what that took.
    /// Twice does no harm.
    pub fn migrate(&self) -> Result<Vec<migrate::Applied>, StoreError> {
        let encrypted = is_encrypted(&self.inner.place);
        let (caller, database) = (self.caller()?, &self.inner.database);
        if let Some(newer) = Found::look(caller, database)?.newer() {
            return Err(StoreError::Drifted(vec![newer]));
        }
        let mut applied = migrate::migrate(caller, database, encrypted)?;
        applied.extend(migrate::again(caller, &self.drift()?, encrypted)?);
        let left = Found::look(caller, database)?.drift();
        *self.stops() = left.into_iter().filter(Drift::stops_writing).collect();
        Ok(applied)
    }

    /// In what the store is not what this program made.
    pub fn drift(&self) -> Result<Vec<Drift>, StoreError> {
        let caller = self.caller()?;
        let mut all = Found::look(caller, &self.inner.database)?.drift();
        all.extend(drift::changed_views(caller, &self.inner.database)?);
        Ok(all)
    }

    /// What was noticed when the store was opened and hinders nobody.
    pub fn notices(&self) -> &[String] {
        &self.inner.notices
    }

    /// Says whether rows would be taken, so that nobody reads a file for nothing.
    pub fn must_take_rows(&self) -> Result<(), StoreError> {
        self.must_be_whole()?;
        if let Place::Folder { .. } = self.inner.place {
            return Ok(());
        }
        let call = Call {
            what: WRITABLE.id(),
            sql: WRITABLE.text(),
            params: &Params::new(),
        };
        self.caller()?
            .ask(&call, "Null", &mut |_| Ok(()))
            .map_err(only_read)
    }

    /// Refuses while the schema would lose rows.
    pub(super) fn must_be_whole(&self) -> Result<(), StoreError> {
        let stops = self.stops();
        match stops.is_empty() {
            true => Ok(()),
            false => Err(StoreError::Drifted(stops.clone())),
        }
    }

    fn stops(&self) -> MutexGuard<'_, Vec<Drift>> {
        self.inner
            .stops
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the engine runs in this process (and ends with its last store).
    pub fn is_owner(&self) -> bool {
        match &self.inner.place {
            Place::Folder { hold, .. } => hold
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_some(),
            Place::Server => false,
        }
    }

    /// The client. If the process that had the engine has ended, its place is taken first.
    pub(super) fn caller(&self) -> Result<&Caller, StoreError> {
        if let Place::Folder {
            settings,
            socket,
            hold,
        } = &self.inner.place
        {
            let mut ours = hold.lock().unwrap_or_else(PoisonError::into_inner);
            if ours.is_none() && !socket.answers() {
                *ours = self::hold(settings)?;
            }
        }
        Ok(&self.inner.caller)
    }
}

/// Applies what is not applied, unless a newer program was here; the answer is what stops every write.
fn as_it_should_be(
    caller: &Caller,
    database: &str,
    encrypted: bool,
    notices: &mut Vec<String>,
) -> Result<Vec<Drift>, StoreError> {
    let mut found = Found::look(caller, database)?;
    if found.newer().is_none() && found.unapplied().next().is_some() {
        match migrate::migrate(caller, database, encrypted) {
            Ok(_) => found = Found::look(caller, database)?,
            // Who may only ask can ask what is there; of an empty place there is nothing to ask.
            Err(error) if is_refused_writing(&error) && !found.is_empty() => {}
            Err(error) => return Err(only_read(error)),
        }
    }
    let (stops, harmless): (Vec<_>, Vec<_>) =
        found.drift().into_iter().partition(Drift::stops_writing);
    notices.extend(stops.iter().chain(&harmless).map(ToString::to_string));
    Ok(stops)
}

/// A refusal of what only a writer may do, in words for the operator.
fn only_read(error: StoreError) -> StoreError {
    match is_refused_writing(&error) {
        true => StoreError::ReadOnly {
            reason: error.to_string(),
        },
        false => error,
    }
}

fn is_refused_writing(error: &StoreError) -> bool {
    error.code().is_some_and(|code| ONLY_READ.contains(&code))
}

fn is_encrypted(place: &Place) -> bool {
    matches!(place, Place::Folder { .. })
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("database", &self.inner.database)
            .field("owner", &self.is_owner())
            .finish()
    }
}

/// Keeps the engine of a data folder up for other processes, until it is dropped.
#[derive(Debug)]
pub struct Serving {
    store: Store,
    socket: PathBuf,
}

impl Serving {
    /// Opens the folder to serve it; refused if another process does already.
    pub fn start(settings: &Embedded) -> Result<Serving, StoreError> {
        let store = Store::open(&StoreSettings::Embedded(settings.clone()))?;
        if !store.is_owner() {
            return Err(StoreError::Held {
                data: settings.data.clone(),
                holder: std::fs::read_to_string(settings.data.join("lock"))
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            });
        }
        Ok(Serving {
            store,
            socket: settings.data.join(super::engine::SOCKET),
        })
    }

    /// The socket on which others are answered.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The store, for this process's own use.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Answers at an address too, whoever brings one of the keys; off this machine only with TLS. The answer is
    /// the address itself, as its port may have been left to the system.
    pub fn listen(
        &self,
        address: SocketAddr,
        keys: &[StoreKey],
        tls: Option<&TlsFiles>,
    ) -> Result<SocketAddr, StoreError> {
        if tls.is_none() && !address.ip().is_loopback() {
            return Err(StoreError::NotLoopback(address));
        }
        if keys.iter().any(|key| key.key.trim().len() < SHORTEST_KEY) {
            return Err(StoreError::ShortKey);
        }
        let failed = |source| StoreError::Listen { address, source };
        let Place::Folder { hold, .. } = &self.store.inner.place else {
            return Err(failed(std::io::ErrorKind::Unsupported.into()));
        };
        let hold = hold.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = hold.as_ref().and_then(|hold| hold.owner.as_ref());
        let owner = owner.ok_or_else(|| failed(std::io::ErrorKind::NotConnected.into()))?;
        owner.listen(address, keys, tls).map_err(failed)
    }

    /// Waits until the process is asked to end (interrupt or terminate), then closes everything.
    pub fn until_asked_to_end(self) -> Result<(), StoreError> {
        super::engine::wait_for_the_end().map_err(|source| StoreError::Folder {
            path: self.socket.clone(),
            source,
        })
    }
}

/// What this process holds: the engine's library serves one folder a process.
static HELD: Mutex<Option<Held>> = Mutex::new(None);
/// Told when the hold has ended.
static FREED: Condvar = Condvar::new();

struct Held {
    data: PathBuf,
    owner: Weak<WholeHold>,
}

/// A share in the hold on a folder.
type Hold = Arc<WholeHold>;

/// The hold; frees the place for the next when it goes.
struct WholeHold {
    owner: Option<Owner>,
}

impl Drop for WholeHold {
    fn drop(&mut self) {
        drop(self.owner.take());
        *HELD.lock().unwrap_or_else(PoisonError::into_inner) = None;
        FREED.notify_all();
    }
}

/// A share in the hold on this folder; none if another process answers there.
fn hold(settings: &Embedded) -> Result<Option<Hold>, StoreError> {
    let unusable = unusable(&settings.data);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&settings.data)
        .map_err(&unusable)?;
    let data = settings.data.canonicalize().map_err(&unusable)?;
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(here) = held.as_ref() {
        match here.owner.upgrade() {
            Some(hold) if here.data == data => return Ok(Some(hold)),
            Some(other) => {
                let data = here.data.clone();
                // The lock goes first: this may be the last share by now, and its end takes the lock.
                drop(held);
                drop(other);
                return Err(StoreError::OtherFolder(data));
            }
            // It is being closed.
            None => held = FREED.wait(held).unwrap_or_else(PoisonError::into_inner),
        }
    }
    let socket = SocketOf::new(&data).map_err(&unusable)?;
    let mut holder = String::new();
    for _ in 0..TRIES {
        if socket.answers() {
            return Ok(None);
        }
        let start = Start {
            data: &data,
            library: &settings.library,
            key: &settings.key,
            memory: settings.memory_bytes,
            now: settings.now,
            outside: settings.outside.clone(),
        };
        match Owner::start(&start)? {
            Ok(owner) => {
                let hold = Arc::new(WholeHold { owner: Some(owner) });
                *held = Some(Held {
                    data,
                    owner: Arc::downgrade(&hold),
                });
                return Ok(Some(hold));
            }
            // Whoever holds it may be starting or ending.
            Err(Occupied { holder: said }) => holder = said,
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Err(StoreError::Held { data, holder })
}

fn unusable(data: &Path) -> impl Fn(std::io::Error) -> StoreError {
    let path = data.to_owned();
    move |source| StoreError::Folder {
        path: path.clone(),
        source,
    }
}

/// ClickHouse's codes for a user who may not write: READONLY and ACCESS_DENIED.
const ONLY_READ: [u32; 2] = [164, 497];
const WRITABLE: Sql = Sql::embedded(
    "store/writable",
    include_str!("../../queries/store/writable.sql"),
);
/// How often a taken lock without an answering socket is tried again: ten seconds in all.
const TRIES: u32 = if cfg!(test) { 10 } else { 100 };
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
