//! Loads facts from the store: the one part of attribution that asks anybody anything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Deserialize;

use crate::record::{
    AccountToken, Basis, LeaseEvent, Mac, SignInEvent, SourceId, Timestamp, from_store_ip,
    to_store_ip,
};
use crate::store::{Params, Sql, Store, StoreError};

use super::leases::{self, Pool};
use super::rows::place;
use super::{
    AccountRow, AttributeSettings, DarkRow, DeviceRow, FactRows, Facts, LeaseRow, NetworkRow,
    SignInRow,
};

const SIGN_INS: Sql = Sql::embedded(
    "attribute/facts_sign_ins",
    include_str!("../../queries/attribute/facts_sign_ins.sql"),
);
const SESSIONS: Sql = Sql::embedded(
    "attribute/facts_sessions",
    include_str!("../../queries/attribute/facts_sessions.sql"),
);
const ALL_SIGN_INS: Sql = Sql::embedded(
    "attribute/facts_all_sign_ins",
    include_str!("../../queries/attribute/facts_all_sign_ins.sql"),
);
const UNREAD: Sql = Sql::embedded(
    "attribute/facts_unread",
    include_str!("../../queries/attribute/facts_unread.sql"),
);
const LEASES: Sql = Sql::embedded(
    "attribute/facts_leases",
    include_str!("../../queries/attribute/facts_leases.sql"),
);
const DARK: Sql = Sql::embedded(
    "attribute/facts_dark",
    include_str!("../../queries/attribute/facts_dark.sql"),
);
const SERVERS: Sql = Sql::embedded(
    "attribute/facts_servers",
    include_str!("../../queries/attribute/facts_servers.sql"),
);
const NETWORKS: Sql = Sql::embedded(
    "attribute/facts_networks",
    include_str!("../../queries/attribute/facts_networks.sql"),
);
const LEASE_LENGTHS: Sql = Sql::embedded(
    "attribute/facts_lease_lengths",
    include_str!("../../queries/attribute/facts_lease_lengths.sql"),
);
const DEVICES: Sql = Sql::embedded(
    "attribute/facts_devices",
    include_str!("../../queries/attribute/facts_devices.sql"),
);
const ACCOUNTS: Sql = Sql::embedded(
    "attribute/facts_accounts",
    include_str!("../../queries/attribute/facts_accounts.sql"),
);

/// Beyond so many addresses all rows of the window are read: a list so long costs more than it saves.
const MOST_NAMED: usize = 500;

/// Of so many sessions at most is asked at once.
const MOST_SESSIONS: usize = 500;

/// The statements by which facts are loaded, for those who print their method.
pub const STATEMENTS: &[Sql] = &[
    SIGN_INS,
    SESSIONS,
    ALL_SIGN_INS,
    LEASES,
    LEASE_LENGTHS,
    UNREAD,
    DARK,
    SERVERS,
    NETWORKS,
    DEVICES,
    ACCOUNTS,
];

