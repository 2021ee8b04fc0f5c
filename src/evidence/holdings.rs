//! The store as evidence sees it: candidates, the facts of attribution, and the records of chosen rows.
//!
//! The rows chosen are told to the store by their places, in a table of its own for the length of the
//! export, so that CSV and Parquet are written by the store itself and hold those rows and no others.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use serde::Deserialize;

use super::EvidenceError;
use super::figures::counts;
use super::records::writes;
use super::select::{
    Attribution, Candidate, Holdings, Judgement, Records, RecordsWanted, RivalClaim, Subject,
};
use crate::attribute::{AttributeError, AttributeSettings, Facts, STATEMENTS};
use crate::casework::{DataClass, Wanted, Window};
use crate::record::{AccountToken, Class, Column, Nature, Place, SourceId, Table, Timestamp};
use crate::store::{Params, Sql, Store, StoreError};

const ADDRESSES: Sql = Sql::embedded(
    "evidence/addresses",
    include_str!("../../queries/evidence/addresses.sql"),
);
const WEB: Sql = Sql::embedded(
    "evidence/web_candidates",
    include_str!("../../queries/evidence/web_candidates.sql"),
);
const FLOWS: Sql = Sql::embedded(
    "evidence/flow_candidates",
    include_str!("../../queries/evidence/flow_candidates.sql"),
);
const SIGN_INS: Sql = Sql::embedded(
    "evidence/sign_in_candidates",
    include_str!("../../queries/evidence/sign_in_candidates.sql"),
);
const PLACES_MAKE: Sql = Sql::embedded(
    "evidence/places_make",
    include_str!("../../queries/evidence/places_make.sql"),
);
const PLACES_CLEAR: Sql = Sql::embedded(
    "evidence/places_clear",
    include_str!("../../queries/evidence/places_clear.sql"),
);

/// The table that tells the store which rows were chosen.
static PLACES: Table = Table {
    name: "evidence_places",
    kind: "evidence_place",
    columns: &[Column {
        name: "export",
        json_name: "export",
        store_type: "String",
        class: Class::Local,
        nature: Nature::Derived,
    }],
};

/// The store, and the limits by which attribution judges.
#[derive(Debug)]
pub struct StoreHoldings<'a> {
    /// The store.
    pub store: &'a Store,
    /// The limits.
    pub settings: AttributeSettings,
}

impl Holdings for StoreHoldings<'_> {
    fn addresses(
        &self,
        accounts: &BTreeSet<AccountToken>,
        window: Window,
    ) -> Result<BTreeSet<IpAddr>, EvidenceError> {
        if accounts.is_empty() {
            return Ok(BTreeSet::new());
        }
        let back = self.settings.look_back_us();
        let params = Params::new()
            .time("since", window.from.plus_micros(back.saturating_neg()))
            .time("until", window.to)
            .texts("accounts", accounts.iter().map(ToString::to_string));
        let rows: Vec<StoredAddress> = self.store.rows(ADDRESSES, &params)?;
        rows.iter()
            .map(|row| {
                IpAddr::from_str(&row.ip).map_err(|_| EvidenceError::StoredRow(ADDRESSES.id()))
            })
            .collect()
    }

    fn candidates(
        &self,
        wanted: Wanted,
        subject: &Subject,
        window: Window,
    ) -> Result<Vec<Candidate>, EvidenceError> {
        let sql = match wanted {
            Wanted::WebRecords => WEB,
            Wanted::ConnectionRecords => FLOWS,
            Wanted::SignIns => SIGN_INS,
            // The register is asked by account and judged by nobody.
            Wanted::Subscriber => return Ok(Vec::new()),
        };
        let mut params = of_window(window)
            .texts("accounts", subject.accounts.iter().map(ToString::to_string))
            .ips("addresses", subject.addresses.iter().copied());
        if wanted == Wanted::SignIns {
            params = params.texts("cards", subject.cards.iter().map(ToString::to_string));
        }
        let rows: Vec<StoredCandidate> = self.store.rows(sql, &params)?;
        rows.iter()
            .map(|row| row.candidate().ok_or(EvidenceError::StoredRow(sql.id())))
            .collect()
    }

    fn attribution(
        &self,
        addresses: &BTreeSet<IpAddr>,
        window: Window,
    ) -> Result<Box<dyn Attribution>, EvidenceError> {
        let facts = Facts::load(self.store, addresses, window.from, window.to, self.settings)?;
        Ok(Box::new(facts))
    }

    fn records(&self, ask: &RecordsWanted<'_>) -> Result<Records, EvidenceError> {
        let statement = writes(ask.wanted, ask.class).ok_or(EvidenceError::NoStatement)?;
        let sql = Sql::embedded(statement.id, statement.text);
        if ask.wanted == Wanted::Subscriber {
            let params = of_window(ask.window)
                .texts("accounts", ask.accounts.iter().map(ToString::to_string));
            return self.written(ask.wanted, sql, &params);
        }
        // A name that no other export has: kinds of record follow each other under one commitment.
        let export = format!("{}:{}", ask.export, ask.wanted.as_str());
        self.store.run(PLACES_MAKE, &Params::new())?;
        self.store
            .insert(&PLACES, places(ask.places, &export), None)?;
        let params = of_window(ask.window).text("export", &export);
        let written = self.written(ask.wanted, sql, &params);
        self.store
            .run(PLACES_CLEAR, &Params::new().text("export", &export))?;
        written
    }

    fn statements(&self, wanted: &BTreeSet<Wanted>, class: DataClass) -> Vec<(String, String)> {
        let asked = wanted.iter().filter_map(|kind| match kind {
            Wanted::WebRecords => Some(WEB),
            Wanted::ConnectionRecords => Some(FLOWS),
            Wanted::SignIns => Some(SIGN_INS),
            Wanted::Subscriber => None,
        });
        let written = wanted.iter().filter_map(|kind| writes(*kind, class));
        let counted = wanted.iter().map(|kind| counts(*kind));
        [ADDRESSES]
            .into_iter()
            .chain(asked)
            .chain(STATEMENTS.iter().copied())
            .chain(written.map(|one| Sql::embedded(one.id, one.text)))
            .chain(counted.map(|(id, text)| Sql::embedded(id, text)))
            .map(|sql| (sql.id().to_owned(), sql.text().to_owned()))
            .collect()
    }
}

