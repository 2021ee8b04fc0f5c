//! Frames that were read off a device, kept in a file (pcapng): reading it gives the same flows again.
//!
//! Beside the frames it holds how far time had come when none came, and what was lost, in the format's own block for
//! that. So a replay ends flows in the same order, also at the end of a quiet hour. Files of a series can be read one
//! by one, or one after the other as one stream: the format lets sections follow each other.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::device::Drops;
use super::next_generation::OURS;
use crate::record::{Packet, Timestamp};

/// Where frames are kept, and when another file begins.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The file, or how the files of a series are called before their numbers.
    pub path: PathBuf,
    /// Another file begins before one is longer.
    pub most_bytes: Option<u64>,
    /// Another file begins with the first frame that is so much later than a file's first.
    pub most_seconds: Option<u64>,
}

impl WriterOptions {
    fn is_series(&self) -> bool {
        self.most_bytes.is_some() || self.most_seconds.is_some()
    }
}

/// Keeps frames.
pub struct Writer {
    options: WriterOptions,
    interface: Interface,
    file: Option<Open>,
    number: u64,
    frames: u64,
    /// What was lost up to the end of the file before.
    told: Drops,
}

/// What a file says of where its frames come from.
#[derive(Clone, Debug)]
pub struct Interface {
    /// The device's name.
    pub name: String,
    /// The link type of its frames.
    pub link_type: u16,
    /// How many bytes of each frame are kept.
    pub snaplen: u32,
}

struct Open {
    out: BufWriter<File>,
    bytes: u64,
    first: Option<Timestamp>,
}

impl Writer {
    /// Begins a file, which replaces one of that name; a series goes on behind the numbers that are there.
    pub fn begin(options: WriterOptions, interface: Interface) -> io::Result<Writer> {
        let mut writer = Writer {
            options,
            interface,
            file: None,
            number: 0,
            frames: 0,
            told: Drops::default(),
        };
        writer.open()?;
        Ok(writer)
    }

    /// How many frames were kept.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Keeps a frame.
    pub fn frame(&mut self, packet: &Packet<'_>, drops: Drops) -> io::Result<()> {
        let length = packet.bytes.len().next_multiple_of(4) + 32;
        if self.is_full(length as u64, packet.time) {
            self.close(packet.time, drops)?;
        }
        let open = match &mut self.file {
            Some(open) => open,
            None => self.open()?,
        };
        open.first.get_or_insert(packet.time);
        let kept = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
        let (high, low) = halves(packet.time);
        let mut block = Block::begin(6);
        block.words(&[0, high, low, kept, packet.wire_length]);
        open.put(block, packet.bytes)?;
        self.frames += 1;
        Ok(())
    }

    /// Keeps how far time has come without a frame, and what was lost so far; all that was kept reaches the file.
    pub fn time(&mut self, time: Timestamp, drops: Drops) -> io::Result<()> {
        let frames = self.frames;
        let Some(open) = &mut self.file else {
            return Ok(());
        };
        let (high, low) = halves(time);
        let mut block = Block::begin(5);
        block.words(&[0, high, low]);
        // Each file of a series tells of its own losses, so that whoever reads them all counts none twice.
        let drops = drops.since(self.told);
        for (option, number) in [(4, frames), (5, drops.device), (7, drops.kernel)] {
            block.option(option, &number.to_le_bytes());
        }
        block.option(0, &[]);
        open.put(block, &[])?;
        open.out.flush()
    }

