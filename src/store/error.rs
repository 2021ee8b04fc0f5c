//! What can go wrong with the store. No error shows a value that was stored or asked for.

use std::path::PathBuf;

use super::drift::Drift;
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
    /// The store took longer than it is waited for.
    #[error("the store did not answer within {} seconds ({what})", .within.as_secs())]
    Slow {
        /// During what.
        what: String,
        /// How long it was waited for.
        within: std::time::Duration,
    },
    /// What answers at the address is something else.
    #[error(
        "what answers is no ClickHouse server{} ({what}): see what stands between, and that store.url names the port of the HTTP interface, 8123 or 8443", says(*.status)
    )]
    NotAStore {
        /// During what.
        what: String,
        /// The status of the answer, if it had one.
        status: Option<u16>,
    },
    /// The server is not who it should be, or speaks no TLS.
    #[error(
        "the server's TLS is not accepted ({what}): {reason}; if its certificate is of your own authority, name that with store.ca_file"
    )]
    NotTrusted {
        /// During what.
        what: String,
        /// What does not fit.
        reason: String,
    },
    /// The server is of a version that this program does not work with.
    #[error("the server says that it is version {found}: {reason}")]
    Version {
        /// What it says.
        found: String,
        /// What is wrong with that.
        reason: &'static str,
    },
    /// A user who may set nothing, with a profile under which answers have another shape.
    #[error(
        "the server lets this user make no settings, and its profile quotes 64-bit integers in JSON or has another time zone than UTC: give the user readonly = 2, or a profile with output_format_json_quote_64bit_integers = 0 and session_timezone = 'UTC'"
    )]
    Profile,
    /// The store may be asked, and nothing can be written there.
    #[error(
        "the store may be asked but not written to ({reason}): grant its user INSERT, or name another with store.user"
    )]
    ReadOnly {
        /// What it refused, with its code.
        reason: String,
    },
    /// The schema is not what this program needs.
    #[error("nothing is written, as the schema is not what this program needs: {}", drifts(.0))]
    Drifted(Vec<Drift>),
    /// What the configuration says of the server can not be used.
    #[error("the settings of the store can not be used: {0}")]
    Settings(String),
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
    /// Whether the store's disk has no room.
    pub fn is_out_of_room(&self) -> bool {
        let said = match self {
            StoreError::Refused { refusal, .. } => refusal.text(),
            StoreError::Engine(EngineError::Said { text, .. }) => text,
            _ => return false,
        };
        self.code() == Some(243) || said.contains("No space left on device")
    }

    /// ClickHouse's code, where the store itself refused.
    pub fn code(&self) -> Option<u32> {
        match self {
            StoreError::Refused { refusal, .. } => Some(refusal.code),
            StoreError::Engine(EngineError::Said { code, .. }) => Some(*code),
            _ => None,
        }
    }
}

impl StoreError {
    /// Whether the same request may go through in a moment with nobody's help: somebody restarts the store, it is
    /// crowded, the connection broke. A question may always be sent again, rows if they carry a token.
    pub fn is_worth_another_try(&self) -> bool {
        self.outlook() == Outlook::Passing
    }

    /// Whether the store takes nothing now, whatever it is sent: it is not reached, crowded, full, or lets us no
    /// longer write. Rows are not at fault then, and may wait for it. What is worth another try is away, too.
    pub fn is_away(&self) -> bool {
        self.outlook() != Outlook::Hopeless
    }

    /// Whether rows may wait for a store that says this when it is opened: it comes back by itself, or
    /// with room. A wrong password or certificate, rights that were never given: somebody has to hear of these at once.
    pub fn may_be_waited_for(&self) -> bool {
        let is_full_folder = match self {
            StoreError::Folder { source, .. }
            | StoreError::Engine(EngineError::Folder { source, .. }) => is_full(source),
            _ => false,
        };
        self.is_worth_another_try() || self.is_out_of_room() || is_full_folder
    }

