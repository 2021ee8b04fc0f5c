//! What can stand in the ledger: each act by its type, with counts, tokens, digests and commitments only.
//!
//! No name, address, URL or free text of a person has a field here; such details go into the
//! encrypted record beside the entry. Acts are only ever added to: an old entry must always be readable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use crate::record::{Counts, SourceId, Timestamp};

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Act {
    /// A source was seen for the first time; its name lies in the private record.
    SourceOpened(SourceOpened),
    /// A batch of a source was stored.
    BatchIngested(BatchIngested),
    /// A source came to its end.
    SourceClosed(SourceClosed),
    /// A register was read in.
    RegisterImported(RegisterImported),
    /// A list was read in.
    ListLoaded(ListLoaded),
    /// The rules were run.
    AuditRun(AuditRun),
    /// Personal data was searched; what for lies in the private record.
    SearchRun(SearchRun),
    /// A token's name was shown; why lies in the private record.
    NameRevealed(NameRevealed),
    /// A request for data came in; it lies in the private record.
    RequestReceived(RequestReceived),
    /// A gate answered on a request.
    GateAnswered(GateAnswered),
    /// A package was written.
    Exported(Exported),
    /// A report was written.
    ReportWritten(ReportWritten),
    /// The store's schema was brought up to date.
    Migrated(Migrated),
    /// Content from the wire is kept from now on; the legal basis lies in the private record.
    ContentKept(ContentKept),
    /// Data is about to be deleted; the salt of its digests lies in the private record.
    DeletionBegun(Deletion),
    /// Data was deleted, and is gone.
    Deleted(Deleted),
    /// A legal hold was placed; why, and an address, lie in the private record.
    HoldPlaced(HoldPlaced),
    /// A legal hold was ended before its day; why lies in the private record.
    HoldEnded(HoldEnded),
    /// A case was opened; what it is about lies in the private record.
    CaseOpened(CaseOpened),
    /// A question of a case was answered; by whom, and in what words, lies in the private record.
    CaseStepped(CaseStepped),
    /// A backup was made.
    BackedUp(BackedUp),
    /// This data folder was restored from a backup.
    Restored(BackedUp),
    /// A backup was restored on trial, and judged.
    DrillHeld(DrillHeld),
    /// The store was away: a batch waits in the spool. It is stored when `BatchIngested` says so.
    BatchSpooled(BatchSpooled),
    /// Store and spool had no room: a batch that can not be read again was lost.
    BatchDropped(BatchDropped),
    /// The store, the originals and the ledger did not agree, and were mended.
    Mended(Mended),
    /// The clock of the machine was put back: entries after this one are dated earlier than those before it.
    ClockPutBack(ClockPutBack),
}

impl Act {
    /// The word for it, as it stands in the entry.
    pub fn word(&self) -> &'static str {
        match self {
            Act::SourceOpened(_) => "source_opened",
            Act::BatchIngested(_) => "batch_ingested",
            Act::SourceClosed(_) => "source_closed",
            Act::RegisterImported(_) => "register_imported",
            Act::ListLoaded(_) => "list_loaded",
            Act::AuditRun(_) => "audit_run",
            Act::SearchRun(_) => "search_run",
            Act::NameRevealed(_) => "name_revealed",
            Act::RequestReceived(_) => "request_received",
            Act::GateAnswered(_) => "gate_answered",
            Act::Exported(_) => "exported",
            Act::ReportWritten(_) => "report_written",
            Act::Migrated(_) => "migrated",
            Act::ContentKept(_) => "content_kept",
            Act::DeletionBegun(_) => "deletion_begun",
            Act::Deleted(_) => "deleted",
            Act::HoldPlaced(_) => "hold_placed",
            Act::HoldEnded(_) => "hold_ended",
            Act::CaseOpened(_) => "case_opened",
            Act::CaseStepped(_) => "case_stepped",
            Act::BackedUp(_) => "backed_up",
            Act::Restored(_) => "restored",
            Act::DrillHeld(_) => "drill_held",
            Act::BatchSpooled(_) => "batch_spooled",
            Act::BatchDropped(_) => "batch_dropped",
            Act::Mended(_) => "mended",
            Act::ClockPutBack(_) => "clock_put_back",
        }
    }
}

/// A source was seen for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceOpened {
    /// The source's id, fixed by this entry.
    #[serde(with = "source")]
    pub source: SourceId,
    /// What it is: a word of `SourceKind`.
    pub kind: String,
    /// The format it is read in.
    pub format: String,
}

