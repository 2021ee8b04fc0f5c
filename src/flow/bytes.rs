//! A reader of bytes that can not go wrong: each step says whether the bytes were there.

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Bytes(bytes)
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn be16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn be24(&mut self) -> Option<u32> {
        let [a, b, c] = self.array()?;
        Some(u32::from_be_bytes([0, a, b, c]))
    }

    pub(super) fn be32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// As many bytes as the next byte says.
    pub(super) fn counted8(&mut self) -> Option<Bytes<'a>> {
        let count = usize::from(self.u8()?);
        self.take(count).map(Bytes)
    }

    /// As many bytes as the next two bytes say.
    pub(super) fn counted16(&mut self) -> Option<Bytes<'a>> {
        let count = usize::from(self.be16()?);
        self.take(count).map(Bytes)
    }

    /// A tag of ASN.1 and its value, whose length is written in at most four bytes (X.690, 8.1).
    pub(super) fn tagged(&mut self) -> Option<(u8, &'a [u8])> {
        let tag = self.u8()?;
        let first = self.u8()?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let bytes = self.take(usize::from(first & 0x7f))?;
                bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            _ => return None,
        };
        self.take(length).map(|value| (tag, value))
    }

    /// The value behind this tag, which must come next.
    pub(super) fn of_tag(&mut self, tag: u8) -> Option<Bytes<'a>> {
        self.tagged()
            .filter(|(found, _)| *found == tag)
            .map(|(_, value)| Bytes(value))
    }
}
