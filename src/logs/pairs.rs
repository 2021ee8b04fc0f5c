//! `key=value` lines: values in quotation marks or up to the next blank. Also `key:"value"; `, as some write it, and the extensions of
//! CEF and LEEF, whose values may hold blanks.

use memchr::{memchr, memchr2, memchr3, memmem};

/// Walks the pairs of a line; words that are no pair are passed over.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a> {
    rest: &'a [u8],
    assign: u8,
    ends: [u8; 3],
    /// Whether a quotation mark was opened and never closed.
    pub(super) torn: bool,
}

impl<'a> Pairs<'a> {
    /// `key=value key="value"`.
    pub(super) fn of(line: &'a [u8]) -> Self {
        Pairs::with(line, b'=', b' ')
    }

    /// Pairs with other marks: what stands between key and value, and what ends a value without quotation marks.
    pub(super) fn with(line: &'a [u8], assign: u8, end: u8) -> Self {
        Pairs {
            rest: line,
            assign,
            ends: [end; 3],
            torn: false,
        }
    }

    /// Pairs set apart by this byte, so that bare values may hold blanks.
    pub(super) fn apart_by(line: &'a [u8], end: u8) -> Self {
        Pairs::with(line, b'=', end)
    }

    /// Pairs set apart by blanks, tabs or commas, whichever comes.
    pub(super) fn listed(line: &'a [u8]) -> Self {
        Pairs {
            ends: *b" \t,",
            ..Pairs::of(line)
        }
    }

    /// The value of the first pair with this name.
    pub(super) fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.clone()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The value after a quotation mark, and the rest after the closing one.
    fn quoted(&mut self, value: &'a [u8]) -> Option<&'a [u8]> {
        let mut from = 0;
        loop {
            let Some(at) = memchr2(b'"', b'\\', value.get(from..)?) else {
                self.torn = true;
                self.rest = &[];
                return Some(value);
            };
            let at = from + at;
            if value.get(at) == Some(&b'"') {
                self.rest = value.get(at + 1..)?;
                return value.get(..at);
            }
            from = at + 2;
            if from > value.len() {
                self.torn = true;
                self.rest = &[];
                return Some(value);
            }
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let at = memchr(self.assign, self.rest)?;
        let before = self.rest.get(..at)?;
        let value = self.rest.get(at + 1..)?;
        let begins = before
            .iter()
            .rposition(|byte| matches!(byte, b' ' | b'\t' | b',' | b';' | b'|' | b'[' | b'('))
            .map_or(0, |at| at + 1);
        let key = before.get(begins..)?;
        if let [b'"', value @ ..] = value {
            return self.quoted(value).map(|value| (key, value));
        }
        if let [b'\'', inner @ ..] = value
            && let Some(at) = memchr(b'\'', inner)
            && inner
                .get(at + 1)
                .is_none_or(|next| !next.is_ascii_alphanumeric())
        {
            self.rest = inner.get(at + 1..)?;
            return Some((key, inner.get(..at)?));
        }
        let [first, second, third] = self.ends;
        let end = memchr3(first, second, third, value).unwrap_or(value.len());
        let (value, rest) = value.split_at_checked(end)?;
        self.rest = rest;
        let value = match value {
            [inner @ .., b',' | b';'] => inner,
            _ => value,
        };
        Some((key, value))
    }
}

/// Walks pairs whose values run on until the next ` key=`: extensions of CEF, and of LEEF where its tabs were lost.
#[derive(Clone, Debug)]
pub(super) struct LoosePairs<'a> {
    rest: &'a [u8],
}

impl<'a> LoosePairs<'a> {
    /// The pairs of this text.
    pub(super) fn of(text: &'a [u8]) -> Self {
        LoosePairs { rest: text }
    }
}

impl<'a> Iterator for LoosePairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let rest = self.rest.trim_ascii_start();
        let at = memchr(b'=', rest)?;
        let key = rest.get(..at)?;
        let key = key.rsplit(|byte| *byte == b' ').next()?;
        let value = rest.get(at + 1..)?;
        let end = value_end(value);
        let (value, rest) = value.split_at_checked(end)?;
        self.rest = rest;
        Some((key, value.trim_ascii_end()))
    }
}

/// Where the value ends: before the blank that stands before the next `key=`. An equals sign after a backslash belongs to the value.
fn value_end(value: &[u8]) -> usize {
    let mut from = 0;
    while let Some(at) = value.get(from..).and_then(|rest| memchr(b'=', rest)) {
        let at = from + at;
        from = at + 1;
        let before = value.get(..at).unwrap_or_default();
        let Some(blank) = before.iter().rposition(|byte| *byte == b' ') else {
            continue;
        };
        let key = before.get(blank + 1..).unwrap_or_default();
        if !key.is_empty() && key.iter().all(is_key_byte) {
            return blank;
        }
    }
    value.len()
}

fn is_key_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'[' | b']')
}

/// Whether ` key=` or `key=` at the beginning stands in the line: what likenesses look for.
pub(super) fn has_key(line: &[u8], key: &[u8]) -> bool {
    memmem::find_iter(line, key).any(|at| {
        let before = at.checked_sub(1).and_then(|at| line.get(at));
        let after = line.get(at + key.len());
        matches!(
            before,
            None | Some(b' ' | b'\t' | b',' | b'|' | b';' | b'>')
        ) && after == Some(&b'=')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        pairs.map(|(key, value)| (text(key), text(value))).collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn values_end_at_their_quotation_mark_or_at_a_blank() {
        let line = br#"date=2026-03-02 msg="a \"b\" c=d" stray user="" n=7, last=x"#;
        assert_eq!(
            told(Pairs::of(line)),
            [
                pair("date", "2026-03-02"),
                pair("msg", r#"a \"b\" c=d"#),
                pair("user", ""),
                pair("n", "7"),
                pair("last", "x"),
            ]
        );
        assert_eq!(
            told(Pairs::listed(b"a=1,b='x y',c=O'Neill\td=2")),
            [
                pair("a", "1"),
                pair("b", "x y"),
                pair("c", "O'Neill"),
                pair("d", "2")
            ]
        );
        let apart = Pairs::apart_by(b"a=one two|b=3", b'|');
        assert_eq!(apart.value(b"a"), Some(&b"one two"[..]));
        let mut torn = Pairs::of(br#"a=1 msg="cut of"#);
        while torn.next().is_some() {}
        assert!(torn.torn);
        let colons = Pairs::with(
            br#"[action:"Accept"; src:"10.1.2.3"; port:80; x:y"#,
            b':',
            b';',
        );
        assert_eq!(
            told(colons),
            [
                pair("action", "Accept"),
                pair("src", "10.1.2.3"),
                pair("port", "80"),
                pair("x", "y")
            ]
        );
    }

    #[test]
    fn values_of_extensions_may_hold_blanks() {
        let line = br"src=10.1.2.3 msg=a page was seen, x\=y cs1Label=Rule Name cs1=Pupils all";
        assert_eq!(
            told(LoosePairs::of(line)),
            [
                pair("src", "10.1.2.3"),
                pair("msg", r"a page was seen, x\=y"),
                pair("cs1Label", "Rule Name"),
                pair("cs1", "Pupils all"),
            ]
        );
        assert!(has_key(line, b"cs1") && !has_key(line, b"s1") && has_key(line, b"src"));
    }
}
