//! Registers as offices export them: CSV files with a heading, read by the names of their columns.
//!
//! Exports come with a mark at the beginning, with CRLF, with semicolons, and in Windows-1252; all of that
//! is read. A column that no one knows is refused, since a name spelt wrongly would lose what it
//! holds; a line that can not be read is a rejection like any other.

use std::borrow::Cow;
use std::io::Read;

use csv::ByteRecord;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::fields::number;
use super::mis::{self, MisExport};
use crate::record::{
    AccountLine, AccountText, DeviceLine, EstablishmentLine, LinkLine, Mac, Network, NetworkLine,
    RegisterKind, RegisterLine, RejectReason, Timestamp,
};

/// One line of a register's file and what became of it.
#[derive(Debug)]
pub struct RegisterFrame {
    /// The number of its first line, from 1; the heading is line 1.
    pub line: u64,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How many bytes it takes, with its line end.
    pub length: u64,
    /// What it says.
    pub result: Result<RegisterLine, RejectReason>,
}

/// A register can not be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The file can not be read.
    #[error("cannot read the register")]
    Read(#[from] std::io::Error),
    /// There is no heading.
    #[error(
        "the register of {kind} has no heading: its first line must name its columns ({known})"
    )]
    NoHeading {
        /// Which register.
        kind: RegisterKind,
        /// The columns that it may have.
        known: String,
    },
    /// A column that no one knows.
    #[error("the register of {kind} has no column {column:?}; it has {known}")]
    UnknownColumn {
        /// Which register.
        kind: RegisterKind,
        /// What the heading says.
        column: String,
        /// The columns that it may have.
        known: String,
    },
    /// A column that must be there and is not, or is there twice.
    #[error("the register of {kind} must have the column {column:?} once")]
    MissingColumn {
        /// Which register.
        kind: RegisterKind,
        /// The column.
        column: &'static str,
    },
}

/// Reads a register line by line; `mis` says that it is an export of a management information system rather than a register of ours. Dates without a time are days in `zone`; the last day of validity counts as a whole.
pub fn read_register(
    kind: RegisterKind,
    input: &mut dyn Read,
    zone: &TimeZone,
    mis: Option<&MisExport>,
    out: &mut dyn FnMut(RegisterFrame),
) -> Result<(), RegisterError> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let before = (bytes.len() - text.len()) as u64;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut record = ByteRecord::new();
    if !next(&mut reader, &mut record)? {
        return Err(RegisterError::NoHeading {
            kind,
            known: columns(kind).join(", "),
        });
    }
    let heading = match mis {
        Some(_) => Heading::of_export(kind, &record)?,
        None => Heading::of(kind, &record)?,
    };
    while next(&mut reader, &mut record)? {
        let ended = reader.position().byte();
        let (line, begins, ends) = place(text, &record, ended);
        let fields = Fields {
            heading: &heading,
            record: &record,
            zone,
            mis,
        };
        out(RegisterFrame {
            line,
            offset: before + begins,
            length: ends.saturating_sub(begins),
            result: fields.line(kind),
        });
    }
    Ok(())
}

/// Line number, beginning and end of a record. The reader's own marks stand between CR and LF, and before empty lines that it passed over.
fn place(text: &[u8], record: &ByteRecord, ended: u64) -> (u64, u64, u64) {
    let (mut line, mut begins) = record
        .position()
        .map_or((0, ended), |place| (place.line(), place.byte()));
    let at = |offset: u64| usize::try_from(offset).ok().and_then(|at| text.get(at));
    while let Some(byte @ (b'\r' | b'\n')) = at(begins) {
        line += u64::from(*byte == b'\n');
        begins += 1;
    }
    let between = ended.checked_sub(1).and_then(at) == Some(&b'\r') && at(ended) == Some(&b'\n');
    (line, begins, ended + u64::from(between))
}

fn next(reader: &mut csv::Reader<&[u8]>, record: &mut ByteRecord) -> Result<bool, std::io::Error> {
    reader
        .read_byte_record(record)
        .map_err(std::io::Error::from)
}

