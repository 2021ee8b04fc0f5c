//! The run: what is due is counted, announced, deleted, counted again, and entered.

use std::collections::{BTreeMap, BTreeSet};

use super::originals::DueBatch;
use super::{Keeper, RetentionError};
use crate::keys;
use crate::ledger::{Act, Deleted, DeletedMonth, Deletion, Digest, Entry, KeptByHold};
use crate::record::{AccountToken, EVENT_TABLES, SourceId, Table, Timestamp};
use crate::store::Cover;
use crate::store::names::Names;
use crate::store::retention::{Due, DueMonth, Fate, holds_content};

/// What went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// What.
    pub deletion: Deletion,
    /// How much.
    pub rows: u64,
    /// The entry that says so.
    pub entry: u64,
    /// Whether an earlier run had begun it.
    pub resumed: bool,
}

/// What a run has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What went.
    pub gone: Vec<Gone>,
    /// What was due and is kept, by table and hold.
    pub kept: Vec<(String, KeptByHold)>,
    /// Rows that are dated later than now, by table: they are never due.
    pub later: Vec<(String, u64)>,
    /// Whether names could not be looked at, because another program has them in use.
    pub names_in_use: bool,
}

/// One kind of thing that can be due.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Rows of a table.
    Rows(&'static Table),
    /// Columns of content of a table.
    Content(&'static Table),
    /// What was rejected, by its source.
    Rejects,
    /// Originals.
    Originals,
    /// Names of accounts.
    Names,
    /// Private records of the ledger.
    PrivateRecords,
}

/// What of a kind is due.
struct Survey {
    deletion: Deletion,
    work: Work,
}

/// What is to be done about it.
enum Work {
    Months(Vec<(Vec<SourceId>, DueMonth)>),
    Originals(Vec<DueBatch>),
    Names(BTreeSet<AccountToken>),
    Records(Vec<u64>),
    /// Another program has it in use.
    InUse,
}

impl Keeper<'_> {
    /// What is due, and what of it holds keep; nothing is changed, and nothing entered.
    pub fn plan(&self) -> Result<Outcome, RetentionError> {
        let covers = self.covers()?;
        let mut outcome = Outcome::default();
        for kind in kinds() {
            let survey = self.survey(&kind, self.line(&kind), &covers, &[0; 32])?;
            outcome.names_in_use |= matches!(survey.work, Work::InUse);
            outcome.note(&survey.deletion);
            if survey.deletion.rows > 0 {
                outcome.gone.push(Gone {
                    rows: survey.deletion.rows,
                    deletion: survey.deletion,
                    entry: 0,
                    resumed: false,
                });
            }
        }
        self.later(&mut outcome)?;
        Ok(outcome)
    }

    /// Deletes what is due. `said` is told of each kind that has gone. What an earlier run began is finished first.
    pub fn run(&self, said: &mut dyn FnMut(&Gone)) -> Result<Outcome, RetentionError> {
        // Links that a backup left when it was broken off would keep on the disk what is deleted here.
        crate::store::backup::thaw(self.data)?;
        let covers = self.covers()?;
        let mut outcome = Outcome::default();
        for (begun, deletion) in self.unfinished()? {
            let gone = self.resume(begun, deletion, &covers)?;
            said(&gone);
            outcome.gone.push(gone);
        }
        for kind in kinds() {
            let salt = keys::random::<32>()?;
            let survey = self.survey(&kind, self.line(&kind), &covers, &salt)?;
            outcome.names_in_use |= matches!(survey.work, Work::InUse);
            outcome.note(&survey.deletion);
            if survey.deletion.rows == 0 {
                continue;
            }
            let private = serde_json::json!({ "salt": hex(&salt) });
            let act = Act::DeletionBegun(survey.deletion.clone());
            let begun = self.ledger.append((self.now)(), &act, Some(&private))?;
            let rows = survey.deletion.rows;
            let gone = self.finish(begun, &kind, survey, &covers, rows, false)?;
            said(&gone);
            outcome.gone.push(gone);
        }
        self.later(&mut outcome)?;
        Ok(outcome)
    }

    /// Deletions that were announced and not entered as done.
    fn unfinished(&self) -> Result<Vec<(u64, Deletion)>, RetentionError> {
        let mut open: BTreeMap<u64, Deletion> = BTreeMap::new();
        for entry in self.ledger.entries()? {
            match entry.act {
                Act::DeletionBegun(deletion) => {
                    open.insert(entry.index, deletion);
                }
                Act::Deleted(deleted) => {
                    open.remove(&deleted.begun);
                }
                _ => {}
            }
        }
        Ok(open.into_iter().collect())
    }

    fn resume(
        &self,
        begun: u64,
        announced: Deletion,
        covers: &[Cover],
    ) -> Result<Gone, RetentionError> {
        let kind = kind_of(&announced).ok_or(RetentionError::UnknownDeletion(begun))?;
        // Drawn again from where it was drawn then: what has become due since was not announced.
        let then = match kind {
            Kind::Originals => {
                let since = self.periods.content(self.at).micros_since(announced.until);
                Keeper {
                    at: self.at.plus_micros(-since),
                    ..*self
                }
            }
            _ => Keeper { ..*self },
        };
        let mut survey = then.survey(&kind, announced.until, covers, &[0; 32])?;
        let kept = |deletion: &Deletion| -> u64 { deletion.kept.iter().map(|one| one.rows).sum() };
        // A hold that came since keeps some of what was announced.
        let newly_kept = kept(&survey.deletion).saturating_sub(kept(&announced));
        let rows = match kind {
            // Names go when nothing speaks of them, which has no line: those of now are counted.
            Kind::Names if survey.deletion.rows > 0 => survey.deletion.rows,
            _ => announced.rows.saturating_sub(newly_kept),
        };
        survey.deletion = announced;
        then.finish(begun, &kind, survey, covers, rows, true)
    }

    fn finish(
        &self,
        begun: u64,
        kind: &Kind,
        survey: Survey,
        covers: &[Cover],
        rows: u64,
        resumed: bool,
    ) -> Result<Gone, RetentionError> {
        self.discard(kind, &survey, covers)?;
        if let Some(table) = crate::record::table(table_of(kind))
            && !self.store.sweep(table)?
        {
            return Err(RetentionError::OldParts(table.name));
        }
        let left = self.survey(kind, survey.deletion.until, covers, &[0; 32])?;
        if matches!(left.work, Work::InUse) {
            return Err(RetentionError::NamesInUse);
        }
        if left.deletion.rows > 0 {
            return Err(RetentionError::StillThere {
                table: left.deletion.table,
                rows: left.deletion.rows,
            });
        }
        let of = match resumed && !survey.deletion.of.is_empty() {
            true => Some(self.truly_gone(kind, &survey.deletion)?),
            false => None,
        };
        let rows = of
            .as_ref()
            .map_or(rows, |of| of.iter().map(|one| one.gone.rows).sum());
        let act = Act::Deleted(Deleted {
            begun,
            what: survey.deletion.clone(),
            rows,
            resumed,
            of,
        });
        let entry = self.ledger.append((self.now)(), &act, None)?;
        Ok(Gone {
            deletion: survey.deletion,
            rows,
            entry,
            resumed,
        })
    }

    fn discard(
        &self,
        kind: &Kind,
        survey: &Survey,
        covers: &[Cover],
    ) -> Result<(), RetentionError> {
        match &survey.work {
            Work::Months(months) => {
                for (sources, month) in months.iter().filter(|(_, month)| month.rows > month.kept) {
                    let Some(due) = due(kind, survey.deletion.until, sources, covers, "") else {
                        continue;
                    };
                    self.store.discard(&due, month)?;
                }
            }
            Work::Originals(batches) => {
                for due in batches.iter().filter(|due| due.hold.is_none()) {
                    let batch = &due.batch;
                    self.originals
                        .remove(batch.source, batch.first_frame, due.last)?;
                }
            }
            Work::Names(keep) => {
                Names::forget(self.data, self.names_key, keep, false)?;
            }
            Work::Records(entries) => {
                for index in entries {
                    self.ledger.erase_private(*index)?;
                }
            }
            Work::InUse => {}
        }
        Ok(())
    }

    /// Counts what is due of a kind.
    fn survey(
        &self,
        kind: &Kind,
        until: Timestamp,
        covers: &[Cover],
        salt: &[u8; 32],
    ) -> Result<Survey, RetentionError> {
        let mut deletion = Deletion {
            table: table_of(kind).to_owned(),
            fate: match kind {
                Kind::Content(_) => "emptied".to_owned(),
                _ => "deleted".to_owned(),
            },
            rule: self.rule(kind),
            until,
            rows: 0,
            digest: Digest::default(),
            months: Vec::new(),
            kept: Vec::new(),
            of: Vec::new(),
        };
        let work = match kind {
            Kind::Rows(_) | Kind::Content(_) => {
                self.months(kind, &[Vec::new()], covers, salt, &mut deletion)?
            }
            Kind::Rejects => {
                let sources = self.due_sources(until, covers)?;
                let chunks: Vec<_> = sources.chunks(SOURCES_AT_ONCE).map(<[_]>::to_vec).collect();
                // Their rows bear no time: the line was met by their source.
                self.months(kind, &chunks, &[], salt, &mut deletion)?
            }
            Kind::Originals => self.originals_due(covers, &mut deletion)?,
            Kind::Names => self.names_due(&mut deletion)?,
            Kind::PrivateRecords => self.records_due(until, &mut deletion)?,
        };
        Ok(Survey { deletion, work })
    }

    fn months(
        &self,
        kind: &Kind,
        chunks: &[Vec<SourceId>],
        covers: &[Cover],
        salt: &[u8; 32],
        deletion: &mut Deletion,
    ) -> Result<Work, RetentionError> {
        let salt = hex(salt);
        let mut all = Vec::new();
        let mut held: BTreeMap<u64, u64> = BTreeMap::new();
        let mut digests = Vec::new();
        for sources in chunks {
            let Some(due) = due(kind, deletion.until, sources, covers, &salt) else {
                continue;
            };
            for month in self.store.due(&due)? {
                let digest = Digest::parse(&month.digest).unwrap_or_default();
                if month.rows > month.kept {
                    digests.extend_from_slice(month.partition.as_bytes());
                    digests.extend_from_slice(&digest.0);
                    deletion.months.push(DeletedMonth {
                        month: month.partition.clone(),
                        rows: month.rows - month.kept,
                        digest,
                    });
                }
                deletion.rows += month.rows.saturating_sub(month.kept);
                all.push((sources.clone(), month));
            }
            for hold in self.store.held(&due)? {
                *held.entry(hold.hold).or_default() += hold.rows;
            }
        }
        if deletion.rows > 0 {
            deletion.digest = Digest::of(&[&digests]);
            deletion.of = self.by_batch(kind, deletion.until, chunks, covers)?;
        }
        deletion.kept = kept_of(held);
        Ok(Work::Months(all))
    }

    /// The digest of originals is over the entries of their batches, whose roots commit to each line.
    fn originals_due(
        &self,
        covers: &[Cover],
        deletion: &mut Deletion,
    ) -> Result<Work, RetentionError> {
        let batches = self.due_originals(covers)?;
        let mut roots = Vec::new();
        let mut held: BTreeMap<u64, u64> = BTreeMap::new();
        for due in &batches {
            match due.hold {
                Some(hold) => *held.entry(hold).or_default() += 1,
                None => {
                    deletion.rows += 1;
                    deletion.of.push(super::by_batch::of_originals(&due.batch));
                    roots.extend_from_slice(&due.batch.index.to_be_bytes());
                    roots.extend_from_slice(&due.batch.root.0);
                }
            }
        }
        if deletion.rows > 0 {
            deletion.digest = Digest::of(&[&roots]);
        }
        deletion.kept = kept_of(held);
        Ok(Work::Originals(batches))
    }

    fn names_due(&self, deletion: &mut Deletion) -> Result<Work, RetentionError> {
        let mut keep: BTreeSet<AccountToken> =
            self.store.accounts_spoken_of()?.into_iter().collect();
        keep.extend(self.accounts_held()?);
        match Names::forget(self.data, self.names_key, &keep, true)? {
            Some(gone) => {
                deletion.rows = gone;
                Ok(Work::Names(keep))
            }
            None => Ok(Work::InUse),
        }
    }

    fn records_due(
        &self,
        until: Timestamp,
        deletion: &mut Deletion,
    ) -> Result<Work, RetentionError> {
        let holds: BTreeSet<u64> = self
            .active_holds()?
            .iter()
            .map(|hold| hold.entry.index)
            .collect();
        let mut due = Vec::new();
        let mut commitments = Vec::new();
        for entry in self.ledger.entries()? {
            let Some(commitment) = entry.private.filter(|_| entry.time < until) else {
                continue;
            };
            if holds.contains(&entry.index) || !self.is_kept(&entry)? {
                continue;
            }
            commitments.extend_from_slice(&commitment.0);
            due.push(entry.index);
        }
        if !due.is_empty() {
            deletion.rows = due.len() as u64;
            deletion.digest = Digest::of(&[&commitments]);
        }
        Ok(Work::Records(due))
    }

    /// Whether the private record of an entry is still there.
    fn is_kept(&self, entry: &Entry) -> Result<bool, RetentionError> {
        let record = self.ledger.private(entry)?;
        Ok(matches!(
            record,
            Some(crate::ledger::PrivateRecord::Kept(_))
        ))
    }

    fn later(&self, outcome: &mut Outcome) -> Result<(), RetentionError> {
        let now = (self.now)();
        for table in EVENT_TABLES.iter().filter(|table| table.name != "rejects") {
            let rows = self.store.rows_from(table, now)?;
            if rows > 0 {
                outcome.later.push((table.name.to_owned(), rows));
            }
        }
        Ok(())
    }

    fn line(&self, kind: &Kind) -> Timestamp {
        let periods = self.periods;
        match kind {
            Kind::Rows(table) => periods.rows(table, self.at),
            Kind::Content(_) => periods.content(self.at),
            Kind::Rejects => crate::record::table("rejects")
                .map_or(Timestamp::from_seconds(0), |table| {
                    periods.rows(table, self.at)
                }),
            Kind::Originals => periods.content(self.at),
            Kind::Names => self.at,
            Kind::PrivateRecords => periods.private_records(self.at),
        }
    }

    fn rule(&self, kind: &Kind) -> String {
        match kind {
            Kind::Rows(table) => self.periods.rule(table),
            Kind::Content(_) => "content".to_owned(),
            Kind::Rejects => "records".to_owned(),
            Kind::Originals => "originals".to_owned(),
            Kind::Names => "names".to_owned(),
            Kind::PrivateRecords => "private_records".to_owned(),
        }
    }
}

