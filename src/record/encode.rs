//! The three ways a record is written: a JSON object, a CSV line, a RowBinary row as the store takes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::{
    AccountText, Column, Encoder, Place, Record, SourceId, Timestamp, Tokens, to_store_ip,
};

/// Writes records as JSON objects, one a line.
#[derive(Debug, Default)]
pub struct JsonRow {
    out: String,
    first: bool,
    array: Option<usize>,
}

impl JsonRow {
    /// One record as a JSON object without line end. `named` puts `"record"` first.
    pub fn object<R: Record>(&mut self, place: Place, record: &R, named: bool) -> &str {
        self.out.clear();
        self.out.push('{');
        self.first = true;
        if named {
            self.key("record");
            json_text(&mut self.out, record.table().kind);
        }
        self.key("source_id");
        push(&mut self.out, format_args!("\"{}\"", place.source));
        self.key("frame");
        push(&mut self.out, place.frame);
        self.key("ordinal");
        push(&mut self.out, place.ordinal);
        record.write(self);
        self.out.push('}');
        &self.out
    }

    fn key(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        push(&mut self.out, format_args!("\"{name}\":"));
    }

    fn comma(&mut self) {
        if let Some(values) = &mut self.array {
            if *values > 0 {
                self.out.push(',');
            }
            *values += 1;
        }
    }

    fn plain(&mut self, value: impl std::fmt::Display) {
        self.comma();
        push(&mut self.out, value);
    }

    fn quoted(&mut self, value: impl std::fmt::Display) {
        self.comma();
        push(&mut self.out, format_args!("\"{value}\""));
    }
}

impl Encoder for JsonRow {
    fn begin(&mut self, column: &'static Column, empty: bool) -> bool {
        if empty {
            return false;
        }
        self.key(column.json_name);
        true
    }
    fn time(&mut self, value: Timestamp) {
        self.quoted(value);
    }
    fn ip(&mut self, value: IpAddr) {
        self.quoted(value);
    }
    fn source(&mut self, value: SourceId) {
        self.quoted(value);
    }
    fn u8(&mut self, value: u8) {
        self.plain(value);
    }
    fn u16(&mut self, value: u16) {
        self.plain(value);
    }
    fn u32(&mut self, value: u32) {
        self.plain(value);
    }
    fn u64(&mut self, value: u64) {
        self.plain(value);
    }
    fn f64(&mut self, value: f64) {
        self.plain(value);
    }
    fn flag(&mut self, value: bool) {
        self.plain(value);
    }
    fn text(&mut self, value: &str) {
        self.comma();
        json_text(&mut self.out, value);
    }
    fn account(&mut self, value: &AccountText) {
        self.text(value.reveal());
    }
    fn sums(&mut self, value: &BTreeMap<&'static str, u64>) {
        self.out.push('{');
        for (at, (name, sum)) in value.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            push(&mut self.out, format_args!("\"{name}\":{sum}"));
        }
        self.out.push('}');
    }
    fn array(&mut self, _len: usize) {
        self.out.push('[');
        self.array = Some(0);
    }
    fn array_end(&mut self) {
        self.out.push(']');
        self.array = None;
    }
}

/// Adds what `value` prints. Writing into a `String` can not fail.
fn push(out: &mut String, value: impl std::fmt::Display) {
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok());
}

/// Writes a text as JSON does (RFC 8259), quotes included.
pub(crate) fn json_text(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(text.get(plain_from..at).unwrap_or_default());
        plain_from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                push(out, format_args!("\\u{byte:04x}"));
            }
        }
    }
    out.push_str(text.get(plain_from..).unwrap_or_default());
    out.push('"');
}

/// Writes records as the fields of a CSV line; arrays are joined with `;`.
#[derive(Debug, Default)]
pub struct CsvRow {
    fields: Vec<String>,
    in_array: bool,
}

impl CsvRow {
    /// The names of the columns, in the order of [`CsvRow::fields`].
    pub fn heading(table: &'static super::Table) -> Vec<&'static str> {
        ["source_id", "frame", "ordinal"]
            .into_iter()
            .chain(table.columns.iter().map(|column| column.json_name))
            .collect()
    }

    /// One record as fields.
    pub fn fields<R: Record>(&mut self, place: Place, record: &R) -> &[String] {
        self.fields.clear();
        self.fields.push(place.source.to_string());
        self.fields.push(place.frame.to_string());
        self.fields.push(place.ordinal.to_string());
        record.write(self);
        &self.fields
    }

    fn put(&mut self, value: impl std::fmt::Display) {
        if let Some(field) = self.fields.last_mut() {
            if self.in_array && !field.is_empty() {
                field.push(';');
            }
            push(field, value);
        }
    }
}

impl Encoder for CsvRow {
    fn begin(&mut self, _column: &'static Column, empty: bool) -> bool {
        self.fields.push(String::new());
        !empty
    }
    fn time(&mut self, value: Timestamp) {
        self.put(value);
    }
    fn ip(&mut self, value: IpAddr) {
        self.put(value);
    }
    fn source(&mut self, value: SourceId) {
        self.put(value);
    }
    fn u8(&mut self, value: u8) {
        self.put(value);
    }
    fn u16(&mut self, value: u16) {
        self.put(value);
    }
    fn u32(&mut self, value: u32) {
        self.put(value);
    }
    fn u64(&mut self, value: u64) {
        self.put(value);
    }
    fn f64(&mut self, value: f64) {
        self.put(value);
    }
    fn flag(&mut self, value: bool) {
        self.put(value);
    }
    fn text(&mut self, value: &str) {
        self.put(value);
    }
    fn account(&mut self, value: &AccountText) {
        self.put(value.reveal());
    }
    fn sums(&mut self, value: &BTreeMap<&'static str, u64>) {
        self.in_array = true;
        for (name, sum) in value {
            self.put(format_args!("{name}={sum}"));
        }
        self.in_array = false;
    }
    fn array(&mut self, _len: usize) {
        self.in_array = true;
    }
    fn array_end(&mut self) {
        self.in_array = false;
    }
}

/// Writes records as ClickHouse's RowBinary: the bytes that the store takes. Names go in as tokens; there is no way to write one in clear.
pub struct RowBinary<'t, T: Tokens> {
    out: Vec<u8>,
    tokens: &'t mut T,
}