/// Which columns of the file are which.
struct Heading {
    /// For each column of the register, its place in the file.
    places: Vec<(&'static str, usize)>,
    width: usize,
}

impl Heading {
    fn of(kind: RegisterKind, record: &ByteRecord) -> Result<Self, RegisterError> {
        let known = columns(kind);
        // A first line without one column that we know is no heading, and may have somebody's name in it: it is not shown.
        let is_known =
            |field: &[u8]| known.contains(&decoded(field).trim().to_lowercase().as_str());
        if !record.iter().any(is_known) {
            return Err(RegisterError::NoHeading {
                kind,
                known: known.join(", "),
            });
        }
        let mut places: Vec<(&'static str, usize)> = Vec::new();
        for (place, field) in record.iter().enumerate() {
            let named = decoded(field).trim().to_lowercase();
            let Some(column) = known.iter().find(|column| **column == named) else {
                return Err(RegisterError::UnknownColumn {
                    kind,
                    column: named,
                    known: known.join(", "),
                });
            };
            if places.iter().any(|(other, _)| other == column) {
                return Err(RegisterError::MissingColumn { kind, column });
            }
            places.push((column, place));
        }
        for column in needed(kind) {
            if !places.iter().any(|(other, _)| other == column) {
                return Err(RegisterError::MissingColumn { kind, column });
            }
        }
        Ok(Heading {
            places,
            width: record.len(),
        })
    }

    /// The heading of an export, which has many columns that are none of ours. Of several that hold the same the best is taken.
    fn of_export(kind: RegisterKind, record: &ByteRecord) -> Result<Self, RegisterError> {
        let mut best: Vec<(&'static str, usize, usize)> = Vec::new();
        for (place, field) in record.iter().enumerate() {
            let Some((column, rank)) = mis::column(decoded(field).trim()) else {
                continue;
            };
            match best.iter_mut().find(|(other, _, _)| *other == column) {
                Some(held) if held.1 > rank => *held = (column, rank, place),
                Some(_) => {}
                None => best.push((column, rank, place)),
            }
        }
        if !best.iter().any(|(column, _, _)| *column == "account") {
            let column = "account";
            return Err(RegisterError::MissingColumn { kind, column });
        }
        Ok(Heading {
            places: best
                .into_iter()
                .map(|(column, _, place)| (column, place))
                .collect(),
            width: record.len(),
        })
    }
}

/// One record of the file, its fields by name.
struct Fields<'a> {
    heading: &'a Heading,
    record: &'a ByteRecord,
    zone: &'a TimeZone,
    mis: Option<&'a MisExport>,
}

impl Fields<'_> {
    fn line(&self, kind: RegisterKind) -> Result<RegisterLine, RejectReason> {
        if self.record.len() != self.heading.width {
            return Err(if self.record.len() < self.heading.width {
                RejectReason::MissingFields
            } else {
                RejectReason::WrongShape
            });
        }
        let (valid_from, valid_to) = (
            self.time("valid_from", false)?,
            self.time("valid_to", true)?,
        );
        if valid_from
            .zip(valid_to)
            .is_some_and(|(from, to)| from >= to)
        {
            return Err(RejectReason::Inconsistent);
        }
        Ok(match kind {
            RegisterKind::Establishments => RegisterLine::Establishment(EstablishmentLine {
                establishment: self.key("establishment")?,
                name: self.text("name"),
                kind: self.text("kind"),
                urn: self.text("urn"),
                valid_from,
                valid_to,
            }),
            RegisterKind::Networks => {
                let network =
                    Network::parse(&self.needed("network")?).ok_or(RejectReason::BadAddress)?;
                RegisterLine::Network(NetworkLine {
                    first_ip: network.first(),
                    last_ip: network.last(),
                    bits: network.bits(),
                    establishment: self.key("establishment")?,
                    segment: self.text("segment"),
                    valid_from,
                    valid_to,
                })
            }
            RegisterKind::Links => RegisterLine::Link(LinkLine {
                link: self.key("link")?,
                establishment: self.key("establishment")?,
                down_bits_per_second: self.rate("down_bits_per_second")?,
                up_bits_per_second: self.rate("up_bits_per_second")?,
                valid_from,
                valid_to,
            }),
            RegisterKind::Accounts => {
                let role = self.role()?;
                RegisterLine::Account(AccountLine {
                    account_token: Some(
                        self.account("account").ok_or(RejectReason::MissingFields)?,
                    ),
                    establishment: match self.mis {
                        Some(export) => export.establishment.clone(),
                        None => self.key("establishment")?,
                    },
                    role,
                    year_group: match self.mis {
                        Some(_) => mis::year_group(&self.text("year_group")),
                        None => self.text("year_group"),
                    },
                    valid_from,
                    valid_to,
                })
            }
            RegisterKind::Devices => RegisterLine::Device(self.device(valid_from, valid_to)?),
        })
    }