impl Outcome {
    fn note(&mut self, deletion: &Deletion) {
        let kept = deletion.kept.iter();
        self.kept
            .extend(kept.map(|kept| (deletion.table.clone(), *kept)));
    }
}

/// What can be due, in the order in which it goes: originals while their rows still tell whose they are, records before
/// what says whose they were, names when nothing speaks of them any more.
fn kinds() -> Vec<Kind> {
    let table = |name: &&str| crate::record::table(name);
    let content = EVENT_TABLES
        .iter()
        .filter(|table| holds_content(table))
        .map(|table| Kind::Content(table));
    let rows = ROWS_IN_ORDER.iter().filter_map(table).map(Kind::Rows);
    [Kind::Originals, Kind::Rejects]
        .into_iter()
        .chain(rows)
        .chain(content)
        .chain([Kind::Names, Kind::PrivateRecords])
        .collect()
}

const ROWS_IN_ORDER: [&str; 10] = [
    "flows",
    "web_hits",
    "dns_queries",
    "mail_events",
    "sign_ins",
    "leases",
    "translations",
    "findings",
    "accounts",
    "devices",
];

fn table_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Rows(table) | Kind::Content(table) => table.name,
        Kind::Rejects => "rejects",
        Kind::Originals => "originals",
        Kind::Names => "names",
        Kind::PrivateRecords => "private_records",
    }
}