impl StoreHoldings<'_> {
    fn written(&self, wanted: Wanted, sql: Sql, params: &Params) -> Result<Records, EvidenceError> {
        let (id, text) = counts(wanted);
        Ok(Records {
            files: vec![
                ("csv", self.store.bytes(sql, params, "CSVWithNames")?),
                ("parquet", self.store.bytes(sql, params, "Parquet")?),
            ],
            figures: self.store.rows(Sql::embedded(id, text), params)?,
        })
    }
}

impl Attribution for Facts {
    fn who(&self, ip: IpAddr, time: Timestamp, named: Option<&AccountToken>) -> Judgement {
        let answer = Facts::who(self, ip, time, named);
        Judgement {
            verdict: answer.verdict.as_str(),
            establishment: answer.establishment,
            account: answer.account.map(|token| token.to_string()),
            basis: answer.basis.map(crate::record::Basis::as_str),
            rests_on: answer.rests_on.iter().map(ToString::to_string).collect(),
            rivals: answer
                .rivals
                .iter()
                .map(|rival| RivalClaim {
                    account: rival.account.map(|token| token.to_string()),
                    basis: rival.basis.as_str(),
                    from: Some(rival.span.from.to_string()),
                    to: Some(rival.span.to.to_string()),
                    at_the_moment: rival.at_the_moment,
                })
                .collect(),
            margin_us: answer.margin_us,
            reasons: answer
                .reasons
                .iter()
                .map(|reason| reason.as_str())
                .collect(),
        }
    }
}

impl From<StoreError> for EvidenceError {
    fn from(error: StoreError) -> Self {
        EvidenceError::Store(Box::new(error))
    }
}

impl From<AttributeError> for EvidenceError {
    fn from(error: AttributeError) -> Self {
        EvidenceError::Store(Box::new(error))
    }
}

#[derive(Deserialize)]
struct StoredAddress {
    ip: String,
}

#[derive(Deserialize)]
struct StoredCandidate {
    source: String,
    frame: u64,
    ordinal: u32,
    at: i64,
    ip: String,
    account: String,
}

impl StoredCandidate {
    fn candidate(&self) -> Option<Candidate> {
        let ip: IpAddr = self.ip.parse().ok()?;
        let named = match self.account.as_str() {
            "" => None,
            token => Some(AccountToken::parse(token)?),
        };
        Some(Candidate {
            place: Place {
                source: SourceId::parse(&self.source)?,
                frame: self.frame,
                ordinal: self.ordinal,
            },
            time: Timestamp::from_micros(self.at),
            ip: (!ip.is_unspecified()).then_some(ip),
            named,
        })
    }
}

fn of_window(window: Window) -> Params {
    Params::new()
        .time("since", window.from)
        .time("until", window.to)
}

/// The places as RowBinary: the three numbers, then the export's name with its length.
fn places(places: &BTreeSet<Place>, export: &str) -> Vec<u8> {
    let mut rows = Vec::new();
    let length = u8::try_from(export.len())
        .ok()
        .filter(|length| *length < 0x80)
        .unwrap_or(0);
    let name = export.get(..usize::from(length)).unwrap_or_default();
    for place in places {
        rows.extend_from_slice(&place.source.0);
        rows.extend_from_slice(&place.frame.to_le_bytes());
        rows.extend_from_slice(&place.ordinal.to_le_bytes());
        rows.push(length);
        rows.extend_from_slice(name.as_bytes());
    }
    rows
}

#[cfg(test)]
mod tests;