/// Facts can not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// The store failed.
    #[error("cannot load the facts of attribution")]
    Store(#[from] StoreError),
    /// A row of the store is not what this program writes.
    #[error("the table {table} holds a row that this program did not write: bad {column}")]
    Row {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
}

impl Facts {
    /// Loads all that can bear on these addresses between two moments.
    pub fn load(
        store: &Store,
        addresses: &BTreeSet<IpAddr>,
        since: Timestamp,
        until: Timestamp,
        settings: AttributeSettings,
    ) -> Result<Facts, AttributeError> {
        let back = settings.look_back_us();
        let all = addresses.len() > MOST_NAMED;
        let looking_up = store.looking_up();
        let store = if all { store } else { &looking_up };
        let window = Params::new()
            .time("since", since.plus_micros(back.saturating_neg()))
            // What ends an interval may stand after the window.
            .time("until", until.plus_micros(back))
            .number("all", u8::from(all))
            .ips("ips", addresses.iter().copied().filter(|_| !all));
        let leases: Vec<LeaseRow> = gather(store.rows::<StoredLease>(LEASES, &window)?)?;
        let lease_pauses = lease_pauses(store, &leases, &window)?;
        let cards: BTreeSet<String> = leases
            .iter()
            .filter(|_| !all)
            .filter_map(|row| Some(row.mac?.to_string()))
            .collect();
        let window = window.texts("cards", cards.iter());
        let mut interim_servers = BTreeSet::new();
        let mut translators = BTreeSet::new();
        for row in store.rows::<StoredServer>(SERVERS, &window)? {
            if row.translator.is_empty() {
                interim_servers.insert(row.nas);
                continue;
            }
            let bad = AttributeError::Row {
                table: "translations",
                column: "outside_ip",
            };
            translators.extend(address(&row.translator).ok_or(bad)?);
        }
        let rows = FactRows {
            sign_ins: match all {
                true => gather(store.rows::<StoredSignIn>(ALL_SIGN_INS, &window)?)?,
                false => sign_ins(store, &window, |row| {
                    row.ip.is_some_and(|ip| addresses.contains(&ip))
                        || row.mac.is_some_and(|mac| cards.contains(&mac.to_string()))
                })?,
            },
            leases,
            lease_pauses,
            dark: dark(store, &window)?,
            devices: gather(store.rows::<StoredDevice>(DEVICES, &window)?)?,
            networks: gather(store.rows::<StoredNetwork>(NETWORKS, &Params::new())?)?,
            accounts: gather(store.rows::<StoredAccount>(ACCOUNTS, &Params::new())?)?,
            interim_servers,
            translators,
        };
        Ok(Facts::new(rows, settings))
    }
}

/// The sign-ins of some addresses and cards with the whole of their sessions.
fn sign_ins(
    store: &Store,
    window: &Params,
    is_of_them: impl Fn(&SignInRow) -> bool,
) -> Result<Vec<SignInRow>, AttributeError> {
    let mut found: Vec<SignInRow> = gather(store.rows::<StoredSignIn>(SIGN_INS, window)?)?;
    let met: BTreeSet<(Basis, String, String)> = found
        .iter()
        // Of the servers that started anew there are others, on other addresses.
        .filter(|row| !row.session.is_empty() && is_of_them(row))
        .map(|row| (row.basis, row.nas.clone(), row.session.clone()))
        .collect();
    let names: BTreeSet<&String> = met.iter().map(|(_, _, session)| session).collect();
    let names: Vec<&String> = names.into_iter().collect();
    for some in names.chunks(MOST_SESSIONS) {
        let asked = window.clone().texts("sessions", some.iter().copied());
        let rows: Vec<SignInRow> = gather(store.rows::<StoredSignIn>(SESSIONS, &asked)?)?;
        // Another server has sessions of that name too.
        found.extend(
            rows.into_iter()
                .filter(|row| met.contains(&(row.basis, row.nas.clone(), row.session.clone()))),
        );
    }
    found.sort_by_key(|row| (row.time, row.place));
    found.dedup_by_key(|row| row.place);
    Ok(found)
}

/// When sources of leases could not be read.
fn dark(store: &Store, window: &Params) -> Result<Vec<DarkRow>, AttributeError> {
    let unread: Vec<StoredUnread> = store.rows(UNREAD, window)?;
    if unread.iter().all(|row| row.sources == 0) {
        return Ok(Vec::new());
    }
    gather(store.rows::<StoredDark>(DARK, window)?)
}

/// How often cards speak to the servers of leases that do not say how long they last; asked only where these addresses' own words do not tell.
fn lease_pauses(
    store: &Store,
    rows: &[LeaseRow],
    window: &Params,
) -> Result<BTreeMap<Pool, i64>, AttributeError> {
    let unsure = leases::unsure(rows);
    if unsure.is_empty() {
        return Ok(BTreeMap::new());
    }
    let asked = window
        .clone()
        .number("enough", u32::try_from(leases::ENOUGH_PAUSES).unwrap_or(3))
        .number("shortest", leases::SHORTEST_PAUSE_US)
        .ips("pools", unsure.iter().map(|(_, first)| *first));
    let stored = store.rows::<StoredPause>(LEASE_LENGTHS, &asked)?;
    let bad = |column| AttributeError::Row {
        table: "leases",
        column,
    };
    let pauses = stored.into_iter().map(|row| {
        let source = SourceId::parse(&row.source).ok_or(bad("source_id"))?;
        let pool = address(&row.pool).flatten().ok_or(bad("ip"))?;
        Ok(((source, pool), row.usual))
    });
    pauses.collect()
}

/// Turns stored rows into ours; a row that is not ours stops the work, since a name would rest on it.
fn gather<S, T>(stored: Vec<S>) -> Result<Vec<T>, AttributeError>
where
    T: TryFrom<S, Error = AttributeError>,
{
    stored.into_iter().map(T::try_from).collect()
}

#[derive(Deserialize)]
struct StoredUnread {
    sources: u64,
}

#[derive(Deserialize)]
struct StoredDark {
    source: String,
    began: i64,
    ended: i64,
}

impl TryFrom<StoredDark> for DarkRow {
    type Error = AttributeError;
    fn try_from(row: StoredDark) -> Result<Self, AttributeError> {
        Ok(DarkRow {
            source: SourceId::parse(&row.source).ok_or(AttributeError::Row {
                table: "rejects",
                column: "source_id",
            })?,
            from: Timestamp::from_micros(row.began),
            to: Timestamp::from_micros(row.ended),
        })
    }
}

#[derive(Deserialize)]
struct StoredPause {
    source: String,
    pool: String,
    usual: i64,
}

#[derive(Deserialize)]
struct StoredServer {
    nas: String,
    /// One of both is empty.
    translator: String,
}

#[derive(Deserialize)]
struct StoredSignIn {
    source: String,
    frame: u64,
    ordinal: u32,
    moment: i64,
    event: String,
    account: String,
    address: String,
    card: String,
    session: String,
    nas: String,
    basis: String,
}

impl TryFrom<StoredSignIn> for SignInRow {
    type Error = AttributeError;
    fn try_from(row: StoredSignIn) -> Result<Self, AttributeError> {
        let bad = |column| AttributeError::Row {
            table: "sign_ins",
            column,
        };
        Ok(SignInRow {
            place: place(&row.source, row.frame, row.ordinal).ok_or(bad("source_id"))?,
            time: Timestamp::from_micros(row.moment),
            event: SignInEvent::parse(&row.event).ok_or(bad("event"))?,
            account: optional(&row.account, AccountToken::parse).ok_or(bad("account_token"))?,
            ip: address(&row.address).ok_or(bad("ip"))?,
            mac: optional(&row.card, Mac::parse).ok_or(bad("mac"))?,
            session: row.session,
            nas: row.nas,
            basis: Basis::parse(&row.basis).ok_or(bad("basis"))?,
        })
    }
}

#[derive(Deserialize)]
struct StoredLease {
    source: String,
    frame: u64,
    ordinal: u32,
    moment: i64,
    event: String,
    address: String,
    card: String,
    expires: i64,
}

impl TryFrom<StoredLease> for LeaseRow {
    type Error = AttributeError;
    fn try_from(row: StoredLease) -> Result<Self, AttributeError> {
        let bad = |column| AttributeError::Row {
            table: "leases",
            column,
        };
        Ok(LeaseRow {
            place: place(&row.source, row.frame, row.ordinal).ok_or(bad("source_id"))?,
            time: Timestamp::from_micros(row.moment),
            event: LeaseEvent::parse(&row.event).ok_or(bad("event"))?,
            ip: address(&row.address).flatten().ok_or(bad("ip"))?,
            mac: optional(&row.card, Mac::parse).ok_or(bad("mac"))?,
            expires: moment(row.expires),
        })
    }
}

#[derive(Deserialize)]
struct StoredDevice {
    source: String,
    frame: u64,
    ordinal: u32,
    card: String,
    owner: String,
    shared: bool,
    valid_from: i64,
    valid_to: i64,
}

impl TryFrom<StoredDevice> for DeviceRow {
    type Error = AttributeError;
    fn try_from(row: StoredDevice) -> Result<Self, AttributeError> {
        let bad = |column| AttributeError::Row {
            table: "devices",
            column,
        };
        Ok(DeviceRow {
            place: place(&row.source, row.frame, row.ordinal).ok_or(bad("source_id"))?,
            mac: Mac::parse(&row.card).ok_or(bad("mac"))?,
            owner: optional(&row.owner, AccountToken::parse).ok_or(bad("owner_token"))?,
            shared: row.shared,
            valid_from: moment(row.valid_from),
            valid_to: moment(row.valid_to),
        })
    }
}

#[derive(Deserialize)]
struct StoredNetwork {
    source: String,
    frame: u64,
    ordinal: u32,
    first: String,
    last: String,
    bits: u8,
    establishment: String,
    valid_from: i64,
    valid_to: i64,
}

impl TryFrom<StoredNetwork> for NetworkRow {
    type Error = AttributeError;
    fn try_from(row: StoredNetwork) -> Result<Self, AttributeError> {
        let bad = |column| AttributeError::Row {
            table: "networks",
            column,
        };
        // The network of all addresses begins at the unspecified one.
        let first = row.first.parse().map_err(|_| bad("first_ip"))?;
        let last = row.last.parse().map_err(|_| bad("last_ip"))?;
        Ok(NetworkRow {
            place: place(&row.source, row.frame, row.ordinal).ok_or(bad("source_id"))?,
            first: from_store_ip(to_store_ip(first)),
            last: from_store_ip(to_store_ip(last)),
            bits: row.bits,
            establishment: row.establishment,
            valid_from: moment(row.valid_from),
            valid_to: moment(row.valid_to),
        })
    }
}

#[derive(Deserialize)]
struct StoredAccount {
    source: String,
    frame: u64,
    ordinal: u32,
    account: String,
    role: String,
    valid_from: i64,
    valid_to: i64,
}

impl TryFrom<StoredAccount> for AccountRow {
    type Error = AttributeError;
    fn try_from(row: StoredAccount) -> Result<Self, AttributeError> {
        let bad = |column| AttributeError::Row {
            table: "accounts",
            column,
        };
        Ok(AccountRow {
            place: place(&row.source, row.frame, row.ordinal).ok_or(bad("source_id"))?,
            account: AccountToken::parse(&row.account).ok_or(bad("account_token"))?,
            role: row.role,
            valid_from: moment(row.valid_from),
            valid_to: moment(row.valid_to),
        })
    }
}

/// A text that may be empty, which is "not known"; `None` if it is neither empty nor right.
fn optional<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() {
        Some(None)
    } else {
        parse(text).map(Some)
    }
}

/// An address as the store prints it; the unspecified one is "not known".
fn address(text: &str) -> Option<Option<IpAddr>> {
    let ip: IpAddr = text.parse().ok()?;
    let ip = from_store_ip(to_store_ip(ip));
    Some((!ip.is_unspecified()).then_some(ip))
}

/// Time zero is "not known".
fn moment(micros: i64) -> Option<Timestamp> {
    (micros != 0).then(|| Timestamp::from_micros(micros))
}
