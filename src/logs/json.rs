//! A line of JSON, walked value by value without building a tree: each leaf with the names that lead to it.

use std::borrow::Cow;

use super::fields::text;

/// A leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf<'a> {
    /// A text as it stands between its quotation marks.
    Text(&'a [u8]),
    /// A number, `true`, `false`, or nothing for `null`.
    Bare(&'a [u8]),
}

impl<'a> Leaf<'a> {
    /// Its bytes, without regard to what stands for something else; empty for `null`.
    pub(super) fn raw(self) -> &'a [u8] {
        match self {
            Leaf::Text(raw) => raw,
            Leaf::Bare(b"null") => &[],
            Leaf::Bare(raw) => raw,
        }
    }

    /// Its text.
    pub(super) fn text(self) -> Cow<'a, str> {
        plain(self.raw())
    }
}

/// A value with its name and the name of the object it stands in: as much of the path as most formats need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// The name of the object around it, empty at the top.
    pub(super) parent: &'a [u8],
    /// Its own name; for the elements of a list, the list's.
    pub(super) key: &'a [u8],
    /// Its text: of a string what stands between the quotation marks, with its escapes.
    pub(super) text: &'a [u8],
    /// Whether it is a string.
    pub(super) string: bool,
}

/// Walks the values of one JSON object that are not `null`; `false` as for [`leaves`].
pub(super) fn values<'a>(line: &'a [u8], mut each: impl FnMut(Value<'a>)) -> bool {
    leaves(line, &mut |path, leaf| {
        let (parent, key) = match path {
            [.., parent, key] => (*parent, *key),
            [key] => (&[][..], *key),
            [] => (&[][..], &[][..]),
        };
        let (text, string) = match leaf {
            Leaf::Text(text) => (text, true),
            Leaf::Bare(b"null") => return,
            Leaf::Bare(text) => (text, false),
        };
        each(Value {
            parent,
            key,
            text,
            string,
        });
    })
}

/// Walks the leaves of one JSON object; `false` if the bytes are not one, whole and nothing more. Elements of a list have the list's own names.
pub(super) fn leaves<'a>(line: &'a [u8], each: &mut impl FnMut(&[&'a [u8]], Leaf<'a>)) -> bool {
    let mut walk = Walk {
        rest: line.trim_ascii(),
        path: [&[]; DEEPEST],
        depth: 0,
        each,
    };
    walk.rest.starts_with(b"{") && walk.value(0).is_some() && walk.rest.trim_ascii().is_empty()
}

/// Whether a line looks like an object that has this name.
pub(super) fn has_name(line: &[u8], name: &str) -> bool {
    line.trim_ascii_start().starts_with(b"{")
        && memchr::memmem::find_iter(line, name.as_bytes()).any(|at| {
            let end = at + name.len();
            at > 0
                && line.get(at - 1) == Some(&b'"')
                && line.get(end) == Some(&b'"')
                && line
                    .get(end + 1..)
                    .is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
        })
}

