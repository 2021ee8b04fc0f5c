//! Lists on disk: put into the data folder, and read from there into the index that events are met with.
//!
//! A list lies in `lists/NAME/`: `meta.toml`, and its files under `parts/CATEGORY/`, byte for byte as they came. It is put
//! there whole or not at all. A list that was changed by hand is refused, since hits name its version.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::classify::{
    LineMet, ListBuilder, ListCounts, ListIndex, ListKind, ListMeta, ListPart, PartKind, Request,
    digest_of, lines_met, version_of,
};
use crate::record::{Severity, Timestamp};

/// A list can not be added or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// A file or folder.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name that could not be a folder's or would be hard to type.
    #[error("{0:?} is no name for a list or category: use letters, digits, - and _, at most 64")]
    Name(String),
    /// No category was named.
    #[error("the list {0} needs a category: a hit must say what it is a hit in")]
    NoCategory(String),
    /// Nothing in it could be read.
    #[error(
        "no entry of the list {name} could be read as {kind} ({lines} lines): is it of another kind?"
    )]
    NoEntries {
        /// The list.
        name: String,
        /// As what it was read.
        kind: ListKind,
        /// How many lines were not understood.
        lines: u64,
    },
    /// A SquidGuard list is a folder, and the others are files.
    #[error("the list {name} of kind {kind} must be a {wanted}")]
    NotThat {
        /// The list.
        name: String,
        /// Its kind.
        kind: ListKind,
        /// `file` or `folder`.
        wanted: &'static str,
    },
    /// It is not as it was when it was added.
    #[error("the list {name} is damaged or was changed by hand ({problem}): add it again")]
    Damaged {
        /// The list.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

/// A line of a list that something met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineOfList {
    /// `name@version`.
    pub list: String,
    /// Whether the list allows.
    pub allow: bool,
    /// The category of its part.
    pub category: String,
    /// How the part is written; its file is called so.
    pub kind: PartKind,
    /// The line.
    pub met: LineMet,
}

/// A list that is to be added.
#[derive(Clone, Debug)]
pub struct NewList {
    /// Its name.
    pub name: String,
    /// How it is written.
    pub kind: ListKind,
    /// Its category; a SquidGuard folder of many categories needs none.
    pub category: Option<String>,
    /// Whether its entries are never flagged.
    pub allow: bool,
    /// How much a hit matters.
    pub severity: Option<Severity>,
    /// The present moment.
    pub loaded: Timestamp,
}

/// Where a list comes from.
#[derive(Clone, Debug)]
pub enum ListInput {
    /// A file or folder.
    Path(PathBuf),
    /// Bytes from elsewhere, such as standard input.
    Bytes(Vec<u8>),
}

/// A list that lies beside its place, complete and readable, and takes it with [`PreparedList::put_in_place`].
#[derive(Debug)]
pub struct PreparedList {
    /// What is known of it.
    pub meta: ListMeta,
    /// What was taken from it.
    pub counts: ListCounts,
    /// The SHA-256 of its bytes.
    pub digest: [u8; 32],
    beside: PathBuf,
    place: PathBuf,
}

/// A file of a list, read.
struct PartFile {
    category: String,
    kind: PartKind,
    bytes: Vec<u8>,
}

/// `meta.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetaFile {
    kind: String,
    category: String,
    version: String,
    loaded: String,
    allow: bool,
    severity: Option<String>,
}

/// Reads and checks a list and lays it beside its place, so that the caller can enter it in the ledger before it takes effect.
pub fn prepare(data: &Path, list: &NewList, input: ListInput) -> Result<PreparedList, ListError> {
    checked_name(&list.name)?;
    let parts = read_input(list, input)?;
    let borrowed = borrow(&parts);
    let meta = ListMeta {
        name: list.name.clone(),
        kind: list.kind,
        category: list.category.clone().unwrap_or_default(),
        version: version_of(&borrowed),
        loaded: list.loaded,
        allow: list.allow,
        severity: list.severity,
    };
    let counts = ListBuilder::new().add(meta.clone(), &borrowed);
    if counts.entries == 0 {
        return Err(ListError::NoEntries {
            name: meta.name,
            kind: meta.kind,
            lines: counts.skipped,
        });
    }
    let folder = data.join("lists");
    let prepared = PreparedList {
        counts,
        digest: digest_of(&borrowed),
        beside: folder.join(format!(".{}.new", meta.name)),
        place: folder.join(&meta.name),
        meta,
    };
    prepared.write(&parts)?;
    Ok(prepared)
}

