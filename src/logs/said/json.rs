//! One JSON object a line, walked without building it: each value is handed out with its key and the key of the object it stands in.

/// Why a text is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::logs) struct NotJson;

/// A value as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::logs) struct Value<'a> {
    /// The key of the object around it, empty at the top; for the elements of an array, that of the array's object.
    pub(in crate::logs) parent: &'a [u8],
    /// Its key; for the elements of an array, the array's.
    pub(in crate::logs) key: &'a [u8],
    /// Its text: of a string what stands between the quotation marks, with its escapes.
    pub(in crate::logs) text: &'a [u8],
    /// Whether it is a string.
    pub(in crate::logs) string: bool,
}

/// Walks an object; `null` is passed over. What stands after the object must be blank.
pub(in crate::logs) fn walk<'a>(
    line: &'a [u8],
    each: &mut dyn FnMut(Value<'a>),
) -> Result<(), NotJson> {
    let mut walker = Walker { rest: line };
    walker.blanks();
    walker.eat(b'{')?;
    walker.object(&[], each, DEEPEST)?;
    walker.blanks();
    if walker.rest.is_empty() {
        Ok(())
    } else {
        Err(NotJson)
    }
}

struct Walker<'a> {
    rest: &'a [u8],
}

impl<'a> Walker<'a> {
    #[inline]
    fn blanks(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> Result<(), NotJson> {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                Ok(())
            }
            _ => Err(NotJson),
        }
    }

    /// What stands up to the quotation mark that ends a string.
    #[inline]
    fn string(&mut self) -> Result<&'a [u8], NotJson> {
        let mut from = 0;
        loop {
            let rest = self.rest.get(from..).ok_or(NotJson)?;
            let at = from + memchr::memchr2(b'"', b'\\', rest).ok_or(NotJson)?;
            if self.rest.get(at) == Some(&b'"') {
                let text = self.rest.get(..at).ok_or(NotJson)?;
                self.rest = self.rest.get(at + 1..).ok_or(NotJson)?;
                return Ok(text);
            }
            from = at + 2;
        }
    }

    fn object(
        &mut self,
        parent: &'a [u8],
        each: &mut dyn FnMut(Value<'a>),
        depth: u8,
    ) -> Result<(), NotJson> {
        let depth = depth.checked_sub(1).ok_or(NotJson)?;
        self.blanks();
        if self.eat(b'}').is_ok() {
            return Ok(());
        }
        loop {
            self.blanks();
            self.eat(b'"')?;
            let key = self.string()?;
            self.blanks();
            self.eat(b':')?;
            self.value(parent, key, each, depth)?;
            self.blanks();
            if self.eat(b'}').is_ok() {
                return Ok(());
            }
            self.eat(b',')?;
        }
    }

    fn value(
        &mut self,
        parent: &'a [u8],
        key: &'a [u8],
        each: &mut dyn FnMut(Value<'a>),
        depth: u8,
    ) -> Result<(), NotJson> {
        self.blanks();
        match self.rest.split_first().ok_or(NotJson)? {
            (b'"', rest) => {
                self.rest = rest;
                let text = self.string()?;
                each(Value {
                    parent,
                    key,
                    text,
                    string: true,
                });
                Ok(())
            }
            (b'{', rest) => {
                self.rest = rest;
                self.object(key, each, depth)
            }
            (b'[', rest) => {
                self.rest = rest;
                self.array(parent, key, each, depth)
            }
            _ => {
                let text = self.bare()?;
                if text != b"null" {
                    each(Value {
                        parent,
                        key,
                        text,
                        string: false,
                    });
                }
                Ok(())
            }
        }
    }

    fn array(
        &mut self,
        parent: &'a [u8],
        key: &'a [u8],
        each: &mut dyn FnMut(Value<'a>),
        depth: u8,
    ) -> Result<(), NotJson> {
        let depth = depth.checked_sub(1).ok_or(NotJson)?;
        self.blanks();
        if self.eat(b']').is_ok() {
            return Ok(());
        }
        loop {
            self.value(parent, key, each, depth)?;
            self.blanks();
            if self.eat(b']').is_ok() {
                return Ok(());
            }
            self.eat(b',')?;
        }
    }

    /// A number, `true`, `false` or `null`.
    fn bare(&mut self) -> Result<&'a [u8], NotJson> {
        let end = self
            .rest
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')))
            .unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end).ok_or(NotJson)?;
        let sound = matches!(text, b"true" | b"false" | b"null")
            || text
                .first()
                .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
        if !sound {
            return Err(NotJson);
        }
        self.rest = rest;
        Ok(text)
    }
}

/// Objects and arrays in each other at most.
const DEEPEST: u8 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Result<Vec<String>, NotJson> {
        let mut told = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        walk(line.as_bytes(), &mut |value| {
            told.push(format!(
                "{}.{}={}",
                text(value.parent),
                text(value.key),
                text(value.text)
            ));
        })?;
        Ok(told)
    }

    #[test]
    fn values_come_with_their_key_and_that_of_the_object_around_them() {
        let line = r#" {"a":1,"b":{"c":"x\"y","d":[true,{"e":-2.5}]},"f":[],"g":{},"h":null} "#;
        assert_eq!(
            told(line).unwrap(),
            [".a=1", "b.c=x\\\"y", "b.d=true", "d.e=-2.5"]
        );
    }

    #[test]
    fn what_is_cut_or_too_deep_is_no_object() {
        for bad in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1}x",
            "[1]",
            "{\"a\":x}",
            "{\"a\":\"b\\\"}",
        ] {
            assert_eq!(told(bad), Err(NotJson), "{bad}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(60), "]".repeat(60));
        assert_eq!(told(&deep), Err(NotJson));
    }
}
