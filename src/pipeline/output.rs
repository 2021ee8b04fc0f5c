//! Records on their way to the person instead of the store: table, JSON, JSON lines, CSV, RowBinary.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::record::{CsvRow, JsonRow, Place, Record, RowBinary, Table, Tokens};

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
    format: OutputFormat,
    kinds: Kinds,
    target: Target<'w>,
    tokens: T,
    json: JsonRow,
    csv: CsvRow,
    binary: Vec<u8>,
    files: BTreeMap<&'static str, BufWriter<File>>,
    only: Option<&'static Table>,
    written: u64,
}

impl<'w, T: Tokens> Output<'w, T> {
    /// Nothing is written yet.
    pub fn new(format: OutputFormat, kinds: Kinds, target: Target<'w>, tokens: T) -> Self {
        Output {
            format,
            kinds,
            target,
            tokens,
            json: JsonRow::default(),
            csv: CsvRow::default(),
            binary: Vec::new(),
            files: BTreeMap::new(),
            only: None,
            written: 0,
        }
    }

    /// Writes one record, if its kind is wanted.
    pub fn record<R: Record>(&mut self, place: Place, record: &R) -> io::Result<()> {
        let table = record.table();
        match self.kinds {
            Kinds::One(kind) if table.kind != kind && table.name != kind => return Ok(()),
            Kinds::Events if table.kind == "reject" => return Ok(()),
            _ => {}
        }
        self.written += 1;
        match self.format {
            OutputFormat::Json => self.object(place, record, ("[\n", ",\n", ""), "json"),
            OutputFormat::Jsonl => self.object(place, record, ("", "", "\n"), "jsonl"),
            OutputFormat::Csv => self.csv(place, record),
            OutputFormat::RowBinary => self.row_binary(place, record),
            OutputFormat::Table => self.line(place, record),
        }
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

    fn object<R: Record>(
        &mut self,
        place: Place,
        record: &R,
        (first, next, after): (&str, &str, &str),
        extension: &str,
    ) -> io::Result<()> {
        let named = !matches!(self.kinds, Kinds::One(_));
        let object = self.json.object(place, record, named);
        let alone = self.written == 1 && matches!(self.target, Target::Stream(_));
        let (out, fresh) = stream(&mut self.target, &mut self.files, record.table(), extension)?;
        out.write_all(if alone || fresh { first } else { next }.as_bytes())?;
        out.write_all(object.as_bytes())?;
        out.write_all(after.as_bytes())
    }

    fn csv<R: Record>(&mut self, place: Place, record: &R) -> io::Result<()> {
        let new = self.one_kind(record.table())?;
        let (out, fresh) = stream(&mut self.target, &mut self.files, record.table(), "csv")?;
        let mut writer = csv::WriterBuilder::new().from_writer(out);
        if new || fresh {
            writer.write_record(CsvRow::heading(record.table()))?;
        }
        writer.write_record(self.csv.fields(place, record))?;
        writer.flush()
    }

    fn row_binary<R: Record>(&mut self, place: Place, record: &R) -> io::Result<()> {
        self.one_kind(record.table())?;
        let mut rows = RowBinary::onto(std::mem::take(&mut self.binary), &mut self.tokens);
        rows.row(place, record);
        self.binary = rows.into_bytes();
        let out = stream(
            &mut self.target,
            &mut self.files,
            record.table(),
            "rowbinary",
        )?
        .0;
        out.write_all(&self.binary)?;
        self.binary.clear();
        Ok(())
    }

    /// A line for the eye: the columns that tell most, in fixed widths so that nothing has to be kept.
    fn line<R: Record>(&mut self, place: Place, record: &R) -> io::Result<()> {
        let table = record.table();
        let columns = columns_for_the_eye(table);
        let other = self.only.is_none_or(|only| only.name != table.name);
        self.only = Some(table);
        let names = CsvRow::heading(table);
        let fields = self.csv.fields(place, record);
        let one_stream = matches!(self.target, Target::Stream(_));
        let (out, fresh) = stream(&mut self.target, &mut self.files, table, "txt")?;
        if fresh || (one_stream && other) {
            for (name, width) in columns {
                write!(out, "{name:<width$}  ")?;
            }
            writeln!(out)?;
        }
        for (name, width) in columns {
            let at = names.iter().position(|column| column == name);
            let text = at.and_then(|at| fields.get(at)).map_or("", String::as_str);
            write!(
                out,
                "{:<width$}  ",
                shortened(&printable_line(text), name, *width)
            )?;
        }
        writeln!(out)
    }

    /// Formats without a name in each row hold one kind a stream. Answers whether this is the first row.
    fn one_kind(&mut self, table: &'static Table) -> io::Result<bool> {
        if matches!(self.target, Target::Folder(_)) {
            return Ok(false);
        }
        match self.only {
            None => {
                self.only = Some(table);
                Ok(true)
            }
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