impl PreparedList {
    /// Takes its place, and that of an older version.
    pub fn put_in_place(self) -> Result<ListMeta, ListError> {
        let old = self.beside.with_extension("old");
        remove(&old)?;
        if self.place.exists() {
            fs::rename(&self.place, &old).map_err(|source| file(&self.place, source))?;
        }
        fs::rename(&self.beside, &self.place).map_err(|source| file(&self.beside, source))?;
        remove(&old)?;
        Ok(self.meta)
    }

    fn write(&self, parts: &[PartFile]) -> Result<(), ListError> {
        remove(&self.beside)?;
        for part in parts {
            let folder = self.beside.join("parts").join(&part.category);
            let mut make = fs::DirBuilder::new();
            make.recursive(true).mode(0o700);
            make.create(&folder)
                .map_err(|source| file(&folder, source))?;
            let path = folder.join(part.kind.as_str());
            fs::write(&path, &part.bytes).map_err(|source| file(&path, source))?;
        }
        let path = self.beside.join("meta.toml");
        let text = toml::to_string(&MetaFile::of(&self.meta))
            .map_err(|error| file(&path, io::Error::other(error)))?;
        fs::write(&path, text).map_err(|source| file(&path, source))
    }
}

/// All lists of the data folder, in the order of their names.
pub fn load(data: &Path) -> Result<ListIndex, ListError> {
    let mut builder = ListBuilder::new();
    for (meta, parts) in each(data)? {
        builder.add(meta, &borrow(&parts?));
    }
    Ok(builder.build())
}

/// What is known of each list and what it holds, in the order of their names.
pub fn show(data: &Path) -> Result<Vec<(ListMeta, ListCounts)>, ListError> {
    let mut shown = Vec::new();
    for (meta, parts) in each(data)? {
        let counts = ListBuilder::new().add(meta.clone(), &borrow(&parts?));
        shown.push((meta, counts));
    }
    Ok(shown)
}

/// Which lines of which lists a request meets, list by list in the order of their names.
pub fn explain(data: &Path, request: &Request<'_>) -> Result<Vec<LineOfList>, ListError> {
    let mut lines = Vec::new();
    for (meta, parts) in each(data)? {
        for part in borrow(&parts?) {
            let (category, kind) = (part.category.to_owned(), part.kind);
            lines.extend(lines_met(&part, request).into_iter().map(|met| LineOfList {
                list: meta.label(),
                allow: meta.allow,
                category: category.clone(),
                kind,
                met,
            }));
        }
    }
    Ok(lines)
}

type Stored = (ListMeta, Result<Vec<PartFile>, ListError>);

/// The lists of the data folder; each one's files are read only when it is its turn.
fn each(data: &Path) -> Result<impl Iterator<Item = Stored>, ListError> {
    let folder = data.join("lists");
    let mut metas = Vec::new();
    for name in folder_names(&folder)? {
        metas.push(read_meta(&folder, name)?);
    }
    Ok(metas.into_iter().map(move |meta| {
        let parts = read_stored(&folder, &meta);
        (meta, parts)
    }))
}

