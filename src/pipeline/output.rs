//! Records on their way to the person instead of the store: table, JSON, JSON lines, CSV, RowBinary.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::record::{CsvRow, Place, Record, Table, Tokens};

mod rows;

pub use rows::{MadeRows, Rows};

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// Columns for the eye.
    Table,
    /// One JSON array.
    Json,
    /// A JSON object a line.
    Jsonl,
    /// Comma-separated values with a heading (RFC 4180).
    Csv,
    /// ClickHouse's RowBinary, as the store takes it.
    RowBinary,
}

impl OutputFormat {
    /// How its files end.
    fn extension(self) -> &'static str {
        match self {
            OutputFormat::Table => "txt",
            OutputFormat::Json => "json",
            OutputFormat::Jsonl => "jsonl",
            OutputFormat::Csv => "csv",
            OutputFormat::RowBinary => "rowbinary",
        }
    }
}

/// Which records are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// All, each object naming its kind.
    All,
    /// All but rejects, each object naming its kind.
    Events,
    /// One kind alone.
    One(&'static str),
}

/// Where records go.
pub enum Target<'w> {
    /// One stream, such as standard output or a file.
    Stream(Box<dyn Write + 'w>),
    /// A folder with a file for each kind.
    Folder(PathBuf),
}

/// Writes records as they come; nothing is kept but one record.
pub struct Output<'w, T: Tokens> {
    rows: Rows<T>,
    format: OutputFormat,
    target: Target<'w>,
    files: BTreeMap<&'static str, BufWriter<File>>,
    only: Option<&'static Table>,
    written: u64,
}

impl<'w, T: Tokens> Output<'w, T> {
    /// Nothing is written yet.
    pub fn new(format: OutputFormat, kinds: Kinds, target: Target<'w>, tokens: T) -> Self {
        Output {
            rows: Rows::new(format, kinds, tokens),
            format,
            target,
            files: BTreeMap::new(),
            only: None,
            written: 0,
        }
    }

    /// Makes rows for this output in another thread, with tokens of its own.
    pub fn rows(&self, tokens: T) -> Rows<T> {
        Rows::new(self.format, self.rows.kinds.clone(), tokens)
    }

    /// Writes one record, if its kind is wanted.
    pub fn record<R: Record>(&mut self, place: Place, record: &R) -> io::Result<()> {
        let used = std::mem::take(&mut self.rows.made);
        self.rows.made = used.cleared();
        self.rows.record(place, record)?;
        let made = std::mem::take(&mut self.rows.made);
        let written = self.append(&made);
        self.rows.made = made;
        written
    }

    /// Writes rows that were made elsewhere, as if their records came here one by one.
    pub fn append(&mut self, made: &MadeRows) -> io::Result<()> {
        let mut from = 0;
        for run in &made.runs {
            let rows = made.bytes.get(from..run.end).unwrap_or_default();
            from = run.end;
            self.run(run.table, rows)?;
        }
        Ok(())
    }

    /// Writes one of the rows that were made elsewhere, each apart ([`Rows::record_apart`]).
    pub fn append_one(&mut self, made: &MadeRows, number: usize) -> io::Result<()> {
        let Some(run) = made.runs.get(number) else {
            return Ok(());
        };
        let before = number
            .checked_sub(1)
            .and_then(|before| made.runs.get(before));
        let from = before.map_or(0, |before| before.end);
        self.run(run.table, made.bytes.get(from..run.end).unwrap_or_default())
    }

