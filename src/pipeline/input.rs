//! Opening what is to be read: files, standard input, compressed or not; and knowing a file again.
//!
//! A file is known by its decompressed bytes. If what is stored of some source is a prefix of a file,
//! the file is that source, grown, renamed or compressed; only the rest of it is new.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::MultiGzDecoder;
use ring::digest::{Context, SHA256};

use crate::record::SourceId;

/// What the person named: a file, or `-` for standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputName {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// An input that was opened.
pub struct Opened {
    /// What the person named.
    pub name: InputName,
    /// Its decompressed bytes.
    pub reader: Box<dyn Read + Send>,
    /// Whether compressed bytes broke off.
    pub torn: Torn,
}

/// Set once compressed bytes have broken off or can not be decompressed further.
#[derive(Clone, Debug, Default)]
pub struct Torn(Arc<AtomicBool>);

/// A point up to which a source is stored: how many bytes, their digest, the last frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPoint {
    /// The source.
    pub source: SourceId,
    /// The format it was read as.
    pub format: String,
    /// How many decompressed bytes are stored.
    pub length: u64,
    /// SHA-256 of these bytes.
    pub digest: [u8; 32],
    /// The last frame in them.
    pub last_frame: u64,
}

/// All points up to which sources are stored, from the ledger.
#[derive(Clone, Debug, Default)]
pub struct StoredPoints {
    by_length: BTreeMap<u64, Vec<StoredPoint>>,
}

/// What a file is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// How many decompressed bytes it has.
    pub length: u64,
    /// SHA-256 of all of them.
    pub digest: [u8; 32],
    /// The longest stored prefix for each format it was read as.
    pub stored: Vec<StoredPoint>,
}

/// An input can not be opened or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {name}")]
pub struct InputError {
    /// Which.
    pub name: String,
    /// Why.
    pub source: io::Error,
}

impl InputName {
    /// What the person typed.
    pub fn of(path: &Path) -> Self {
        if path.as_os_str() == "-" {
            InputName::Stdin
        } else {
            InputName::File(path.to_owned())
        }
    }

    /// Opens it; compressed input is decompressed, by its first bytes and not by its name.
    pub fn open(&self) -> Result<Opened, InputError> {
        self.opened(self.raw()?)
    }

    /// Opens it like [`InputName::open`]; `seen` is told of bytes as they are read, before they are decompressed.
    pub fn open_watched(&self, seen: Box<dyn FnMut(u64) + Send>) -> Result<Opened, InputError> {
        self.opened(Box::new(Watched {
            input: self.raw()?,
            seen,
        }))
    }

    fn raw(&self) -> Result<Box<dyn Read + Send>, InputError> {
        match self {
            InputName::Stdin => Ok(Box::new(io::stdin())),
            InputName::File(path) => {
                let file = File::open(path).map_err(|source| self.error(source))?;
                if file.metadata().is_ok_and(|about| about.is_dir()) {
                    return Err(self.error(io::Error::new(
                        io::ErrorKind::IsADirectory,
                        "this is a folder: name the files in it",
                    )));
                }
                Ok(Box::new(file))
            }
        }
    }

    fn opened(&self, raw: Box<dyn Read + Send>) -> Result<Opened, InputError> {
        let (reader, torn) = decompressed(raw).map_err(|source| self.error(source))?;
        Ok(Opened {
            name: self.clone(),
            reader,
            torn,
        })
    }

    /// How many bytes it has before they are decompressed, where that can be known.
    pub fn size(&self) -> Option<u64> {
        match self {
            InputName::Stdin => None,
            InputName::File(path) => path
                .metadata()
                .ok()
                .filter(std::fs::Metadata::is_file)
                .map(|about| about.len()),
        }
    }

    /// Whether it is a regular file, which can be read twice.
    pub fn is_regular(&self) -> bool {
        match self {
            InputName::Stdin => false,
            InputName::File(path) => path.metadata().is_ok_and(|about| about.is_file()),
        }
    }

    /// The error of reading this input.
    pub fn error(&self, source: io::Error) -> InputError {
        InputError {
            name: self.to_string(),
            source,
        }
    }

