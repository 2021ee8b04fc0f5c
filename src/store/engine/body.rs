//! The body of a request as a thread reads it: statements of bounded length, and rows as they come.

use std::io::{self, Read};

use axum::body::Bytes;
use tokio::sync::mpsc;

/// A body that arrives in pieces. Its end is said; a channel that closes without that word broke off.
pub(super) struct Arriving {
    pieces: mpsc::Receiver<Option<Bytes>>,
    piece: Bytes,
    ended: bool,
}

impl Arriving {
    pub(super) fn of(pieces: mpsc::Receiver<Option<Bytes>>) -> Arriving {
        Arriving {
            pieces,
            piece: Bytes::new(),
            ended: false,
        }
    }
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => self.piece = piece,
                Some(None) => self.ended = true,
                None => return Err(io::Error::other("the body of the request broke off")),
            }
        }
        let read = self.piece.len().min(buffer.len());
        let piece = self.piece.split_to(read);
        if let Some(place) = buffer.get_mut(..read) {
            place.copy_from_slice(&piece);
        }
        Ok(read)
    }
}

/// Reads onto what is there, until the input ends or there are more than `most` bytes.
pub(super) fn read_up_to(input: &mut dyn Read, onto: &mut Vec<u8>, most: usize) -> io::Result<()> {
    let room = most.saturating_add(1).saturating_sub(onto.len());
    let room = u64::try_from(room).unwrap_or(u64::MAX);
    input.take(room).read_to_end(onto).map(drop)
}

/// Where the rows of an insert begin: the end of the statement, and the first byte of the rows. None if
/// no rows follow, or it can not be said.
pub(super) fn rows_begin(text: &[u8]) -> Option<(usize, usize)> {
    let (mut at, mut depth) = (0usize, 0usize);
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        at += match byte {
            b'\'' | b'"' | b'`' => quoted(rest, byte)?,
            b'-' if rest.starts_with(b"--") => until(rest, b"\n")?,
            b'/' if rest.starts_with(b"/*") => until(rest, b"*/")?,
            b'#' => return None,
            b'(' => {
                depth += 1;
                1
            }
            b')' => {
                depth = depth.checked_sub(1)?;
                1
            }
            _ if is_of_word(byte) => {
                let word = word(rest);
                let after = at + word.len();
                if depth == 0 && word.eq_ignore_ascii_case(b"VALUES") {
                    return Some((after, after));
                }
                if depth == 0 && word.eq_ignore_ascii_case(b"FORMAT") {
                    return after_format(text, after);
                }
                let asks = [&b"SELECT"[..], b"WITH", b"FROM"];
                if depth == 0 && asks.iter().any(|one| word.eq_ignore_ascii_case(one)) {
                    return None;
                }
                word.len()
            }
            _ => 1,
        };
    }
    None
}

/// Behind `FORMAT`: its name, blanks, and the end of the line.
fn after_format(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let skip = |from: usize, these: &[u8], most: usize| {
        let rest = text.get(from..).unwrap_or_default();
        let found = rest
            .iter()
            .take(most)
            .take_while(|byte| these.contains(byte));
        from + found.count()
    };
    let begin = skip(at, b" \t\r\n", usize::MAX);
    let end = begin + word(text.get(begin..)?).len();
    let blank = skip(end, b" \t;", usize::MAX);
    let line = skip(skip(blank, b"\r", 1), b"\n", 1);
    (end > begin).then_some((end, line))
}

fn word(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| is_of_word(**byte)).count();
    text.get(..length).unwrap_or_default()
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The length of a quoted text with its quotes.
fn quoted(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn until(text: &[u8], end: &[u8]) -> Option<usize> {
    let at = text.windows(end.len()).position(|here| here == end)?;
    Some(at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_behind_their_format() {
        let cut = |text: &str| {
            let (end, rows) = rows_begin(text.as_bytes())?;
            Some((text.get(..end)?.to_owned(), text.get(rows..)?.to_owned()))
        };
        let of = |end: &str, rows: &str| Some((end.to_owned(), rows.to_owned()));
        assert_eq!(
            cut("INSERT INTO t (`values`, b) FORMAT CSV \n1,FORMAT x"),
            of("INSERT INTO t (`values`, b) FORMAT CSV", "1,FORMAT x")
        );
        assert_eq!(
            cut("INSERT INTO t VALUES (1), (2)"),
            of("INSERT INTO t VALUES", " (1), (2)")
        );
        assert_eq!(
            cut("/* FORMAT A */ INSERT INTO t -- VALUES\n format\nCSV\r\n\r\n"),
            of(
                "/* FORMAT A */ INSERT INTO t -- VALUES\n format\nCSV",
                "\r\n"
            )
        );
        assert_eq!(cut("INSERT INTO t SELECT 1 FORMAT CSV"), None);
        assert_eq!(cut("INSERT INTO `t"), None);
        assert_eq!(cut("INSERT INTO t FORMAT"), None);
    }

    #[test]
    fn a_body_that_breaks_off_is_no_body() {
        let (sender, pieces) = mpsc::channel(4);
        sender.blocking_send(Some("ab".into())).unwrap();
        sender.blocking_send(None).unwrap();
        let mut whole = Vec::new();
        read_up_to(&mut Arriving::of(pieces), &mut whole, 100).unwrap();
        assert_eq!(whole, b"ab");
        let (sender, pieces) = mpsc::channel(4);
        sender.blocking_send(Some("ab".into())).unwrap();
        drop(sender);
        assert!(read_up_to(&mut Arriving::of(pieces), &mut Vec::new(), 100).is_err());
    }
}
