//! The package as a BagIt bag (RFC 8493): files in memory, manifests over them, the signature on top.
//!
//! A package answers one request about few people, so it is held whole; nothing of it touches the disk
//! in clear unless the operator asks for the folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, SHA512, digest};

use super::{EvidenceError, Signer};

/// What `bagit.txt` says.
pub(crate) const BAGIT: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
/// The file that is signed.
pub(crate) const SIGNED: &str = "tagmanifest-sha256.txt";
/// Its signature.
pub(crate) const SIGNATURE: &str = "tagmanifest-sha256.txt.minisig";
/// The tag manifest with the longer hash; what it must say follows from the signed one.
pub(crate) const SECOND: &str = "tagmanifest-sha512.txt";
/// The untrusted comment of every signature: a fixed text, as nobody signs it.
pub(crate) const UNTRUSTED: &str = "signature of an Invigil evidence package";
/// What stands at the root and is listed in the tag manifests.
pub(crate) const TAG_FILES: [&str; 6] = [
    "VERIFY.md",
    "bag-info.txt",
    "bagit.txt",
    "manifest-sha256.txt",
    "manifest-sha512.txt",
    "verify.py",
];

/// A package with all its files, by path.
#[derive(Clone, Debug, Default)]
pub struct Bag {
    files: BTreeMap<String, Vec<u8>>,
}

/// What `bag-info.txt` says.
#[derive(Clone, Debug)]
pub struct BagInfo {
    /// The day it was made.
    pub date: String,
    /// The reference number of the request.
    pub urn: String,
    /// Who made it.
    pub organisation: String,
    /// The program and its version.
    pub agent: String,
}

impl Bag {
    /// Puts a file under `data/`.
    pub fn put(&mut self, path: &str, bytes: Vec<u8>) {
        self.files.insert(format!("data/{path}"), bytes);
    }

    /// All files by path.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// Adds the files of the root, the manifests and the signature. After this nothing may be put in.
    pub fn seal(
        &mut self,
        info: &BagInfo,
        signer: &Signer,
        trusted_comment: &str,
    ) -> Result<(), EvidenceError> {
        let bytes: usize = self.files.values().map(Vec::len).sum();
        let text = format!(
            "Bag-Software-Agent: {}\nBagging-Date: {}\nExternal-Identifier: {}\nPayload-Oxum: {bytes}.{}\nSource-Organization: {}\n",
            one_line(&info.agent),
            one_line(&info.date),
            one_line(&info.urn),
            self.files.len(),
            one_line(&info.organisation),
        );
        let manifests = [
            ("manifest-sha256.txt", self.manifest(sha256_hex)),
            ("manifest-sha512.txt", self.manifest(sha512_hex)),
        ];
        let mut tags = Bag::default();
        for (name, manifest) in manifests {
            tags.files.insert(name.to_owned(), manifest.into_bytes());
        }
        for (name, text) in [
            ("bagit.txt", BAGIT),
            ("bag-info.txt", text.as_str()),
            ("VERIFY.md", include_str!("package/VERIFY.md")),
            ("verify.py", include_str!("package/verify.py")),
        ] {
            tags.files.insert(name.to_owned(), text.as_bytes().to_vec());
        }
        let signed = tags.manifest(sha256_hex).into_bytes();
        let second = tags.manifest(sha512_hex).into_bytes();
        let signature = signer.sign(&signed, &one_line(trusted_comment))?;
        tags.files.insert(SIGNED.to_owned(), signed);
        tags.files.insert(SECOND.to_owned(), second);
        tags.files
            .insert(SIGNATURE.to_owned(), signature.into_bytes());
        self.files.append(&mut tags.files);
        Ok(())
    }

    /// Writes the bag as a folder, which must not exist yet. It has its name when all of it is on the disk: what was broken
    /// off ends in `.partial`, and is no package.
    pub fn write(&self, folder: &Path) -> Result<(), EvidenceError> {
        let partial = partial(folder);
        make_folder(&partial, false)?;
        for (path, bytes) in &self.files {
            let path = partial.join(path);
            if let Some(parent) = path.parent() {
                make_folder(parent, true)?;
            }
            write_new(&path, bytes)?;
        }
        name(&partial, folder)
    }

    /// The bag as a tar archive under the folder `name`; the same bag has the same bytes.
    pub fn tar(&self, name: &str) -> Result<Vec<u8>, EvidenceError> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, bytes) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(0);
            archive
                .append_data(&mut header, format!("{name}/{path}"), bytes.as_slice())
                .map_err(EvidenceError::Archive)?;
        }
        archive.into_inner().map_err(EvidenceError::Archive)
    }

    fn manifest(&self, hash: fn(&[u8]) -> String) -> String {
        self.files
            .iter()
            .map(|(path, bytes)| format!("{}  {path}\n", hash(bytes)))
            .collect()
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// SHA-512 in hexadecimal digits.
pub(crate) fn sha512_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA512, bytes).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text for a line of its own: whatever would end or disturb the line becomes a blank.
fn one_line(text: &str) -> String {
    let plain = text.replace(|c: char| c.is_control(), " ");
    plain.trim().to_owned()
}

/// Writes a file of a package that must not exist yet; it has its name when all of it is on the disk.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), EvidenceError> {
    let partial = partial(path);
    write_new(&partial, bytes)?;
    name(&partial, path)
}

/// What a file or folder is called until it is whole.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// Gives what is whole its name, on the disk too. What has that name already stays as it is.
fn name(partial: &Path, path: &Path) -> Result<(), EvidenceError> {
    let named = || -> std::io::Result<()> {
        if path.try_exists()? {
            return Err(std::io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(partial, path)?;
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        fs::File::open(above.unwrap_or(Path::new(".")))?.sync_all()
    };
    named().map_err(|source| EvidenceError::file(path, source))
}

/// Writes a file that must not exist yet and that only its owner may read.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), EvidenceError> {
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| EvidenceError::file(path, source))
}

pub(crate) fn make_folder(path: &Path, may_exist: bool) -> Result<(), EvidenceError> {
    fs::DirBuilder::new()
        .recursive(may_exist)
        .mode(0o700)
        .create(path)
        .map_err(|source| EvidenceError::file(path, source))
}
