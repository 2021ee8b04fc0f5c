//! Where the store is, and what is needed to open it.

use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// Whether rows and answers are compressed on the way.
    pub compressed: bool,
    /// Certificates in PEM that alone are trusted; none for the authorities that browsers trust.
    pub trusted: Option<PathBuf>,
    /// How long it is waited for.
    pub patience: Patience,
}

/// How long a server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until a connection stands: name, address and keys.
    pub connect: Duration,
    /// Until an answer begins, or rows are acknowledged. A question that sorts or groups a year is silent until then.
    pub answer: Duration,
    /// Between two pieces of an answer, and for each piece of rows to be taken.
    pub between: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(600),
            between: Duration::from_secs(120),
        }
    }
}

impl Patience {
    /// In a data folder nothing lies between: who answers there is waited for as long as it lives.
    pub(super) const ENDLESS: Patience = Patience {
        connect: Duration::from_secs(u32::MAX as u64),
        answer: Duration::from_secs(u32::MAX as u64),
        between: Duration::from_secs(u32::MAX as u64),
    };
}

impl Server {
    /// A server, with the usual database where none is named.
    pub fn at(
        url: &str,
        user: Option<&str>,
        password: Option<Zeroizing<String>>,
        database: Option<&str>,
    ) -> Server {
        Server {
            url: url.to_owned(),
            user: user.map(str::to_owned),
            password,
            database: database.unwrap_or(DATABASE).to_owned(),
            compressed: true,
            trusted: None,
            patience: Patience::default(),
        }
    }
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
