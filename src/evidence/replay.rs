//! Makes a package's figures and papers again, from the package alone and with another engine, and compares.
//!
//! The figures in a package were counted by the store. Here they are counted by Polars out of the records, so that a fault
//! of either, or a record that was changed on its way, shows. The papers are made again by the program that made them.

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::{
    Column, DataFrame, DataType, Expr, IntoLazy as _, PolarsError, SortMultipleOptions, col, len,
    lit,
};

use super::EvidenceError;
use super::figures::{self, FIGURES, Figure};
use super::papers;
use crate::casework::Wanted;

/// What a replay has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// How many figures were counted again.
    pub figures: usize,
    /// How many papers were made again; none where another version of the program made them.
    pub papers: Option<usize>,
    /// What came out otherwise: the file, and what is wrong with it. Empty if all is the same.
    pub differences: Vec<(String, String)>,
}

/// Replays the package in this folder. It says nothing of who made it: that is [`verify()`](super::verify())'s to say.
pub fn replay(folder: &Path, program: &str) -> Result<Replay, EvidenceError> {
    let files = match super::verify::read(folder)? {
        Ok(files) => files,
        Err((file, reason)) => {
            return Ok(Replay {
                figures: 0,
                papers: None,
                differences: vec![(file, reason)],
            });
        }
    };
    replay_files(&files, program)
}

/// Replays a package whose files were read.
pub(crate) fn replay_files(
    files: &BTreeMap<String, Vec<u8>>,
    program: &str,
) -> Result<Replay, EvidenceError> {
    let Some(told) = files.get(FIGURES) else {
        return Err(EvidenceError::Shape);
    };
    let told = figures::read(told)?;
    let (mut counted, mut differences) = (0, Vec::new());
    let kinds = [
        Wanted::ConnectionRecords,
        Wanted::WebRecords,
        Wanted::SignIns,
        Wanted::Subscriber,
    ];
    for kind in kinds {
        let path = papers::records_of(kind);
        let (records, expected) = (files.get(&path), told.get(kind.as_str()));
        let (Some(records), Some(expected)) = (records, expected) else {
            if records.is_some() != expected.is_some() {
                differences.push((
                    FIGURES.to_owned(),
                    format!(
                        "the {} have no figures, or the figures no records",
                        papers::kind(kind)
                    ),
                ));
            }
            continue;
        };
        let found = count(kind, records)?;
        counted += found.len();
        if let Some(difference) = first_difference(&found, expected) {
            differences.push((
                FIGURES.to_owned(),
                format!("{}: {difference}", papers::kind(kind)),
            ));
        }
    }
    let made_by = papers::made_by(files)?;
    let papers = if made_by == program {
        let made = papers::papers(files)?;
        for (path, bytes) in &made {
            if files.get(path) != Some(bytes) {
                differences.push((
                    path.clone(),
                    "it is not what comes of the other files".to_owned(),
                ));
            }
        }
        Some(made.len())
    } else {
        None
    };
    Ok(Replay {
        figures: counted,
        papers,
        differences,
    })
}

/// The first figure that is not as it was told, without a value of the records themselves.
fn first_difference(found: &[Figure], told: &[Figure]) -> Option<String> {
    let (found, told) = (by_name(found), by_name(told));
    let names = found.keys().chain(told.keys());
    let wrong = names
        .into_iter()
        .find(|name| found.get(*name) != told.get(*name))?;
    let (figure, key) = wrong;
    let of = if key.is_empty() {
        String::new()
    } else {
        " of one of its parts".to_owned()
    };
    let say = |value: Option<&&str>| value.map_or("none", |value| value).to_owned();
    Some(format!(
        "{figure}{of} is told as {} and comes out as {}",
        say(told.get(wrong)),
        say(found.get(wrong))
    ))
}

fn by_name(figures: &[Figure]) -> BTreeMap<(&str, &str), &str> {
    figures
        .iter()
        .map(|one| ((one.figure.as_str(), one.key.as_str()), one.value.as_str()))
        .collect()
}

impl From<PolarsError> for EvidenceError {
    fn from(_: PolarsError) -> Self {
        // What the engine says may quote a cell.
        EvidenceError::Shape
    }
}

