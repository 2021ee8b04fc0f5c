//! What stands before the rows in an answer: the engine repeats it with every chunk, a client wants it once.

/// What stands before the rows in a format whose chunks can be put one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heading {
    None,
    /// So many lines of quoted or escaped names.
    Lines(usize),
    /// A count, then names and types, each with its length.
    Binary,
}

impl Heading {
    /// None for a format that has to be made in one piece, such as JSON or Parquet.
    pub(super) fn of(format: &str) -> Option<Heading> {
        Some(match format {
            "RowBinary" | "JSONEachRow" | "JSONCompactEachRow" | "JSONStringsEachRow" | "CSV"
            | "TabSeparated" | "TSV" | "TabSeparatedRaw" | "TSVRaw" | "LineAsString" | "Native" => {
                Heading::None
            }
            "CSVWithNames" | "TabSeparatedWithNames" | "TSVWithNames" => Heading::Lines(1),
            "TabSeparatedWithNamesAndTypes" | "TSVWithNamesAndTypes" => Heading::Lines(2),
            "RowBinaryWithNamesAndTypes" => Heading::Binary,
            _ => return None,
        })
    }

    /// How many bytes of a chunk are heading.
    pub(super) fn length(self, chunk: &[u8]) -> usize {
        match self {
            Heading::None => 0,
            Heading::Lines(lines) => after_lines(chunk, lines),
            Heading::Binary => after_names_and_types(chunk).unwrap_or(0),
        }
    }
}

/// Where the rows begin after so many lines; a line end within quotes is none.
fn after_lines(chunk: &[u8], lines: usize) -> usize {
    let (mut quoted, mut seen) = (false, 0);
    for (at, byte) in chunk.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                seen += 1;
                if seen == lines {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    chunk.len()
}

fn after_names_and_types(chunk: &[u8]) -> Option<usize> {
    let mut rest = chunk;
    for _ in 0..length(&mut rest)?.checked_mul(2)? {
        let text = length(&mut rest)?;
        rest = rest.get(text..)?;
    }
    Some(chunk.len() - rest.len())
}

/// Unsigned LEB128.
fn length(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_measured() {
        assert_eq!(Heading::Lines(1).length(b"\"a\nb\",\"c\"\n1,2\n"), 10);
        assert_eq!(Heading::Lines(2).length(b"a\nString\nx\n"), 9);
        assert_eq!(Heading::Binary.length(b"\x01\x01a\x06UInt64rows"), 10);
        assert_eq!(Heading::of("Parquet"), None);
    }
}