    /// A name for this input where nothing is stored: the same for the same beginning and size.
    pub fn passing_source(&self) -> Result<SourceId, InputError> {
        let mut about = Context::new(&SHA256);
        about.update(b"invigil passing source");
        if self.is_regular() {
            let InputName::File(path) = self else {
                return Ok(source_of(about));
            };
            let file = File::open(path).map_err(|source| self.error(source))?;
            let length = file.metadata().map_err(|source| self.error(source))?.len();
            let mut start = Vec::new();
            file.take(65_536)
                .read_to_end(&mut start)
                .map_err(|source| self.error(source))?;
            about.update(&length.to_le_bytes());
            about.update(&start);
        }
        Ok(source_of(about))
    }

    /// Reads the whole file once, to know it again.
    pub fn identify(&self, stored: &StoredPoints) -> Result<Identity, InputError> {
        let mut input = self.open()?.reader;
        let mut digest = Context::new(&SHA256);
        let mut length = 0u64;
        let mut found: BTreeMap<String, StoredPoint> = BTreeMap::new();
        let mut buffer = vec![0u8; 1 << 18];
        stored.meet(0, &digest, &mut found);
        loop {
            let read = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.error(error)),
            };
            let mut rest = buffer.get(..read).unwrap_or_default();
            while let Some(next) = stored.next_after(length, rest.len()) {
                let step = usize::try_from(next - length).unwrap_or(rest.len());
                let Some((before, after)) = rest.split_at_checked(step) else {
                    break;
                };
                digest.update(before);
                length = next;
                rest = after;
                stored.meet(length, &digest, &mut found);
            }
            digest.update(rest);
            length += rest.len() as u64;
        }
        Ok(Identity {
            length,
            digest: bytes_of(digest),
            stored: found.into_values().collect(),
        })
    }
}

impl std::fmt::Display for InputName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            InputName::Stdin => f.write_str("standard input"),
            InputName::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl StoredPoints {
    /// Adds a point.
    pub fn add(&mut self, point: StoredPoint) {
        self.by_length.entry(point.length).or_default().push(point);
    }

    /// The first point after `length` within the next `window` bytes.
    fn next_after(&self, length: u64, window: usize) -> Option<u64> {
        // An empty range is asked for at the end of each buffer; the map would take it for a fault.
        if window == 0 {
            return None;
        }
        self.by_length
            .range(length + 1..=length.saturating_add(window as u64))
            .next()
            .map(|(next, _)| *next)
    }

    /// Notes which points have this length and digest; a later, longer one takes the place of an earlier.
    fn meet(&self, length: u64, digest: &Context, found: &mut BTreeMap<String, StoredPoint>) {
        if let Some(points) = self.by_length.get(&length) {
            let here = bytes_of(digest.clone());
            for point in points.iter().filter(|point| point.digest == here) {
                found.insert(point.format.clone(), point.clone());
            }
        }
    }
}

impl Identity {
    /// The stored prefix of this file when it is read as this format.
    pub fn stored_as(&self, format: &str) -> Option<&StoredPoint> {
        self.stored.iter().find(|point| point.format == format)
    }

    /// The name of a new source with this content, read as this format, in this data folder.
    pub fn new_source(&self, data_id: &str, format: &str) -> SourceId {
        let mut about = Context::new(&SHA256);
        about.update(b"invigil source\0");
        about.update(data_id.as_bytes());
        about.update(b"\0");
        about.update(format.as_bytes());
        about.update(b"\0");
        about.update(&self.digest);
        source_of(about)
    }
}

fn source_of(about: Context) -> SourceId {
    let mut source = SourceId([0; 16]);
    for (to, from) in source.0.iter_mut().zip(about.finish().as_ref()) {
        *to = *from;
    }
    source
}

/// The finished digest.
pub fn bytes_of(digest: Context) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    for (to, from) in bytes.iter_mut().zip(digest.finish().as_ref()) {
        *to = *from;
    }
    bytes
}

