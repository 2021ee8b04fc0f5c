//! What systems write down of the world, line by line, and what the lines that reach the operator affirm.

use std::collections::BTreeMap;

use super::clocks::{Clock, MINUTE};
use super::truth::Evidence;

/// A source that can not be read for so long may have said anything.
const DARK_MS: i64 = 10 * MINUTE;

/// A log and the clock of the system that writes it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The file below the region's folder.
    pub(super) file: String,
    pub(super) clock: Clock,
}

/// All that is written down of who had which address.
#[derive(Clone, Debug, Default)]
pub(super) struct Traces {
    /// By file: when it was written, and the text with its last line's end.
    files: BTreeMap<String, Vec<(i64, String)>>,
    pub(super) evidence: Vec<Evidence>,
    /// Sessions whose records name a card and no address.
    pub(super) by_card: Vec<Evidence>,
    /// When delivered lines of leases could be read, by the corrected clock.
    pub(super) words: Vec<i64>,
    /// When they could not, since their local time came twice.
    pub(super) unreadable: Vec<i64>,
}

impl Traces {
    /// Writes a line, or a record of several.
    pub(super) fn write(&mut self, file: &str, at: i64, text: String) {
        match self.files.get_mut(file) {
            Some(lines) => lines.push((at, text)),
            None => {
                self.files.insert(file.to_owned(), vec![(at, text)]);
            }
        }
    }

    /// The stretch in which leases could not be read: from the last word before it to the first after it.
    pub(super) fn dark(&self) -> Option<(i64, i64)> {
        let (first, last) = (self.unreadable.iter().min()?, self.unreadable.iter().max()?);
        let before = self.words.iter().filter(|word| *word < first).max()?;
        let after = self.words.iter().filter(|word| *word > last).min()?;
        (after - before >= DARK_MS).then_some((*before, *after))
    }

    /// The files, each in the order in which it was written.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let whole = |lines: &[(i64, String)]| {
            let mut lines: Vec<&(i64, String)> = lines.iter().collect();
            lines.sort_by_key(|(at, _)| *at);
            lines.into_iter().map(|(_, text)| text.as_str()).collect()
        };
        self.files
            .iter()
            .map(|(file, lines)| (file.clone(), whole(lines)))
            .collect()
    }
}
