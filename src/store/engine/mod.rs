//! The engine in this process: ClickHouse itself as a library, on an encrypted folder, behind the HTTP front that clients speak to.
//!
//! Every request gets a connection of its own (opening one takes half a millisecond), so that no
//! setting and no `readonly` sticks to the next; readers and writers have seats apart.

mod answer;
mod blocks;
mod body;
mod coding;
mod ffi;
mod flushed;
mod front;
mod guests;
mod job;
mod relay;
mod request;
mod serving;
mod sessions;
mod settings;
mod tls;

use std::fs;
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::record::Timestamp;
use crate::store::allow::WORKBENCH;
use crate::store::outside::Outside;
use ffi::{Connection, Library};
pub(super) use serving::{Occupied, Owner, SOCKET, Start, threads, wait_for_the_end};
use sessions::Sessions;

/// The version of the library that this release was tried with.
pub const LIBRARY_VERSION: &str = "26.7.3";

/// The engine can not be had, or refused a statement.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is no library.
    #[error(
        "there is no engine at {0}: run `make engine`, or name its libchdb.so with INVIGIL_ENGINE"
    )]
    Missing(PathBuf),
    /// The file is no library that we can use.
    #[error("cannot load the engine {path}: {reason}")]
    NotLoadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The library is of another version.
    #[error(
        "the engine {path} is version {found}, and this program was made for {LIBRARY_VERSION}: run `make engine`"
    )]
    WrongVersion {
        /// Which.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// The folder can not be used.
    #[error("cannot use {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The engine does not start on the folder.
    #[error(
        "the engine does not start on {0}: another process may have it open, or the key is another"
    )]
    NotStarted(PathBuf),
    /// The engine is being closed.
    #[error("the engine is being closed")]
    Closing,
    /// The engine gave no answer at all.
    #[error("the engine gave no answer")]
    Silent,
    /// The engine refused a statement. The text may hold values, so it is shown on request only.
    #[error("the engine refused a statement: code {code}")]
    Said {
        /// ClickHouse's code.
        code: u32,
        /// What it said.
        text: String,
    },
}

impl EngineError {
    /// What ClickHouse would say.
    fn says(code: u32, name: &str, what: String) -> EngineError {
        EngineError::Said {
            code,
            text: format!("Code: {code}. DB::Exception: {what}. ({name})"),
        }
    }

    fn said(text: String) -> EngineError {
        EngineError::Said {
            code: super::error::code_of(&text).unwrap_or(0),
            text,
        }
    }
}

impl std::fmt::Debug for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EngineError({self})")
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Only reads: the engine itself refuses anything else.
    Read,
    /// Inserts and changes of the schema.
    Write,
}

/// The engine, running on one folder.
struct Engine {
    library: &'static Library,
    path: String,
    memory: u64,
    /// Keeps the engine up between requests.
    anchor: Mutex<Option<Connection>>,
    readers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    /// The one seat of long work that steps back.
    behind: Arc<Semaphore>,
    /// Seats of all guests together: fewer than readers, so that the program always finds one.
    guests: Arc<Semaphore>,
    /// Guests who change something, apart from the program's writers.
    changers: Arc<Semaphore>,
    sessions: Arc<Sessions>,
    /// What is needed to answer guests; without it they get nothing of records.
    outside: Option<Outside>,
}

