//! What an insert is measured against: the engine's own insert of the same rows from a file, into the same table.

use std::path::Path;

use super::client::Call;
use super::error::StoreError;
use super::migrate;
use super::open::Store;
use super::sql::Params;
use crate::record::Table;

impl Store {
    /// Has the engine itself read rows from a file that its process can open: RowBinary, as [`Store::insert`] takes
    /// them. No way of ours is in it, and neither token nor ledger: for measuring only.
    pub fn insert_of_file(&self, table: &'static Table, file: &Path) -> Result<(), StoreError> {
        let path = file.to_str().ok_or_else(|| StoreError::Shape {
            what: "a file of rows".to_owned(),
            reason: "its name is no UTF-8".to_owned(),
        })?;
        let insert = migrate::insert_statement(table);
        let insert = insert.trim_end_matches("FORMAT RowBinary");
        let sql = format!("{insert}SELECT * FROM file({{path:String}}, 'RowBinary')");
        self.measured(&sql, &Params::new().text("path", path))
            .map(drop)
    }

    /// Takes all rows out of a table of a store that was made for measuring, and says how many there were.
    pub fn emptied(&self, table: &'static Table) -> Result<u64, StoreError> {
        let name = table.name;
        let answer = self.measured(&format!("SELECT count() FROM `{name}`"), &Params::new())?;
        let rows = String::from_utf8_lossy(&answer).trim().parse();
        let rows = rows.map_err(|_| StoreError::Shape {
            what: format!("the number of rows of {name}"),
            reason: "it is no number".to_owned(),
        })?;
        self.measured(&format!("TRUNCATE TABLE `{name}`"), &Params::new())?;
        Ok(rows)
    }

    fn measured(&self, sql: &str, params: &Params) -> Result<Vec<u8>, StoreError> {
        let call = Call {
            what: "measuring",
            sql,
            params,
        };
        let mut answer = Vec::new();
        self.caller()?.ask(&call, "TabSeparated", &mut |piece| {
            answer.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use crate::record::{Event, Place, RowBinary, SourceId, Timestamp, WebHit};
    use crate::store::names::Names;
    use crate::store::scratch::Scratch;

    #[test]
    fn the_engine_reads_the_rows_that_an_insert_takes() {
        let Some(scratch) = Scratch::open() else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut names = Names::open(folder.path(), &[1; 32], &[2; 32]).unwrap();
        let mut rows = RowBinary::new(&mut names);
        for frame in 1..=3 {
            let place = Place {
                source: SourceId([1; 16]),
                frame,
                ordinal: 0,
            };
            let time = Timestamp::from_seconds(1_772_446_500);
            rows.row(place, &Event::WebHit(WebHit::at(time)));
        }
        let rows = rows.into_bytes();
        let file = folder.path().join("rows");
        std::fs::write(&file, &rows).unwrap();
        let table = crate::record::table("web_hits").unwrap();
        for _ in 0..2 {
            scratch.store.insert_of_file(table, &file).unwrap();
            assert_eq!(scratch.store.emptied(table).unwrap(), 3);
            let pieces = std::iter::once(rows.clone());
            scratch.store.insert_streamed(table, pieces, None).unwrap();
            assert_eq!(scratch.store.emptied(table).unwrap(), 3);
        }
    }
}