/// Counts a table of records.
fn count(kind: Wanted, csv: &[u8]) -> Result<Vec<Figure>, EvidenceError> {
    let frame = frame(csv)?;
    let mut figures = vec![figure("rows", "", &frame.height().to_string())];
    match kind {
        Wanted::WebRecords => {
            span(&frame, "time", "time", &mut figures)?;
            sum(
                &frame,
                "bytes_received",
                number("bytes_received"),
                &mut figures,
            )?;
            groups(&frame, "rows_by_day", "day", len(), &mut figures)?;
            groups(&frame, "rows_by_action", "action", len(), &mut figures)?;
            groups(&frame, "rows_by_host", "bare_host", len(), &mut figures)?;
            groups(
                &frame,
                "bytes_received_by_host",
                "bare_host",
                number("bytes_received").sum(),
                &mut figures,
            )?;
        }
        Wanted::ConnectionRecords => {
            span(&frame, "start", "end", &mut figures)?;
            let both = |one, two| number(one) + number(two);
            sum(
                &frame,
                "packets",
                both("src_packets", "dst_packets"),
                &mut figures,
            )?;
            sum(&frame, "src_bytes", number("src_bytes"), &mut figures)?;
            sum(&frame, "dst_bytes", number("dst_bytes"), &mut figures)?;
            groups(&frame, "rows_by_day", "day", len(), &mut figures)?;
            groups(
                &frame,
                "rows_by_application",
                "application",
                len(),
                &mut figures,
            )?;
            groups(
                &frame,
                "rows_by_server_name",
                "server_name",
                len(),
                &mut figures,
            )?;
            groups(
                &frame,
                "bytes_by_server_name",
                "server_name",
                both("src_bytes", "dst_bytes").sum(),
                &mut figures,
            )?;
        }
        Wanted::SignIns => {
            span(&frame, "time", "time", &mut figures)?;
            groups(&frame, "rows_by_day", "day", len(), &mut figures)?;
            groups(&frame, "rows_by_event", "event", len(), &mut figures)?;
        }
        Wanted::Subscriber => {
            let accounts = frame
                .clone()
                .lazy()
                .select([col("account_token")
                    .n_unique()
                    .cast(DataType::String)
                    .alias("value")])
                .collect()?;
            figures.push(figure("accounts", "", &cell(&accounts, "value", 0)?));
            groups(&frame, "rows_by_role", "role", len(), &mut figures)?;
        }
    }
    Ok(figures)
}

/// The records as texts, with the day of each row and the host without what may lie behind it.
fn frame(csv: &[u8]) -> Result<DataFrame, EvidenceError> {
    let mut reader = csv::Reader::from_reader(csv);
    let names: Vec<String> = reader
        .headers()
        .map_err(|_| EvidenceError::Shape)?
        .iter()
        .map(str::to_owned)
        .collect();
    let mut columns: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for row in reader.records() {
        let row = row.map_err(|_| EvidenceError::Shape)?;
        for (column, cell) in columns.iter_mut().zip(&row) {
            column.push(cell.to_owned());
        }
    }
    let of = |name: &str| {
        names
            .iter()
            .position(|known| known == name)
            .and_then(|at| columns.get(at))
    };
    let mut made = Vec::new();
    if let Some(times) = of("time").or_else(|| of("start")) {
        let days: Vec<&str> = times
            .iter()
            .map(|time| time.get(..10).unwrap_or_default())
            .collect();
        made.push(Column::new("day".into(), days));
    }
    if let Some(hosts) = of("host") {
        let bare: Vec<&str> = hosts
            .iter()
            .map(|host| host.split(['/', '?', '#', '\\']).next().unwrap_or_default())
            .collect();
        made.push(Column::new("bare_host".into(), bare));
    }
    let height = columns.first().map_or(0, Vec::len);
    let all = names
        .iter()
        .zip(&columns)
        .map(|(name, cells)| Column::new(name.as_str().into(), cells.as_slice()));
    Ok(DataFrame::new(height, all.chain(made).collect())?)
}

/// A column of whole numbers; an empty cell counts nothing.
fn number(name: &str) -> Expr {
    col(name).cast(DataType::UInt64).fill_null(lit(0_u64))
}

fn sum(
    frame: &DataFrame,
    name: &str,
    of: Expr,
    figures: &mut Vec<Figure>,
) -> Result<(), EvidenceError> {
    let sum = frame
        .clone()
        .lazy()
        .select([of.sum().cast(DataType::String).alias("value")])
        .collect()?;
    figures.push(figure(name, "", &cell(&sum, "value", 0)?));
    Ok(())
}

/// The first moment and the last. All have one form, so that they sort as texts do.
fn span(
    frame: &DataFrame,
    first: &str,
    last: &str,
    figures: &mut Vec<Figure>,
) -> Result<(), EvidenceError> {
    if frame.height() == 0 {
        return Ok(());
    }
    let ends = frame
        .clone()
        .lazy()
        .select([
            col(first).min().alias("first"),
            col(last).max().alias("last"),
        ])
        .collect()?;
    figures.push(figure("first", "", &cell(&ends, "first", 0)?));
    figures.push(figure("last", "", &cell(&ends, "last", 0)?));
    Ok(())
}

fn groups(
    frame: &DataFrame,
    name: &str,
    by: &str,
    what: Expr,
    figures: &mut Vec<Figure>,
) -> Result<(), EvidenceError> {
    let groups = frame
        .clone()
        .lazy()
        .group_by([col(by).alias("key")])
        .agg([what.cast(DataType::String).alias("value")])
        .sort(["key"], SortMultipleOptions::default())
        .collect()?;
    for row in 0..groups.height() {
        figures.push(figure(
            name,
            &cell(&groups, "key", row)?,
            &cell(&groups, "value", row)?,
        ));
    }
    Ok(())
}

fn cell(frame: &DataFrame, name: &str, row: usize) -> Result<String, EvidenceError> {
    let column = frame.column(name)?.str()?;
    column
        .get(row)
        .map(str::to_owned)
        .ok_or(EvidenceError::Shape)
}

fn figure(figure: &str, key: &str, value: &str) -> Figure {
    Figure {
        figure: figure.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    }
}