/// The names of the folders in a folder, in order; those that begin with a dot are passed over.
fn folder_names(folder: &Path) -> Result<Vec<String>, ListError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(file(folder, source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| file(folder, source))?;
        let is_folder = entry
            .file_type()
            .map_err(|source| file(folder, source))?
            .is_dir();
        // Links are passed over: in SquidGuard's lists they are second names of categories that are there.
        if let (true, Ok(name)) = (is_folder, entry.file_name().into_string())
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn read_meta(folder: &Path, name: String) -> Result<ListMeta, ListError> {
    let path = folder.join(&name).join("meta.toml");
    let text = fs::read_to_string(&path).map_err(|source| file(&path, source))?;
    let damaged = |problem: &str| ListError::Damaged {
        name: name.clone(),
        problem: problem.to_owned(),
    };
    let meta: MetaFile = toml::from_str(&text).map_err(|error| damaged(error.message()))?;
    let severity = meta
        .severity
        .map(|word| Severity::parse(&word).ok_or_else(|| damaged("severity")));
    Ok(ListMeta {
        kind: ListKind::parse(&meta.kind).ok_or_else(|| damaged("kind"))?,
        loaded: Timestamp::parse(&meta.loaded).map_err(|_| damaged("loaded"))?,
        severity: severity.transpose()?,
        category: meta.category,
        version: meta.version,
        allow: meta.allow,
        name,
    })
}

fn read_stored(folder: &Path, meta: &ListMeta) -> Result<Vec<PartFile>, ListError> {
    let folder = folder.join(&meta.name).join("parts");
    let mut parts = Vec::new();
    for category in folder_names(&folder)? {
        for kind in PartKind::ALL {
            parts.extend(read_part(
                &folder.join(&category).join(kind.as_str()),
                &category,
                *kind,
            )?);
        }
    }
    if version_of(&borrow(&parts)) != meta.version {
        return Err(ListError::Damaged {
            name: meta.name.clone(),
            problem: "its bytes are not those of its version".to_owned(),
        });
    }
    Ok(parts)
}

fn read_part(path: &Path, category: &str, kind: PartKind) -> Result<Option<PartFile>, ListError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(PartFile {
            category: category.to_owned(),
            kind,
            bytes,
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(file(path, source)),
    }
}

fn read_input(list: &NewList, input: ListInput) -> Result<Vec<PartFile>, ListError> {
    let wrong = |wanted| ListError::NotThat {
        name: list.name.clone(),
        kind: list.kind,
        wanted,
    };
    let kind = match list.kind {
        ListKind::Squidguard => {
            return match input {
                ListInput::Path(path) if path.is_file() => Err(wrong("folder")),
                ListInput::Path(path) => read_squidguard(list, &path),
                ListInput::Bytes(_) => Err(wrong("folder")),
            };
        }
        ListKind::Plain => PartKind::Domains,
        ListKind::Hosts => PartKind::Hosts,
        ListKind::Cidr => PartKind::Networks,
        ListKind::Dnsmasq => PartKind::Dnsmasq,
        ListKind::Adblock => PartKind::Adblock,
    };
    let bytes = match input {
        ListInput::Bytes(bytes) => bytes,
        ListInput::Path(path) if path.is_dir() => return Err(wrong("file")),
        ListInput::Path(path) => fs::read(&path).map_err(|source| file(&path, source))?,
    };
    Ok(vec![PartFile {
        category: category_of(list)?,
        kind,
        bytes,
    }])
}

/// The folder of one category, or of many with a folder each.
fn read_squidguard(list: &NewList, folder: &Path) -> Result<Vec<PartFile>, ListError> {
    fs::metadata(folder).map_err(|source| file(folder, source))?;
    let both = [PartKind::Domains, PartKind::Urls];
    let mut parts = Vec::new();
    if both.iter().any(|kind| folder.join(kind.as_str()).is_file()) {
        let category = category_of(list)?;
        for kind in both {
            parts.extend(read_part(&folder.join(kind.as_str()), &category, kind)?);
        }
        return Ok(parts);
    }
    for category in folder_names(folder)? {
        checked_name(&category)?;
        for kind in both {
            let path = folder.join(&category).join(kind.as_str());
            parts.extend(read_part(&path, &category, kind)?);
        }
    }
    Ok(parts)
}

fn category_of(list: &NewList) -> Result<String, ListError> {
    let category = list
        .category
        .as_deref()
        .ok_or_else(|| ListError::NoCategory(list.name.clone()))?;
    checked_name(category)?;
    Ok(category.to_owned())
}

/// Names become folders, and stand in hits and on command lines.
fn checked_name(name: &str) -> Result<(), ListError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        return Err(ListError::Name(name.to_owned()));
    }
    Ok(())
}

fn borrow(parts: &[PartFile]) -> Vec<ListPart<'_>> {
    let mut borrowed = Vec::with_capacity(parts.len());
    for PartFile {
        category,
        kind,
        bytes,
    } in parts
    {
        borrowed.push(ListPart {
            category,
            kind: *kind,
            bytes,
        });
    }
    borrowed
}

fn remove(folder: &Path) -> Result<(), ListError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file(folder, error)),
        _ => Ok(()),
    }
}

fn file(path: &Path, source: io::Error) -> ListError {
    ListError::File {
        path: path.to_owned(),
        source,
    }
}