impl Engine {
    fn start(
        library_path: &Path,
        folder: &Path,
        key: &[u8; 32],
        memory: u64,
        outside: Option<Outside>,
    ) -> Result<Engine, EngineError> {
        if !library_path.exists() {
            return Err(EngineError::Missing(library_path.to_owned()));
        }
        let library = Library::load(library_path)?;
        let found = library.version();
        if found != LIBRARY_VERSION {
            return Err(EngineError::WrongVersion {
                path: library_path.to_owned(),
                found,
            });
        }
        let usable = |source| EngineError::Folder {
            path: folder.to_owned(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(usable)?;
        let folder = folder.canonicalize().map_err(usable)?;
        close_the_way_to_spills(&folder).map_err(usable)?;
        let path = format!("--path={}", folder.display());
        let config = config_file(&folder, key, memory).map_err(usable)?;
        let args = [
            path.clone(),
            format!("--config-file=/proc/self/fd/{}", config.as_raw_fd()),
        ];
        let anchor = library
            .connect(&args)
            .ok_or_else(|| EngineError::NotStarted(folder.clone()))?;
        close_the_way_to_spills(&folder).map_err(usable)?;
        Ok(Engine {
            library,
            path,
            memory,
            anchor: Mutex::new(Some(anchor)),
            readers: Arc::new(Semaphore::new(READERS)),
            writers: Arc::new(Semaphore::new(WRITERS)),
            behind: Arc::new(Semaphore::new(1)),
            guests: Arc::new(Semaphore::new(GUESTS)),
            changers: Arc::new(Semaphore::new(CHANGERS)),
            sessions: Arc::default(),
            outside,
        })
    }

    /// Opens a connection.
    fn open(&self) -> Result<Connection, EngineError> {
        if self.anchor().is_none() {
            return Err(EngineError::Closing);
        }
        self.library
            .connect(std::slice::from_ref(&self.path))
            .ok_or(EngineError::Closing)
    }

    /// Makes the settings that hold for all and those of one request.
    fn prepare(
        &self,
        connection: &mut Connection,
        access: Access,
        database: Option<&str>,
        settings: &[(String, String)],
    ) -> Result<(), EngineError> {
        if let Some(database) = database {
            let name = request::quoted_name(database);
            connection.query(&format!("USE {name}"), "Null", &[])?;
        }
        let mut all = format!(
            "SET {STANDING_SETTINGS}, max_memory_usage = {}",
            self.memory / 10 * 8
        );
        if access == Access::Read {
            all.push_str(TAKING_TURNS);
        }
        for (name, value) in settings {
            all.push_str(&format!(
                ", {} = {}",
                request::quoted_name(name),
                request::quoted_text(value)
            ));
        }
        if access == Access::Read {
            all.push_str(", readonly = 1");
        }
        connection.query(&all, "Null", &[]).map(drop)
    }

    /// Takes settings back on a connection that is kept.
    fn take_back(&self, connection: &mut Connection, names: &[String]) -> Result<(), EngineError> {
        let all: Vec<String> = names
            .iter()
            .map(|name| format!("{} = DEFAULT", request::quoted_name(name)))
            .collect();
        if all.is_empty() {
            return Ok(());
        }
        let sql = format!("SET {}", all.join(", "));
        connection.query(&sql, "Null", &[]).map(drop)
    }

    /// Breaks off the statement with this tag, if it runs. One that can not be told of is left to its end.
    fn kill(&self, tag: &str) {
        let tag = ("tag".to_owned(), tag.to_owned());
        if let Ok(mut connection) = self.open() {
            drop(connection.query(KILL, "Null", &[tag]));
        }
    }

    /// Makes the workbench, if it is not there yet.
    fn make_workbench(&self) -> Result<(), EngineError> {
        let sql = format!("CREATE DATABASE IF NOT EXISTS {WORKBENCH}");
        self.open()?.query(&sql, "Null", &[]).map(drop)
    }

    /// The present moment, where guests are answered.
    fn now(&self) -> Option<Timestamp> {
        self.outside.as_ref().map(|outside| (outside.clock)())
    }

    /// Waits for a seat among those of guests; not for long.
    async fn seat_of_guests(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        in_time(&self.guests).await
    }

    /// As [`Engine::seat_of_guests`], for one who changes something.
    async fn seat_to_change(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        in_time(&self.changers).await
    }

    /// Waits until no other long work asks; not for long, as an answer that is taken slowly would stop all others.
    async fn turn_behind(&self) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.behind).acquire_owned();
        tokio::time::timeout(PATIENCE_BEHIND, turn).await.ok()?.ok()
    }

    /// Waits until there is room for one more request of this kind.
    async fn seat(&self, access: Access) -> Result<OwnedSemaphorePermit, EngineError> {
        let seats = match access {
            Access::Read => &self.readers,
            Access::Write => &self.writers,
        };
        Arc::clone(seats)
            .acquire_owned()
            .await
            .map_err(|_| EngineError::Closing)
    }

    fn anchor(&self) -> std::sync::MutexGuard<'_, Option<Connection>> {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the running requests end, and stops the engine.
    async fn close(&self) {
        let readers = u32::try_from(READERS).unwrap_or(u32::MAX);
        let writers = u32::try_from(WRITERS).unwrap_or(u32::MAX);
        self.guests.close();
        let _read = self.readers.acquire_many(readers).await;
        let changers = u32::try_from(CHANGERS).unwrap_or(u32::MAX);
        let _change = self.changers.acquire_many(changers).await;
        let _write = self.writers.acquire_many(writers).await;
        self.readers.close();
        self.writers.close();
        self.changers.close();
        self.sessions.end();
        drop(self.anchor().take());
    }
}

