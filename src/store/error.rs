//! What can go wrong with the store. No error shows a value that was stored or asked for.

use std::path::PathBuf;

use super::engine::EngineError;

/// How long the key for an address is at least.
pub(super) const SHORTEST_KEY: usize = 16;

/// The store can not do what it was asked.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The engine can not be had or started.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A folder or file of the store can not be used.
    #[error("cannot use {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process holds the data folder and answers nobody.
    #[error(
        "the data folder {data} is held by {holder}, which does not answer on its socket: wait for it to end"
    )]
    Held {
        /// The folder.
        data: PathBuf,
        /// What the lock says.
        holder: String,
    },
    /// This process has another data folder open; the engine serves one a process.
    #[error("this process has the data folder {0} open, and can have only one at a time")]
    OtherFolder(PathBuf),
    /// The store refused a statement.
    #[error("the store refused {what}: {refusal}")]
    Refused {
        /// Which statement: the id of its file, or what was done to which table.
        what: String,
        /// Code, name and, where it can hold no value, text.
        refusal: Refusal,
    },
    /// An address is not safe to answer at.
    #[error(
        "{0} is not of this machine alone: give --tls-cert and --tls-key, or answer on a loopback address"
    )]
    NotLoopback(std::net::SocketAddr),
    /// The key for an address is too short.
    #[error("the key for an address needs at least {SHORTEST_KEY} characters")]
    ShortKey,
    /// An address can not be answered at.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A statement that was typed in is not run.
    #[error(transparent)]
    NotAllowed(#[from] super::allow::Refused),
    /// The store is not reached, or the connection broke.
    #[error("the store does not answer ({what}): {reason}")]
    Unreachable {
        /// During what.
        what: String,
        /// What the connection said.
        reason: String,
    },
    /// A row does not have the shape that the program expects.
    #[error("the answer to {what} has another shape than expected: {reason}")]
    Shape {
        /// Which statement.
        what: String,
        /// What does not fit, without values.
        reason: String,
    },
    /// Whoever was to receive the bytes refused them.
    #[error("cannot pass on the answer to {what}")]
    Output {
        /// Which statement.
        what: String,
        /// Why.
        source: std::io::Error,
    },
}

impl StoreError {
    /// ClickHouse's code, where the store itself refused.
    pub fn code(&self) -> Option<u32> {
        match self {
            StoreError::Refused { refusal, .. } => Some(refusal.code),
            StoreError::Engine(EngineError::Said { code, .. }) => Some(*code),
            _ => None,
        }
    }
}

impl std::fmt::Debug for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreError({self})")
    }
}

/// What the store said when it refused. Printing it shows the text only for codes that are about the
/// statement, not about values; [`Refusal::text`] has all of it.
#[derive(Clone)]
pub struct Refusal {
    /// ClickHouse's code, 0 if it gave none.
    pub code: u32,
    text: String,
}

impl Refusal {
    pub(super) fn new(text: String) -> Refusal {
        Refusal {
            code: code_of(&text).unwrap_or(0),
            text,
        }
    }

    /// All that the store said. It may hold values: it is for nobody but the person who made the query.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name of the code, such as `UNKNOWN_TABLE`.
    pub fn name(&self) -> &str {
        self.text
            .rsplit(['(', ')'])
            .find(|word| {
                word.len() > 3
                    && word
                        .bytes()
                        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            })
            .unwrap_or("UNKNOWN")
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if ABOUT_THE_STATEMENT.contains(&self.code) {
            return f.write_str(self.text.trim());
        }
        write!(f, "code {}, {}", self.code, self.name())
    }
}

impl std::fmt::Debug for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Refusal({self})")
    }
}

/// Codes whose texts speak of names and syntax of our own SQL: unknown column, function, identifier,
/// table, database, setting, syntax, not an aggregate, read only, parameter not set.
const ABOUT_THE_STATEMENT: &[u32] = &[10, 16, 46, 47, 60, 62, 81, 115, 164, 179, 207, 215, 456];

/// The code in a text such as `Code: 60. DB::Exception: ...`.
pub(super) fn code_of(text: &str) -> Option<u32> {
    let (_, after) = text.split_once("Code: ")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_shows_no_value() {
        let refusal = Refusal::new("Code: 27. DB::Exception: Cannot parse input: before: 'j.bloggs'. (CANNOT_PARSE_INPUT_ASSERTION_FAILED) (version 26.7.2.1)".to_owned());
        assert_eq!(
            format!("{refusal}"),
            "code 27, CANNOT_PARSE_INPUT_ASSERTION_FAILED"
        );
        assert!(!format!("{refusal:?}").contains("bloggs"));
        assert!(refusal.text().contains("bloggs"));
    }

    #[test]
    fn a_refusal_of_our_own_statement_says_what_is_wrong() {
        let refusal = Refusal::new(
            "Code: 60. DB::Exception: Table invigil.nope does not exist. (UNKNOWN_TABLE)"
                .to_owned(),
        );
        assert!(format!("{refusal}").contains("invigil.nope"));
        assert_eq!(refusal.name(), "UNKNOWN_TABLE");
    }
}
