//! Opening what is to be read: files, standard input, files in archives, compressed or not; and knowing a file again.

/// Files in archives.
pub mod archive;
/// A file that was opened once.
pub mod held;
mod known;
mod packed;
/// Which files are meant.
pub mod picked;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use crate::record::SourceId;

pub use known::{Going, Identity, StoredPoint, StoredPoints, bytes_of};
pub use packed::Torn;

/// What the person named: a file, or `-` for standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputName {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// A file that was opened once, and is read from there.
    Held(held::HeldFile),
    /// A file in an archive.
    Member(Box<archive::Member>),
    /// A sender on the network. It is read where it is listened to, and can not be opened.
    Sender(String),
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

    /// The same; a regular file is opened now, once, and stays that one whatever its name comes to mean.
    pub fn held(self) -> Result<InputName, InputError> {
        match &self {
            InputName::File(path) if self.is_regular() => {
                let held = held::HeldFile::open(path).map_err(|source| self.error(source))?;
                Ok(InputName::Held(held))
            }
            _ => Ok(self),
        }
    }

    /// Opens it; compressed input is decompressed, by its first bytes and not by its name.
    pub fn open(&self) -> Result<Opened, InputError> {
        let torn = Torn::default();
        self.opened(self.raw(&torn)?, torn)
    }

    /// Opens it like [`InputName::open`]; `seen` is told of bytes as they are read, before they are decompressed.
    pub fn open_watched(&self, seen: Box<dyn FnMut(u64) + Send>) -> Result<Opened, InputError> {
        let torn = Torn::default();
        let input = self.raw(&torn)?;
        self.opened(Box::new(Watched { input, seen }), torn)
    }

    fn raw(&self, torn: &Torn) -> Result<Box<dyn Read + Send>, InputError> {
        match self {
            InputName::Stdin => Ok(Box::new(io::stdin())),
            InputName::Sender(_) => Err(self.error(io::ErrorKind::Unsupported.into())),
            InputName::Member(member) => member.open(torn).map_err(|source| self.error(source)),
            InputName::Held(held) => Ok(Box::new(held.part(0, u64::MAX))),
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

    fn opened(&self, raw: Box<dyn Read + Send>, torn: Torn) -> Result<Opened, InputError> {
        let reader = packed::unpacked(raw, &torn).map_err(|source| self.error(source))?;
        Ok(Opened {
            name: self.clone(),
            reader,
            torn,
        })
    }

    /// How many bytes it has before they are decompressed, where that can be known.
    pub fn size(&self) -> Option<u64> {
        match self {
            InputName::Stdin | InputName::Sender(_) => None,
            InputName::Member(member) => Some(member.size()),
            InputName::Held(held) => held.about().ok().map(|about| about.len()),
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
            InputName::Stdin | InputName::Sender(_) => false,
            InputName::Member(_) | InputName::Held(_) => true,
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
            about.update(&self.size().unwrap_or_default().to_le_bytes());
            let input = self.raw(&Torn::default())?;
            let mut start = Vec::new();
            let read = input.take(65_536).read_to_end(&mut start);
            read.map_err(|source| self.error(source))?;
            about.update(&start);
        }
        Ok(source_of(about))
    }
}

impl std::fmt::Display for InputName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            InputName::Stdin => f.write_str("standard input"),
            InputName::File(path) => write!(f, "{}", path.display()),
            InputName::Held(held) => write!(f, "{}", held.path().display()),
            InputName::Member(member) => member.fmt(f),
            InputName::Sender(name) => f.write_str(name),
        }
    }
}

fn source_of(about: Context) -> SourceId {
    let mut source = SourceId([0; 16]);
    for (to, from) in source.0.iter_mut().zip(about.finish().as_ref()) {
        *to = *from;
    }
    source
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
