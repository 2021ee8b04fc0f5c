//! Canonical JSON (RFC 8785) for what the ledger writes: texts, whole numbers, yes and no, lists and objects.
//!
//! Numbers with a fraction are refused: they do not occur in entries, and their canonical spelling
//! is the one hard part of the standard. Whole numbers must be exact in a double (RFC 8785, 3.2.2.3).

use serde::Serialize;
use serde_json::{Map, Value};

use crate::ledger::LedgerError;

/// The greatest whole number below which every one is exact in a double.
const EXACT: u64 = 9_007_199_254_740_991;

/// A value as canonical JSON.
pub fn to_canonical<T: Serialize>(value: &T) -> Result<String, LedgerError> {
    let value = serde_json::to_value(value).map_err(|_| LedgerError::NotCanonical)?;
    let mut out = String::new();
    write(&value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), LedgerError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => {
            let exact = number
                .as_u64()
                .or_else(|| number.as_i64().map(i64::unsigned_abs))
                .is_some_and(|size| size <= EXACT);
            if !exact {
                return Err(LedgerError::NotCanonical);
            }
            out.push_str(&number.to_string());
        }
        Value::String(text) => write_text(text, out),
        Value::Array(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(value, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members, out)?,
    }
    Ok(())
}

fn write_object(members: &Map<String, Value>, out: &mut String) -> Result<(), LedgerError> {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    // The standard sorts by UTF-16 code units, which differs from Unicode order beyond U+FFFF.
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_text(name, out);
        out.push(':');
        write(value, out)?;
    }
    out.push('}');
    Ok(())
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value, expected: &str) {
        assert_eq!(to_canonical(&value).unwrap(), expected);
    }

    #[test]
    fn names_are_sorted_by_their_utf16_units() {
        // The order of RFC 8785, 3.2.3.
        check(
            json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7}),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}",
        );
    }

    #[test]
    fn texts_are_escaped_no_more_than_needed() {
        check(
            json!({"a": "\u{20ac}$\u{f}\nA'B\"\\\\\"/", "b": [null, true, false, -7]}),
            "{\"a\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\",\"b\":[null,true,false,-7]}",
        );
    }

    #[test]
    fn a_number_that_is_not_whole_or_not_exact_is_refused() {
        assert!(to_canonical(&json!(1.5)).is_err());
        assert!(to_canonical(&json!(9_007_199_254_740_992_u64)).is_err());
        assert!(to_canonical(&json!(9_007_199_254_740_991_u64)).is_ok());
    }
}
