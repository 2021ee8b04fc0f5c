//! How values are written in which some bytes stand for others, and what they mean.

use std::borrow::Cow;

use memchr::memchr;

/// A way of writing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::logs) enum Escapes {
    /// Every byte is itself.
    None,
    /// A backslash protects a quotation mark, a backslash or an equals sign; `\n`, `\r`, `\t` and `\/` as in JSON; `\u` and `\x` with hexadecimal digits.
    Backslash,
    /// A quotation mark is doubled.
    Doubled,
}

impl Escapes {
    /// What a value means; borrowed if nothing stands for anything else.
    #[inline]
    pub(in crate::logs) fn resolve(self, value: &[u8]) -> Cow<'_, [u8]> {
        let sign = match self {
            Escapes::None => return Cow::Borrowed(value),
            Escapes::Backslash => b'\\',
            Escapes::Doubled => b'"',
        };
        if memchr(sign, value).is_none() {
            return Cow::Borrowed(value);
        }
        Cow::Owned(match self {
            Escapes::Doubled => undoubled(value),
            _ => unescaped(value),
        })
    }
}

fn undoubled(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        plain.push(*first);
        rest = match (first, after) {
            (b'"', [b'"', beyond @ ..]) => beyond,
            _ => after,
        };
    }
    plain
}

fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            plain.push(*first);
            continue;
        }
        let [sign, after @ ..] = rest else {
            plain.push(b'\\');
            break;
        };
        rest = after;
        match sign {
            b'"' | b'\\' | b'/' | b'=' | b'|' | b'\'' => plain.push(*sign),
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'u' => rest = push_code_point(&mut plain, rest),
            b'x' => match rest {
                [high, low, beyond @ ..] if hex(&[*high, *low]).is_some() => {
                    plain.extend(hex(&[*high, *low]).and_then(|byte| u8::try_from(byte).ok()));
                    rest = beyond;
                }
                _ => plain.extend_from_slice(b"\\x"),
            },
            other => plain.extend_from_slice(&[b'\\', *other]),
        }
    }
    plain
}

/// Four hexadecimal digits, or two times four for what lies beyond the first plane; what can not be read is marked. The answer, what stands after them.
fn push_code_point<'a>(plain: &mut Vec<u8>, rest: &'a [u8]) -> &'a [u8] {
    let Some((digits, after)) = rest.split_at_checked(4) else {
        plain.extend_from_slice(b"\\u");
        return rest;
    };
    let (mut code, mut after) = (hex(digits), after);
    if let (Some(high @ 0xd800..=0xdbff), [b'\\', b'u', low @ ..]) = (code, after)
        && let Some((digits, beyond)) = low.split_at_checked(4)
        && let Some(low @ 0xdc00..=0xdfff) = hex(digits)
    {
        code = Some(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        after = beyond;
    }
    let letter = code
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER);
    plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    after
}

fn hex(digits: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok()?;
    let sound = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    sound.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_other_bytes_is_resolved_and_the_rest_borrowed() {
        let told = |escapes: Escapes, text: &str| {
            String::from_utf8(escapes.resolve(text.as_bytes()).into_owned()).unwrap()
        };
        assert!(matches!(
            Escapes::Backslash.resolve(b"plain"),
            Cow::Borrowed(_)
        ));
        assert_eq!(
            told(Escapes::Backslash, r#"a\"b\\c\/d\=e\u00e9\x41\q\"#),
            "a\"b\\c/d=eéA\\q\\"
        );
        assert_eq!(
            told(Escapes::Backslash, r"\ud83d\ude00 \ud83d \u12"),
            "😀 \u{fffd} \\u12"
        );
        assert_eq!(told(Escapes::Doubled, r#"say ""yes"""#), "say \"yes\"");
        assert_eq!(told(Escapes::None, r"a\n"), r"a\n");
    }
}