    /// What was written reaches the stream, for whoever watches it; a folder's files are written when they are full.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Stream(stream) => stream.flush(),
            Target::Folder(_) => Ok(()),
        }
    }

    /// Ends the output: closes the JSON array, writes out what waits.
    pub fn finish(mut self) -> io::Result<()> {
        if self.format == OutputFormat::Json
            && let Target::Stream(stream) = &mut self.target
        {
            stream.write_all(if self.written == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        for file in self.files.values_mut() {
            if self.format == OutputFormat::Json {
                file.write_all(b"\n]\n")?;
            }
            file.flush()?;
        }
        match &mut self.target {
            Target::Stream(stream) => stream.flush(),
            Target::Folder(_) => Ok(()),
        }
    }

    /// Rows of one table, with what stands before them in their stream.
    fn run(&mut self, table: &'static Table, rows: &[u8]) -> io::Result<()> {
        let one_stream = matches!(self.target, Target::Stream(_));
        let is_new = match self.format {
            OutputFormat::Csv | OutputFormat::RowBinary => self.one_kind(table)?,
            _ => self.only.is_none_or(|only| only.name != table.name),
        };
        self.only = Some(table);
        let (out, fresh) = stream(
            &mut self.target,
            &mut self.files,
            table,
            self.format.extension(),
        )?;
        let is_new = fresh || (one_stream && is_new);
        match self.format {
            OutputFormat::Json => {
                let first = fresh || (one_stream && self.written == 0);
                out.write_all(if first { b"[\n" } else { b",\n" })?;
            }
            OutputFormat::Csv if is_new => {
                let mut writer = csv::WriterBuilder::new().from_writer(&mut *out);
                writer.write_record(CsvRow::heading(table))?;
                writer.flush()?;
            }
            OutputFormat::Table if is_new => heading_for_the_eye(out, table)?,
            _ => {}
        }
        self.written += 1;
        out.write_all(rows)
    }

    /// Formats without a name in each row hold one kind a stream. Answers whether this is the first row.
    fn one_kind(&mut self, table: &'static Table) -> io::Result<bool> {
        if matches!(self.target, Target::Folder(_)) {
            return Ok(false);
        }
        match self.only {
            None => Ok(true),
            Some(only) if only.name == table.name => Ok(false),
            Some(only) => Err(io::Error::other(format!(
                "records of two kinds ({} and {}) cannot share one file of this format: name one with --records, or a folder with -o",
                only.kind, table.kind
            ))),
        }
    }
}

/// The stream for a table, and whether it was made just now.
fn stream<'t>(
    target: &'t mut Target<'_>,
    files: &'t mut BTreeMap<&'static str, BufWriter<File>>,
    table: &'static Table,
    extension: &str,
) -> io::Result<(&'t mut dyn Write, bool)> {
    match target {
        Target::Stream(stream) => Ok((stream.as_mut(), false)),
        Target::Folder(folder) => {
            let fresh = !files.contains_key(table.name);
            if fresh {
                std::fs::create_dir_all(&*folder)?;
                let path: &Path = folder;
                let file = File::create(path.join(format!("{}.{extension}", table.name)))?;
                files.insert(table.name, BufWriter::new(file));
            }
            let file = files
                .get_mut(table.name)
                .ok_or_else(|| io::Error::other("a file was lost"))?;
            Ok((file, fresh))
        }
    }
}

/// What a person may be shown of a text from the wire: no control characters, and none that turn the order of letters
/// round. Ends of lines stay, for messages of several lines.
pub fn printable(text: &str) -> String {
    let clean = |c: char| match c {
        '\n' => c,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
        c if c.is_control() => '?',
        c => c,
    };
    text.chars().map(clean).collect()
}

/// The same for a text that stands in a line of its own.
pub fn printable_line(text: &str) -> String {
    printable(text).replace('\n', "?")
}

