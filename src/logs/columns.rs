//! Tables whose first line names their columns: which column holds which field, whatever their order and spelling.

use std::borrow::Cow;

use super::cells::{Cells, Fields};

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
    letters(column).eq(letters(name.as_bytes()))
}

fn letters(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter()
        .filter(|byte| !matches!(byte, b' ' | b'_' | b'-' | b'.' | b'\r'))
        .map(u8::to_ascii_lowercase)
}

/// Whether a line may have a cell that is one of these names: cheap, asked of every line, and never wrong about one that has.
pub(super) fn may_name<'n>(
    line: &[u8],
    separator: u8,
    names: impl Iterator<Item = &'n str> + Clone,
) -> bool {
    if memchr::memchr(b'"', line).is_some() {
        // A quotation mark may be doubled here, and is single in the cell.
        return Fields::of(line, separator).any(|field| {
            memchr::memchr(b'"', field).is_some()
                || names.clone().any(|name| same_name(field, name))
        });
    }
    let firsts = names.clone().fold(0, |firsts, name| {
        firsts | letters(name.as_bytes()).next().map_or(0, first_as_bit)
    });
    let begins = memchr::memchr_iter(separator, line).map(|at| at + 1);
    std::iter::once(0).chain(begins).any(|begin| {
        let rest = line.get(begin..).unwrap_or_default();
        rest.first()
            .is_some_and(|first| first_as_bit(*first) & firsts != 0)
            && {
                let end = memchr::memchr(separator, rest).unwrap_or(rest.len());
                let cell = rest.get(..end).unwrap_or_default();
                names.clone().any(|name| same_name(cell, name))
            }
    })
}

/// A bit for each letter, whatever its case, and one for all digits; all bits for what may stand before the letters of a name.
fn first_as_bit(first: u8) -> u32 {
    match first.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => 1 << (letter - b'a'),
        b'0'..=b'9' => 1 << 26,
        _ => u32::MAX,
    }
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
    fn a_line_that_may_be_a_heading_is_never_passed_over() {
        let names = ["Date/Time", "acct start"];
        for line in [
            "x,ACCT_START",
            "Acct-Start,x",
            "a,\"date/time\"",
            "a, .date/ time\r",
            "a,_acctstart,b",
        ] {
            assert!(may_name(line.as_bytes(), b',', names.into_iter()), "{line}");
        }
        for line in ["", ",,", "a.smith,02/03/2026,Denied", "dates,acctstarts"] {
            assert!(
                !may_name(line.as_bytes(), b',', names.into_iter()),
                "{line}"
            );
        }
    }

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