impl<'t, T: Tokens> RowBinary<'t, T> {
    /// An empty run of rows.
    pub fn new(tokens: &'t mut T) -> Self {
        RowBinary {
            out: Vec::new(),
            tokens,
        }
    }

    /// Continues after rows written before.
    pub fn onto(out: Vec<u8>, tokens: &'t mut T) -> Self {
        RowBinary { out, tokens }
    }

    /// Adds one row: place, then columns.
    pub fn row<R: Record>(&mut self, place: Place, record: &R) {
        self.out.extend_from_slice(&place.source.0);
        self.out.extend_from_slice(&place.frame.to_le_bytes());
        self.out.extend_from_slice(&place.ordinal.to_le_bytes());
        record.write(self);
    }

    /// Adds one row of a table that has no place, such as findings.
    pub fn placeless<R: Record>(&mut self, record: &R) {
        record.write(self);
    }

    /// The rows.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Unsigned LEB128, as RowBinary counts lengths.
    fn length(&mut self, len: usize) {
        let mut rest = len as u64;
        loop {
            let low = (rest & 0x7f) as u8;
            rest >>= 7;
            if rest == 0 {
                self.out.push(low);
                return;
            }
            self.out.push(low | 0x80);
        }
    }
}

impl<T: Tokens> Encoder for RowBinary<'_, T> {
    fn begin(&mut self, _column: &'static Column, _empty: bool) -> bool {
        true
    }
    fn time(&mut self, value: Timestamp) {
        self.out.extend_from_slice(&value.micros().to_le_bytes());
    }
    fn ip(&mut self, value: IpAddr) {
        self.out.extend_from_slice(&to_store_ip(value).octets());
    }
    fn source(&mut self, value: SourceId) {
        self.out.extend_from_slice(&value.0);
    }
    fn u8(&mut self, value: u8) {
        self.out.push(value);
    }
    fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }
    fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }
    fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }
    fn f64(&mut self, value: f64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }
    fn flag(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }
    fn text(&mut self, value: &str) {
        self.length(value.len());
        self.out.extend_from_slice(value.as_bytes());
    }
    fn account(&mut self, value: &AccountText) {
        let digits = self.tokens.token(value).digits();
        self.length(digits.len());
        self.out.extend_from_slice(&digits);
    }
    fn sums(&mut self, value: &BTreeMap<&'static str, u64>) {
        self.length(value.len());
        for (name, sum) in value {
            self.text(name);
            self.u64(*sum);
        }
    }
    fn array(&mut self, len: usize) {
        self.length(len);
    }
    fn array_end(&mut self) {}
}

impl<T: Tokens> std::fmt::Debug for RowBinary<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowBinary")
            .field("bytes", &self.out.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{AccountToken, SourceId, WebHit};

    struct Constant;
    impl Tokens for Constant {
        fn token(&mut self, _account: &AccountText) -> AccountToken {
            AccountToken([0xab; 16])
        }
    }

    fn hit() -> (Place, WebHit<'static>) {
        let place = Place {
            source: SourceId([1; 16]),
            frame: 7,
            ordinal: 0,
        };
        let hit = WebHit {
            account_token: AccountText::new("j.bloggs"),
            host: "maths.example".into(),
            path: "/a\"b".into(),
            status: Some(200),
            lists: vec!["one@1".into(), "two@1".into()],
            ..WebHit::at(Timestamp::from_seconds(1_772_446_500))
        };
        (place, hit)
    }

    #[test]
    fn json_leaves_out_what_is_not_known() {
        let (place, hit) = hit();
        let text = JsonRow::default().object(place, &hit, true).to_owned();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["record"], "web_hit");
        assert_eq!(value["time"], "2026-03-02T10:15:00.000000Z");
        assert_eq!(value["account_text"], "j.bloggs");
        assert_eq!(value["path"], "/a\"b");
        assert_eq!(value["lists"], serde_json::json!(["one@1", "two@1"]));
        assert!(value.get("method").is_none() && value.get("client_ip").is_none());
    }

    #[test]
    fn csv_has_a_field_for_every_column() {
        let (place, hit) = hit();
        let mut row = CsvRow::default();
        let fields = row.fields(place, &hit);
        let heading = CsvRow::heading(hit.table());
        assert_eq!(fields.len(), heading.len());
        let lists = heading.iter().position(|name| *name == "lists").unwrap();
        assert_eq!(fields[lists], "one@1;two@1");
    }

    #[test]
    fn a_name_never_goes_into_rowbinary() {
        let (place, hit) = hit();
        let mut tokens = Constant;
        let mut rows = RowBinary::new(&mut tokens);
        rows.row(place, &hit);
        let bytes = rows.into_bytes();
        assert!(!bytes.windows(6).any(|w| w == b"bloggs"));
        assert!(
            bytes
                .windows(32)
                .any(|w| w == b"abababababababababababababababab")
        );
    }
}
