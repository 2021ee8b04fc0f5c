//! Writes a simulated region into a folder. Establishments are made by several threads, each into files of its own; what they share is put
//! together in their order, so that any number of threads gives the same bytes.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::simulate::{Piece, Region};

/// A region can not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// There is something already.
    #[error("{0} is not empty: name a folder that is not there yet")]
    NotEmpty(PathBuf),
    /// A file can not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Events with their truth.
    pub events: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Makes all of it.
pub fn make(region: &Region, out: &Path, threads: usize) -> Result<Written, SimulateError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SimulateError::Write { path, source }
    };
    if out.exists() && fs::read_dir(out).map_err(failed(out))?.next().is_some() {
        return Err(SimulateError::NotEmpty(out.to_owned()));
    }
    let beginning = region.beginning();
    let shared: BTreeSet<String> = beginning.iter().map(|piece| piece.file.clone()).collect();
    let parts = out.join("parts");
    let work = Work {
        region,
        out,
        parts: &parts,
        shared: &shared,
        next: AtomicU32::new(0),
        events: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        failed: Mutex::new(None),
    };
    for piece in &beginning {
        work.append(out, piece)?;
    }
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| work.run());
        }
    });
    if let Some(error) = work
        .failed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        return Err(error);
    }
    for index in 0..region.establishments() {
        for file in &shared {
            let (part, path) = (parts.join(index.to_string()).join(file), out.join(file));
            if !part.exists() {
                continue;
            }
            let mut from = File::open(&part).map_err(failed(&part))?;
            let mut to = OpenOptions::new()
                .append(true)
                .open(&path)
                .map_err(failed(&path))?;
            io::copy(&mut from, &mut to).map_err(failed(&path))?;
            fs::remove_file(&part).map_err(failed(&part))?;
        }
    }
    if parts.exists() {
        fs::remove_dir_all(&parts).map_err(failed(&parts))?;
    }
    Ok(Written {
        events: work.events.into_inner(),
        bytes: work.bytes.into_inner(),
    })
}

/// What the threads share.
struct Work<'a> {
    region: &'a Region,
    out: &'a Path,
    parts: &'a Path,
    shared: &'a BTreeSet<String>,
    next: AtomicU32,
    events: AtomicU64,
    bytes: AtomicU64,
    failed: Mutex<Option<SimulateError>>,
}

impl Work<'_> {
    /// Makes establishments until there are no more, or one failed.
    fn run(&self) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.region.establishments() {
                return;
            }
            if let Err(error) = self.establishment(index) {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert(error);
                self.next.store(u32::MAX / 2, Ordering::Relaxed);
                return;
            }
        }
    }

    fn establishment(&self, index: u32) -> Result<(), SimulateError> {
        let establishment = self.region.establishment(index);
        let own = self.parts.join(index.to_string());
        self.put(&own, &establishment.beginning(self.region))?;
        for day in 0..self.region.days() {
            self.put(&own, &establishment.day(self.region, day))?;
        }
        Ok(())
    }

    fn put(&self, own: &Path, pieces: &[Piece]) -> Result<(), SimulateError> {
        for piece in pieces {
            if piece.file == "truth/events.jsonl" {
                let lines = memchr::memchr_iter(b'\n', &piece.bytes).count();
                self.events
                    .fetch_add(u64::try_from(lines).unwrap_or(0), Ordering::Relaxed);
            }
            match self.shared.contains(&piece.file) {
                true => self.append(own, piece)?,
                false => self.append(self.out, piece)?,
            }
        }
        Ok(())
    }

    fn append(&self, folder: &Path, piece: &Piece) -> Result<(), SimulateError> {
        let path = folder.join(&piece.file);
        let failed = |source| SimulateError::Write {
            path: path.clone(),
            source,
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(failed)?;
        file.write_all(&piece.bytes).map_err(failed)?;
        let bytes = u64::try_from(piece.bytes.len()).unwrap_or(0);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}
