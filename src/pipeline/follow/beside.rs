//! What stands beside a log because it was rotated away: its name with a number or a date, perhaps packed.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::PipelineError;
use super::super::input::InputName;

/// A file as it was at a moment: device, inode, size and time of change.
pub(super) type Stamp = (u64, u64, u64, i64, i64);

/// What a file is now.
pub(super) fn stamp(about: &Metadata) -> Stamp {
    let size = about.len();
    (
        about.dev(),
        about.ino(),
        size,
        about.mtime(),
        about.mtime_nsec(),
    )
}

/// What stands beside a log under its name and a number or a date, the oldest first.
pub(super) fn rotated(path: &Path) -> Result<Vec<(PathBuf, Metadata)>, PipelineError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let fault = |source| PipelineError::Input(InputName::File(folder.to_owned()).error(source));
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fault)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fault)?;
        let is_one = entry
            .file_name()
            .to_str()
            .is_some_and(|beside| is_rotated(name, beside));
        // One that goes while it is looked at has been renamed on; it is met under its next name.
        let about = entry
            .metadata()
            .ok()
            .filter(|about| is_one && about.is_file());
        found.extend(about.map(|about| (entry.path(), about)));
    }
    found.sort_by_key(|(path, about)| (about.mtime(), about.mtime_nsec(), path.clone()));
    Ok(found)
}

/// `access.log.1`, `access.log-20261123.gz`, `access-20261123.log`: the name, a number or a date, perhaps packed.
fn is_rotated(name: &str, beside: &str) -> bool {
    let unpacked = [".gz", ".xz", ".zst", ".bz2"]
        .iter()
        .find_map(|end| beside.strip_suffix(end));
    let beside = unpacked.unwrap_or(beside);
    let is_mark = |mark: &str| {
        let rest = mark.strip_prefix(['.', '-', '_']).unwrap_or_default();
        rest == "old"
            || rest.starts_with(|one: char| one.is_ascii_digit())
                && rest
                    .chars()
                    .all(|one| one.is_ascii_digit() || "-_.TZ:".contains(one))
    };
    if beside.strip_prefix(name).is_some_and(is_mark) {
        return true;
    }
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let middle = beside
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(end)?.strip_suffix('.'));
    !end.is_empty() && middle.is_some_and(is_mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_known_and_others_are_not() {
        for beside in [
            "access.log.1",
            "access.log.2.gz",
            "access.log-20261123",
            "access.log-20261123-1763856000.zst",
            "access-20261123.log",
            "access.log.old",
        ] {
            assert!(is_rotated("access.log", beside), "{beside}");
        }
        for beside in [
            "access.log",
            "access.log.errors",
            "access-errors.log",
            "access.log.",
            "cache.log.1",
            "access.log.1~",
        ] {
            assert!(!is_rotated("access.log", beside), "{beside}");
        }
    }
}