impl MetaFile {
    fn of(meta: &ListMeta) -> Self {
        MetaFile {
            kind: meta.kind.as_str().to_owned(),
            category: meta.category.clone(),
            version: meta.version.clone(),
            loaded: meta.loaded.to_string(),
            allow: meta.allow,
            severity: meta.severity.map(|severity| severity.as_str().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lists")
    }

    fn new(name: &str, kind: ListKind, category: Option<&str>, allow: bool) -> NewList {
        NewList {
            name: name.to_owned(),
            kind,
            category: category.map(str::to_owned),
            allow,
            severity: Some(Severity::Low),
            loaded: Timestamp::from_seconds(1_772_446_500),
        }
    }

    fn add(data: &Path, list: &NewList, from: &str) -> Result<ListMeta, ListError> {
        prepare(data, list, ListInput::Path(fixtures().join(from)))?.put_in_place()
    }

    #[test]
    fn lists_that_were_added_are_met_after_loading() {
        let data = tempfile::tempdir().unwrap();
        let data = data.path();
        assert!(load(data).unwrap().is_empty());
        let games = add(
            data,
            &new("games", ListKind::Plain, Some("games"), false),
            "games.txt",
        )
        .unwrap();
        add(
            data,
            &new("ads", ListKind::Hosts, Some("advertising"), false),
            "ads.hosts",
        )
        .unwrap();
        add(
            data,
            &new("folder", ListKind::Squidguard, None, false),
            "squidguard",
        )
        .unwrap();
        add(
            data,
            &new("vpn", ListKind::Cidr, Some("vpn"), false),
            "vpn.cidr",
        )
        .unwrap();
        add(
            data,
            &new("help", ListKind::Plain, Some("help"), true),
            "help.txt",
        )
        .unwrap();
        let index = load(data).unwrap();
        assert_eq!(index.lists().len(), 5);
        let matches = index.domain("www.arcade.example");
        assert_eq!(
            matches.labels(),
            [
                "folder@".to_owned() + &index.lists()[1].version,
                games.label()
            ]
        );
        assert_eq!(
            index.url("files.example", "/casino/x").categories(),
            ["gambling"]
        );
        assert_eq!(
            index.domain("tracker.example").categories(),
            ["advertising"]
        );
        assert_eq!(
            index.address("198.51.100.77".parse().unwrap()).categories(),
            ["vpn"]
        );
        assert!(index.domain("help.arcade.example").is_empty());
        let shown = show(data).unwrap();
        assert_eq!(shown[2].0, games);
        assert_eq!(
            shown[2].1,
            ListCounts {
                entries: 3,
                skipped: 1
            }
        );
    }

    #[test]
    fn a_newer_version_takes_the_place_of_the_older() {
        let data = tempfile::tempdir().unwrap();
        let list = new("games", ListKind::Plain, Some("games"), false);
        let first = add(data.path(), &list, "games.txt").unwrap();
        let bytes = ListInput::Bytes(b"other.example\n".to_vec());
        let prepared = prepare(data.path(), &list, bytes).unwrap();
        assert_eq!(load(data.path()).unwrap().lists()[0].version, first.version);
        let second = prepared.put_in_place().unwrap();
        let index = load(data.path()).unwrap();
        assert_eq!((index.lists().len(), &index.lists()[0]), (1, &second));
        assert!(index.domain("arcade.example").is_empty());
    }

    #[test]
    fn what_is_no_list_is_refused_with_a_word() {
        let data = tempfile::tempdir().unwrap();
        let refused =
            |list: &NewList, from: &str| add(data.path(), list, from).unwrap_err().to_string();
        assert!(
            refused(
                &new("../x", ListKind::Plain, Some("games"), false),
                "games.txt"
            )
            .contains("no name")
        );
        assert!(refused(&new("x", ListKind::Plain, None, false), "games.txt").contains("category"));
        assert!(
            refused(&new("x", ListKind::Cidr, Some("vpn"), false), "games.txt")
                .contains("another kind")
        );
        assert!(
            refused(&new("x", ListKind::Squidguard, None, false), "games.txt").contains("folder")
        );
        assert!(
            refused(
                &new("x", ListKind::Plain, Some("games"), false),
                "squidguard"
            )
            .contains("file")
        );
        assert!(
            refused(
                &new("x", ListKind::Plain, Some("games"), false),
                "nowhere.txt"
            )
            .contains("nowhere.txt")
        );
    }

    #[test]
    fn a_list_that_was_changed_by_hand_is_refused() {
        let data = tempfile::tempdir().unwrap();
        add(
            data.path(),
            &new("games", ListKind::Plain, Some("games"), false),
            "games.txt",
        )
        .unwrap();
        let path = data.path().join("lists/games/parts/games/domains");
        fs::write(path, "school.example\n").unwrap();
        assert!(matches!(load(data.path()), Err(ListError::Damaged { .. })));
    }
}
