//! Which rows are given out: candidates from the store, each judged; whoever it can not be said of, or is another's, stays.
//!
//! This is pure: what the store holds comes in by [`Holdings`], what attribution says by [`Attribution`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;

use super::{EvidenceError, Figure};
use crate::casework::{DataClass, Identifier, IdentifierKind, Wanted, Window};
use crate::record::{AccountText, AccountToken, Mac, Place, Timestamp, Verdict};

/// Whom or what a request is about, in the words of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Tokens of the accounts that the request names.
    pub accounts: BTreeSet<AccountToken>,
    /// The addresses that it names.
    pub addresses: BTreeSet<IpAddr>,
    /// The network cards that it names.
    pub cards: BTreeSet<Mac>,
}

/// A row that may belong to the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it came from.
    pub place: Place,
    /// When.
    pub time: Timestamp,
    /// The address on the subject's side, if the row has one.
    pub ip: Option<IpAddr>,
    /// The account that the row itself names.
    pub named: Option<AccountToken>,
}

/// Who it was, as it is printed in a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// What can be said.
    pub verdict: &'static str,
    /// Where.
    pub establishment: Option<String>,
    /// The account's token.
    pub account: Option<String>,
    /// On what kind of evidence.
    pub basis: Option<&'static str>,
    /// The rows it rests on, each `table:source:frame:ordinal`.
    pub rests_on: Vec<String>,
    /// Who else could have been meant.
    pub rivals: Vec<RivalClaim>,
    /// Microseconds to the nearest moment at which the answer would change.
    pub margin_us: Option<i64>,
    /// Why.
    pub reasons: Vec<&'static str>,
}

/// A claim that did not decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RivalClaim {
    /// The account's token; none for a device that several people use.
    pub account: Option<String>,
    /// On what kind of evidence.
    pub basis: &'static str,
    /// From when, in microseconds since 1970; none if it is not known.
    pub from: Option<String>,
    /// Until when.
    pub to: Option<String>,
    /// Whether it covers the very moment.
    pub at_the_moment: bool,
}

/// Says who it was.
pub trait Attribution {
    /// Who used this address at this moment. `named` is the account that the event itself names.
    fn who(&self, ip: IpAddr, time: Timestamp, named: Option<&AccountToken>) -> Judgement;
}

/// What evidence asks of the store.
pub trait Holdings {
    /// The addresses at which these accounts were in the window, or shortly before it.
    fn addresses(
        &self,
        accounts: &BTreeSet<AccountToken>,
        window: Window,
    ) -> Result<BTreeSet<IpAddr>, EvidenceError>;
    /// Rows that may belong to the subject, by time and place.
    fn candidates(
        &self,
        wanted: Wanted,
        subject: &Subject,
        window: Window,
    ) -> Result<Vec<Candidate>, EvidenceError>;
    /// What is known of these addresses.
    fn attribution(
        &self,
        addresses: &BTreeSet<IpAddr>,
        window: Window,
    ) -> Result<Box<dyn Attribution>, EvidenceError>;
    /// The records of these rows, with the columns that the class allows, and what they add up to.
    fn records(&self, ask: &RecordsWanted<'_>) -> Result<Records, EvidenceError>;
    /// The statements that were used, by id.
    fn statements(&self, wanted: &BTreeSet<Wanted>, class: DataClass) -> Vec<(String, String)>;
}

/// Records as they were written.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The same rows as CSV and as Parquet, by the ending of their file.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// What they add up to, as the store counts it.
    pub figures: Vec<Figure>,
}

/// Which records are to be written.
#[derive(Debug)]
pub struct RecordsWanted<'a> {
    /// Of which kind.
    pub wanted: Wanted,
    /// The class of data.
    pub class: DataClass,
    /// The rows; of the register, none.
    pub places: &'a BTreeSet<Place>,
    /// The accounts, for what the register says of them.
    pub accounts: &'a BTreeSet<AccountToken>,
    /// The window.
    pub window: Window,
    /// A name for this export alone.
    pub export: &'a str,
}

/// Rows chosen, with who they are attributed to.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// By kind of record: each row with the judgement on it, if it has an address or a name to judge.
    pub(crate) rows: BTreeMap<Wanted, Vec<(Candidate, Option<Judgement>)>>,
    /// How many rows were withheld, by reason.
    pub(crate) withheld: BTreeMap<&'static str, u64>,
}

impl Subject {
    /// From the identifiers of a request; every gate has passed them, so each can be read.
    pub fn of(
        identifiers: &[Identifier],
        token: &mut dyn FnMut(&AccountText) -> AccountToken,
    ) -> Subject {
        let mut subject = Subject::default();
        for one in identifiers {
            let value = one.value.trim();
            match one.kind {
                IdentifierKind::Account => subject
                    .accounts
                    .extend(AccountText::new(value).map(|name| token(&name))),
                IdentifierKind::Address => subject.addresses.extend(
                    // The store gives an address of version 4 as one, however it was written.
                    value.parse().ok().map(|ip: IpAddr| ip.to_canonical()),
                ),
                IdentifierKind::Mac => subject.cards.extend(Mac::parse(value)),
            }
        }
        subject
    }
}

/// Selects the rows of a request.
pub(crate) fn select(
    holdings: &dyn Holdings,
    wanted: &BTreeSet<Wanted>,
    subject: &Subject,
    window: Window,
) -> Result<Selection, EvidenceError> {
    let mut around = subject.clone();
    around
        .addresses
        .extend(holdings.addresses(&subject.accounts, window)?);
    let attribution = holdings.attribution(&around.addresses, window)?;
    let mut selection = Selection::default();
    for kind in wanted {
        let within = match kind {
            Wanted::Subscriber => continue,
            // A sign-in names its own account: others' at the same address are no business of this request.
            Wanted::SignIns => subject,
            Wanted::WebRecords | Wanted::ConnectionRecords => &around,
        };
        let mut rows = Vec::new();
        for row in holdings.candidates(*kind, within, window)? {
            let judgement = row
                .ip
                .map(|ip| attribution.who(ip, row.time, row.named.as_ref()));
            match withheld(*kind, subject, &row, judgement.as_ref()) {
                None => rows.push((row, judgement)),
                Some(reason) => *selection.withheld.entry(reason).or_default() += 1,
            }
        }
        selection.rows.insert(*kind, rows);
    }
    Ok(selection)
}

/// Why a row is not given out, or nothing if it is.
fn withheld(
    kind: Wanted,
    subject: &Subject,
    row: &Candidate,
    judgement: Option<&Judgement>,
) -> Option<&'static str> {
    let asked_by_address = row.ip.is_some_and(|ip| subject.addresses.contains(&ip));
    let named_in_row = row
        .named
        .is_some_and(|token| subject.accounts.contains(&token));
    if asked_by_address || named_in_row || kind == Wanted::SignIns {
        return None;
    }
    if row.named.is_some() {
        return Some("names_another_account");
    }
    let Some(judgement) = judgement else {
        return Some("not_attributable");
    };
    let own = judgement
        .account
        .as_deref()
        .and_then(AccountToken::parse)
        .is_some_and(|token| subject.accounts.contains(&token));
    match Verdict::parse(judgement.verdict) {
        Some(Verdict::Attributed) if own => None,
        Some(Verdict::Attributed) => Some("attributed_to_another"),
        Some(Verdict::Disputed) => Some("disputed"),
        Some(Verdict::Shared) => Some("shared"),
        Some(Verdict::NotAttributable) | None => Some("not_attributable"),
    }
}
