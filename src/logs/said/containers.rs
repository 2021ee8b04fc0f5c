//! The containers that many products write their fields in: `key=value`, JSON, CEF, LEEF. Which one a message is, its first bytes say.

use memchr::memmem;

use super::escapes::Escapes;
use super::{Part, Said};
use crate::logs::envelope;
use crate::logs::json::{self, Value};
use crate::logs::pairs::{LoosePairs, Pairs};
use crate::record::RejectReason;

/// Names the part that a field is.
pub(in crate::logs) type Named = fn(&[u8]) -> Option<Part>;

/// The heading of a CEF or LEEF message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::logs) struct Heading<'a> {
    pub(in crate::logs) vendor: &'a [u8],
    pub(in crate::logs) product: &'a [u8],
    /// The product's own number for the event.
    pub(in crate::logs) event: &'a [u8],
    /// The event's name; LEEF has none.
    pub(in crate::logs) name: &'a [u8],
}

impl<'a> Said<'a> {
    /// What a message of `key=value` says.
    pub(in crate::logs) fn of_pairs(message: &'a [u8], named: Named) -> Result<Self, RejectReason> {
        Said::of_these(Pairs::of(message), named)
    }

    /// What these pairs say; a quotation mark that is never closed is a torn line.
    pub(in crate::logs) fn of_these(
        mut pairs: Pairs<'a>,
        named: Named,
    ) -> Result<Self, RejectReason> {
        let mut said = Said::nothing(Escapes::Backslash);
        for (key, value) in pairs.by_ref() {
            if let Some(part) = named(key) {
                said.put(part, value);
            }
        }
        if pairs.torn {
            Err(RejectReason::WrongShape)
        } else {
            Ok(said)
        }
    }

    /// What a JSON object says; `named` is told the key of the object around a field and its own.
    pub(in crate::logs) fn of_json(
        message: &'a [u8],
        named: impl Fn(&[u8], &[u8]) -> Option<Part>,
    ) -> Result<Self, RejectReason> {
        let mut said = Said::nothing(Escapes::Backslash);
        let put = &mut |value: Value<'a>| {
            if let Some(part) = named(value.parent, value.key) {
                said.put(part, value.text);
            }
        };
        if !json::values(message, put) {
            return Err(RejectReason::WrongShape);
        }
        Ok(said)
    }

    /// What a line says in whichever of these containers its product was told to write.
    pub(in crate::logs) fn of_any(line: &'a [u8], named: Named) -> Result<Self, RejectReason> {
        if let Some((_, said)) = Said::of_cef(line, named) {
            return Ok(said);
        }
        if let Some((_, said)) = Said::of_leef(line, named) {
            return Ok(said);
        }
        let message = envelope::Heading::of(line).message;
        if message.starts_with(b"{") {
            return Said::of_json(message, |_, key| named(key));
        }
        if message.contains(&b'\t') {
            return Said::of_these(Pairs::with(message, b'=', b'\t'), named);
        }
        Said::of_pairs(message, named)
    }

    /// What a CEF message says: `CEF:0|vendor|product|version|event|name|severity|key=value key=value`.
    pub(in crate::logs) fn of_cef(line: &'a [u8], named: Named) -> Option<(Heading<'a>, Self)> {
        let at = memmem::find(line, b"CEF:")?;
        let message = line.get(at + 4..)?.trim_ascii_start();
        let mut parts = Bars { rest: message };
        let _format = parts.next()?;
        let (vendor, product, _version) = (parts.next()?, parts.next()?, parts.next()?);
        let (event, name, _severity) = (parts.next()?, parts.next()?, parts.next()?);
        let mut said = Said::nothing(Escapes::Backslash);
        let mut labels = Labels::default();
        for (key, value) in LoosePairs::of(parts.rest) {
            labels.see(key, value);
            if let Some(part) = named(key) {
                said.put(part, value);
            }
        }
        labels.name(&mut said, named);
        let heading = Heading {
            vendor,
            product,
            event,
            name,
        };
        Some((heading, said))
    }

    /// What a LEEF message says: `LEEF:1.0|vendor|product|version|event|key=value<tab>key=value`; version 2.0 may name another mark than the tab.
    pub(in crate::logs) fn of_leef(line: &'a [u8], named: Named) -> Option<(Heading<'a>, Self)> {
        let at = memmem::find(line, b"LEEF:")?;
        let message = line.get(at + 5..)?.trim_ascii_start();
        let second = message.starts_with(b"2");
        let mut parts = Bars { rest: message };
        let _format = parts.next()?;
        let (vendor, product, _version) = (parts.next()?, parts.next()?, parts.next()?);
        let event = parts.next()?;
        let (mark, fields) = match memchr::memchr(b'|', parts.rest) {
            Some(at @ 0..=5) if second => {
                (mark_of(parts.rest.get(..at)?), parts.rest.get(at + 1..)?)
            }
            _ => (b'\t', parts.rest),
        };
        let mut said = Said::nothing(Escapes::None);
        let mut put = |key: &'a [u8], value: &'a [u8]| {
            if let Some(part) = named(key.trim_ascii()) {
                said.put(part, value.trim_ascii());
            }
        };
        if memchr::memchr(mark, fields).is_some() {
            for pair in fields.split(|byte| *byte == mark) {
                if let Some(at) = memchr::memchr(b'=', pair) {
                    put(pair.get(..at)?, pair.get(at + 1..)?);
                }
            }
        } else {
            LoosePairs::of(fields).for_each(|(key, value)| put(key, value));
        }
        let heading = Heading {
            vendor,
            product,
            event,
            name: &[],
        };
        Some((heading, said))
    }
}