    /// What was kept reaches the file.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |open| open.out.flush())
    }

    /// Ends the file.
    pub fn close(&mut self, time: Timestamp, drops: Drops) -> io::Result<()> {
        self.time(time, drops)?;
        self.told = drops;
        self.file = None;
        Ok(())
    }

    fn is_full(&self, length: u64, time: Timestamp) -> bool {
        let Some(open) = &self.file else { return false };
        let Some(first) = open.first else {
            return false;
        };
        let is_long = |most: u64| open.bytes + length + LAST_BLOCK > most;
        let is_old = |most: u64| {
            let most = i64::try_from(most.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
            time.micros_since(first) >= most
        };
        self.options.most_bytes.is_some_and(is_long)
            || self.options.most_seconds.is_some_and(is_old)
    }

    fn open(&mut self) -> io::Result<&mut Open> {
        let file = self.create()?;
        let mut open = Open {
            out: BufWriter::with_capacity(1 << 18, file),
            bytes: 0,
            first: None,
        };
        let mut section = Block::begin(0x0a0d_0d0a);
        section.words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]);
        section.option(4, OURS);
        section.option(0, &[]);
        open.put(section, &[])?;
        let mut interface = Block::begin(1);
        interface.words(&[u32::from(self.interface.link_type), self.interface.snaplen]);
        interface.option(2, self.interface.name.as_bytes());
        interface.option(0, &[]);
        open.put(interface, &[])?;
        open.out.flush()?;
        Ok(self.file.insert(open))
    }

    /// Only who runs the program may read what people said.
    fn create(&mut self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        if !self.options.is_series() {
            return options.create(true).truncate(true).open(&self.options.path);
        }
        options.create_new(true);
        loop {
            self.number += 1;
            match options.open(numbered(&self.options.path, self.number)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return opened,
            }
        }
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl Open {
    fn put(&mut self, block: Block, data: &[u8]) -> io::Result<()> {
        let padding = data.len().next_multiple_of(4) - data.len();
        let whole = block.0.len() + data.len() + padding + 8;
        let length = u32::try_from(whole).unwrap_or(u32::MAX).to_le_bytes();
        let (kind, body) = block.0.split_at_checked(4).unwrap_or_default();
        self.out.write_all(kind)?;
        self.out.write_all(&length)?;
        self.out.write_all(body)?;
        self.out.write_all(data)?;
        self.out
            .write_all([0; 3].get(..padding).unwrap_or_default())?;
        self.out.write_all(&length)?;
        self.bytes += whole as u64;
        Ok(())
    }
}

/// A block without its two lengths.
struct Block(Vec<u8>);

impl Block {
    fn begin(kind: u32) -> Block {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend(kind.to_le_bytes());
        Block(bytes)
    }

    fn words(&mut self, words: &[u32]) {
        self.0
            .extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend(code.to_le_bytes());
        self.0.extend(length.to_le_bytes());
        self.0.extend(value.iter().take(usize::from(length)));
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

/// How long the block is that ends each file.
const LAST_BLOCK: u64 = 64;

/// Microseconds in two words, the upper first.
fn halves(time: Timestamp) -> (u32, u32) {
    let micros = u64::try_from(time.micros()).unwrap_or(0);
    let half = |value: u64| u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (half(micros >> 32), half(micros))
}

/// `kept.pcapng` is `kept-00001.pcapng` as the first of a series.
fn numbered(path: &Path, number: u64) -> PathBuf {
    with_word(path, &format!("{number:05}"))
}

/// `kept.pcapng` is `kept-word.pcapng`.
pub fn with_word(path: &Path, word: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{word}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{word}"),
    };
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CaptureFile, Step};

    fn packet(number: u64, second: i64, bytes: &[u8]) -> Packet<'_> {
        Packet {
            number,
            time: Timestamp::from_seconds(1_772_446_500 + second).plus_micros(7),
            link_type: 1,
            wire_length: 1_500,
            bytes,
        }
    }

    fn interface() -> Interface {
        Interface {
            name: "eth1".to_owned(),
            link_type: 1,
            snaplen: 65_535,
        }
    }

    fn read(path: &Path) -> Vec<String> {
        let mut file = CaptureFile::open(Box::new(File::open(path).unwrap())).unwrap();
        let mut said = Vec::new();
        while let Some(step) = file.next_step().unwrap() {
            said.push(match step {
                Step::Packet(packet) => format!(
                    "{} {} {} {} {:?}",
                    packet.number,
                    packet.time.micros(),
                    packet.link_type,
                    packet.wire_length,
                    packet.bytes
                ),
                Step::Time(time) => format!("time {}", time.micros()),
                Step::Damage { reason, .. } => panic!("{reason:?}"),
            });
        }
        said
    }

    #[test]
    fn what_is_kept_is_read_again_and_so_is_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let options = WriterOptions {
            path: folder.path().join("kept.pcapng"),
            most_bytes: None,
            most_seconds: None,
        };
        let mut writer = Writer::begin(options.clone(), interface()).unwrap();
        for (number, bytes) in [(1, &[1u8, 2, 3, 4, 5][..]), (2, &[]), (3, &[9; 64])] {
            writer
                .frame(&packet(number, 0, bytes), Drops::default())
                .unwrap();
        }
        let quiet = Timestamp::from_seconds(1_772_446_900);
        writer
            .close(
                quiet,
                Drops {
                    kernel: 3,
                    device: 1,
                },
            )
            .unwrap();
        let said = read(&options.path);
        assert_eq!(said.len(), 4);
        assert_eq!(said[0], "1 1772446500000007 1 1500 [1, 2, 3, 4, 5]");
        assert_eq!(said[1], "2 1772446500000007 1 1500 []");
        assert_eq!(said[3], "time 1772446900000000");
        let mode = std::os::unix::fs::MetadataExt::mode(&options.path.metadata().unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_series_begins_another_file_by_size_and_by_time_and_overwrites_none() {
        let folder = tempfile::tempdir().unwrap();
        let options = |most_bytes, most_seconds| WriterOptions {
            path: folder.path().join("kept.pcapng"),
            most_bytes,
            most_seconds,
        };
        let mut by_size = Writer::begin(options(Some(400), None), interface()).unwrap();
        for number in 1..=3 {
            by_size
                .frame(&packet(number, 0, &[1; 150]), Drops::default())
                .unwrap();
        }
        by_size
            .close(packet(0, 0, &[]).time, Drops::default())
            .unwrap();
        let mut by_time = Writer::begin(options(None, Some(60)), interface()).unwrap();
        for (number, second) in [(1, 0), (2, 59), (3, 60)] {
            by_time
                .frame(&packet(number, second, &[1; 150]), Drops::default())
                .unwrap();
        }
        by_time
            .close(packet(0, 60, &[]).time, Drops::default())
            .unwrap();
        let length = |number| {
            numbered(&options(None, None).path, number)
                .metadata()
                .unwrap()
                .len()
        };
        assert!((1..=3).all(|number| length(number) <= 400), "{}", length(1));
        let frames: Vec<usize> = (1..=5)
            .map(|number| read(&numbered(&options(None, None).path, number)))
            .map(|said| said.iter().filter(|line| !line.starts_with("time")).count())
            .collect();
        assert_eq!(frames, [1, 1, 1, 2, 1]);
        assert!(!numbered(&options(None, None).path, 6).exists());
    }
}