    /// What a failure means for what comes next.
    fn outlook(&self) -> Outlook {
        match self {
            StoreError::Unreachable { .. } | StoreError::Held { .. } | StoreError::Slow { .. } => {
                Outlook::Passing
            }
            // What stands between says that it is crowded, or that what is behind it does not answer.
            StoreError::NotAStore { status, .. } => match status {
                Some(429 | 502 | 503 | 504) => Outlook::Passing,
                _ => Outlook::NeedsHelp,
            },
            StoreError::NotTrusted { .. } | StoreError::ReadOnly { .. } => Outlook::NeedsHelp,
            StoreError::Refused { refusal, .. } => outlook(refusal.code, &refusal.text),
            StoreError::Engine(EngineError::Said { code, text }) => outlook(*code, text),
            StoreError::Engine(EngineError::Closing | EngineError::Silent) => Outlook::Passing,
            StoreError::Engine(EngineError::NotStarted(_)) => Outlook::NeedsHelp,
            StoreError::Folder { source, .. }
            | StoreError::Engine(EngineError::Folder { source, .. })
                if is_full(source) =>
            {
                Outlook::NeedsHelp
            }
            _ => Outlook::Hopeless,
        }
    }
}

fn drifts(all: &[Drift]) -> String {
    all.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

fn says(code: Option<u16>) -> String {
    code.map(|code| format!(" (it says {code})"))
        .unwrap_or_default()
}

/// What a failure means for what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    /// The request itself is at fault, or our SQL: sending it again changes nothing.
    Hopeless,
    /// It may go through in a moment.
    Passing,
    /// Nothing goes through until somebody has made room, given rights back or mended the server.
    NeedsHelp,
}

/// What the store's codes mean for what comes next; a code that is not here is [`Outlook::Hopeless`].
/// Numbers and names are those of ClickHouse's `ErrorCodes.cpp`.
const OUTLOOKS: &[(u32, &str, Outlook)] = &[
    (75, "CANNOT_WRITE_TO_FILE_DESCRIPTOR", Outlook::NeedsHelp),
    (76, "CANNOT_OPEN_FILE", Outlook::NeedsHelp),
    (159, "TIMEOUT_EXCEEDED", Outlook::NeedsHelp),
    (160, "TOO_SLOW", Outlook::NeedsHelp),
    (173, "CANNOT_ALLOCATE_MEMORY", Outlook::Passing),
    (192, "UNKNOWN_USER", Outlook::NeedsHelp),
    (193, "WRONG_PASSWORD", Outlook::NeedsHelp),
    (194, "REQUIRED_PASSWORD", Outlook::NeedsHelp),
    (164, "READONLY", Outlook::NeedsHelp),
    (201, "QUOTA_EXCEEDED", Outlook::NeedsHelp),
    (202, "TOO_MANY_SIMULTANEOUS_QUERIES", Outlook::Passing),
    (203, "NO_FREE_CONNECTION", Outlook::Passing),
    (209, "SOCKET_TIMEOUT", Outlook::Passing),
    (210, "NETWORK_ERROR", Outlook::Passing),
    (
        216,
        "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
        Outlook::Passing,
    ),
    (225, "NO_ZOOKEEPER", Outlook::Passing),
    (236, "ABORTED", Outlook::Passing),
    (242, "TABLE_IS_READ_ONLY", Outlook::Passing),
    (243, "NOT_ENOUGH_SPACE", Outlook::NeedsHelp),
    (252, "TOO_MANY_PARTS", Outlook::Passing),
    (279, "ALL_CONNECTION_TRIES_FAILED", Outlook::Passing),
    (285, "TOO_FEW_LIVE_REPLICAS", Outlook::Passing),
    (
        286,
        "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
        Outlook::Passing,
    ),
    (319, "UNKNOWN_STATUS_OF_INSERT", Outlook::Passing),
    (394, "QUERY_WAS_CANCELLED", Outlook::Passing),
    (425, "SYSTEM_ERROR", Outlook::NeedsHelp),
    (439, "CANNOT_SCHEDULE_TASK", Outlook::Passing),
    (473, "DEADLOCK_AVOIDED", Outlook::Passing),
    (481, "PATH_ACCESS_DENIED", Outlook::NeedsHelp),
    (497, "ACCESS_DENIED", Outlook::NeedsHelp),
    (516, "AUTHENTICATION_FAILED", Outlook::NeedsHelp),
    (745, "SERVER_OVERLOADED", Outlook::Passing),
    (999, "KEEPER_EXCEPTION", Outlook::Passing),
    (1001, "STD_EXCEPTION", Outlook::NeedsHelp),
];

