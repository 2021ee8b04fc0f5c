//! What a backup needs of the store: a frozen moment of its parts, and the way back for them.
//!
//! The engine's own BACKUP is not used: it reads through the encrypted disk and writes in clear. A frozen part is a
//! folder of links to the encrypted files themselves, so what is copied is encrypted with the key of the data folder.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::StoreError;
use super::open::Store;
use super::queries::{SCHEMA, query};
use super::retention::time_column;
use super::sql::{Params, Sql};
use crate::record::{EVENT_TABLES, PLACELESS_TABLES, REGISTER_TABLES, Table};

/// A part that was frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrozenPart {
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The folder of its files.
    pub folder: PathBuf,
}

/// A question and its answer, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked, and of which table.
    pub question: String,
    /// What was answered.
    pub bytes: Vec<u8>,
}

/// The files of the schema that this program knows.
pub fn schema() -> Vec<&'static str> {
    SCHEMA.iter().map(Sql::id).collect()
}

impl Store {
    /// Freezes all tables of a data folder, and says which parts that are, in order. [`thaw`] takes the links away.
    pub fn freeze(&self, data: &Path) -> Result<Vec<FrozenPart>, StoreError> {
        thaw(data)?;
        for table in tables() {
            let params = Params::new().text("table", table.name);
            self.run(FREEZE, &params)?;
        }
        let known: Vec<KnownPart> = self.rows(PARTS, &Params::new())?;
        let frozen = frozen_folder(data);
        let mut parts = Vec::new();
        for place in self.places()? {
            // `.../enc/store/4b6/UUID/` lies frozen as `shadow/NAME/store/4b6/UUID/`.
            let Ok(below) = place.path.strip_prefix(data.join("store/enc")) else {
                return Err(shape(PLACES.id()));
            };
            for (name, folder) in folders(&frozen.join(below))? {
                let of_part = |part: &&KnownPart| part.table == place.table && part.name == name;
                let rows = known.iter().find(of_part).map(|part| part.rows);
                parts.push(FrozenPart {
                    table: place.table.clone(),
                    rows: rows.ok_or_else(|| shape(PARTS.id()))?,
                    name,
                    folder,
                });
            }
        }
        parts.sort_by(|one, other| (&one.table, &one.name).cmp(&(&other.table, &other.name)));
        Ok(parts)
    }

    /// Where parts of a table must lie to be taken up.
    pub fn ready_folder(&self, table: &str) -> Result<PathBuf, StoreError> {
        let places = self.places()?;
        let place = places.into_iter().find(|place| place.table == table);
        Ok(place
            .ok_or_else(|| shape(PLACES.id()))?
            .path
            .join("detached"))
    }

    /// Takes up the parts that lie ready, of one month.
    pub fn attach(&self, table: &str, month: &str) -> Result<(), StoreError> {
        let params = Params::new().text("table", table).text("partition", month);
        self.run(ATTACH, &params)
    }

    /// The answers by which a restored store is known: of each table of events, its rows, times and places; of the
    /// registers and sources, all that they say.
    pub fn fingerprints(&self) -> Result<Vec<Answer>, StoreError> {
        let mut answers = Vec::new();
        for table in EVENT_TABLES {
            let params = Params::new()
                .text("table", table.name)
                .text("time", time_column(table).unwrap_or("time"));
            answers.push(Answer {
                question: format!("{} {}", FINGERPRINT.id(), table.name),
                bytes: self.bytes(FINGERPRINT, &params, "JSONEachRow")?,
            });
        }
        for table in REGISTER_TABLES {
            let asked = query(&format!("register/{}", table.name));
            answers.extend(asked.map(|sql| self.answer_to(sql)).transpose()?);
        }
        answers.extend(
            query("store/sources")
                .map(|sql| self.answer_to(sql))
                .transpose()?,
        );
        Ok(answers)
    }

    /// How many rows each table has.
    pub fn rows_by_table(&self) -> Result<Vec<(String, u64)>, StoreError> {
        #[derive(Deserialize)]
        struct Rows {
            table: String,
            rows: u64,
        }
        let Some(sql) = query("store/tables") else {
            return Ok(Vec::new());
        };
        let rows: Vec<Rows> = self.rows(sql, &Params::new())?;
        let ours = |row: &Rows| crate::record::table(&row.table).is_some();
        let rows = rows.into_iter().filter(ours);
        Ok(rows.map(|row| (row.table, row.rows)).collect())
    }

    fn answer_to(&self, sql: Sql) -> Result<Answer, StoreError> {
        Ok(Answer {
            question: sql.id().to_owned(),
            bytes: self.bytes(sql, &Params::new(), "JSONEachRow")?,
        })
    }

    fn places(&self) -> Result<Vec<PlaceOfTable>, StoreError> {
        let mut places: Vec<PlaceOfTable> = self.rows(PLACES, &Params::new())?;
        places.retain(|place| crate::record::table(&place.table).is_some());
        Ok(places)
    }
}

/// Takes the links of a frozen moment away, and the number that the engine gives to each: its file is left empty by an end
/// at the wrong moment, and then nothing could be frozen again. Our moments have a name, and need no number.
pub fn thaw(data: &Path) -> Result<(), StoreError> {
    let folder = frozen_folder(data);
    let gone = |path: PathBuf, removed: std::io::Result<()>| match removed {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Folder { path, source })
        }
        _ => Ok(()),
    };
    let removed = std::fs::remove_dir_all(&folder);
    gone(folder, removed)?;
    for number in NUMBERS {
        let path = data.join(number);
        let removed = std::fs::remove_file(&path);
        gone(path, removed)?;
    }
    Ok(())
}

/// Where the engine counts what it has frozen.
const NUMBERS: [&str; 2] = [
    "store/shadow/increment.txt",
    "store/enc/shadow/increment.txt",
];

/// The month of a part.
pub fn month_of(part: &str) -> &str {
    part.split('_').next().unwrap_or(part)
}

fn frozen_folder(data: &Path) -> PathBuf {
    data.join("store/enc/shadow/invigil_backup")
}

fn tables() -> impl Iterator<Item = &'static &'static Table> {
    EVENT_TABLES
        .iter()
        .chain(REGISTER_TABLES)
        .chain(PLACELESS_TABLES)
}

/// The folders in a folder, which need not be there.
fn folders(folder: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let unusable = |source| StoreError::Folder {
        path: folder.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unusable)?;
        if entry.file_type().map_err(unusable)?.is_dir() {
            found.push((
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            ));
        }
    }
    Ok(found)
}

fn shape(what: &str) -> StoreError {
    StoreError::Shape {
        what: what.to_owned(),
        reason: "the parts of a table are not where they should be".to_owned(),
    }
}

#[derive(Deserialize)]
struct KnownPart {
    table: String,
    name: String,
    rows: u64,
}

#[derive(Deserialize)]
struct PlaceOfTable {
    table: String,
    path: PathBuf,
}

const FREEZE: Sql = Sql::embedded(
    "backup/freeze",
    include_str!("../../queries/backup/freeze.sql"),
);
const PARTS: Sql = Sql::embedded(
    "backup/parts",
    include_str!("../../queries/backup/parts.sql"),
);
const PLACES: Sql = Sql::embedded(
    "backup/places",
    include_str!("../../queries/backup/places.sql"),
);
const ATTACH: Sql = Sql::embedded(
    "backup/attach",
    include_str!("../../queries/backup/attach.sql"),
);
const FINGERPRINT: Sql = Sql::embedded(
    "backup/fingerprint",
    include_str!("../../queries/backup/fingerprint.sql"),
);
