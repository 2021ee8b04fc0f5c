//! Archives: each file in a tar (packed or not) or a zip is an input of its own, known by its own bytes.
//!
//! A tar is walked once. A small member is held in memory while it is read twice, to know it and to store it; for a large
//! one the archive is opened again. Nothing is unpacked onto the disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::packed::{Torn, peeked, unpacked};
use super::{InputError, InputName};

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    archive: PathBuf,
    kind: Kind,
    /// Which of the archive's members it is, from 0.
    place: usize,
    name: String,
    size: u64,
    held: Option<Arc<[u8]>>,
}

/// What kind of archive a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tar, packed or not.
    Tar,
    /// A zip.
    Zip,
}

/// What is found in an archive.
#[derive(Debug)]
pub enum Found {
    /// A file.
    Member(Box<Member>),
    /// From here on, or in this member, it can not be read.
    Damage {
        /// What the member is called, as far as that is known.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// A member up to this size is held in memory.
const HELD: u64 = 16 << 20;

/// Names beyond this length are cut when they are told.
const LONGEST_NAME: usize = 300;

impl Kind {
    /// Whether a file is an archive, by its content.
    pub fn of(path: &Path) -> Result<Option<Kind>, InputError> {
        let error = |source| InputName::File(path.to_owned()).error(source);
        // A pipe that is opened and left breaks for who writes into it.
        if !path.metadata().map_err(error)?.is_file() {
            return Ok(None);
        }
        let file = File::open(path).map_err(error)?;
        let (start, input) = peeked(Box::new(file), 4).map_err(error)?;
        if start == b"PK\x03\x04" || start == b"PK\x05\x06" {
            return Ok(Some(Kind::Zip));
        }
        let input = unpacked(input, &Torn::default()).map_err(error)?;
        let (start, _) = peeked(input, 512).map_err(error)?;
        Ok(is_tar(&start).then_some(Kind::Tar))
    }

    /// Hands out each file in an archive, in its order.
    pub fn each<E>(
        self,
        path: &Path,
        mut out: impl FnMut(Found) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Kind::Tar => each_of_tar(path, &mut out),
            Kind::Zip => each_of_zip(path, &mut out),
        }
    }
}

/// A header of 512 bytes with POSIX's mark, or with the right sum (as tars before POSIX have).
fn is_tar(header: &[u8]) -> bool {
    let Some(said) = header.get(148..156).filter(|_| header.len() == 512) else {
        return false;
    };
    let digits: Vec<u8> = said.iter().copied().filter(u8::is_ascii_digit).collect();
    let said = std::str::from_utf8(&digits).ok();
    let said = said.and_then(|digits| u64::from_str_radix(digits, 8).ok());
    let sum = header.iter().enumerate().map(|(at, byte)| match at {
        148..156 => u64::from(b' '),
        _ => u64::from(*byte),
    });
    said == Some(sum.sum())
}

fn each_of_tar<E>(path: &Path, out: &mut impl FnMut(Found) -> Result<(), E>) -> Result<(), E> {
    let damage = |source| Found::Damage {
        name: path.display().to_string(),
        source,
    };
    let torn = Torn::default();
    let mut archive = match tar_of(path, &torn) {
        Ok(archive) => archive,
        Err(error) => return out(damage(error)),
    };
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return out(damage(error)),
    };
    for (place, entry) in entries.enumerate() {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return out(damage(error)),
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut member = Member {
            archive: path.to_owned(),
            kind: Kind::Tar,
            place,
            name: cut(&String::from_utf8_lossy(&entry.path_bytes())),
            size: entry.size(),
            held: None,
        };
        if member.size <= HELD {
            let mut bytes = Vec::new();
            let read = entry.read_to_end(&mut bytes);
            let is_whole = read.is_ok() && bytes.len() as u64 == member.size;
            if !is_whole {
                // What there is of it is read; what is lost is told with it.
                let name = member.to_string();
                member.held = Some(bytes.into());
                out(Found::Member(Box::new(member)))?;
                let source = read
                    .err()
                    .unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
                return out(Found::Damage { name, source });
            }
            member.held = Some(bytes.into());
        }
        out(Found::Member(Box::new(member)))?;
    }
    if torn.is_set() {
        return out(damage(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(())
}

fn tar_of(path: &Path, torn: &Torn) -> io::Result<tar::Archive<Box<dyn Read + Send>>> {
    let input = unpacked(Box::new(File::open(path)?), torn)?;
    Ok(tar::Archive::new(input))
}

fn each_of_zip<E>(path: &Path, out: &mut impl FnMut(Found) -> Result<(), E>) -> Result<(), E> {
    let damage = |name: String, source| Found::Damage { name, source };
    let whole = path.display().to_string();
    let mut archive = match File::open(path).and_then(|file| Ok(zip::ZipArchive::new(file)?)) {
        Ok(archive) => archive,
        Err(error) => return out(damage(whole, error)),
    };
    for place in 0..archive.len() {
        let found = match archive.by_index(place) {
            Ok(mut entry) if entry.is_file() => {
                let mut member = Member {
                    archive: path.to_owned(),
                    kind: Kind::Zip,
                    place,
                    name: cut(entry.name()),
                    size: entry.size(),
                    held: None,
                };
                if member.size <= HELD {
                    let mut bytes = Vec::new();
                    // The size is what the archive says; a bomb says little.
                    match entry.by_ref().take(HELD + 1).read_to_end(&mut bytes) {
                        Ok(read) if read as u64 > HELD => {}
                        Ok(_) => member.held = Some(bytes.into()),
                        Err(error) => {
                            let name = member.to_string();
                            member.held = Some(bytes.into());
                            out(Found::Member(Box::new(member)))?;
                            out(damage(name, error))?;
                            continue;
                        }
                    }
                }
                Found::Member(Box::new(member))
            }
            Ok(_) => continue,
            Err(error) => damage(format!("{whole}: file {}", place + 1), error.into()),
        };
        out(found)?;
    }
    Ok(())
}

fn cut(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

impl Member {
    /// What it is called in its archive.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes it has there, as the archive says.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its bytes; it may be packed itself. `torn` is set where they break off.
    pub(super) fn open(&self, torn: &Torn) -> io::Result<Box<dyn Read + Send>> {
        if let Some(held) = &self.held {
            return Ok(Box::new(io::Cursor::new(Arc::clone(held))));
        }
        match self.kind {
            Kind::Tar => self.open_in_tar(torn),
            Kind::Zip => self.open_in_zip(torn),
        }
    }

    /// The archive is unpacked up to where the member begins.
    fn open_in_tar(&self, torn: &Torn) -> io::Result<Box<dyn Read + Send>> {
        let mut archive = tar_of(&self.archive, torn)?;
        let begin = {
            let mut entries = archive.entries()?;
            let entry = entries.nth(self.place);
            entry
                .ok_or(io::ErrorKind::UnexpectedEof)??
                .raw_file_position()
        };
        // The archive is read from its beginning once more, past all that stands before.
        let mut input = unpacked(Box::new(File::open(&self.archive)?), torn)?;
        io::copy(&mut input.by_ref().take(begin), &mut io::sink())?;
        Ok(Box::new(Whole {
            input: Box::new(input.take(self.size)),
            left: self.size,
            sum: None,
            torn: torn.clone(),
        }))
    }

    fn open_in_zip(&self, torn: &Torn) -> io::Result<Box<dyn Read + Send>> {
        let mut archive = zip::ZipArchive::new(File::open(&self.archive)?)?;
        let (begin, packed, method, sum) = {
            let entry = archive.by_index_raw(self.place)?;
            let begin = entry.data_start().unwrap_or_default();
            (
                begin,
                entry.compressed_size(),
                entry.compression(),
                entry.crc32(),
            )
        };
        let mut file = File::open(&self.archive)?;
        file.seek(SeekFrom::Start(begin))?;
        let packed = io::BufReader::with_capacity(1 << 16, file).take(packed);
        let input: Box<dyn Read + Send> = match method {
            zip::CompressionMethod::Stored => Box::new(packed),
            zip::CompressionMethod::Deflated => {
                Box::new(flate2::bufread::DeflateDecoder::new(packed))
            }
            other => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    format!("a large file packed as {other}: unpack it first"),
                ));
            }
        };
        Ok(Box::new(Whole {
            input,
            left: self.size,
            sum: Some((flate2::Crc::new(), sum)),
            torn: torn.clone(),
        }))
    }
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.archive.display(), self.name)
    }
}

