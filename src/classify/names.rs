//! Many names in little memory: the bytes of all of them in one run, and a table of where each begins.
//!
//! Names are compared whole: no two names are ever taken for one another, as they might be with hashes alone.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// A set of names, each with a number.
#[derive(Debug, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    entries: HashTable<Name>,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    begins: u32,
    length: u16,
    number: u32,
    /// The upper half of the hash: tells most other names apart without a look at their bytes.
    mark: u16,
}

impl Names {
    /// The number of a name, to be changed: of a new one, `first`. `None` if there is no room for it.
    pub(super) fn entry(&mut self, name: &[u8], first: u32) -> Option<&mut u32> {
        let (hash, mark) = hash_of(name);
        let bytes = &mut self.bytes;
        let slot = self.entries.entry(
            hash,
            |entry| entry.mark == mark && text_of(bytes, entry) == name,
            |entry| hash_of(text_of(bytes, entry)).0,
        );
        let occupied = match slot {
            hashbrown::hash_table::Entry::Occupied(occupied) => occupied,
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                let entry = Name {
                    begins: u32::try_from(bytes.len()).ok()?,
                    length: u16::try_from(name.len()).ok()?,
                    number: first,
                    mark,
                };
                bytes.extend_from_slice(name);
                vacant.insert(entry)
            }
        };
        Some(&mut occupied.into_mut().number)
    }

    /// The number of a name.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<u32> {
        let (hash, mark) = hash_of(name);
        self.entries
            .find(hash, |entry| {
                entry.mark == mark && text_of(&self.bytes, entry) == name
            })
            .map(|entry| entry.number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Gives back what room was not needed.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Bytes of memory that the names take.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.entries.allocation_size()
    }
}

fn text_of<'a>(bytes: &'a [u8], entry: &Name) -> &'a [u8] {
    let begins = entry.begins as usize;
    bytes
        .get(begins..begins + usize::from(entry.length))
        .unwrap_or_default()
}

/// A fixed seed: the names are the operator's own, and the same lists must cost the same every time.
#[inline]
fn hash_of(name: &[u8]) -> (u64, u16) {
    let hash = FixedState::with_seed(SEED).hash_one(name);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "16 bits of the hash are wanted"
    )]
    let mark = (hash >> 24) as u16;
    (hash, mark)
}

const SEED: u64 = 0x696e_7669_6769_6c31;
