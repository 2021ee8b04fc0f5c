//! Knowing a file again by its decompressed bytes: if what is stored of some source is a prefix of a file, the file is
//! that source, grown, renamed or compressed; only the rest of it is new.

use std::collections::BTreeMap;
use std::io;

use ring::digest::{Context, SHA256};

use super::{InputError, InputName, source_of};
use crate::record::SourceId;

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
    /// The longest stored prefix for each format it was read as, with the digest to go on from.
    pub stored: Vec<(StoredPoint, Going)>,
}

/// A digest that can be gone on with.
#[derive(Clone)]
pub struct Going(pub Context);

impl std::fmt::Debug for Going {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Going")
    }
}

impl InputName {
    /// Reads the whole file once, to know it again.
    pub fn identify(&self, stored: &StoredPoints) -> Result<Identity, InputError> {
        let mut input = self.open()?.reader;
        let mut digest = Context::new(&SHA256);
        let mut length = 0u64;
        let mut found: BTreeMap<String, (StoredPoint, Going)> = BTreeMap::new();
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
    fn meet(
        &self,
        length: u64,
        digest: &Context,
        found: &mut BTreeMap<String, (StoredPoint, Going)>,
    ) {
        if let Some(points) = self.by_length.get(&length) {
            let here = bytes_of(digest.clone());
            for point in points.iter().filter(|point| point.digest == here) {
                let going = Going(digest.clone());
                found.insert(point.format.clone(), (point.clone(), going));
            }
        }
    }
}

impl Identity {
    /// The stored prefix of this file when it is read as this format.
    pub fn stored_as(&self, format: &str) -> Option<&StoredPoint> {
        let mut stored = self.stored.iter().map(|(point, _)| point);
        stored.find(|point| point.format == format)
    }

    /// The format in which most of this file is stored.
    pub fn format(&self) -> Option<&str> {
        let stored = self.stored.iter().map(|(point, _)| point);
        let longest = stored.max_by_key(|point| point.length)?;
        Some(&longest.format)
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

/// The finished digest.
pub fn bytes_of(digest: Context) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    for (to, from) in bytes.iter_mut().zip(digest.finish().as_ref()) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

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