/// A member that must come as long as the archive says, and with the sum that it says.
struct Whole {
    input: Box<dyn Read + Send>,
    left: u64,
    sum: Option<(flate2::Crc, u32)>,
    torn: Torn,
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.torn.is_set() {
            return Ok(0);
        }
        let read = match self.input.read(buffer) {
            Err(error) if error.raw_os_error().is_none() => 0,
            other => other?,
        };
        if let Some((sum, _)) = &mut self.sum {
            sum.update(buffer.get(..read).unwrap_or_default());
        }
        let fits = self.left.checked_sub(read as u64);
        self.left = fits.unwrap_or_default();
        let is_wrong = |(sum, said): &(flate2::Crc, u32)| sum.sum() != *said;
        if fits.is_none() || read == 0 && (self.left > 0 || self.sum.as_ref().is_some_and(is_wrong))
        {
            self.torn.set();
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::pipeline::input::packed::tests::packed;

    fn tar_with(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn zip_with(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    type Read = (String, Vec<u8>, bool);

    fn read(archive: &[u8]) -> (Vec<Read>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, archive).unwrap();
        let kind = Kind::of(&path).unwrap().expect("an archive");
        let (mut members, mut damage) = (Vec::new(), 0);
        kind.each(&path, |found| -> Result<(), ()> {
            match found {
                Found::Member(member) => {
                    let name = member.name().to_owned();
                    let mut opened = InputName::Member(member).open().unwrap();
                    let mut bytes = Vec::new();
                    io::Read::read_to_end(&mut opened.reader, &mut bytes).unwrap();
                    members.push((name, bytes, opened.torn.is_set()));
                }
                Found::Damage { .. } => damage += 1,
            }
            Ok(())
        })
        .unwrap();
        (members, damage)
    }

    #[test]
    fn each_file_of_an_archive_is_an_input_of_its_own_small_or_large() {
        let mut large = Vec::new();
        while large.len() as u64 <= HELD {
            let n = large.len();
            large.extend_from_slice(format!("line at {n}\n").as_bytes());
        }
        let inner = packed("gz", b"packed in it\n");
        let files: [(&str, &[u8]); 3] = [
            ("a/one.log", b"one\n"),
            ("a/large.log", &large),
            ("b/two.log.gz", &inner),
        ];
        let wanted = [
            ("a/one.log".to_owned(), b"one\n".to_vec(), false),
            ("a/large.log".to_owned(), large.clone(), false),
            ("b/two.log.gz".to_owned(), b"packed in it\n".to_vec(), false),
        ];
        let tar = tar_with(&files);
        for archive in [
            tar.clone(),
            packed("gz", &tar),
            packed("zst", &tar),
            zip_with(&files),
        ] {
            let (members, damage) = read(&archive);
            assert!(members == wanted && damage == 0, "{} bytes", archive.len());
        }
    }

    #[test]
    fn a_damaged_archive_gives_what_can_be_read_and_tells_the_rest() {
        let lines = b"a line\n".repeat(400);
        let files: [(&str, &[u8]); 3] = [("a", &lines), ("b", &lines), ("c", &lines)];
        let tar = tar_with(&files);
        let (members, damage) = read(&tar[..tar.len() / 2]);
        assert_eq!((members.len(), damage), (2, 1));
        assert!(members[0].1 == lines && lines.starts_with(&members[1].1));
        let mut changed = tar.clone();
        changed[3584 + 100] ^= 1;
        let (members, damage) = read(&changed);
        assert_eq!(
            (members.len(), damage),
            (1, 1),
            "a header that is wrong ends it"
        );
        let mut zip = zip_with(&files);
        zip[40] ^= 0xff;
        let (members, damage) = read(&zip);
        assert_eq!((members.len(), damage), (3, 1), "the others are read");
        assert_eq!(members[2].1, lines);
        let cut = &zip[..zip.len() - 30];
        assert_eq!(
            read(cut),
            (Vec::new(), 1),
            "without its list nothing is found"
        );
    }

    #[test]
    fn a_log_is_no_archive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        std::fs::write(&path, b"PK is how it begins\n".repeat(100)).unwrap();
        assert_eq!(Kind::of(&path).unwrap(), None);
    }
}