/// A batch of a source was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchIngested {
    /// The source.
    #[serde(with = "source")]
    pub source: SourceId,
    /// What the source is: a word of `SourceKind`.
    pub kind: String,
    /// The format it was read in.
    pub format: String,
    /// Number of the batch's first frame.
    pub first_frame: u64,
    /// Number of the last line or packet that the batch holds.
    pub last_frame: u64,
    /// How many frames lie under `root`; fewer than lines where a frame has several.
    pub frames: u64,
    /// How many bytes of the decompressed source have been read up to the end of this batch.
    pub length: u64,
    /// The digest of those bytes.
    pub prefix_digest: Digest,
    /// Frames read.
    pub read: u64,
    /// Frames stored.
    pub stored: u64,
    /// Frames rejected.
    pub rejected: u64,
    /// Frames ignored.
    pub ignored: u64,
    /// Frames held back.
    #[serde(default)]
    pub held: u64,
    /// How many were rejected or ignored, by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Frames that the kernel lost for lack of room while the batch was read off a device.
    #[serde(default, skip_serializing_if = "is_none")]
    pub dropped_kernel: u64,
    /// Frames that the device or its driver lost meanwhile.
    #[serde(default, skip_serializing_if = "is_none")]
    pub dropped_device: u64,
    /// The root over the batch's frames.
    pub root: Digest,
    /// What was stored of it in each table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, RowsOf>,
    /// The earliest time in the batch, if any frame had one.
    #[serde(with = "moment_if_any")]
    pub first_time: Option<Timestamp>,
    /// The latest time in the batch, if any frame had one.
    #[serde(with = "moment_if_any")]
    pub last_time: Option<Timestamp>,
    /// The version of the program.
    pub tool_version: String,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// The rows of a batch in one table, as far as they can be told from others without being kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsOf {
    /// How many.
    pub rows: u64,
    /// The sum over `frame * frame * 31 + frame + ordinal` of them, modulo 2 to the 32: a row that stands twice does
    /// not make up for one that is missing.
    pub places: u64,
}

impl RowsOf {
    /// Adds a row.
    pub fn add(&mut self, frame: u64, ordinal: u32) {
        let place = frame
            .wrapping_mul(frame)
            .wrapping_mul(31)
            .wrapping_add(frame)
            .wrapping_add(u64::from(ordinal));
        self.add_all(RowsOf {
            rows: 1,
            places: place & u64::from(u32::MAX),
        });
    }

    /// Takes rows away that are among these.
    pub fn take(&mut self, other: RowsOf) {
        self.rows = self.rows.saturating_sub(other.rows);
        self.places = self.places.wrapping_sub(other.places) & u64::from(u32::MAX);
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == RowsOf::default()
    }

    /// Adds the rows of another batch.
    pub fn add_all(&mut self, other: RowsOf) {
        self.rows += other.rows;
        self.places = (self.places + other.places) & u64::from(u32::MAX);
    }
}

impl BatchIngested {
    /// A batch of this source, of which nothing else is known yet.
    pub fn of(source: SourceId) -> Self {
        BatchIngested {
            source,
            kind: String::new(),
            format: String::new(),
            first_frame: 0,
            last_frame: 0,
            frames: 0,
            length: 0,
            prefix_digest: Digest::default(),
            read: 0,
            stored: 0,
            rejected: 0,
            ignored: 0,
            held: 0,
            reasons: BTreeMap::new(),
            dropped_kernel: 0,
            dropped_device: 0,
            root: Digest::default(),
            rows: BTreeMap::new(),
            first_time: None,
            last_time: None,
            tool_version: String::new(),
        }
    }

    /// Takes over the counts of the batch.
    pub fn count(&mut self, counts: &Counts) {
        self.read = counts.read;
        self.stored = counts.stored;
        self.rejected = counts.rejected;
        self.ignored = counts.ignored;
        self.held = counts.held;
        self.reasons = counts
            .reasons
            .iter()
            .map(|(reason, frames)| ((*reason).to_owned(), *frames))
            .collect();
    }
}

/// A source came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceClosed {
    /// The source.
    #[serde(with = "source")]
    pub source: SourceId,
    /// Bytes read of it, decompressed.
    pub length: u64,
    /// Their digest.
    pub digest: Digest,
    /// Frames read.
    pub read: u64,
    /// Frames stored.
    pub stored: u64,
    /// Frames rejected.
    pub rejected: u64,
    /// Frames ignored.
    pub ignored: u64,
    /// Frames lost for lack of room, by the kernel or the device.
    #[serde(default)]
    pub dropped: u64,
}

