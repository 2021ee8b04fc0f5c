//! Which source an input is: one that is known, and how much of it is stored, or a new one.

use std::fs::File;
use std::path::Path;

use crate::record::{Counts, IgnoreReason, SourceId, SourceKind};

use super::PipelineError;
use super::deposit::{Deposit, OpenSource};
use super::history::{History, SourcePast};
use super::input::{Identity, InputError, InputName};

/// A source that was found or made for an input.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The source.
    pub source: OpenSource,
    /// How many of the input's bytes are stored.
    pub stored_bytes: u64,
    /// Whether all of the input is stored, and was read to its end.
    pub complete: bool,
}

/// The name under which captures are read, where logs have the name of their format.
pub const CAPTURE_FORMAT: &str = "capture";

/// The source of a regular file.
pub fn of_file(
    identity: &Identity,
    history: &History,
    kind: SourceKind,
    format: &str,
    data_id: &str,
) -> Resolved {
    let point = identity.stored_as(format);
    let id = point.map_or_else(
        || match kind {
            SourceKind::LogFile => unused(identity, history, data_id, format),
            _ => identity.new_source(data_id, format),
        },
        |point| point.source,
    );
    let past = history.source(id).cloned();
    let stored_bytes = point.map_or(0, |point| point.length);
    let ended = past.as_ref().is_some_and(SourcePast::is_at_an_end);
    Resolved {
        source: OpenSource {
            id,
            kind,
            format: format.to_owned(),
            past,
            may_wait: false,
        },
        stored_bytes,
        complete: ended && point.is_some_and(|point| point.length == identity.length),
    }
}

/// A name for a source of which nothing is stored. That of its content may be taken: another file began with all that
/// this one has now, before any of it was stored, and went another way.
pub fn unused(identity: &Identity, history: &History, data_id: &str, format: &str) -> SourceId {
    let is_unused = |id: &SourceId| {
        let past = history.source(*id);
        past.is_none_or(|past| past.batches.is_empty())
    };
    let first = identity.new_source(data_id, format);
    let others = (1..u32::MAX).map(|n| identity.new_source(&format!("{data_id}/{n}"), format));
    std::iter::once(first)
        .chain(others)
        .find(is_unused)
        .unwrap_or(first)
}

/// The source of a file that counts as a whole, such as a register: another content is another source.
pub fn of_whole_file(
    identity: &Identity,
    history: &History,
    kind: SourceKind,
    format: &str,
    data_id: &str,
) -> Resolved {
    let id = identity.new_source(data_id, format);
    let past = history.source(id).cloned();
    Resolved {
        source: OpenSource {
            id,
            kind,
            format: format.to_owned(),
            past,
            may_wait: false,
        },
        stored_bytes: 0,
        complete: false,
    }
}

/// The source of a stream or a device: new in each session.
pub fn of_session(id: SourceId, kind: SourceKind, format: &str) -> Resolved {
    Resolved {
        source: OpenSource {
            id,
            kind,
            format: format.to_owned(),
            past: None,
            may_wait: false,
        },
        stored_bytes: 0,
        complete: false,
    }
}

impl Resolved {
    /// What is counted when nothing of the input is new.
    pub fn counts_when_complete(&self) -> Counts {
        let frames = self
            .source
            .past
            .as_ref()
            .map_or(0, |past| past.last_frame());
        let mut counts = Counts {
            read: frames,
            bytes: self.stored_bytes,
            ..Counts::default()
        };
        counts.ignore_many(IgnoreReason::AlreadyStored, frames);
        counts
    }
}

/// Lets one program at a time find out what is new in files and store it. Held until it is dropped. What a
/// crash broke off, or a store that was away has not taken, is stored first.
pub fn lock_files(data: &Path, deposit: &Deposit<'_>) -> Result<File, PipelineError> {
    let file = locked(data, "files.lock")?;
    deposit.finish()?;
    Ok(file)
}

/// The lock alone, for who only looks.
pub fn hold_files(data: &Path) -> Result<File, PipelineError> {
    Ok(locked(data, "files.lock")?)
}

/// Lets one program at a time delete, hold, or back up. Held until it is dropped; taken before that of files.
pub fn lock_keeping(data: &Path) -> Result<File, PipelineError> {
    Ok(locked(data, "keep.lock")?)
}

fn locked(data: &Path, name: &str) -> Result<File, InputError> {
    let path = data.join(name);
    let error = |source| InputName::File(path.clone()).error(source);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(error)?;
    file.lock().map_err(error)?;
    Ok(file)
}
