//! Messages out of a stream: syslog over TCP and TLS (RFC 6587, RFC 5425), counted or ended by a line feed.

use memchr::memchr;

use super::framing::FRAME_LIMIT;

/// Cuts the messages of one connection. Which of the two ways it uses each message says by its first byte: a digit
/// counts, as no message begins with one.
#[derive(Debug, Default)]
pub struct MessageStream {
    rest: Vec<u8>,
    /// How many bytes of a message that is too long are still to come.
    passing: Passing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Passing {
    #[default]
    Nothing,
    /// So many bytes of a counted message.
    Counted(usize),
    /// All up to a line feed.
    ToLineEnd,
}

/// What is kept of one message. A log's line that is longer is refused as too long; one byte more says that it is.
const LONGEST: usize = FRAME_LIMIT + 1;

/// A count has no more digits (RFC 6587 names no bound; a message of a gigabyte is none).
const MOST_DIGITS: usize = 9;

impl MessageStream {
    /// Takes bytes as they came, and hands out each message that is whole, without its count or its end.
    pub fn take(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(used) = self.step(at, out) {
            at += used;
        }
        self.rest.drain(..at.min(self.rest.len()));
    }

    /// The connection has ended: what stands there without its end is a message cut off.
    pub fn end(&mut self, out: &mut impl FnMut(&[u8])) {
        let rest = std::mem::take(&mut self.rest);
        let text = match count(&rest) {
            Some((_, digits)) => rest.get(digits..).unwrap_or_default(),
            None => &rest,
        };
        if self.passing == Passing::Nothing && !text.is_empty() {
            out(text);
        }
        self.passing = Passing::Nothing;
    }

    /// Takes one message, or as much of a long one as is there; gives how many bytes that was.
    fn step(&mut self, at: usize, out: &mut impl FnMut(&[u8])) -> Option<usize> {
        let rest = self.rest.get(at..).filter(|rest| !rest.is_empty())?;
        match self.passing {
            Passing::Counted(left) => {
                let over = left.min(rest.len());
                self.passing = match left - over {
                    0 => Passing::Nothing,
                    more => Passing::Counted(more),
                };
                return Some(over);
            }
            Passing::ToLineEnd => {
                let end = memchr(b'\n', rest).map(|end| end + 1);
                if end.is_some() {
                    self.passing = Passing::Nothing;
                }
                return Some(end.unwrap_or(rest.len()));
            }
            Passing::Nothing => {}
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 && digits == rest.len() && digits <= MOST_DIGITS {
            // The count may go on.
            return None;
        }
        if let Some((length, head)) = count(rest) {
            let message = rest.get(head..).unwrap_or_default();
            if let Some(message) = message.get(..length) {
                let message = trimmed(message);
                out(message.get(..LONGEST).unwrap_or(message));
                return Some(head + length);
            }
            if message.len() < LONGEST {
                return None;
            }
            out(message.get(..LONGEST)?);
            self.passing = Passing::Counted(length - LONGEST);
            return Some(head + LONGEST);
        }
        match memchr(b'\n', rest) {
            Some(end) => {
                let message = trimmed(rest.get(..end)?);
                if !message.is_empty() {
                    out(message.get(..LONGEST).unwrap_or(message));
                }
                Some(end + 1)
            }
            None if rest.len() >= LONGEST => {
                out(rest.get(..LONGEST)?);
                self.passing = Passing::ToLineEnd;
                Some(LONGEST)
            }
            None => None,
        }
    }
}

/// A count and the bytes that it takes with its space, if the message begins with one.
fn count(bytes: &[u8]) -> Option<(usize, usize)> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let is_counted = (1..=MOST_DIGITS).contains(&digits) && bytes.get(digits) == Some(&b' ');
    // A priority or a version follows, or anything but the rest of a time or a number of a plain line.
    let text = std::str::from_utf8(bytes.get(..digits).filter(|_| is_counted)?).ok()?;
    let length = text.parse().ok().filter(|length| *length > 0)?;
    (bytes.get(digits + 1).is_none_or(|first| *first == b'<')).then_some((length, digits + 1))
}

/// Without the ends that some senders put before theirs.
fn trimmed(message: &[u8]) -> &[u8] {
    let mut message = message;
    while let [rest @ .., b'\n' | b'\r' | 0] = message {
        message = rest;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut stream = MessageStream::default();
        let mut messages = Vec::new();
        for piece in bytes.chunks(piece) {
            stream.take(piece, &mut |message| messages.push(message.to_vec()));
        }
        stream.end(&mut |message| messages.push(message.to_vec()));
        messages
    }

    #[test]
    fn both_ways_are_cut_however_the_bytes_come() {
        let long = [b"<1>".to_vec(), vec![b'x'; 3 * FRAME_LIMIT]].concat();
        let mut bytes = b"<34>one\r\n<34>two\n\n8 <34>thre9 <34>f\nour".to_vec();
        bytes.extend_from_slice(format!("{} ", long.len()).as_bytes());
        bytes.extend_from_slice(&long);
        bytes.extend_from_slice(b"<34>six\n");
        bytes.extend_from_slice(&long);
        bytes.extend_from_slice(b"\n1772440000.123 a plain line\n<34>torn");
        for piece in [1, 2, 7, 1000, 1 << 20] {
            let cut = cut(&bytes, piece);
            let texts: Vec<_> = cut
                .iter()
                .filter(|one| one.len() < 100)
                .map(Vec::as_slice)
                .collect();
            let wanted: [&[u8]; 7] = [
                b"<34>one",
                b"<34>two",
                b"<34>thre",
                b"<34>f\nour",
                b"<34>six",
                b"1772440000.123 a plain line",
                b"<34>torn",
            ];
            assert_eq!(texts, wanted, "pieces of {piece}");
            assert_eq!(cut.iter().filter(|one| one.len() == LONGEST).count(), 2);
        }
    }

    #[test]
    fn nothing_that_is_sent_takes_more_than_two_messages_of_room() {
        let mut stream = MessageStream::default();
        for _ in 0..64 {
            stream.take(&vec![b'7'; FRAME_LIMIT], &mut |_| {});
            assert!(stream.rest.len() <= 2 * LONGEST);
        }
    }
}