/// A register was read in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterImported {
    /// Which: a word of `RegisterKind`.
    pub register: String,
    /// The digest of the file.
    pub digest: Digest,
    /// Lines read.
    pub read: u64,
    /// Lines stored.
    pub stored: u64,
    /// Lines rejected.
    pub rejected: u64,
}

/// A list was read in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListLoaded {
    /// The operator's name for the list.
    pub list: String,
    /// The version it was given.
    pub version: String,
    /// The digest of what was read.
    pub digest: Digest,
    /// How many expressions it holds.
    pub expressions: u64,
}

/// The rules were run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRun {
    /// Start of the window.
    #[serde(with = "moment")]
    pub from: Timestamp,
    /// End of the window.
    #[serde(with = "moment")]
    pub to: Timestamp,
    /// The rules.
    pub rules: Vec<String>,
    /// How many findings there were.
    pub findings: u64,
    /// The digest over their ids.
    pub digest: Digest,
}

/// Personal data was searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRun {
    /// The question: the id of an embedded query, `sql` for one typed in, or `sql_with_content` if it was to show content;
    /// `sql_from_outside` for one of a guest of the store, which shows none, `sql_in_workbench` if it changes something there.
    pub query: String,
    /// The digest of the question with its parameters.
    pub digest: Digest,
    /// How many rows came back, if that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The guest of the store who asked: the name of a key, or `socket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The tables that a guest's question names: ours by name, any other as `another`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
}

/// A token's name was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameRevealed {
    /// The token.
    pub token: String,
}

/// A request for data came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestReceived {
    /// What stands for the request in later entries: the digest of a random salt and its text. Both lie in the private record.
    pub request: Digest,
    /// The regime: a word of `Regime`.
    pub regime: String,
    /// The class of data asked for.
    pub data_class: String,
}

/// A gate answered on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAnswered {
    /// The request, as `RequestReceived` names it.
    pub request: Digest,
    /// The gate.
    pub gate: String,
    /// Whether it let the request pass.
    pub passed: bool,
}

/// A package was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The request it answers.
    pub request: Digest,
    /// The digest of the package's signed tag manifest.
    pub package: Digest,
    /// Rows in it.
    pub rows: u64,
    /// Original lines in it.
    pub originals: u64,
    /// Original lines withheld from it.
    pub withheld: u64,
    /// To how many recipients it was sealed.
    pub recipients: u64,
}

/// A report was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportWritten {
    /// Which report.
    pub report: String,
    /// For which establishment; empty for all.
    pub establishment: String,
    /// Start of the window.
    #[serde(with = "moment")]
    pub from: Timestamp,
    /// End of the window.
    #[serde(with = "moment")]
    pub to: Timestamp,
    /// The digest of the document.
    pub digest: Digest,
}

/// The store's schema was brought up to date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    /// The migrations that were applied.
    pub applied: Vec<String>,
    /// The version of the program.
    pub tool_version: String,
}

/// Content from the wire is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentKept {
    /// Since when.
    #[serde(with = "moment")]
    pub since: Timestamp,
}

/// What is deleted, as it was counted before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// From what: a table, or `originals`, `names`, `private_records`.
    pub table: String,
    /// What becomes of it: `deleted`, or `emptied` for columns of content.
    pub fate: String,
    /// The rule that asked for it: a key of `[retention]`.
    pub rule: String,
    /// Everything before this moment.
    #[serde(with = "moment")]
    pub until: Timestamp,
    /// How many rows, batches or names.
    pub rows: u64,
    /// The digest over them; see `DeletedMonth`.
    pub digest: Digest,
    /// By month.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<DeletedMonth>,
    /// What was due and is kept by a hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptByHold>,
    /// The same by batch, or by source where rows are not told apart by batch; so that what is lost beyond is found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<DeletedOf>,
}

/// What of one batch, or of a whole source, is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedOf {
    /// The source.
    #[serde(with = "source")]
    pub source: SourceId,
    /// Number of the batch's first frame; 0 for a whole source.
    pub first_frame: u64,
    /// Number of its last; 0 for a whole source.
    pub last_frame: u64,
    /// What goes: rows, or 1 for a batch of originals.
    pub gone: RowsOf,
    /// What was due of it and stays.
    #[serde(default, skip_serializing_if = "RowsOf::is_none")]
    pub kept: RowsOf,
}

/// What of one month is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedMonth {
    /// The month.
    pub month: String,
    /// How many rows.
    pub rows: u64,
    /// The sum, modulo 2^256, of SHA-256 over the salt and each row in RowBinary.
    pub digest: Digest,
}