/// Waits for a seat as long as a guest may be kept waiting.
async fn in_time(seats: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, EngineError> {
    let seat = Arc::clone(seats).acquire_owned();
    match tokio::time::timeout(guests::PATIENCE, seat).await {
        Ok(seat) => seat.map_err(|_| EngineError::Closing),
        Err(_) => Err(guests::too_many()),
    }
}

/// How many may read at once.
const READERS: usize = 8;
/// How many may write at once.
const WRITERS: usize = 2;
/// How many guests are answered at once.
const GUESTS: usize = 6;
/// How many guests may change something at once.
const CHANGERS: usize = 2;

/// The priority of what nobody sits and waits for; what somebody does wait for has 1, by the engine's standing settings.
pub(super) const BEHIND: &str = "2";
/// How long a question of long work waits for the one before it.
const PATIENCE_BEHIND: Duration = Duration::from_secs(2);

/// By the mark that every connection bears for its one request.
const KILL: &str = "KILL QUERY WHERE Settings['log_comment'] = {tag:String} ASYNC";

/// What holds for every connection. Spills are off, as they would be written in clear; a block may
/// touch any number of months, as a log with a wrong clock must not stop its neighbours. Rows are
/// gathered into blocks of a quarter of a million, which bounds what a long insert takes. A question takes a thread for each
/// core as long as so much of the engine's memory is free for each: by the engine's own measure, 4 GiB a thread, every
/// question of a store of our size would run in one.
const STANDING_SETTINGS: &str = "max_bytes_before_external_group_by = 0, \
    max_bytes_before_external_sort = 0, max_bytes_before_external_join = 0, \
    max_bytes_ratio_before_external_group_by = 0, max_bytes_ratio_before_external_sort = 0, \
    max_bytes_ratio_before_external_join = 0, join_algorithm = 'direct,parallel_hash,hash', \
    max_threads_min_free_memory_per_thread = 134217728, \
    log_queries = 0, session_timezone = 'UTC', max_partitions_per_insert_block = 0, \
    max_insert_block_size = 262144, min_insert_block_size_rows = 262144, \
    min_insert_block_size_bytes = 67108864, \
    output_format_json_quote_64bit_integers = 0, output_format_parquet_parallel_encoding = 0";

/// Questions go before those that say a `priority` of their own above 1, which wait so many milliseconds at most
/// before each block they read: held back, never stopped. Rows that are stored take no part in it.
const TAKING_TURNS: &str = ", priority = 1, low_priority_query_wait_time_ms = 20";

/// Empties `tmp` and puts a file in its place: a spill that a query asks for against the standing
/// settings then fails instead of being written in clear (the engine honours no policy for it).
fn close_the_way_to_spills(folder: &Path) -> std::io::Result<()> {
    let tmp = folder.join("tmp");
    match fs::symlink_metadata(&tmp) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(&tmp)?,
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::write(&tmp, "")
}

/// The engine's configuration, in memory only: it carries the key, which must reach neither the disk
/// nor the environment. A table that names no policy lies on the encrypted disk. The engine reads it while it starts. It
/// measures its own memory and not its control group's: where none is mounted it would print a stack trace at every start.
/// No more parts are merged at once than threads are there for it: by its own setting, two for each thread, those who ask wait
/// for the merges.
/// A part is on the disk for good before its insert is answered: the ledger says that the rows are stored, and must still be
/// right after a loss of power.
fn config_file(folder: &Path, key: &[u8; 32], memory: u64) -> std::io::Result<fs::File> {
    let folder = xml(&folder.display().to_string());
    let key: zeroize::Zeroizing<String> =
        zeroize::Zeroizing::new(key.iter().map(|byte| format!("{byte:02x}")).collect());
    let text = zeroize::Zeroizing::new(format!(
        "<clickhouse>\
         <custom_local_disks_base_directory>{folder}/</custom_local_disks_base_directory>\
         <storage_configuration><disks>\
         <raw><type>local</type><path>{folder}/enc/</path></raw>\
         <enc><type>encrypted</type><disk>raw</disk><key_hex>{key}</key_hex><algorithm>AES_256_CTR</algorithm></enc>\
         </disks><policies><enc><volumes><v><disk>enc</disk></v></volumes></enc></policies></storage_configuration>\
         <merge_tree><storage_policy>enc</storage_policy>\
         <fsync_after_insert>1</fsync_after_insert>\
         <fsync_part_directory>1</fsync_part_directory></merge_tree>\
         <logger><level>none</level><console>false</console></logger>\
         <max_server_memory_usage>{memory}</max_server_memory_usage>\
         <memory_worker_use_cgroup>false</memory_worker_use_cgroup>\
         <background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>\
         </clickhouse>",
        key = key.as_str(),
    ));
    let descriptor = rustix::fs::memfd_create("invigil-engine", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = fs::File::from(descriptor);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// For tests of the whole front.
#[cfg(test)]
pub(super) fn unpacked_in_test(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut blocks::Blocks::of(bytes), &mut out).unwrap();
    out
}

/// For tests of the whole front: a body as HTTP packs it.
#[cfg(test)]
pub(super) fn coded_in_test(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut packing = coding::Coding::named(name).unwrap().pack(3).unwrap();
    let mut out = packing.take(bytes).unwrap();
    out.extend(packing.end().unwrap());
    out
}

/// The same, back.
#[cfg(test)]
pub(super) fn decoded_in_test(name: &str, bytes: &[u8]) -> Vec<u8> {
    let input = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let mut out = Vec::new();
    let mut unpacked = coding::Coding::named(name).unwrap().unpack(input).unwrap();
    std::io::Read::read_to_end(&mut unpacked, &mut out).unwrap();
    out
}

/// For tests of the whole front.
#[cfg(test)]
pub(super) fn packed_in_test(bytes: &[u8]) -> Vec<u8> {
    blocks::packed(bytes)
}
