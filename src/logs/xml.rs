//! As much XML as event logs need: an element by its name, `<Data Name="...">` by its name, and the characters that stand for others.

use std::borrow::Cow;

use memchr::memmem;

use super::fields::text;

/// What stands between `<name ...>` and `</name>`, of the first such element.
pub(super) fn element<'a>(xml: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = xml;
    loop {
        let at = memchr::memchr(b'<', rest)?;
        rest = rest.get(at + 1..)?;
        let Some(after) = rest.strip_prefix(name.as_bytes()) else {
            continue;
        };
        if !matches!(after.first()?, b'>' | b' ' | b'/' | b'\t') {
            continue;
        }
        let end = memchr::memchr(b'>', after)?;
        if after.get(..end)?.ends_with(b"/") {
            return Some(&[]);
        }
        return inside(after.get(end + 1..)?, name);
    }
}

/// The attribute of the first element with this name.
pub(super) fn attribute<'a>(xml: &'a [u8], element: &str, name: &str) -> Option<&'a [u8]> {
    let at = memmem::find(xml, format!("<{element} ").as_bytes())?;
    let tag = xml.get(at..)?;
    let tag = tag.get(..memchr::memchr(b'>', tag)?)?;
    value_of(tag, name)
}

/// Calls `each` with the name and the text of each `<Data Name="...">`.
pub(super) fn each_data<'a>(xml: &'a [u8], each: &mut dyn FnMut(&'a [u8], &'a [u8])) {
    let mut rest = xml;
    while let Some(at) = memmem::find(rest, b"<Data ") {
        rest = rest.get(at..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'>', rest) else {
            return;
        };
        let tag = rest.get(..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        let Some(name) = value_of(tag, "Name") else {
            continue;
        };
        let value = match tag.ends_with(b"/") {
            true => &[],
            false => inside(rest, "Data").unwrap_or_default(),
        };
        each(name, value);
    }
}

fn inside<'a>(rest: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut from = 0;
    loop {
        let at = memmem::find(rest.get(from..)?, b"</")? + from;
        let after = rest.get(at + 2..)?.strip_prefix(name.as_bytes());
        if after.is_some_and(|after| after.starts_with(b">")) {
            return rest.get(..at);
        }
        from = at + 2;
    }
}

fn value_of<'a>(tag: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = tag;
    loop {
        let at = memmem::find(rest, name.as_bytes())?;
        let after = rest.get(at + name.len()..)?;
        let alone = at
            .checked_sub(1)
            .and_then(|before| rest.get(before))
            .is_some_and(u8::is_ascii_whitespace);
        if alone && let Some([quote @ (b'"' | b'\''), inner @ ..]) = after.strip_prefix(b"=") {
            return inner.get(..memchr::memchr(*quote, inner)?);
        }
        rest = after;
    }
}

/// A text in which `&amp;` and its like stand for others; borrowed if nothing does.
pub(super) fn plain(raw: &[u8]) -> Cow<'_, str> {
    let raw = raw.trim_ascii();
    if memchr::memchr(b'&', raw).is_none() {
        return text(raw);
    }
    let mut plain = text(raw).into_owned();
    for (name, stands_for) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ] {
        if plain.contains(name) {
            plain = plain.replace(name, stands_for);
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_data_are_found_by_their_names() {
        let xml = br#"<Event><System><EventIDs/><EventID Q='1'>4624</EventID><TimeCreated SystemTime="2026"/></System><EventData><Data Name='A'>x &amp; y</Data><Data Name="B"/><Data>z</Data></EventData></Event>"#;
        assert_eq!(element(xml, "EventID"), Some(&b"4624"[..]));
        assert_eq!(
            attribute(xml, "TimeCreated", "SystemTime"),
            Some(&b"2026"[..])
        );
        let mut told = Vec::new();
        each_data(xml, &mut |name, value| {
            told.push((text(name), plain(value)))
        });
        assert_eq!(
            told,
            [
                ("A".into(), "x & y".into()),
                ("B".into(), Cow::Borrowed(""))
            ]
        );
        assert_eq!(element(xml, "Nothing"), None);
    }
}