fn kind_of(deletion: &Deletion) -> Option<Kind> {
    kinds().into_iter().find(|kind| {
        let is_emptied = matches!(kind, Kind::Content(_));
        table_of(kind) == deletion.table && is_emptied == (deletion.fate == "emptied")
    })
}

/// What is asked of the store for a kind; none for what is not in the store.
pub(super) fn due<'a>(
    kind: &Kind,
    until: Timestamp,
    sources: &'a [SourceId],
    covers: &'a [Cover],
    salt: &'a str,
) -> Option<Due<'a>> {
    let (table, fate) = match kind {
        Kind::Rows(table) => (*table, Fate::Deleted),
        Kind::Content(table) => (*table, Fate::Emptied),
        Kind::Rejects => (crate::record::table("rejects")?, Fate::Deleted),
        _ => return None,
    };
    let by_source = matches!(kind, Kind::Rejects);
    Some(Due {
        table,
        fate,
        until,
        sources: by_source.then_some(sources),
        covers,
        salt,
    })
}

fn kept_of(held: BTreeMap<u64, u64>) -> Vec<KeptByHold> {
    held.into_iter()
        .map(|(hold, rows)| KeptByHold { hold, rows })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So many sources fit into one statement.
pub(super) const SOURCES_AT_ONCE: usize = 500;
