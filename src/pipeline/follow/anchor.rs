//! A place in a file that is being written, and how it is told that what stands before the place is still what was read.
//!
//! A log that is emptied keeps its inode, and may be filled beyond the place before anybody looks. So the first bytes
//! and those before the place are kept, and the first are read again after each reading: as a file that was emptied
//! does not get its old beginning back, all that was read before them is of the file as it was.

use std::io;

use super::super::input::held::HeldFile;

/// A place, and the bytes that tell whether the file is what it was.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    offset: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

/// How many bytes at the beginning, and before the place, are kept.
const KEPT: u64 = LENGTH as u64;
const LENGTH: usize = 1024;

/// What a file begins with now; to be asked before it is read.
pub(super) fn head_of(file: &HeldFile) -> io::Result<Vec<u8>> {
    file.bytes(0, KEPT)
}

/// Whether a file that began with these bytes and had so many has not been emptied since.
pub(super) fn is_unbroken(file: &HeldFile, head: &[u8], length: u64) -> io::Result<bool> {
    let now = file.bytes(0, head.len() as u64)?;
    Ok(now == head && file.about()?.len() >= length)
}

impl Anchor {
    /// At a place of a file; nothing if the file no longer begins as it did before it was read up to there.
    pub(super) fn at(file: &HeldFile, offset: u64, head: &[u8]) -> io::Result<Option<Anchor>> {
        let tail = file.bytes(offset.saturating_sub(KEPT), offset)?;
        let length = offset.max(head.len() as u64);
        let now = file.bytes(0, KEPT.min(length))?;
        if !now.starts_with(head) || !is_unbroken(file, &now, length)? {
            return Ok(None);
        }
        let length = usize::try_from(offset.min(KEPT)).unwrap_or(now.len());
        let head = now.get(..length).unwrap_or(&now).to_vec();
        Ok(Some(Anchor { offset, head, tail }))
    }

    /// How many bytes stand before it.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What stands behind the place, at most so many bytes; nothing if what stands before it has changed.
    pub(super) fn read(&self, file: &HeldFile, most: u64) -> io::Result<Option<Vec<u8>>> {
        let from = self.offset - self.tail.len() as u64;
        let bytes = file.bytes(from, self.offset.saturating_add(most))?;
        let Some(new) = bytes.strip_prefix(self.tail.as_slice()) else {
            return Ok(None);
        };
        let end = self.offset + new.len() as u64;
        let first = new.get(..new.len().min(LENGTH)).unwrap_or(new);
        let head = if self.offset == 0 { first } else { &self.head };
        Ok(is_unbroken(file, head, end)?.then(|| new.to_vec()))
    }

    /// Moves it behind these bytes, which were read behind it.
    pub(super) fn pass(&mut self, read: &[u8]) {
        self.offset += read.len() as u64;
        let lacking = LENGTH.saturating_sub(self.head.len());
        self.head.extend(read.iter().take(lacking));
        self.tail.extend(read);
        let more = self.tail.len().saturating_sub(LENGTH);
        self.tail.drain(..more);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn held(path: &Path) -> HeldFile {
        HeldFile::open(path).unwrap()
    }

    fn lines(from: u32, to: u32) -> Vec<u8> {
        (from..to)
            .flat_map(|n| format!("line {n}\n").into_bytes())
            .collect()
    }

    #[test]
    fn a_file_that_grows_is_read_on_and_one_that_was_emptied_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, lines(0, 500)).unwrap();
        let file = held(&path);
        let head = head_of(&file).unwrap();
        let mut anchor = Anchor::at(&file, 0, &head).unwrap().unwrap();
        let new = anchor.read(&file, 1 << 20).unwrap().unwrap();
        assert_eq!(new, lines(0, 500));
        anchor.pass(&new);
        let mut more = std::fs::File::options().append(true).open(&path).unwrap();
        more.write_all(&lines(500, 510)).unwrap();
        let new = anchor.read(&file, 1 << 20).unwrap();
        assert_eq!(new.unwrap(), lines(500, 510));
        // Emptied, and filled beyond the place; also with the same bytes before the place.
        let long = lines(1000, 3000);
        std::fs::write(&path, &long).unwrap();
        assert_eq!(anchor.read(&file, 1 << 20).unwrap(), None);
        let mut alike = long.clone();
        let end = usize::try_from(anchor.offset()).unwrap();
        alike.splice(end - anchor.tail.len()..end, anchor.tail.clone());
        std::fs::write(&path, &alike).unwrap();
        assert_eq!(anchor.read(&file, 1 << 20).unwrap(), None);
        // Emptied, and not filled.
        std::fs::write(&path, b"").unwrap();
        assert_eq!(anchor.read(&file, 1 << 20).unwrap(), None);
    }

    #[test]
    fn a_place_is_not_taken_in_a_file_that_was_emptied_while_it_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, lines(0, 50)).unwrap();
        let file = held(&path);
        let head = head_of(&file).unwrap();
        std::fs::write(&path, lines(50, 500)).unwrap();
        assert!(Anchor::at(&file, 100, &head).unwrap().is_none());
        let head = head_of(&file).unwrap();
        assert!(Anchor::at(&file, 100, &head).unwrap().is_some());
    }
}
