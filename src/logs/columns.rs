//! Tables whose first line names their columns: which column holds which field, whatever their order and spelling.

use std::borrow::Cow;

use super::cells::Cells;

/// Which field each column of a table holds.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    separator: u8,
    /// For each column the number of its field, if it has one.
    fields: Vec<Option<usize>>,
}

impl Columns {
    /// Reads a heading. `names` has for each field the names that a column of it may have; of two columns of a field the one whose name stands
    /// earlier counts. Case, blanks, dots, dashes and underscores do not matter.
    pub(super) fn of(heading: &[u8], separator: u8, names: &[&[&str]]) -> Self {
        let heading = heading.strip_prefix(b"\xef\xbb\xbf").unwrap_or(heading);
        let heading = heading.strip_prefix(b"#").unwrap_or(heading);
        let columns: Vec<_> = Cells::of(heading, separator).collect();
        let mut fields = vec![None; columns.len()];
        for (field, accepted) in names.iter().enumerate() {
            let at = accepted
                .iter()
                .find_map(|name| columns.iter().position(|column| same_name(column, name)));
            if let Some(place) = at.and_then(|at| fields.get_mut(at)) {
                *place = Some(field);
            }
        }
        Columns { separator, fields }
    }

    /// Whether there is a column for this field.
    pub(super) fn has(&self, field: usize) -> bool {
        self.fields.contains(&Some(field))
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The fields of a line, empty cells as nothing, and how many cells it has.
    pub(super) fn row<'a, const N: usize>(
        &self,
        line: &'a [u8],
    ) -> ([Option<Cow<'a, [u8]>>; N], usize) {
        let mut row = [const { None }; N];
        let mut cells = 0;
        for cell in Cells::of(line, self.separator) {
            if let Some(Some(field)) = self.fields.get(cells)
                && let Some(place) = row.get_mut(*field)
                && !cell.trim_ascii().is_empty()
            {
                *place = Some(trimmed(cell));
            }
            cells += 1;
        }
        (row, cells)
    }
}

fn trimmed(cell: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match cell {
        Cow::Borrowed(cell) => Cow::Borrowed(cell.trim_ascii()),
        Cow::Owned(cell) => Cow::Owned(cell.trim_ascii().to_vec()),
    }
}

/// Whether two names are the same but for case and what stands between their words.
pub(super) fn same_name(column: &[u8], name: &str) -> bool {
    let letters = |bytes: &[u8]| {
        bytes
            .iter()
            .filter(|byte| !matches!(byte, b' ' | b'_' | b'-' | b'.' | b'\r'))
            .map(u8::to_ascii_lowercase)
            .collect::<Vec<_>>()
    };
    letters(column) == letters(name.as_bytes())
}

/// Bytes as text, borrowed where they were.
pub(super) fn cell_text(cell: Cow<'_, [u8]>) -> Cow<'_, str> {
    match cell {
        Cow::Borrowed(cell) => super::fields::text(cell),
        Cow::Owned(cell) => Cow::Owned(super::fields::text(&cell).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_any_of_their_names() {
        let columns = Columns::of(
            b"\xef\xbb\xbf\"User Name\",x,IP-Address",
            b',',
            &[&["ip_address"], &["login", "username"], &["none"]],
        );
        assert!(columns.has(0) && columns.has(1) && !columns.has(2));
        assert_eq!(columns.len(), 3);
        let (row, cells) = columns.row::<3>(b"j.bloggs, ,10.1.2.3");
        assert_eq!(cells, 3);
        assert_eq!(row[1].as_deref(), Some(&b"j.bloggs"[..]));
        assert_eq!(row[0].as_deref(), Some(&b"10.1.2.3"[..]));
    }
}
