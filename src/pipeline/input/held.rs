//! A file that was opened once and is read as often as needed. Its path may mean another file by now, when a log was
//! rotated; what is held is the one that was opened, so that its size, its digest and its bytes are of one file.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is kept open.
#[derive(Clone, Debug)]
pub struct HeldFile {
    path: PathBuf,
    file: Arc<File>,
}

impl HeldFile {
    /// Opens it.
    pub fn open(path: &Path) -> io::Result<HeldFile> {
        Ok(HeldFile {
            path: path.to_owned(),
            file: Arc::new(File::open(path)?),
        })
    }

    /// The path under which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file system says of it now.
    pub fn about(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// The bytes from here up to there, or as many as there are.
    pub fn bytes(&self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.part(from, to).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A reader of the bytes from here up to there, which moves nobody's place in the file.
    pub fn part(&self, from: u64, to: u64) -> Part {
        Part {
            file: Arc::clone(&self.file),
            at: from,
            end: to,
        }
    }
}

/// Two are alike if they are one file under one name.
impl PartialEq for HeldFile {
    fn eq(&self, other: &Self) -> bool {
        let file = |held: &HeldFile| {
            let about = held.about().ok()?;
            Some((about.dev(), about.ino()))
        };
        self.path == other.path && file(self) == file(other)
    }
}

impl Eq for HeldFile {}

/// A part of a held file.
#[derive(Debug)]
pub struct Part {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let Some(room) = buffer.get_mut(..length) else {
            return Ok(0);
        };
        let read = self.file.read_at(room, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::InputName;
    use super::*;

    #[test]
    fn a_held_file_stays_the_one_that_was_opened_when_its_name_goes_to_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        std::fs::write(&path, b"one\ntwo\n").unwrap();
        let name = InputName::File(path.clone()).held().unwrap();
        std::fs::rename(&path, folder.path().join("access.log.1")).unwrap();
        std::fs::write(&path, b"three\n").unwrap();
        for _ in 0..2 {
            let mut text = String::new();
            let mut opened = name.open().unwrap();
            opened.reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "one\ntwo\n");
        }
        assert_eq!(name.size(), Some(8));
        let known = name.identify(&super::super::StoredPoints::default());
        assert_eq!(known.unwrap().length, 8);
        assert_ne!(name, InputName::File(path).held().unwrap());
    }
}