/// The mark that a LEEF 2.0 heading names: itself, or `x09`, `0x09`.
fn mark_of(text: &[u8]) -> u8 {
    let hexadecimal = text.strip_prefix(b"0x").or(text.strip_prefix(b"x"));
    let byte = hexadecimal
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.or(text.first().copied()).unwrap_or(b'\t')
}

/// The fields of a heading, each up to a bar that no backslash protects.
struct Bars<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Bars<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut from = 0;
        loop {
            let at = from + memchr::memchr2(b'|', b'\\', self.rest.get(from..)?)?;
            if self.rest.get(at) == Some(&b'|') {
                let part = self.rest.get(..at)?;
                self.rest = self.rest.get(at + 1..)?;
                return Some(part);
            }
            from = at + 2;
        }
    }
}

/// CEF's fields for whatever a product likes: `cs1=value cs1Label=name`. The label is the field's real name.
#[derive(Default)]
struct Labels<'a> {
    values: [&'a [u8]; 12],
    names: [&'a [u8]; 12],
}

impl<'a> Labels<'a> {
    fn see(&mut self, key: &[u8], value: &'a [u8]) {
        let [b'c', kind @ (b's' | b'n'), digit @ b'1'..=b'6', rest @ ..] = key else {
            return;
        };
        let place = usize::from(digit - b'1') + if *kind == b'n' { 6 } else { 0 };
        let slot = match rest {
            b"" => self.values.get_mut(place),
            b"Label" => self.names.get_mut(place),
            _ => None,
        };
        if let Some(slot) = slot {
            *slot = value;
        }
    }

    fn name(&self, said: &mut Said<'a>, named: Named) {
        for (name, value) in self.names.iter().zip(self.values) {
            if let Some(part) = named(name) {
                said.put(part, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(key: &[u8]) -> Option<Part> {
        match key {
            b"src" | b"client" => Some(Part::ClientIp),
            b"msg" => Some(Part::Message),
            b"Rule" => Some(Part::Policy),
            b"b" => Some(Part::Host),
            _ => None,
        }
    }

    #[test]
    fn every_container_says_the_same() {
        let (heading, said) = Said::of_cef(
            br"x CEF:0|A\|B|C|1|7|Seen|3|src=10.1.2.3 msg=a b\=c cs1=Pupils all cs1Label=Rule",
            named,
        )
        .unwrap();
        assert_eq!(
            (heading.vendor, heading.event, heading.name),
            (&br"A\|B"[..], &b"7"[..], &b"Seen"[..])
        );
        assert_eq!(said.text(Part::Message), "a b=c");
        assert_eq!(said.text(Part::Policy), "Pupils all");
        for line in [
            "LEEF:1.0|A|B|1|7|src=10.1.2.3\tmsg=a b",
            "LEEF:2.0|A|B|1|7|^|src=10.1.2.3^msg=a b",
            "LEEF:2.0|A|B|1|7|0x09|src=10.1.2.3\tmsg=a b",
            "LEEF:1.0|A|B|1|7|src=10.1.2.3 msg=a b",
        ] {
            let (_, said) = Said::of_leef(line.as_bytes(), named).unwrap();
            assert_eq!(
                said.ip(Part::ClientIp),
                Ok("10.1.2.3".parse().ok()),
                "{line}"
            );
            assert_eq!(said.text(Part::Message), "a b", "{line}");
        }
        let said = Said::of_json(br#"{"a":{"b":"x\/y"}}"#, |parent, key| {
            named(key).filter(|_| parent == b"a")
        })
        .unwrap();
        assert_eq!(said.text(Part::Host), "x/y");
        assert!(Said::of_pairs(br#"src=1 msg="x"#, named).is_err());
    }
}
