//! `invigil bench logs`, the store: the same log on its whole way into an embedded store, its rows alone on the way of a
//! deposit's inserts, and the engine's own insert of these rows from a file.
//!
//! All three go into the same engine with the same settings, in a folder that is made for it beside the data and taken
//! away afterwards; the engine has started before the clock does. The file of rows is in memory: rows lie nowhere in clear.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::clock::Stopwatch;
use crate::pipeline::ingest::LogReading;
use crate::pipeline::input::InputName;
use crate::pipeline::parts::insert_batch;
use crate::record::{Record, RowBinary, SourceId, Table};

use super::bench::median;
use super::context::Context;

/// What was measured: seconds of each run.
#[derive(Debug, Default)]
pub(super) struct Inserts {
    /// The engine's own insert.
    pub(super) own: Vec<f64>,
    /// The same rows in the batches of a deposit, through the client.
    pub(super) rows: Vec<f64>,
    /// The log on its whole way.
    pub(super) whole: Vec<f64>,
    /// Bytes of the rows.
    pub(super) bytes: u64,
    /// The most memory that the process had, engine included, when the first whole way was done.
    pub(super) peak: u64,
}

/// A folder that goes when this does.
struct Folder(PathBuf);

/// Rows of one table: the batches of a deposit.
type Batches = BTreeMap<&'static str, (&'static Table, Vec<Vec<u8>>)>;

impl Inserts {
    /// What each is called, its median time, and its rate as a part of the engine's own.
    fn lines(&self) -> anyhow::Result<Vec<(&'static str, f64, f64)>> {
        let own = median(&self.own)?;
        let all = [
            ("engine's own insert", &self.own),
            ("rows by our way", &self.rows),
            ("whole way", &self.whole),
        ];
        all.into_iter()
            .map(|(what, times)| median(times).map(|time| (what, time, own / time)))
            .collect()
    }

    pub(super) fn json(&self) -> anyhow::Result<Vec<serde_json::Value>> {
        let lines = self.lines()?.into_iter().map(|(what, seconds, rate)| {
            serde_json::json!({
                "what": what, "seconds": seconds, "bytes": self.bytes, "part_of_the_engines_rate": rate,
                "peak_bytes": self.peak,
            })
        });
        Ok(lines.collect())
    }

    pub(super) fn print(&self, context: &Context) -> anyhow::Result<()> {
        let rows: Vec<Vec<String>> = self
            .lines()?
            .into_iter()
            .map(|(what, seconds, rate)| {
                vec![
                    what.to_owned(),
                    format!("{seconds:.3} s"),
                    format!("{rate:.2}"),
                ]
            })
            .collect();
        context.print_table(&["storing", "median time", "of the engine's rate"], &rows)?;
        context.tell(format!(
            "{:.0} MB of rows; at the end of the whole way the process had used {:.0} MiB at most, with the engine in it",
            self.bytes as f64 / 1e6,
            self.peak as f64 / f64::from(1 << 20)
        ));
        Ok(())
    }
}

/// Measures.
pub(super) fn measure(
    context: &Context,
    name: &InputName,
    path: &Path,
    reading: &LogReading<'_>,
    runs: u32,
) -> anyhow::Result<Inserts> {
    let folder = Folder::beside(&context.places.data)?;
    let mut measured = Inserts::default();
    for run in 0..runs {
        let here = context.elsewhere(&folder.0.join(run.to_string()));
        let store = here.store()?;
        let watch = Stopwatch::start();
        super::ingest::store_one(&here, path, reading.format.name())?;
        measured.whole.push(watch.elapsed().as_secs_f64());
        if run == 0 {
            measured.peak = peak();
        }
        let batches = batches(&here, name, reading)?;
        let rows = batches.values().flat_map(|(_, batches)| batches);
        measured.bytes = rows.map(|rows| rows.len() as u64).sum();
        let (mut own, mut ours) = (0.0, 0.0);
        for (table, batches) in batches.into_values() {
            let stored = store.emptied(table)?;
            let (_in_memory, file) = file_of(&batches)?;
            let watch = Stopwatch::start();
            store.insert_of_file(table, &file)?;
            own += watch.elapsed().as_secs_f64();
            same(stored, store.emptied(table)?)?;
            let watch = Stopwatch::start();
            for (at, rows) in batches.into_iter().enumerate() {
                let token = format!("bench:{at}");
                insert_batch(&store, table, rows, &token, None)?;
            }
            ours += watch.elapsed().as_secs_f64();
            same(stored, store.emptied(table)?)?;
        }
        measured.own.push(own);
        measured.rows.push(ours);
    }
    Ok(measured)
}

/// The rows of the log, cut where its whole way has cut them.
fn batches(
    context: &Context,
    name: &InputName,
    reading: &LogReading<'_>,
) -> anyhow::Result<Batches> {
    let ledger = context.ledger()?.batches(None)?;
    let ends: Vec<u64> = ledger.iter().map(|(_, batch)| batch.last_frame).collect();
    let source = ledger
        .first()
        .map_or(SourceId([0; 16]), |(_, batch)| batch.source);
    let mut names = context.names()?;
    let mut batches = Batches::new();
    let (mut ends, mut new) = (ends.into_iter().peekable(), true);
    reading.each_record(name.open()?, source, |place, event| {
        while ends.next_if(|end| *end < place.frame).is_some() {
            new = true;
        }
        if ends.peek().is_none() {
            // A last line without its end is not stored, but waits for it.
            return Ok(());
        }
        if std::mem::take(&mut new) {
            for (_, batches) in batches.values_mut() {
                batches.push(Vec::new());
            }
        }
        let table = event.table();
        let (_, batches) = batches
            .entry(table.name)
            .or_insert_with(|| (table, vec![Vec::new()]));
        if let Some(rows) = batches.last_mut() {
            let mut encoder = RowBinary::onto(std::mem::take(rows), &mut names);
            encoder.row(place, event);
            *rows = encoder.into_bytes();
        }
        Ok(())
    })?;
    for (_, batches) in batches.values_mut() {
        batches.retain(|rows| !rows.is_empty());
    }
    Ok(batches)
}

/// A file in memory with all rows, and the name by which the engine in this process opens it.
fn file_of(batches: &[Vec<u8>]) -> anyhow::Result<(File, PathBuf)> {
    let memory = rustix::fs::memfd_create("invigil-bench", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = File::from(memory);
    for rows in batches {
        file.write_all(rows)?;
    }
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    Ok((file, path))
}

fn same(wanted: u64, found: u64) -> anyhow::Result<()> {
    anyhow::ensure!(
        wanted == found,
        "of {wanted} rows {found} were stored: nothing was measured"
    );
    Ok(())
}

/// The most memory that the process has had, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let words = line.and_then(|line| line.split_whitespace().next());
    words.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0) * 1024
}

impl Folder {
    fn beside(data: &Path) -> anyhow::Result<Folder> {
        let path = data.join(format!("bench-{}", std::process::id()));
        let mut make = fs::DirBuilder::new();
        make.recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of a measurement is in nobody's way.
        drop(fs::remove_dir_all(&self.0));
    }
}
