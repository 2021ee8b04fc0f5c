//! Who is answered by the store from outside: keys out of the configuration, and the ledger that their questions go into.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use zeroize::Zeroizing;

use crate::clock;
use crate::config::{KeyRole, StoreKeyConfig};
use crate::ledger::{Act, Digest, Ledger, SearchRun};
use crate::record::Timestamp;
use crate::store::{Limits, Outside, Question, Role, StoreKey, Witness};

use super::context::{Context, random_salt};

/// What the store needs to answer others while this process keeps it up.
pub(super) fn outside(context: &Context) -> Outside {
    Outside {
        witness: Arc::new(InLedger {
            context: context.again(),
            ledger: Mutex::new(None),
        }),
        clock: clock::now,
    }
}

/// Enters questions from outside; the ledger is opened at the first.
struct InLedger {
    context: Context,
    ledger: Mutex<Option<Ledger>>,
}

impl Witness for InLedger {
    fn enter(&self, question: &Question<'_>) -> Result<(), String> {
        self.entered(question).map_err(|error| {
            tracing::error!("a question from outside could not be entered: {error:#}");
            "see what the process that keeps the store up says".to_owned()
        })
    }
}

impl InLedger {
    /// Its text and parameters lie in the private record; the digest takes in a salt from there.
    fn entered(&self, question: &Question<'_>) -> anyhow::Result<()> {
        let salt = random_salt()?;
        let params = serde_json::to_string(question.params)?;
        let parts = [salt.as_bytes(), b"\n", question.sql.as_bytes(), b"\n"];
        let under = serde_json::to_string(&(question.database, question.settings))?;
        let digest = Digest::of(&[
            parts.concat().as_slice(),
            params.as_bytes(),
            b"\n",
            under.as_bytes(),
        ]);
        let query = match question.changes {
            true => "sql_in_workbench",
            false => "sql_from_outside",
        };
        let act = Act::SearchRun(SearchRun {
            query: query.to_owned(),
            digest,
            rows: None,
            who: Some(question.who.to_owned()),
            tables: question.tables.to_vec(),
        });
        let private = serde_json::json!({
            "salt": salt,
            "sql": question.sql,
            "params": question.params,
            "database": question.database,
            "settings": question.settings,
        });
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let ledger = match &mut *ledger {
            Some(ledger) => ledger,
            none => none.insert(self.context.ledger()?),
        };
        ledger.append(clock::now(), &act, Some(&private))?;
        Ok(())
    }
}

/// The keys that the configuration names, and the one of `--key-file`.
pub(super) fn keys(context: &Context, file: Option<&Path>) -> anyhow::Result<Vec<StoreKey>> {
    let named = context.config.store.key.iter().map(named);
    let mut keys = named.collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(file) = file {
        keys.push(StoreKey {
            name: "key-file".to_owned(),
            key: key_of(file)?,
            role: Role::Ask,
            expires: None,
            limits: Limits::default(),
        });
    }
    anyhow::ensure!(
        !keys.is_empty(),
        "nobody could ask: name a key with --key-file, or as [[store.key]] in the configuration"
    );
    for (at, key) in keys.iter().enumerate() {
        let others = keys.iter().skip(at + 1);
        let mut same = others.filter(|other| other.name == key.name || other.key == key.key);
        if let Some(other) = same.next() {
            anyhow::bail!(
                "the keys {} and {} of the store have one name or one key",
                key.name,
                other.name
            );
        }
    }
    Ok(keys)
}

fn named(config: &StoreKeyConfig) -> anyhow::Result<StoreKey> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let name = &config.name;
    anyhow::ensure!(
        !name.is_empty() && name.len() <= 32 && name.bytes().all(letter) && name != "socket",
        "the name {name:?} of a store.key is not of up to 32 letters, digits, - and _"
    );
    let expires = config.expires.as_deref().map(Timestamp::parse);
    let expires = expires
        .transpose()
        .with_context(|| format!("when the key {name} expires"))?;
    let usual = Limits::default();
    let mib = |mib: Option<u32>, usual: u64| mib.map_or(usual, |mib| u64::from(mib) << 20);
    Ok(StoreKey {
        name: name.clone(),
        key: key_of(&config.file)?,
        role: match config.role {
            KeyRole::Ask => Role::Ask,
            KeyRole::Work => Role::Work,
        },
        expires,
        limits: Limits {
            seconds: config.seconds.unwrap_or(usual.seconds),
            memory_bytes: mib(config.memory_mib, usual.memory_bytes),
            result_rows: config.result_rows.unwrap_or(usual.result_rows),
            result_bytes: mib(config.result_mib, usual.result_bytes),
            requests_a_minute: config.requests_a_minute.unwrap_or(usual.requests_a_minute),
            at_once: config.at_once.unwrap_or(usual.at_once),
        },
    })
}

/// The key in a file that nobody else can read.
fn key_of(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    only_its_owner_reads(file)?;
    let text = std::fs::read_to_string(file);
    let text = Zeroizing::new(text.with_context(|| unreadable(file))?);
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// A key that others can read is refused.
pub(super) fn only_its_owner_reads(file: &Path) -> anyhow::Result<()> {
    let mode = std::fs::metadata(file)
        .with_context(|| unreadable(file))?
        .mode();
    anyhow::ensure!(
        mode & 0o077 == 0,
        "the key {} can be read by others: chmod 600 it",
        file.display()
    );
    Ok(())
}

fn unreadable(file: &Path) -> String {
    format!("cannot read the key {}", file.display())
}
