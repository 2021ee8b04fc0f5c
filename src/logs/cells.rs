//! The cells of a line of a table: set apart by a comma, a tab or another mark, in quotes where they hold it (RFC 4180).

use std::borrow::Cow;

use memchr::memchr;

/// Walks the fields of a line as they stand in it. A quotation mark within a quoted field is doubled, and stays so in what is handed out.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: Option<&'a [u8]>,
    mark: u8,
    /// Whether a quotation mark stands in the last field, doubled.
    doubled: bool,
    /// Whether a quotation mark was opened and never closed, or something stands between it and the next mark.
    pub(super) torn: bool,
}

impl<'a> Fields<'a> {
    /// The fields of this line.
    pub(super) fn of(line: &'a [u8], mark: u8) -> Self {
        Fields {
            rest: Some(line),
            mark,
            doubled: false,
            torn: false,
        }
    }

    /// The fields by position, at most `N`, and how many there are.
    pub(super) fn columns<const N: usize>(
        line: &'a [u8],
        mark: u8,
    ) -> Option<([&'a [u8]; N], usize)> {
        let mut columns = [[].as_slice(); N];
        let mut fields = Fields::of(line, mark);
        let mut count = 0;
        for field in fields.by_ref() {
            if let Some(place) = columns.get_mut(count) {
                *place = field;
            }
            count += 1;
        }
        (!fields.torn).then_some((columns, count))
    }

    fn quoted(&mut self, inner: &'a [u8]) -> Option<&'a [u8]> {
        let mut from = 0;
        loop {
            let Some(at) = memchr(b'"', inner.get(from..)?) else {
                self.torn = true;
                return Some(inner);
            };
            let at = from + at;
            match inner.get(at + 1) {
                Some(b'"') => {
                    self.doubled = true;
                    from = at + 2;
                }
                None => return inner.get(..at),
                Some(next) => {
                    let after = inner.get(at + 1..)?;
                    let after = if *next == b' ' && self.mark != b' ' {
                        after.trim_ascii_start()
                    } else {
                        after
                    };
                    match after.split_first() {
                        None => {}
                        Some((first, rest)) if *first == self.mark => self.rest = Some(rest),
                        Some(_) => {
                            self.torn = true;
                            self.rest = memchr(self.mark, after).and_then(|at| after.get(at + 1..));
                        }
                    }
                    return inner.get(..at);
                }
            }
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.rest.take()?;
        self.doubled = false;
        // A blank may stand before the quotation mark.
        let begin = if line.first() == Some(&b' ') && self.mark != b' ' {
            line.trim_ascii_start()
        } else {
            line
        };
        if let [b'"', inner @ ..] = begin {
            return self.quoted(inner);
        }
        match memchr(self.mark, line) {
            Some(at) => {
                self.rest = line.get(at + 1..);
                line.get(..at)
            }
            None => Some(line),
        }
    }
}

/// Walks the same fields with doubled quotation marks made single. Borrowed unless a cell holds one.
#[derive(Clone, Debug)]
pub(super) struct Cells<'a> {
    fields: Fields<'a>,
}

impl<'a> Cells<'a> {
    /// The cells of this line.
    pub(super) fn of(line: &'a [u8], separator: u8) -> Self {
        Cells {
            fields: Fields::of(line, separator),
        }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cow<'a, [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Cow<'a, [u8]>> {
        let cell = self.fields.next()?;
        if !self.fields.doubled {
            return Some(Cow::Borrowed(cell));
        }
        let mut single = Vec::with_capacity(cell.len());
        let mut bytes = cell.iter().copied();
        while let Some(byte) = bytes.next() {
            single.push(byte);
            if byte == b'"' {
                bytes.next();
            }
        }
        Some(Cow::Owned(single))
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

    fn fields(line: &str) -> (Vec<String>, bool) {
        let mut fields = Fields::of(line.as_bytes(), b',');
        let told = fields
            .by_ref()
            .map(|field| String::from_utf8_lossy(field).into_owned());
        (told.collect(), fields.torn)
    }

    #[test]
    fn a_mark_between_quotation_marks_ends_no_field() {
        assert_eq!(
            fields("a,,\"b,c\",d"),
            (vec!["a".into(), "".into(), "b,c".into(), "d".into()], false)
        );
        assert_eq!(
            fields("\"x \"\"y\"\" z\", \"w\""),
            (vec!["x \"\"y\"\" z".into(), "w".into()], false)
        );
        assert_eq!(fields("a,"), (vec!["a".into(), "".into()], false));
        assert!(fields("a,\"b").1);
        assert!(fields("\"a\"b,c").1);
        let (columns, count) = Fields::columns::<2>(b"1,2,3", b',').unwrap();
        assert_eq!((columns, count), ([&b"1"[..], b"2"], 3));
    }
}