/// Looks at the first two bytes for gzip's (RFC 1952).
fn decompressed(mut raw: Box<dyn Read + Send>) -> io::Result<(Box<dyn Read + Send>, Torn)> {
    let mut magic = [0u8; 2];
    let mut have = 0;
    while have < magic.len() {
        match raw.read(magic.get_mut(have..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => have += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let start = magic.get(..have).unwrap_or_default().to_vec();
    let whole = io::Cursor::new(start).chain(raw);
    let torn = Torn::default();
    if magic == [0x1f, 0x8b] {
        let gz = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, whole));
        Ok((
            Box::new(UpToTheTear {
                gz,
                torn: torn.clone(),
            }),
            torn,
        ))
    } else {
        Ok((Box::new(whole), torn))
    }
}

/// Tells how many bytes pass.
struct Watched {
    input: Box<dyn Read + Send>,
    seen: Box<dyn FnMut(u64) + Send>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        (self.seen)(read as u64);
        Ok(read)
    }
}

/// Gives what could be decompressed and then ends: a torn file is news, not an error.
struct UpToTheTear<R> {
    gz: R,
    torn: Torn,
}

impl<R: Read> Read for UpToTheTear<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.torn.is_set() {
            return Ok(0);
        }
        match self.gz.read(buffer) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof
                        | io::ErrorKind::InvalidData
                        | io::ErrorKind::InvalidInput
                ) =>
            {
                self.torn.0.store(true, Ordering::Relaxed);
                Ok(0)
            }
            other => other,
        }
    }
}

impl Torn {
    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(folder: &Path, name: &str, bytes: &[u8]) -> InputName {
        std::fs::write(folder.join(name), bytes).unwrap();
        InputName::File(folder.join(name))
    }

    #[test]
    fn a_file_that_grew_or_was_compressed_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = file(folder.path(), "a", b"one\ntwo\n")
            .identify(&StoredPoints::default())
            .unwrap();
        let mut stored = StoredPoints::default();
        stored.add(StoredPoint {
            source: first.new_source("x", "squid_native"),
            format: "squid_native".to_owned(),
            length: first.length,
            digest: first.digest,
            last_frame: 2,
        });

        let grown = file(folder.path(), "b", b"one\ntwo\nthree\n")
            .identify(&stored)
            .unwrap();
        assert_eq!(grown.stored_as("squid_native").unwrap().last_frame, 2);
        assert!(grown.stored_as("other").is_none());

        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"one\ntwo\n").unwrap();
        let packed = file(folder.path(), "c", &gz.finish().unwrap())
            .identify(&stored)
            .unwrap();
        assert_eq!(packed.digest, first.digest);
        assert_eq!(packed.stored_as("squid_native").unwrap().length, 8);

        let other = file(folder.path(), "d", b"one\ntwa\nthree\n")
            .identify(&stored)
            .unwrap();
        assert!(other.stored_as("squid_native").is_none());
    }

    #[test]
    fn a_torn_compressed_file_gives_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&b"0123456789\n".repeat(10_000)).unwrap();
        let packed = gz.finish().unwrap();
        let mut opened = file(folder.path(), "a", &packed[..packed.len() / 2])
            .open()
            .unwrap();
        let mut bytes = Vec::new();
        opened.reader.read_to_end(&mut bytes).unwrap();
        assert!(opened.torn.is_set());
        assert!(bytes.starts_with(b"0123456789\n"));
    }

    #[test]
    fn the_longest_stored_prefix_wins() {
        let folder = tempfile::tempdir().unwrap();
        let mut stored = StoredPoints::default();
        for (text, last_frame) in [("one\n", 1), ("one\ntwo\n", 2)] {
            let known = file(folder.path(), "a", text.as_bytes())
                .identify(&StoredPoints::default())
                .unwrap();
            stored.add(StoredPoint {
                source: SourceId([1; 16]),
                format: "f".to_owned(),
                length: known.length,
                digest: known.digest,
                last_frame,
            });
        }
        let grown = file(folder.path(), "b", b"one\ntwo\nthree\n")
            .identify(&stored)
            .unwrap();
        assert_eq!(grown.stored_as("f").unwrap().last_frame, 2);
    }
}
