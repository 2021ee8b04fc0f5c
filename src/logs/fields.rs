//! Readers that several formats share: words, texts, numbers, addresses. They work on the frame's bytes and borrow from it where they can.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use memchr::memchr;

use crate::record::Mac;

/// Walks the fields of a line that are set apart by one or more blanks.
#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    /// The words of this line.
    pub(super) fn of(line: &'a [u8]) -> Self {
        Words { rest: line }
    }

    /// What has not been walked over, from its first word on.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest.trim_ascii_start()
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return None;
        }
        let end = self
            .rest
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\t'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(word)
    }
}

/// Bytes as text: borrowed if they are UTF-8, else with a mark for each byte that is not.
#[inline]
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// A field that may be the dash that stands for nothing.
#[inline]
pub(super) fn unless_dash(bytes: &[u8]) -> Option<&[u8]> {
    (!matches!(bytes, b"-" | b"")).then_some(bytes)
}

/// A number of digits alone.
#[inline]
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 20 {
        return None;
    }
    let mut value = 0u64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// An address, also in brackets.
#[inline]
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Some(v4) = address_v4(bytes) {
        return Some(IpAddr::V4(v4));
    }
    let bare = match bytes {
        [b'[', inner @ .., b']'] => inner,
        _ => bytes,
    };
    // Most of what is no address is no address at a glance.
    if memchr(b':', bare).is_none() {
        return address_v4(bare).map(IpAddr::V4);
    }
    std::str::from_utf8(bare).ok()?.parse().ok()
}

/// Four numbers with dots between, none of them with a leading zero (which some read as octal).
#[inline]
fn address_v4(bytes: &[u8]) -> Option<Ipv4Addr> {
    if bytes.len() > 15 {
        return None;
    }
    let (mut ip, mut dots, mut value, mut digits) = (0u32, 0u32, 0u32, 0u32);
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            if digits != 0 && value == 0 {
                return None;
            }
            value = value * 10 + u32::from(digit);
            digits += 1;
            if value > 255 {
                return None;
            }
        } else if *byte == b'.' && digits != 0 {
            ip = ip << 8 | value;
            dots += 1;
            (value, digits) = (0, 0);
        } else {
            return None;
        }
    }
    (dots == 3 && digits != 0).then(|| Ipv4Addr::from(ip << 8 | value))
}

/// A text in which `%20` and the like stand for bytes; `plus_is_blank` as in the query of a URL. Borrowed if nothing stands for anything.
pub(super) fn percent_decoded(bytes: &[u8], plus_is_blank: bool) -> Cow<'_, str> {
    let plain = memchr(b'%', bytes).is_none() && !(plus_is_blank && memchr(b'+', bytes).is_some());
    if plain {
        return text(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, beyond @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = beyond;
                }
                _ => decoded.push(b'%'),
            },
            (b'+', _) if plus_is_blank => decoded.push(b' '),
            (byte, _) => decoded.push(*byte),
        }
    }
    Cow::Owned(match String::from_utf8(decoded) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Letters in lower case (ASCII); borrowed if they are so already.
#[inline]
pub(super) fn lower_case(bytes: &[u8]) -> Cow<'_, str> {
    if bytes.iter().any(u8::is_ascii_uppercase) {
        let mut owned = text(bytes).into_owned();
        owned.make_ascii_lowercase();
        return Cow::Owned(owned);
    }
    text(bytes)
}

/// A domain name as the records have it: in lower case, without the dot that ends a full name; the root keeps its dot.
#[inline]
pub(super) fn domain(name: &[u8]) -> Cow<'_, str> {
    match name.strip_suffix(b".") {
        Some(bare) if !bare.is_empty() => lower_case(bare),
        _ => lower_case(name),
    }
}

/// An address and a port with `#`, `@`, `/` or `:` between, also with brackets around an address of version 6. The port may be missing.
pub(super) fn address_and_port(bytes: &[u8]) -> Option<(IpAddr, Option<u16>)> {
    if let Some(ip) = address(bytes) {
        return Some((ip, None));
    }
    let at = bytes.iter().rposition(|byte| !byte.is_ascii_digit())?;
    let (ip, port) = bytes.split_at_checked(at)?;
    let (mark, port) = port.split_first()?;
    if !matches!(mark, b'#' | b'@' | b'/' | b':') {
        return None;
    }
    let port = u16::try_from(number(port)?).ok()?;
    address(ip).map(|ip| (ip, Some(port)))
}

/// The card, in any of the usual spellings. Twelve decimal digits without anything between are a telephone number.
pub(super) fn card(bytes: &[u8]) -> Option<Mac> {
    if bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Mac::parse(std::str::from_utf8(bytes).ok()?)
}

/// The bytes between the first `from` and the next `to` after it.
pub(super) fn between<'a>(bytes: &'a [u8], from: &str, to: &str) -> Option<&'a [u8]> {
    let rest = after(bytes, from)?;
    rest.get(..find(rest, to.as_bytes())?)
}