/// The codes of the table and their names, for the test that asks an engine.
#[cfg(test)]
pub(super) fn codes() -> impl Iterator<Item = (u32, &'static str)> {
    OUTLOOKS.iter().map(|(code, name, _)| (*code, *name))
}

/// Two kinds of refusal share their code with others and are known by their words.
fn outlook(code: u32, text: &str) -> Outlook {
    if code == MEMORY_LIMIT_EXCEEDED {
        // The limit of one statement would stop it again; that of the whole server is shared with others.
        return match text.contains("(total)") || text.contains("(for user)") {
            true => Outlook::Passing,
            false => Outlook::NeedsHelp,
        };
    }
    if text.contains("No space left on device") {
        return Outlook::NeedsHelp;
    }
    OUTLOOKS
        .iter()
        .find(|(known, _, _)| *known == code)
        .map_or(Outlook::Hopeless, |(_, _, outlook)| *outlook)
}

/// Whether a disk is full, or the share of it that is ours.
fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::ReadOnlyFilesystem
    )
}

const MEMORY_LIMIT_EXCEEDED: u32 = 241;

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
    fn what_may_pass_is_told_from_what_needs_help_and_from_our_own_faults() {
        let refused = |text: &str| StoreError::Refused {
            what: "rows for web_hits".to_owned(),
            refusal: Refusal::new(text.to_owned()),
        };
        let table: [(&str, bool, bool); 9] = [
            (
                "Code: 252. DB::Exception: Too many parts (3000). Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)",
                true,
                true,
            ),
            (
                "Code: 202. DB::Exception: Too many simultaneous queries for all users. (TOO_MANY_SIMULTANEOUS_QUERIES)",
                true,
                true,
            ),
            (
                "Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY)",
                true,
                true,
            ),
            (
                "Code: 241. DB::Exception: (total) memory limit exceeded: would use 1.86 GiB. (MEMORY_LIMIT_EXCEEDED)",
                true,
                true,
            ),
            (
                "Code: 241. DB::Exception: Query memory limit exceeded: would use 1.86 GiB. (MEMORY_LIMIT_EXCEEDED)",
                false,
                true,
            ),
            (
                "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)",
                false,
                true,
            ),
            (
                "Code: 1001. DB::Exception: filesystem error: No space left on device. (STD_EXCEPTION)",
                false,
                true,
            ),
            (
                "Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)",
                false,
                true,
            ),
            (
                "Code: 117. DB::Exception: Unknown field. (INCORRECT_DATA)",
                false,
                false,
            ),
        ];
        for (text, again, away) in table {
            let error = refused(text);
            assert_eq!(error.is_worth_another_try(), again, "{text}");
            assert_eq!(error.is_away(), away, "{text}");
        }
        let lost = StoreError::Unreachable {
            what: "rows for web_hits".to_owned(),
            reason: "connection reset".to_owned(),
        };
        assert!(lost.is_worth_another_try() && lost.is_away());
    }

    #[test]
    fn the_table_of_outlooks_names_each_code_once() {
        let codes: std::collections::BTreeSet<u32> =
            OUTLOOKS.iter().map(|(code, _, _)| *code).collect();
        assert_eq!(codes.len(), OUTLOOKS.len());
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
