//! What others may do with the store, as the program that keeps it up says: who they are, by which key, within which limits.
//!
//! What is asked of records is entered by the [`Witness`] before it is answered; where there is none, it is not answered.

use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::record::Timestamp;

/// What is needed to answer others.
#[derive(Clone)]
pub struct Outside {
    /// Enters what is asked.
    pub witness: Arc<dyn Witness>,
    /// The present moment: for limits by the minute, sessions and keys that expire.
    pub clock: fn() -> Timestamp,
}

/// Enters a question from outside before its answer goes out.
pub trait Witness: Send + Sync {
    /// Enters it. If that fails, there is no answer; the reason is told to whoever asked.
    fn enter(&self, question: &Question<'_>) -> Result<(), String>;
}

/// A statement from outside that touches records, or changes something in the workbench.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name of the key, or `socket`.
    pub who: &'a str,
    /// The statement, as the engine's parser writes it back.
    pub sql: &'a str,
    /// Its parameters.
    pub params: &'a [(String, String)],
    /// Where its bare names are looked up.
    pub database: &'a str,
    /// The settings it runs under, which may cut its answer short.
    pub settings: &'a [(String, String)],
    /// The tables it names.
    pub tables: &'a [String],
    /// Whether it changes something in the workbench.
    pub changes: bool,
}

/// A key for an address.
#[derive(Clone)]
pub struct StoreKey {
    /// How the ledger calls whoever brings it: the name of a tool or an office, not of a person.
    pub name: String,
    /// The key.
    pub key: Zeroizing<String>,
    /// What it allows.
    pub role: Role,
    /// Since when it is worth nothing.
    pub expires: Option<Timestamp>,
    /// How much.
    pub limits: Limits,
}

/// What a key allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// To ask.
    #[default]
    Ask,
    /// To ask, and to make tables and rows in the workbench.
    Work,
}

/// What one guest may take. Each is a bound that a request may lower for itself and not raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a statement may run, in seconds.
    pub seconds: u32,
    /// How much memory a statement may take, in bytes.
    pub memory_bytes: u64,
    /// How many rows an answer may have.
    pub result_rows: u64,
    /// How many bytes an answer may have, as the engine holds it.
    pub result_bytes: u64,
    /// How many requests a minute.
    pub requests_a_minute: u32,
    /// How many requests at once.
    pub at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            seconds: 60,
            memory_bytes: 1 << 30,
            result_rows: 10_000_000,
            result_bytes: 2 << 30,
            requests_a_minute: 600,
            at_once: 4,
        }
    }
}

/// The files of TLS for an address.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate with its chain, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreKey")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
