//! Where the store is, and what is needed to open it.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::outside::Outside;
use crate::record::Timestamp;

/// Where the store is.
#[derive(Clone)]
pub enum StoreSettings {
    /// In a data folder of this machine, answered by the engine in some process.
    Embedded(Embedded),
    /// A ClickHouse server.
    Server(Server),
}

/// A store in a data folder.
#[derive(Clone)]
pub struct Embedded {
    /// The data folder.
    pub data: PathBuf,
    /// The engine's library.
    pub library: PathBuf,
    /// The key of the encrypted disk.
    pub key: Zeroizing<[u8; 32]>,
    /// How much memory the engine may use, in bytes.
    pub memory_bytes: u64,
    /// The present moment, for the lock.
    pub now: Timestamp,
    /// The database.
    pub database: String,
    /// What is needed to answer others than the program; without it they get nothing of records.
    pub outside: Option<Outside>,
}

/// A ClickHouse server.
#[derive(Clone)]
pub struct Server {
    /// Its address, such as `https://clickhouse.example:8443`.
    pub url: String,
    /// The user.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Zeroizing<String>>,
    /// The database.
    pub database: String,
    /// Whether rows are compressed on the way there.
    pub compressed: bool,
    /// Whether the schema may not be changed: then no migration is run.
    pub read_only: bool,
}

impl StoreSettings {
    /// A store in a data folder, with 2 GiB of memory and the usual database.
    pub fn embedded(
        data: &Path,
        library: &Path,
        key: Zeroizing<[u8; 32]>,
        now: Timestamp,
    ) -> StoreSettings {
        StoreSettings::Embedded(Embedded {
            data: data.to_owned(),
            library: library.to_owned(),
            key,
            memory_bytes: 2 << 30,
            now,
            outside: None,
            database: DATABASE.to_owned(),
        })
    }

    /// A server, with the usual database.
    pub fn server(
        url: &str,
        user: Option<&str>,
        password: Option<Zeroizing<String>>,
        database: Option<&str>,
    ) -> StoreSettings {
        StoreSettings::Server(Server {
            url: url.to_owned(),
            user: user.map(str::to_owned),
            password,
            database: database.unwrap_or(DATABASE).to_owned(),
            compressed: true,
            read_only: false,
        })
    }

    pub(super) fn database(&self) -> &str {
        match self {
            StoreSettings::Embedded(embedded) => &embedded.database,
            StoreSettings::Server(server) => &server.database,
        }
    }
}

impl std::fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreSettings::Embedded(embedded) => f
                .debug_struct("Embedded")
                .field("data", &embedded.data)
                .finish_non_exhaustive(),
            StoreSettings::Server(server) => f
                .debug_struct("Server")
                .field("url", &server.url)
                .finish_non_exhaustive(),
        }
    }
}

/// The usual database.
const DATABASE: &str = "invigil";
