//! `name=value` pairs as appliances write them: values bare up to a blank, or in quotes with backslashes.

use std::borrow::Cow;

use super::fields::text;

/// Walks the pairs of a message; words without `=` are passed over.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a> {
    rest: &'a [u8],
    separator: Option<u8>,
}

impl<'a> Pairs<'a> {
    /// Pairs set apart by blanks.
    pub(super) fn of(message: &'a [u8]) -> Self {
        Pairs {
            rest: message,
            separator: None,
        }
    }

    /// Pairs set apart by this byte, so that bare values may hold blanks.
    pub(super) fn apart_by(message: &'a [u8], separator: u8) -> Self {
        Pairs {
            rest: message,
            separator: Some(separator),
        }
    }

    /// The value of the first pair with this name.
    pub(super) fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.clone()
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    fn ends(&self, byte: u8) -> bool {
        match self.separator {
            Some(separator) => byte == separator,
            None => matches!(byte, b' ' | b'\t' | b','),
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        loop {
            while let [first, rest @ ..] = self.rest
                && (self.ends(*first) || first.is_ascii_whitespace())
            {
                self.rest = rest;
            }
            if self.rest.is_empty() {
                return None;
            }
            let end = self
                .rest
                .iter()
                .position(|byte| *byte == b'=' || self.ends(*byte))
                .unwrap_or(self.rest.len());
            let (name, rest) = self.rest.split_at_checked(end)?;
            let Some(value) = rest.strip_prefix(b"=") else {
                self.rest = rest;
                continue;
            };
            let (value, rest) = match value {
                [quote @ (b'"' | b'\''), inner @ ..] => quoted(inner, *quote),
                _ => {
                    let end = value
                        .iter()
                        .position(|byte| self.ends(*byte))
                        .unwrap_or(value.len());
                    value.split_at_checked(end)?
                }
            };
            self.rest = rest;
            return Some((name.trim_ascii(), value));
        }
    }
}

/// What stands before the closing quote, and what follows it. Without one, all is value.
fn quoted(inner: &[u8], quote: u8) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = inner.iter().position(|byte| {
        let ends = !escaped && *byte == quote;
        escaped = !escaped && *byte == b'\\';
        ends
    });
    match end.and_then(|end| inner.split_at_checked(end)) {
        Some((value, rest)) => (value, rest.get(1..).unwrap_or_default()),
        None => (inner, &[]),
    }
}

/// A quoted value in which a backslash protects a quote or another backslash.
pub(super) fn unquoted(value: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', value).is_none() {
        return text(value);
    }
    let mut plain = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match bytes.peek() {
            Some(next @ (b'"' | b'\'' | b'\\')) if byte == b'\\' => {
                plain.push(*next);
                bytes.next();
            }
            _ => plain.push(byte),
        }
    }
    Cow::Owned(text(&plain).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_their_writer_ended_them() {
        let pairs: Vec<_> = Pairs::of(br#"word a=1 b="two \"2\"" c= d='x y', e=f"#).collect();
        let expected: [(&[u8], &[u8]); 5] = [
            (b"a", b"1"),
            (b"b", br#"two \"2\""#),
            (b"c", b""),
            (b"d", b"x y"),
            (b"e", b"f"),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(unquoted(br#"two \"2\" a\b"#), r#"two "2" a\b"#);
        let apart: Vec<_> = Pairs::apart_by(b"a=one two|b=3", b'|').collect();
        assert_eq!(apart, [(&b"a"[..], &b"one two"[..]), (b"b", b"3")]);
    }
}
