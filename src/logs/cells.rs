//! The cells of a line of a table: set apart by commas, tabs or the like, in quotes where they hold one (RFC 4180).

use std::borrow::Cow;

/// Walks the cells of a line. Borrowed unless a cell holds a doubled quotation mark.
#[derive(Clone, Debug)]
pub(super) struct Cells<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Cells<'a> {
    /// The cells of this line.
    pub(super) fn of(line: &'a [u8], separator: u8) -> Self {
        Cells {
            rest: Some(line),
            separator,
        }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cow<'a, [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Cow<'a, [u8]>> {
        let rest = self.rest?;
        // Some writers put a blank between the comma and the quotation mark.
        let bare = rest.strip_prefix(b" ").unwrap_or(rest);
        if let Some(inner) = bare.strip_prefix(b"\"") {
            return Some(self.quoted(inner));
        }
        let (cell, rest) = match memchr::memchr(self.separator, rest) {
            Some(at) => (rest.get(..at)?, rest.get(at + 1..)),
            None => (rest, None),
        };
        self.rest = rest;
        Some(Cow::Borrowed(cell))
    }
}

impl<'a> Cells<'a> {
    fn quoted(&mut self, inner: &'a [u8]) -> Cow<'a, [u8]> {
        let mut from = 0;
        let mut doubled = false;
        let end = loop {
            let Some(at) = inner
                .get(from..)
                .and_then(|rest| memchr::memchr(b'"', rest))
                .map(|at| at + from)
            else {
                break None;
            };
            if inner.get(at + 1) == Some(&b'"') {
                doubled = true;
                from = at + 2;
            } else {
                break Some(at);
            }
        };
        let end_at = end.unwrap_or(inner.len());
        let cell = inner.get(..end_at).unwrap_or_default();
        let after = inner.get(end_at + 1..).unwrap_or_default();
        self.rest = memchr::memchr(self.separator, after).and_then(|at| after.get(at + 1..));
        if !doubled {
            return Cow::Borrowed(cell);
        }
        let mut single = Vec::with_capacity(cell.len());
        let mut bytes = cell.iter().copied();
        while let Some(byte) = bytes.next() {
            single.push(byte);
            if byte == b'"' {
                bytes.next();
            }
        }
        Cow::Owned(single)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> Vec<String> {
        Cells::of(line.as_bytes(), b',')
            .map(|cell| String::from_utf8_lossy(&cell).into_owned())
            .collect()
    }

    #[test]
    fn cells_may_hold_commas_and_quotation_marks() {
        assert_eq!(cells("a,b,,c"), ["a", "b", "", "c"]);
        assert_eq!(
            cells(r#""a,b", "say ""no""",c"#),
            ["a,b", r#"say "no""#, "c"]
        );
        assert_eq!(cells(""), [""]);
        assert_eq!(cells("a,"), ["a", ""]);
        assert_eq!(cells("\"open,b"), ["open,b"]);
    }
}