/// A text that is cut to its column says so; an address is never cut, since its beginning would be another one.
fn shortened(text: &str, column: &str, width: usize) -> String {
    if text.chars().count() <= width || column.ends_with("ip") {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain(['…']).collect()
}

fn heading_for_the_eye(out: &mut dyn Write, table: &Table) -> io::Result<()> {
    for (name, width) in columns_for_the_eye(table) {
        write!(out, "{name:<width$}  ")?;
    }
    writeln!(out)
}

/// The columns that tell most, with their widths.
fn columns_for_the_eye(table: &Table) -> &'static [(&'static str, usize)] {
    match table.name {
        "flows" => &[
            ("start", 27),
            ("src_ip", 20),
            ("src_port", 8),
            ("dst_ip", 20),
            ("dst_port", 8),
            ("protocol", 8),
            ("application", 14),
            ("src_packets", 11),
            ("dst_packets", 11),
            ("src_bytes", 11),
            ("dst_bytes", 11),
            ("server_name", 30),
        ],
        "web_hits" => &[
            ("time", 27),
            ("client_ip", 20),
            ("account_text", 16),
            ("method", 8),
            ("host", 36),
            ("status", 6),
            ("action", 12),
            ("bytes_received", 14),
        ],
        "sign_ins" => &[
            ("time", 27),
            ("event", 8),
            ("account_text", 20),
            ("ip", 20),
            ("mac", 17),
            ("basis", 10),
        ],
        "leases" => &[
            ("time", 27),
            ("event", 8),
            ("ip", 20),
            ("mac", 17),
            ("expires", 27),
        ],
        "rejects" => &[("frame", 10), ("reason", 16), ("offset", 12), ("length", 8)],
        _ => &[("time", 27), ("client_ip", 20)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        AccountText, AccountToken, Reject, RejectReason, SourceId, Timestamp, WebHit,
    };

    struct Zeroes;
    impl Tokens for Zeroes {
        fn token(&mut self, _: &AccountText) -> AccountToken {
            AccountToken([0; 16])
        }
    }

    fn written(format: OutputFormat, kinds: Kinds) -> io::Result<String> {
        let mut bytes = Vec::new();
        let mut output = Output::new(format, kinds, Target::Stream(Box::new(&mut bytes)), Zeroes);
        let place = |frame| Place {
            source: SourceId([0; 16]),
            frame,
            ordinal: 0,
        };
        let hit = WebHit {
            host: "maths.example".into(),
            ..WebHit::at(Timestamp::from_seconds(0))
        };
        let reject = Reject {
            time: None,
            reason: RejectReason::BadTime,
            offset: 3,
            length: 4,
        };
        output.record(place(1), &hit)?;
        output.record(place(2), &reject)?;
        output.record(place(3), &hit)?;
        output.finish()?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn json_is_one_array_and_json_lines_are_objects() {
        let all: serde_json::Value =
            serde_json::from_str(&written(OutputFormat::Json, Kinds::All).unwrap()).unwrap();
        assert_eq!(all.as_array().unwrap().len(), 3);
        let lines = written(OutputFormat::Jsonl, Kinds::Events).unwrap();
        assert_eq!(lines.lines().count(), 2);
        assert!(
            lines
                .lines()
                .all(|line| line.starts_with("{\"record\":\"web_hit\""))
        );
    }

    #[test]
    fn a_folder_gets_a_whole_json_array_for_each_kind() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Folder(folder.path().to_owned());
        let mut output = Output::new(OutputFormat::Json, Kinds::All, target, Zeroes);
        let place = Place {
            source: SourceId([0; 16]),
            frame: 1,
            ordinal: 0,
        };
        let hit = WebHit::at(Timestamp::from_seconds(0));
        let reject = Reject {
            time: None,
            reason: RejectReason::BadTime,
            offset: 3,
            length: 4,
        };
        output.record(place, &hit).unwrap();
        output.record(place, &reject).unwrap();
        output.record(place, &hit).unwrap();
        output.finish().unwrap();
        let records = |name: &str| {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            let array: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
            array.len()
        };
        assert_eq!((records("web_hits.json"), records("rejects.json")), (2, 1));
    }

    #[test]
    fn what_is_cut_for_the_eye_says_so_and_an_address_is_never_cut() {
        let address = "2001:db8:1234:5678:9abc:def0:1234:5678";
        assert_eq!(shortened(address, "client_ip", 20), address);
        assert_eq!(shortened("a-long-name.example", "host", 8), "a-long-…");
        assert_eq!(printable("a\u{1b}[31m\u{202e}b\n"), "a?[31m?b\n");
    }

    #[test]
    fn two_kinds_do_not_share_a_csv_file() {
        let error = written(OutputFormat::Csv, Kinds::All).unwrap_err();
        assert!(error.to_string().contains("--records"));
        let one = written(OutputFormat::Csv, Kinds::One("reject")).unwrap();
        assert_eq!(one.lines().count(), 2);
        assert!(one.starts_with("source_id,frame,ordinal,time,reason"));
    }
}