struct Walk<'a, 'e, E> {
    rest: &'a [u8],
    path: [&'a [u8]; DEEPEST],
    depth: usize,
    each: &'e mut E,
}

impl<'a, E: FnMut(&[&'a [u8]], Leaf<'a>)> Walk<'a, '_, E> {
    fn value(&mut self, nested: usize) -> Option<()> {
        self.rest = self.rest.trim_ascii_start();
        if nested > DEEPEST {
            return None;
        }
        match self.rest.first()? {
            b'{' => self.object(nested),
            b'[' => self.list(nested),
            b'"' => {
                let text = self.string()?;
                self.tell(Leaf::Text(text))
            }
            _ => {
                let end = self
                    .rest
                    .iter()
                    .position(|byte| {
                        matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace()
                    })
                    .unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at_checked(end)?;
                let is_word = matches!(word, b"true" | b"false" | b"null");
                let is_number = word
                    .first()
                    .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
                if !is_word && !is_number {
                    return None;
                }
                self.rest = rest;
                self.tell(Leaf::Bare(word))
            }
        }
    }

    fn tell(&mut self, leaf: Leaf<'a>) -> Option<()> {
        let path = self.path.get(..self.depth)?;
        (self.each)(path, leaf);
        Some(())
    }

    fn object(&mut self, nested: usize) -> Option<()> {
        self.rest = self.rest.strip_prefix(b"{")?.trim_ascii_start();
        if let Some(rest) = self.rest.strip_prefix(b"}") {
            self.rest = rest;
            return Some(());
        }
        loop {
            self.rest = self.rest.trim_ascii_start();
            let name = self.string()?;
            self.rest = self.rest.trim_ascii_start().strip_prefix(b":")?;
            *self.path.get_mut(self.depth)? = name;
            self.depth += 1;
            self.value(nested + 1)?;
            self.depth -= 1;
            match self.next_or_end(b'}')? {
                true => {}
                false => return Some(()),
            }
        }
    }

    fn list(&mut self, nested: usize) -> Option<()> {
        self.rest = self.rest.strip_prefix(b"[")?.trim_ascii_start();
        if let Some(rest) = self.rest.strip_prefix(b"]") {
            self.rest = rest;
            return Some(());
        }
        loop {
            self.value(nested + 1)?;
            if !self.next_or_end(b']')? {
                return Some(());
            }
        }
    }

    fn next_or_end(&mut self, end: u8) -> Option<bool> {
        let (first, rest) = self.rest.trim_ascii_start().split_first()?;
        self.rest = rest;
        match *first {
            b',' => Some(true),
            byte if byte == end => Some(false),
            _ => None,
        }
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let inner = self.rest.strip_prefix(b"\"")?;
        let mut from = 0;
        loop {
            let at = memchr::memchr2(b'"', b'\\', inner.get(from..)?)? + from;
            if inner.get(at) == Some(&b'"') {
                self.rest = inner.get(at + 1..)?;
                return inner.get(..at);
            }
            from = at + 2;
        }
    }
}

/// A text in which a backslash begins what stands for another character; borrowed if there is none.
pub(super) fn plain(raw: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', raw).is_none() {
        return text(raw);
    }
    // The library knows surrogates; a text that it refuses stays as it stands.
    let mut quoted = Vec::with_capacity(raw.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(raw);
    quoted.push(b'"');
    match serde_json::from_slice::<String>(&quoted) {
        Ok(plain) => Cow::Owned(plain),
        Err(_) => text(raw),
    }
}

/// Objects and lists within one another at most.
const DEEPEST: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(line: &str) -> Option<Vec<String>> {
        let mut told = Vec::new();
        leaves(line.as_bytes(), &mut |path, leaf| {
            let names: Vec<_> = path.iter().map(|name| text(name)).collect();
            told.push(format!("{}={}", names.join("."), leaf.text()));
        })
        .then_some(told)
    }

    #[test]
    fn leaves_are_told_with_the_names_that_lead_to_them() {
        let line = r#"{"a":{"b":"x\"\u00e9","c":[1,{"d":true}]}, "e" : null,"f":{},"g":[]}"#;
        let told = walked(line).unwrap();
        assert_eq!(told, ["a.b=x\"é", "a.c=1", "a.c.d=true", "e="]);
        assert!(has_name(line.as_bytes(), "e") && !has_name(line.as_bytes(), "x"));
    }

    #[test]
    fn what_is_not_one_whole_object_is_refused() {
        for bad in [
            "",
            "[]",
            "{\"a\":1",
            "{\"a\":1}x",
            "{a:1}",
            "{\"a\":x}",
            "{\"a\"",
            "{\"a\":\"b",
        ] {
            assert_eq!(walked(bad), None, "{bad}");
        }
        assert_eq!(
            walked(&format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40))),
            None
        );
    }
}