    fn device(
        &self,
        valid_from: Option<Timestamp>,
        valid_to: Option<Timestamp>,
    ) -> Result<DeviceLine, RejectReason> {
        let (owner, shared) = (self.account("owner"), self.flag("shared")?);
        // A device that several people use has no owner: whichever of the two is wrong, no name may come of it.
        if shared && owner.is_some() {
            return Err(RejectReason::Inconsistent);
        }
        Ok(DeviceLine {
            mac: Some(Mac::parse(&self.needed("mac")?).ok_or(RejectReason::BadAddress)?),
            owner_token: owner,
            shared,
            establishment: self.key("establishment")?,
            description: self.text("description"),
            valid_from,
            valid_to,
        })
    }

    /// What an account is. Of an export, what the line says in any of its words, else what the person says of all its lines.
    fn role(&self) -> Result<String, RejectReason> {
        let Some(export) = self.mis else {
            let role = self.needed("role")?.to_lowercase();
            let known = ROLES.contains(&role.as_str());
            return known.then_some(role).ok_or(RejectReason::UnknownWord);
        };
        let said = self.text("role");
        if said.is_empty() {
            return export.role.clone().ok_or(RejectReason::MissingFields);
        }
        let role = mis::role(&said).ok_or(RejectReason::UnknownWord)?;
        Ok(role.to_owned())
    }

    fn text(&self, column: &str) -> String {
        let place = self.heading.places.iter().find(|(name, _)| *name == column);
        let field = place.and_then(|(_, place)| self.record.get(*place));
        decoded(field.unwrap_or_default()).trim().to_owned()
    }

    fn needed(&self, column: &str) -> Result<String, RejectReason> {
        let text = self.text(column);
        if text.is_empty() {
            return Err(RejectReason::MissingFields);
        }
        Ok(text)
    }

    /// A short name that commands and other registers use: one word.
    fn key(&self, column: &str) -> Result<String, RejectReason> {
        let text = self.needed(column)?;
        if text.contains(char::is_whitespace) {
            return Err(RejectReason::WrongShape);
        }
        Ok(text)
    }

    fn account(&self, column: &str) -> Option<AccountText> {
        AccountText::new(self.text(column))
    }

    fn rate(&self, column: &str) -> Result<u64, RejectReason> {
        number(self.needed(column)?.as_bytes()).ok_or(RejectReason::BadNumber)
    }

    fn flag(&self, column: &str) -> Result<bool, RejectReason> {
        match self.text(column).to_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" | "" => Ok(false),
            _ => Err(RejectReason::UnknownWord),
        }
    }

    /// A moment with an offset, or a day; a day at the end counts as a whole, as people mean it.
    fn time(&self, column: &str, at_the_end: bool) -> Result<Option<Timestamp>, RejectReason> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        if self.mis.is_none() && text.len() != "2026-03-02".len() {
            return Timestamp::parse(&text)
                .map(Some)
                .map_err(|_| RejectReason::BadTime);
        }
        let day: Date = match self.mis {
            Some(_) => mis::day(&text).ok_or(RejectReason::BadTime)?,
            None => text.parse().map_err(|_| RejectReason::BadTime)?,
        };
        let day = if at_the_end { day.tomorrow() } else { Ok(day) };
        let midnight = day
            .and_then(|day| day.to_zoned(self.zone.clone()))
            .map_err(|_| RejectReason::BadTime)?;
        Ok(Some(midnight.timestamp().into()))
    }
}

fn columns(kind: RegisterKind) -> &'static [&'static str] {
    match kind {
        RegisterKind::Establishments => &[
            "establishment",
            "name",
            "kind",
            "urn",
            "valid_from",
            "valid_to",
        ],
        RegisterKind::Networks => &[
            "network",
            "establishment",
            "segment",
            "valid_from",
            "valid_to",
        ],
        RegisterKind::Links => &[
            "link",
            "establishment",
            "down_bits_per_second",
            "up_bits_per_second",
            "valid_from",
            "valid_to",
        ],
        RegisterKind::Accounts => &[
            "account",
            "establishment",
            "role",
            "year_group",
            "valid_from",
            "valid_to",
        ],
        RegisterKind::Devices => &[
            "mac",
            "owner",
            "shared",
            "establishment",
            "description",
            "valid_from",
            "valid_to",
        ],
    }
}

fn needed(kind: RegisterKind) -> &'static [&'static str] {
    match kind {
        RegisterKind::Establishments => &["establishment"],
        RegisterKind::Networks => &["network", "establishment"],
        RegisterKind::Links => &[
            "link",
            "establishment",
            "down_bits_per_second",
            "up_bits_per_second",
        ],
        RegisterKind::Accounts => &["account", "establishment", "role"],
        RegisterKind::Devices => &["mac", "establishment"],
    }
}

/// What an account may be.
static ROLES: &[&str] = &["pupil", "staff", "governor", "guest", "service", "shared"];

