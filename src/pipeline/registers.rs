//! A register's file into the store: all of its lines, each time.
//!
//! Of one thing, the lines of the newest import that names it count (the views `v_networks` and so on), so a
//! register that was corrected is imported again. Every import is an entry in the ledger.

use jiff::tz::TimeZone;

use crate::ledger::{Act, Digest, FrameNonces, FrameTree, RegisterImported};
use crate::logs::{MisExport, RegisterError, read_register};
use crate::record::{Counts, Event, Place, RegisterKind, Reject};
use crate::store::names::Names;

use super::PipelineError;
use super::deposit::{Deposit, OpenSource, Prepared};
use super::input::Identity;
use super::lane::Left;

/// A register's file, read.
pub struct RegisterImport<'a> {
    /// Which register.
    pub kind: RegisterKind,
    /// The source: the register's file with this content.
    pub source: &'a OpenSource,
    /// What the file is.
    pub identity: &'a Identity,
    /// The zone of dates without one.
    pub zone: &'a TimeZone,
    /// That it is an export of a management information system, and what is known of it.
    pub mis: Option<&'a MisExport>,
}

/// A register can not be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It can not be read.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// It can not be stored.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

impl RegisterImport<'_> {
    /// Reads all lines and stores them.
    pub fn store(
        &self,
        bytes: &[u8],
        names: &mut Names,
        nonces: FrameNonces,
        deposit: &Deposit<'_>,
    ) -> Result<(Counts, Left), ImportError> {
        let mut batch = Prepared::of(self.source);
        let mut tree = FrameTree::new(nonces);
        let mut counts = Counts::default();
        let mut rest = bytes;
        read_register(self.kind, &mut rest, self.zone, self.mis, &mut |frame| {
            let raw = slice(bytes, frame.offset, frame.length);
            let place = Place {
                source: self.source.id,
                frame: frame.line,
                ordinal: 0,
            };
            tree.push(frame.line, raw);
            batch.originals.push(frame.line, frame.offset, raw);
            if batch.entry.frames == 0 {
                batch.entry.first_frame = frame.line;
            }
            batch.entry.frames += 1;
            batch.entry.last_frame = frame.line;
            counts.read += 1;
            counts.bytes += frame.length;
            match frame.result {
                Ok(line) => {
                    counts.stored += 1;
                    counts.records += 1;
                    batch.add_row(place, &line, names);
                }
                Err(reason) => {
                    counts.reject(reason);
                    let length = u32::try_from(frame.length).unwrap_or(u32::MAX);
                    let reject = Reject {
                        time: None,
                        reason,
                        offset: frame.offset,
                        length,
                    };
                    batch.add(place, &Event::Reject(reject), names);
                }
            }
        })?;
        counts.check().map_err(PipelineError::from)?;
        batch.entry.length = self.identity.length;
        batch.entry.prefix_digest = Digest(self.identity.digest);
        batch.count(counts.clone());
        batch.entry.root = tree.finish().1;
        // Each import counts, also one of a file that was imported before: what came between is replaced.
        batch.import = Some(format!("#{}", deposit.ledger.head().size));
        names.keep().map_err(PipelineError::from)?;
        let mut lane = deposit.lane(self.source)?;
        lane.batch(batch)?;
        let imported = Act::RegisterImported(RegisterImported {
            register: self.kind.as_str().to_owned(),
            digest: Digest(self.identity.digest),
            read: counts.read,
            stored: counts.stored,
            rejected: counts.rejected,
        });
        lane.act(imported)?;
        lane.close(self.source, self.identity.length, self.identity.digest, 0)?;
        Ok((counts, lane.end()?))
    }
}

fn slice(bytes: &[u8], offset: u64, length: u64) -> &[u8] {
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    let until = from.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    bytes.get(from..until.min(bytes.len())).unwrap_or_default()
}
