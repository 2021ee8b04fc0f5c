//! The keys of a data folder: one set, kept outside it, found by the folder's id.
//!
//! One secret of 32 bytes is kept; a key for each purpose is derived from it (HKDF-SHA-256, RFC 5869),
//! so that no key serves two ends and none of them lies in the data folder.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The key set of one data folder.
pub struct KeyRing {
    folder: PathBuf,
    id: String,
    secret: Zeroizing<[u8; 32]>,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The disk of the embedded engine.
    Store,
    /// Tokens of accounts.
    Tokens,
    /// The table from tokens to names.
    Names,
    /// Nonces of frames in the ledger's leaves.
    Nonces,
    /// Originals.
    Originals,
    /// Batches on their way into the store.
    Pending,
    /// The private records beside the ledger.
    LedgerRecords,
    /// The seed of the key that signs the ledger's heads.
    LedgerSigning,
    /// What lies in a backup and is in clear in the data folder.
    Backup,
    /// The mark under a backup's manifest.
    BackupManifest,
}

/// The keys can not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file or folder can not be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The data folder has an id, and its key set is not where keys are kept.
    #[error(
        "the keys of the data folder {data} are not at {keys}: restore them from where they were kept; without them nothing in it can be read"
    )]
    Missing {
        /// The data folder.
        data: PathBuf,
        /// Where its keys should be.
        keys: PathBuf,
    },
    /// A file holds something else.
    #[error("{path} is not what it should be: {problem}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
}

impl KeyRing {
    /// Opens the key set of a data folder, and makes folder and keys where there are none yet.
    pub fn open(keys: &Path, data: &Path) -> Result<KeyRing, KeyError> {
        make_folder(data)?;
        let id_file = data.join("id");
        let id = match fs::read_to_string(&id_file) {
            Ok(text) => {
                let id = text.trim().to_owned();
                if id.len() != 16 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(KeyError::Damaged {
                        path: id_file,
                        problem: "not an id of 16 hexadecimal digits",
                    });
                }
                id
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return KeyRing::make(keys, data, &id_file);
            }
            Err(source) => {
                return Err(KeyError::File {
                    path: id_file,
                    source,
                });
            }
        };
        let folder = keys.join(&id);
        let path = folder.join("secret.key");
        let others_may = path
            .metadata()
            .is_ok_and(|about| about.permissions().mode() & 0o077 != 0);
        if others_may {
            return Err(KeyError::Damaged {
                path,
                problem: "others than its owner may use it: take that right away with `chmod 600`",
            });
        }
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(KeyError::Missing {
                    data: data.to_owned(),
                    keys: folder,
                });
            }
            Err(source) => return Err(KeyError::File { path, source }),
        };
        let secret = unhex(text.trim()).ok_or(KeyError::Damaged {
            path,
            problem: "not a secret of 64 hexadecimal digits",
        })?;
        Ok(KeyRing {
            folder,
            id,
            secret: Zeroizing::new(secret),
        })
    }

    /// Makes a key set, and gives the data folder its id. The id takes its place whole and only if there is none: of
    /// two programs that start at once the later uses the key set of the earlier.
    fn make(keys: &Path, data: &Path, id_file: &Path) -> Result<KeyRing, KeyError> {
        let id = hex(&random::<8>()?);
        let folder = keys.join(&id);
        make_folder(&folder)?;
        let secret = folder.join("secret.key");
        write_secret(&secret, Zeroizing::new(hex(&*random_secret()?)).as_bytes())?;
        let beside = data.join(format!("id.{id}"));
        write_secret(&beside, id.as_bytes())?;
        let file_error = |source| KeyError::File {
            path: id_file.to_owned(),
            source,
        };
        let placed = fs::hard_link(&beside, id_file);
        if placed.is_err() && !id_file.exists() {
            // A file system without links.
            fs::rename(&beside, id_file).map_err(file_error)?;
            return KeyRing::open(keys, data);
        }
        let gone = fs::remove_file(&beside);
        match placed {
            Ok(()) => gone.map_err(file_error)?,
            Err(error) => {
                // Nothing was sealed with it.
                drop(fs::remove_file(&secret));
                drop(fs::remove_dir(&folder));
                if error.kind() != std::io::ErrorKind::AlreadyExists {
                    return Err(file_error(error));
                }
            }
        }
        KeyRing::open(keys, data)
    }

    /// The key for one purpose.
    pub fn key(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0u8; 32]);
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, self.id.as_bytes());
        let filled = salt
            .extract(&*self.secret)
            .expand(
                &[b"invigil 1 ", purpose.label().as_bytes()],
                hkdf::HKDF_SHA256,
            )
            .and_then(|material| material.fill(&mut *key));
        assert!(filled.is_ok(), "HKDF gives 32 bytes for any input");
        key
    }

    /// The folder of this key set, where other keys of the data folder may lie too.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The id of the data folder.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Purpose::Store => "store",
            Purpose::Tokens => "tokens",
            Purpose::Names => "names",
            Purpose::Nonces => "nonces",
            Purpose::Originals => "originals",
            Purpose::Pending => "pending",
            Purpose::LedgerRecords => "ledger records",
            Purpose::LedgerSigning => "ledger signing",
            Purpose::Backup => "backup",
            Purpose::BackupManifest => "backup manifest",
        }
    }
}

/// Writes a file that only its owner may read; it must not exist yet.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    write().map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })
}

fn make_folder(path: &Path) -> Result<(), KeyError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| KeyError::File {
            path: path.to_owned(),
            source,
        })
}

fn random_secret() -> Result<Zeroizing<[u8; 32]>, KeyError> {
    Ok(Zeroizing::new(random::<32>()?))
}

/// So many random bytes from the system.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0u8; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| KeyError::NoRandom)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0u8; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_come_back_and_none_lies_in_the_data_folder() {
        let home = tempfile::tempdir().unwrap();
        let (keys, data) = (home.path().join("keys"), home.path().join("data"));
        let first = KeyRing::open(&keys, &data).unwrap();
        let again = KeyRing::open(&keys, &data).unwrap();
        assert_eq!(*first.key(Purpose::Tokens), *again.key(Purpose::Tokens));
        assert_ne!(*first.key(Purpose::Tokens), *first.key(Purpose::Names));
        let names: Vec<_> = fs::read_dir(&data)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["id"]);
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (keys, data) = (home.path().join("keys"), home.path().join("data"));
        let ring = KeyRing::open(&keys, &data).unwrap();
        let secret = ring.folder().join("secret.key");
        for (mode, opens) in [(0o640, false), (0o604, false), (0o400, true), (0o600, true)] {
            fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(KeyRing::open(&keys, &data).is_ok(), opens, "{mode:o}");
        }
    }

    #[test]
    fn all_that_start_at_once_have_the_same_keys() {
        let home = tempfile::tempdir().unwrap();
        let (keys, data) = (home.path().join("keys"), home.path().join("data"));
        let open = || *KeyRing::open(&keys, &data).unwrap().key(Purpose::Tokens);
        let made: Vec<_> = std::thread::scope(|threads| {
            let running: Vec<_> = (0..16).map(|_| threads.spawn(open)).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(made.windows(2).all(|two| two[0] == two[1]));
        assert_eq!(fs::read_dir(&keys).unwrap().count(), 1);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
    }

    #[test]
    fn a_data_folder_without_its_keys_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        KeyRing::open(&home.path().join("keys"), &data).unwrap();
        let error = KeyRing::open(&home.path().join("elsewhere"), &data).unwrap_err();
        assert!(matches!(error, KeyError::Missing { .. }));
    }
}