/// What sets the fields of this file apart: whichever of the usual three its heading has most of.
fn delimiter(text: &[u8]) -> u8 {
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    let heading = text.get(..end).unwrap_or_default();
    let count = |byte: u8| memchr::memchr_iter(byte, heading).count();
    let (commas, semicolons, tabs) = (count(b','), count(b';'), count(b'\t'));
    if semicolons > commas && semicolons >= tabs {
        b';'
    } else if tabs > commas {
        b'\t'
    } else {
        b','
    }
}

/// Bytes as text: UTF-8, or else Windows-1252, as old office programs write.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| windows_1252(*byte)).collect()),
    }
}

/// The character of a byte in Windows-1252 (WHATWG Encoding Standard, index-windows-1252).
fn windows_1252(byte: u8) -> char {
    let above = byte.checked_sub(0x80).map(usize::from);
    above
        .and_then(|at| WINDOWS_1252_HIGH.chars().nth(at))
        .unwrap_or(char::from(byte))
}

/// What the bytes 0x80 to 0x9f stand for; above, Windows-1252 is Latin-1.
const WINDOWS_1252_HIGH: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::record::{JsonRow, Place, SourceId};

    fn read(kind: RegisterKind, bytes: &[u8]) -> Result<String, RegisterError> {
        let (mut told, mut row) = (String::new(), JsonRow::default());
        let zone = TimeZone::get("Europe/London").unwrap();
        let mut input = bytes;
        read_register(kind, &mut input, &zone, None, &mut |frame| {
            let begins = usize::try_from(frame.offset).unwrap();
            let ends = begins + usize::try_from(frame.length).unwrap();
            assert!(ends <= bytes.len() && frame.length > 0);
            match frame.result {
                Ok(line) => {
                    let place = Place {
                        source: SourceId([0; 16]),
                        frame: frame.line,
                        ordinal: 0,
                    };
                    told.push_str(row.object(place, &line, true));
                }
                Err(reason) => {
                    told.push_str(&format!(
                        "{{\"rejected\":\"{reason}\",\"frame\":{}}}",
                        frame.line
                    ));
                }
            }
            told.push('\n');
        })?;
        Ok(told)
    }

    fn fixtures() -> impl Iterator<Item = (RegisterKind, std::path::PathBuf)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/registers");
        RegisterKind::ALL
            .iter()
            .map(move |kind| (*kind, folder.join(format!("{kind}.csv"))))
    }

    #[test]
    fn every_register_reads_as_it_is_written_down() {
        for (kind, path) in fixtures() {
            let told = read(kind, &fs::read(&path).unwrap()).unwrap();
            let golden = path.with_extension("jsonl");
            if crate::logs::tests::update_wanted() {
                fs::write(&golden, &told).unwrap();
            }
            assert_eq!(told, fs::read_to_string(golden).unwrap(), "{kind}");
        }
    }

    #[test]
    fn a_column_that_no_one_knows_is_refused_with_those_that_are() {
        let error = read(RegisterKind::Networks, b"network,establishment,sgment\n").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("\"sgment\"") && text.contains("segment"),
            "{text}"
        );
        for bad in [&b"network\n"[..], b"", b"network,network,establishment\n"] {
            assert!(read(RegisterKind::Networks, bad).is_err());
        }
        let error = read(RegisterKind::Accounts, b"j.bloggs,hillview,pupil\n").unwrap_err();
        assert!(!error.to_string().contains("bloggs"));
    }

    #[test]
    fn office_exports_are_read_whatever_they_look_like() {
        let plain = read(
            RegisterKind::Establishments,
            b"establishment,name\nhill,Caf\xc3\xa9\n",
        )
        .unwrap();
        for other in [
            &b"\xef\xbb\xbfestablishment,name\r\nhill,Caf\xc3\xa9\r\n"[..],
            b"Establishment;Name\r\nhill;Caf\xe9\r\n",
            b"establishment\tname\nhill\tCaf\xe9",
            b"\"establishment\",\"name\"\n\"hill\",\" Caf\xe9 \"\n",
        ] {
            assert_eq!(read(RegisterKind::Establishments, other).unwrap(), plain);
        }
        assert_eq!(decoded(b"O\x92Neill"), "O’Neill");
    }

    #[test]
    fn no_change_to_a_register_brings_a_panic() {
        for (kind, path) in fixtures() {
            let bytes = fs::read(&path).unwrap();
            for at in 0..bytes.len() {
                drop(read(kind, &bytes[..at]));
                let mut changed = bytes.clone();
                for other in [0, 0xff, b'"', b',', b'\n', bytes[at] ^ 1] {
                    changed[at] = other;
                    drop(read(kind, &changed));
                }
            }
        }
    }
}