/// What a hold keeps of what was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptByHold {
    /// The index of the hold's entry.
    pub hold: u64,
    /// How many rows.
    pub rows: u64,
}

/// Data was deleted: counted again, it is not there, and the store keeps no old part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// The entry that announced it.
    pub begun: u64,
    /// What was deleted, as announced.
    pub what: Deletion,
    /// How much of it went. Less than announced where a hold was placed before an interrupted deletion was finished.
    pub rows: u64,
    /// Whether the deletion was finished by a later run.
    #[serde(default)]
    pub resumed: bool,
    /// What went by batch or source, where a later run finished: holds may have come or ended meanwhile. Else as announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<DeletedOf>>,
}

/// A legal hold was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPlaced {
    /// What it is for: a word of `HoldFor`.
    pub on: String,
    /// The establishment, the account's token or the source; nothing for a network, which lies in the private record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whom: Option<String>,
    /// The start of the window that is held.
    #[serde(with = "moment")]
    pub from: Timestamp,
    /// The end of that window.
    #[serde(with = "moment")]
    pub to: Timestamp,
    /// The moment at which the hold ends by itself.
    #[serde(with = "moment")]
    pub until: Timestamp,
}

/// A legal hold was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldEnded {
    /// The entry that placed it.
    pub hold: u64,
}

/// A case was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseOpened {
    /// The digest of the protocol that it follows.
    pub protocol: Digest,
    /// The state in which it begins.
    pub state: String,
    /// The establishment that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub establishment: Option<String>,
    /// Whether it is told of to those alone who ask for sealed cases, with a reason.
    pub sealed: bool,
}

/// A question of a case was answered. It counts if the case was in the state that it names when it was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseStepped {
    /// The entry that opened the case.
    pub case: u64,
    /// The state that the question belongs to.
    pub from: String,
    /// The answer.
    pub answer: String,
    /// The state that it leads to.
    pub to: String,
    /// The hold that keeps what the case is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<u64>,
    /// The code for what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// A backup, by what stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUp {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The size of the ledger in it.
    pub size: u64,
    /// The root of the ledger in it.
    pub root: Digest,
    /// Its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The rows of its tables.
    pub rows: u64,
    /// The version of the program.
    pub tool_version: String,
}

/// A backup was restored on trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillHeld {
    /// The digest of its manifest, if that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// Whether all was as it should be.
    pub passed: bool,
    /// How many checks were made.
    pub checks: u64,
}

/// A batch waits in the spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchSpooled {
    /// The source.
    #[serde(with = "source")]
    pub source: SourceId,
    /// Number of the batch's first frame.
    pub first_frame: u64,
    /// Number of its last line or packet.
    pub last_frame: u64,
    /// How many frames lie under `root`.
    pub frames: u64,
    /// The root over the batch's frames.
    pub root: Digest,
}

/// A batch was lost for lack of room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchDropped {
    /// The source.
    #[serde(with = "source")]
    pub source: SourceId,
    /// Number of the batch's first frame.
    pub first_frame: u64,
    /// Number of its last line or packet.
    pub last_frame: u64,
    /// Frames read and lost.
    pub read: u64,
}

/// Something that did not agree was mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mended {
    /// The source.
    #[serde(with = "source")]
    pub source: SourceId,
    /// What was mended: a word such as `rows_missing`.
    pub fault: String,
    /// In which table; empty where it is none.
    pub table: String,
    /// From this frame.
    pub first_frame: u64,
    /// To this frame.
    pub last_frame: u64,
    /// How many rows were added or taken away.
    pub rows: u64,
}

/// The clock of the machine was put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockPutBack {
    /// The latest date in the ledger.
    #[serde(with = "moment")]
    pub latest: Timestamp,
    /// What the clock says now.
    #[serde(with = "moment")]
    pub now: Timestamp,
}

/// Moments as RFC 3339 with six digits.
pub(crate) mod moment {
    use super::{Deserialize, Timestamp};
    use serde::{Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        Timestamp::parse(&text).map_err(de::Error::custom)
    }
}

/// Moments that may be unknown.
mod moment_if_any {
    use super::{Deserialize, Timestamp};
    use serde::{Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(|at| at.to_string()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|text| Timestamp::parse(&text).map_err(de::Error::custom))
            .transpose()
    }
}

/// Sources by their 32 hexadecimal digits.
pub(crate) mod source {
    use super::{Deserialize, SourceId};
    use serde::{Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(id: &SourceId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SourceId, D::Error> {
        let text = String::deserialize(from)?;
        SourceId::parse(&text).ok_or_else(|| de::Error::custom("not a source's id"))
    }
}
