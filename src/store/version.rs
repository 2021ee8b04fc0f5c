//! Which ClickHouse servers this program works with, and what it must know of one before it believes its figures.

use serde::Deserialize;

use super::client::{Call, Caller};
use super::error::StoreError;
use super::settings::Server;
use super::sql::{Params, Sql};

/// A caller for a server, and words about it that the operator should read.
pub(super) struct Greeted {
    pub(super) caller: Caller,
    pub(super) notices: Vec<String>,
}

#[derive(Deserialize)]
struct Said {
    version: String,
    quotes: serde_json::Value,
    zone: String,
}

/// Connects to a server and asks who it is.
pub(super) fn greet(server: &Server) -> Result<Greeted, StoreError> {
    let caller = Caller::of_server(server, true)?;
    let (caller, said) = match asked(&caller) {
        // A user with `readonly = 1` may set nothing, so it is asked as the profile has it.
        Err(error) if error.code() == Some(MAY_NOT_SET) => {
            let caller = Caller::of_server(server, false)?;
            let said = asked(&caller)?;
            if said.quotes != 0 || said.zone != "UTC" && said.zone != "Etc/UTC" {
                return Err(StoreError::Profile);
            }
            (caller, said)
        }
        said => (caller, said?),
    };
    let found = parsed(&said.version).ok_or_else(|| StoreError::Version {
        found: said.version.clone(),
        reason: "that is no version of ClickHouse's",
    })?;
    if found < FLOOR {
        return Err(StoreError::Version {
            found: said.version,
            reason: "that is too old: update it to 25.8 or later",
        });
    }
    let mut notices = Vec::new();
    if found.0 > TRIED_UP_TO.0 {
        notices.push(format!(
            "the ClickHouse server is version {}, and this program was tried up to {}.{}: it goes on, but see that a newer release of this program is not due",
            said.version, TRIED_UP_TO.0, TRIED_UP_TO.1
        ));
    }
    Ok(Greeted {
        caller: caller.deduplicating(found >= DEDUPLICATES_BY_A_WORD),
        notices,
    })
}

fn asked(caller: &Caller) -> Result<Said, StoreError> {
    let call = Call {
        what: SERVER.id(),
        sql: SERVER.text(),
        params: &Params::new(),
    };
    let answer = caller.ask_anywhere(&call, "JSONEachRow")?;
    serde_json::from_slice(&answer).map_err(|error| StoreError::Shape {
        what: SERVER.id().to_owned(),
        reason: super::shape(&error),
    })
}

/// Year and month of a version such as `26.7.2.1`.
fn parsed(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    let year = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok()?;
    Some((year, month))
}

/// The oldest that is taken: see queries/schema/SERVER.md for how it was found.
const FLOOR: (u32, u32) = (25, 8);
/// The newest that this release was tried with: the embedded one.
const TRIED_UP_TO: (u32, u32) = (26, 7);
/// Since this version a profile can switch deduplication off by the setting `deduplicate_insert`.
const DEDUPLICATES_BY_A_WORD: (u32, u32) = (26, 2);
/// ClickHouse's code for a setting that a user who may only read wants to change.
const MAY_NOT_SET: u32 = 164;
const SERVER: Sql = Sql::embedded(
    "store/server",
    include_str!("../../queries/store/server.sql"),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_by_its_year_and_month() {
        assert_eq!(parsed("26.7.2.1"), Some((26, 7)));
        assert_eq!(parsed("25.8.1.5101-altinitystable"), Some((25, 8)));
        assert_eq!(parsed("26"), None);
        assert_eq!(parsed("x.y"), None);
        assert!(parsed("25.10.1.1") > Some(FLOOR));
        assert!(parsed("25.3.9.1") < Some(FLOOR));
        let embedded = parsed(super::super::LIBRARY_VERSION);
        assert_eq!(embedded, Some(TRIED_UP_TO));
    }
}
