//! A drill: a set is restored on trial, proved, and thrown away. Its result is entered in the ledger of the living folder.

use std::fs;
use std::io;
use std::path::Path;

use super::{BackupError, Manifest, Restored, Restoring, SetKeys, Unlock};
use crate::keys::KeyRing;
use crate::ledger::{Act, DrillHeld, Ledger};
use crate::record::Timestamp;
use crate::store::StoreError;

/// Where a drill is held.
pub struct Drill<'a> {
    /// The set.
    pub set: &'a Path,
    /// What opens it, as it would be opened when it counts; the living keys where nothing else is said.
    pub identity: Option<&'a str>,
    /// The living keys.
    pub keys: &'a KeyRing,
    /// The living ledger.
    pub ledger: &'a Ledger,
    /// A folder for the trial, which is taken away afterwards.
    pub work: &'a Path,
    /// The engine's library.
    pub engine: &'a Path,
    /// Reads the time.
    pub now: fn() -> Timestamp,
}

/// Holds a drill: what is wrong with the set, or what it gave back. All files are looked at, and each that is wrong is named.
pub fn drill(
    drill: &Drill<'_>,
    said: &mut dyn FnMut(u64, u64),
) -> Result<Result<Restored, Vec<BackupError>>, BackupError> {
    clear(drill.work)?;
    let result = judged(drill, said);
    clear(drill.work)?;
    let result = result?;
    let held = match &result {
        Ok(restored) => DrillHeld {
            manifest: Some(restored.digest),
            passed: true,
            // Each file, each table, each answer, and the ledger.
            checks: (restored.manifest.files.len() + restored.manifest.tables.len()) as u64
                + restored.answers
                + 1,
        },
        Err(problems) => DrillHeld {
            manifest: None,
            passed: false,
            checks: problems.len() as u64,
        },
    };
    let act = Act::DrillHeld(held);
    drill.ledger.append((drill.now)(), &act, None)?;
    Ok(result)
}

fn judged(
    drill: &Drill<'_>,
    said: &mut dyn FnMut(u64, u64),
) -> Result<Result<Restored, Vec<BackupError>>, BackupError> {
    let keys = SetKeys::of(drill.keys)?;
    let manifest = match Manifest::read(drill.set, &keys) {
        Ok((manifest, _)) => manifest,
        Err(error) => return Ok(Err(vec![error])),
    };
    let problems = manifest.check_files(drill.set, &mut |_| {})?;
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let restoring = Restoring {
        set: drill.set,
        unlock: match drill.identity {
            Some(identity) => Unlock::Identity(identity),
            None => Unlock::Keys(drill.keys),
        },
        into: &drill.work.join("data"),
        keys: &drill.work.join("keys"),
        engine: drill.engine,
        now: drill.now,
    };
    match restoring.run(said) {
        Ok(restored) => Ok(Ok(restored)),
        // The set is not to blame for a full disk or a missing engine.
        Err(error @ (BackupError::NoRoom { .. } | BackupError::File { .. })) => Err(error),
        Err(BackupError::Store(StoreError::Engine(error))) => {
            Err(BackupError::Store(StoreError::Engine(error)))
        }
        Err(error) => Ok(Err(vec![error])),
    }
}

fn clear(folder: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(BackupError::file(folder)(error))
        }
        _ => Ok(()),
    }
}
