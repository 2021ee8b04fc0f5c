//! Which files are meant by what a person named: files, folders with all that is below them, and patterns.

use std::io;
use std::path::{Path, PathBuf};

use super::{InputError, InputName};

/// The files that were meant, in order and each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picked {
    /// Those that were named one by one; what can not be read of them is an error.
    pub named: Vec<PathBuf>,
    /// Those that a folder or a pattern brought; what can not be read of them is told and passed over.
    pub found: Vec<PathBuf>,
}

/// No folder lies deeper.
const DEEPEST: usize = 64;

impl Picked {
    /// What these names mean. A pattern is what has `*`, `?` or `[` in it and is no file itself; it must meet something.
    pub fn of(names: &[PathBuf]) -> Result<Picked, InputError> {
        let mut picked = Picked::default();
        for name in names {
            if name.is_dir() {
                below(name, 0, &mut picked.found)?;
            } else if is_pattern(name) && name.symlink_metadata().is_err() {
                matching(name, &mut picked.found)?;
            } else {
                picked.named.push(name.clone());
            }
        }
        picked.found.sort();
        picked.found.dedup();
        let named = &picked.named;
        picked.found.retain(|path| !named.contains(path));
        Ok(picked)
    }
}

fn is_pattern(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|text| text.contains(['*', '?', '[']))
}

fn matching(pattern: &Path, found: &mut Vec<PathBuf>) -> Result<(), InputError> {
    let fault = |source| InputName::File(pattern.to_owned()).error(source);
    let invalid = |why: String| fault(io::Error::new(io::ErrorKind::InvalidInput, why));
    let text = pattern.to_str().unwrap_or_default();
    let paths = glob::glob(text).map_err(|error| invalid(error.to_string()))?;
    let before = found.len();
    for path in paths {
        let path = path.map_err(|error| fault(error.into()))?;
        match path.is_dir() {
            true => below(&path, 0, found)?,
            false => found.push(path),
        }
    }
    match found.len() == before {
        true => Err(fault(io::Error::new(
            io::ErrorKind::NotFound,
            "no file fits this pattern",
        ))),
        false => Ok(()),
    }
}

/// All regular files below a folder; links to folders are not followed.
fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), InputError> {
    let fault = |source| InputName::File(folder.to_owned()).error(source);
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let kind = entry.file_type().map_err(fault)?;
        let path = entry.path();
        if kind.is_dir() && depth < DEEPEST {
            below(&path, depth + 1, found)?;
        } else if kind.is_file() || kind.is_symlink() && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_patterns_mean_the_files_in_them_each_once() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::fs::create_dir_all(at("logs/deep")).unwrap();
        for name in [
            "logs/b.log",
            "logs/a.log",
            "logs/deep/c.log",
            "logs/x.txt",
            "odd[1]",
        ] {
            std::fs::write(at(name), b"x\n").unwrap();
        }
        std::os::unix::fs::symlink(at("logs"), at("logs/deep/round")).unwrap();
        let picked = Picked::of(&[at("logs"), at("logs/*.log"), at("odd[1]"), "-".into()]).unwrap();
        assert_eq!(picked.named, [at("odd[1]"), "-".into()]);
        let found = ["logs/a.log", "logs/b.log", "logs/deep/c.log", "logs/x.txt"];
        assert_eq!(picked.found, found.map(at));
        assert!(Picked::of(&[at("logs/*.none")]).is_err());
    }
}
