//! Records made into rows apart from the output that they go to, so that several threads can make them.

use std::io::{self, Write as _};

use super::{Kinds, OutputFormat, columns_for_the_eye, printable_line, shortened};
use crate::record::{CsvRow, JsonRow, Place, Record, RowBinary, Table, Tokens};

/// Makes rows of records.
pub struct Rows<T> {
    format: OutputFormat,
    pub(super) kinds: Kinds,
    tokens: T,
    json: JsonRow,
    csv: CsvRow,
    pub(super) made: MadeRows,
}

/// Rows in the order in which their records came.
#[derive(Debug, Default)]
pub struct MadeRows {
    pub(super) bytes: Vec<u8>,
    pub(super) runs: Vec<Run>,
}

/// Rows of one table.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) table: &'static Table,
    /// Where they end.
    pub(super) end: usize,
}

impl MadeRows {
    /// The same memory with nothing in it.
    pub(super) fn cleared(mut self) -> Self {
        self.bytes.clear();
        self.runs.clear();
        self
    }
}

impl<T: Tokens> Rows<T> {
    pub(super) fn new(format: OutputFormat, kinds: Kinds, tokens: T) -> Self {
        Rows {
            format,
            kinds,
            tokens,
            json: JsonRow::default(),
            csv: CsvRow::default(),
            made: MadeRows::default(),
        }
    }

    /// Makes a row of one record, if its kind is wanted.
    pub fn record<R: Record>(&mut self, place: Place, record: &R) -> io::Result<()> {
        let table = record.table();
        if !self.is_wanted(table) {
            return Ok(());
        }
        let goes_on = match self.made.runs.last() {
            Some(run) => std::ptr::eq(run.table, table) || run.table.name == table.name,
            None => false,
        };
        if goes_on && self.format == OutputFormat::Json {
            self.made.bytes.extend_from_slice(b",\n");
        }
        self.encode(place, record)?;
        let end = self.made.bytes.len();
        match self.made.runs.last_mut() {
            Some(run) if goes_on => run.end = end,
            _ => self.made.runs.push(Run { table, end }),
        }
        Ok(())
    }

    /// Makes a row of one record that can be written without those before and behind it ([`super::Output::append_one`]), if its
    /// kind is wanted; whether it is.
    pub fn record_apart<R: Record>(&mut self, place: Place, record: &R) -> io::Result<bool> {
        let table = record.table();
        if !self.is_wanted(table) {
            return Ok(false);
        }
        self.encode(place, record)?;
        let end = self.made.bytes.len();
        self.made.runs.push(Run { table, end });
        Ok(true)
    }

    fn is_wanted(&self, table: &Table) -> bool {
        match self.kinds {
            Kinds::One(kind) => table.kind == kind || table.name == kind,
            Kinds::Events => table.kind != "reject",
            Kinds::All => true,
        }
    }

    /// Hands out the rows made since the last time; there will be room for as many again.
    pub fn take_with_room(&mut self) -> MadeRows {
        let room = MadeRows {
            bytes: Vec::with_capacity(self.made.bytes.len()),
            runs: Vec::with_capacity(self.made.runs.len()),
        };
        std::mem::replace(&mut self.made, room)
    }

    /// Hands out the rows made since the last time; `used` are earlier ones, for their memory.
    pub fn take(&mut self, used: MadeRows) -> MadeRows {
        std::mem::replace(&mut self.made, used.cleared())
    }

    fn encode<R: Record>(&mut self, place: Place, record: &R) -> io::Result<()> {
        let bytes = &mut self.made.bytes;
        match self.format {
            OutputFormat::Json | OutputFormat::Jsonl => {
                let named = !matches!(self.kinds, Kinds::One(_));
                bytes.extend_from_slice(self.json.object(place, record, named).as_bytes());
                if self.format == OutputFormat::Jsonl {
                    bytes.push(b'\n');
                }
                Ok(())
            }
            OutputFormat::RowBinary => {
                let mut rows = RowBinary::onto(std::mem::take(bytes), &mut self.tokens);
                rows.row(place, record);
                *bytes = rows.into_bytes();
                Ok(())
            }
            OutputFormat::Csv => {
                let mut writer = csv::WriterBuilder::new().from_writer(bytes);
                writer.write_record(self.csv.fields(place, record))?;
                writer.flush()
            }
            OutputFormat::Table => {
                let fields = self.csv.fields(place, record);
                line_for_the_eye(bytes, record.table(), fields)
            }
        }
    }
}

/// A line for the eye: the columns that tell most, in fixed widths so that nothing has to be kept.
fn line_for_the_eye(out: &mut Vec<u8>, table: &'static Table, fields: &[String]) -> io::Result<()> {
    let names = CsvRow::heading(table);
    for (name, width) in columns_for_the_eye(table) {
        let at = names.iter().position(|column| column == name);
        let text = at.and_then(|at| fields.get(at)).map_or("", String::as_str);
        let text = shortened(&printable_line(text), name, *width);
        write!(out, "{text:<width$}  ")?;
    }
    writeln!(out)
}