/// The bytes after the first `from`.
pub(super) fn after<'a>(bytes: &'a [u8], from: &str) -> Option<&'a [u8]> {
    let at = find(bytes, from.as_bytes())?;
    bytes.get(at + from.len()..)
}

/// Whether this stands anywhere in it.
pub(super) fn contains(bytes: &[u8], part: &str) -> bool {
    find(bytes, part.as_bytes()).is_some()
}

/// Where this stands first. Lines are short and most do not have what is looked for, so it is the rarest byte that is looked
/// for: a searcher made for each question costs more than its search.
pub(super) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let mut rarest = (0, *part.first()?);
    let mut least = commonness(rarest.1);
    for (place, byte) in part.iter().enumerate() {
        if least == 0 {
            break;
        }
        let common = commonness(*byte);
        if common < least {
            (least, rarest) = (common, (place, *byte));
        }
    }
    let (place, byte) = rarest;
    let mut from = place;
    loop {
        let at = from + memchr(byte, bytes.get(from..)?)?;
        let begin = at - place;
        if bytes.get(begin..)?.starts_with(part) {
            return Some(begin);
        }
        from = at + 1;
    }
}

/// Whether a word stands anywhere in it, in letters of either case (ASCII).
pub(super) fn contains_any_case(bytes: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else {
        return true;
    };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr::memchr2_iter(lower, upper, bytes).any(|at| {
        let found = bytes.get(at..).and_then(|rest| rest.get(..word.len()));
        found.is_some_and(|found| found.eq_ignore_ascii_case(word))
    })
}

/// How often a byte stands in logs, roughly: capitals and most marks seldom, small letters and blanks nearly everywhere.
#[inline]
fn commonness(byte: u8) -> u8 {
    COMMON.get(usize::from(byte)).copied().unwrap_or_default()
}

#[expect(
    clippy::indexing_slicing,
    reason = "made while compiling, where a place outside the table is an error"
)]
static COMMON: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = match byte {
            b' ' | b'e' | b'.' | b'0'..=b'2' => 3,
            b'a' | b'i' | b'n' | b'o' | b'r' | b's' | b't' | b':' | b'3'..=b'9' => 2,
            b'b'..=b'y' | b'-' | b'/' | b'=' | b'"' | b',' => 1,
            _ => 0,
        };
        byte += 1;
    }
    table
};

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_set_apart_by_any_number_of_blanks() {
        let mut words = Words::of(b"  a  bc\td ");
        assert_eq!(words.next(), Some(&b"a"[..]));
        assert_eq!(words.rest(), b"bc\td ");
        assert_eq!(words.collect::<Vec<_>>(), [&b"bc"[..], b"d"]);
    }

    #[test]
    fn addresses_are_read_as_the_standard_library_reads_them() {
        for text in [
            "10.1.2.3",
            "255.255.255.255",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "0.0.0.0",
            "1..2.3",
            "",
            ".",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "host.example",
            "1.2.3.4 ",
        ] {
            assert_eq!(address(text.as_bytes()), text.parse().ok(), "{text}");
        }
        assert_eq!(address(b"[10.1.2.3]"), "10.1.2.3".parse().ok());
        assert_eq!(address(b"[2001:db8::1]"), "2001:db8::1".parse().ok());
    }

    #[test]
    fn words_are_found_where_a_searcher_finds_them() {
        let line = b"Mar  2 10:15:00 ovpn OpenVPN[12]: AUTH_FAILED, aab aaab";
        for part in [
            "Mar", "OpenVPN", "aaab", "aab", "b", "AUTH_", ": ", "  2", "none", "aaabb", "x",
        ] {
            let known = memchr::memmem::find(line, part.as_bytes());
            assert_eq!(find(line, part.as_bytes()), known, "{part}");
            let shouted = part.to_ascii_uppercase();
            let any_case = contains_any_case(line, shouted.as_bytes());
            let lower = line.to_ascii_lowercase();
            let wanted = part.to_ascii_lowercase();
            let known = memchr::memmem::find(&lower, wanted.as_bytes()).is_some();
            assert_eq!(any_case, known, "{part}");
        }
    }

    #[test]
    fn numbers_are_digits_alone_and_do_not_overflow() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [
            &b"18446744073709551616"[..],
            b"",
            b"-1",
            b"+1",
            b"1x",
            b"999999999999999999999",
        ] {
            assert_eq!(number(bad), None);
        }
    }

    #[test]
    fn what_stands_for_a_byte_is_read_and_the_rest_is_borrowed() {
        assert!(matches!(
            percent_decoded(b"plain+", false),
            Cow::Borrowed("plain+")
        ));
        assert_eq!(percent_decoded(b"a%20b+c%", true), "a b c%");
        assert_eq!(percent_decoded(b"%zz%4", true), "%zz%4");
        assert_eq!(percent_decoded(b"%c3%a9%ff", false), "é\u{fffd}");
    }
}
