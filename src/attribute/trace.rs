//! From an address and port as the internet saw them to whoever sat behind: through translators to an inside address, then by its facts.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Bound::{Excluded, Included};

use serde::Deserialize;

use crate::record::{Timestamp, Verdict, from_store_ip, to_store_ip};
use crate::store::{Params, Sql, Store};

use super::rows::place;
use super::translations::{Behind, behind, stays};
use super::{
    Answer, AttributeError, AttributeSettings, Facts, Inside, Outcome, OutsideEnd, Reason, Rival,
    Sensitivity, TranslationRow,
};

const TRANSLATIONS: Sql = Sql::embedded(
    "attribute/facts_translations",
    include_str!("../../queries/attribute/facts_translations.sql"),
);
const TRANSLATED: Sql = Sql::embedded(
    "attribute/facts_translated",
    include_str!("../../queries/attribute/facts_translated.sql"),
);

/// The statements by which an outside end is followed, before those of the facts.
pub const TRACE_STATEMENTS: &[Sql] = &[TRANSLATIONS, TRANSLATED];

/// A school's translator behind a carrier's is two; more than this is a loop in somebody's records.
const MOST_STEPS: usize = 4;
/// Rivals are looked for behind so many inside addresses at most: a whole carrier's translator is nobody's list of suspects.
const MOST_RIVALS: usize = 20;

/// An address that a translator had within a month on either side is not taken for a device's own because a record is missing.
const STAYS_TRANSLATOR_US: i64 = 31 * 24 * 3_600_000_000;
/// So many translations of one address are read at most; a carrier's, asked for without a port, can have had millions in a day.
const MOST_ROWS: u64 = 100_000;

/// The way from an outside end to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The inside ends that were passed, the outermost first. None where the address is its own.
    pub steps: Vec<Inside>,
    /// Whom the last end could have stood for, where that is not one.
    pub could_be: Vec<Inside>,
    /// Who it was.
    pub answer: Answer,
    /// Why no address was come to, where that is so.
    pub stopped: Option<Reason>,
    /// When translations on the way began and ended.
    turns: BTreeSet<Timestamp>,
}

impl Trace {
    /// Follows an outside end at a moment. Facts are loaded for `reach` microseconds on either side of it.
    pub fn load(
        store: &Store,
        end: OutsideEnd,
        time: Timestamp,
        reach: i64,
        settings: AttributeSettings,
    ) -> Result<(Trace, Facts), AttributeError> {
        let (mut end, mut steps, mut turns) = (end, Vec::new(), BTreeSet::new());
        let looking_up = store.looking_up();
        let (could_be, stopped) = loop {
            match step(&looking_up, &end, time, reach, &settings, &mut turns)? {
                Step::Itself => break (Vec::new(), None),
                Step::To(Behind::Nobody) => break (Vec::new(), Some(Reason::NoTranslation)),
                Step::To(Behind::Several(several, reason)) => break (several, Some(reason)),
                Step::To(Behind::One(inside)) => {
                    end.ip = inside.ip;
                    end.port = inside.port;
                    steps.push(inside);
                    if steps.len() > MOST_STEPS {
                        break (Vec::new(), Some(Reason::TranslatorsWithoutEnd));
                    }
                }
            }
        };
        let mut asked: BTreeSet<IpAddr> = BTreeSet::from([end.ip]);
        asked.extend(could_be.iter().take(MOST_RIVALS).map(|inside| inside.ip));
        let (since, until) = (time.plus_micros(-reach), time.plus_micros(reach + 1));
        let facts = Facts::load(store, &asked, since, until, settings)?;
        let answer = facts.behind(end.ip, time, &steps, &could_be, stopped);
        let trace = Trace {
            steps,
            could_be,
            answer,
            stopped,
            turns,
        };
        Ok((trace, facts))
    }

    /// What would be answered near the moment. The facts must have been loaded with the reach of [`Sensitivity`].
    pub fn sensitivity(
        &self,
        store: &Store,
        end: OutsideEnd,
        time: Timestamp,
        facts: &Facts,
    ) -> Result<Sensitivity, AttributeError> {
        if self.steps.is_empty() && self.stopped.is_none() {
            return Ok(facts.sensitivity(end.ip, time));
        }
        let at = |moment: Timestamp, settings| -> Result<Answer, AttributeError> {
            Ok(Trace::load(store, end, moment, 0, settings)?.0.answer)
        };
        let settings = *facts.settings();
        // What holds on either side of a change is said as if clocks were exact.
        let exact = AttributeSettings {
            clock_uncertainty_us: 0,
            ..settings
        };
        let said = Outcome::of(&at(time, exact)?);
        let reach = Sensitivity::REACH_US;
        let (earlier, later) = (time.plus_micros(-reach), time.plus_micros(reach));
        let innermost = self.steps.last().map_or(end.ip, |inside| inside.ip);
        // Either a translation begins or ends, or what is known of the inside address changes.
        let mut moments = self.turns.clone();
        moments.extend(facts.changes(innermost, earlier, later));
        if self.stopped == Some(Reason::PortNotSaid) {
            // No moment names anybody without a port.
            moments.clear();
        }
        let mut near = Sensitivity {
            before: None,
            after: None,
            an_hour_earlier: at(earlier, settings)?,
            an_hour_later: at(later, settings)?,
        };
        for moment in moments.range((Excluded(earlier), Included(time))).rev() {
            let other = Outcome::of(&at(moment.plus_micros(-1), exact)?);
            if other != said {
                near.before = Some((*moment, other));
                break;
            }
        }
        for moment in moments.range((Excluded(time), Included(later))) {
            let other = Outcome::of(&at(*moment, exact)?);
            if other != said {
                near.after = Some((*moment, other));
                break;
            }
        }
        Ok(near)
    }
}

impl Facts {
    /// Who used an address that was come to through translations, or, with a `reason`, why that can not be said. Pure.
    pub(super) fn behind(
        &self,
        ip: IpAddr,
        time: Timestamp,
        steps: &[Inside],
        could_be: &[Inside],
        reason: Option<Reason>,
    ) -> Answer {
        let mut answer = self.who(ip, time, None);
        if let Some(reason) = reason {
            // Whatever is known of an address that stands for others, it is not known of the one who is meant.
            answer.verdict = match reason {
                Reason::NoTranslation | Reason::PortNotSaid | Reason::TranslatorsWithoutEnd => {
                    Verdict::NotAttributable
                }
                _ => Verdict::Disputed,
            };
            (answer.account, answer.basis, answer.span) = (None, None, None);
            answer.margin_us = None;
            answer.reasons = vec![reason];
            answer.rests_on.retain(|row| row.table == "networks");
            answer.rivals = self.rivals_behind(could_be, time);
            answer.rests_on.extend(
                could_be
                    .iter()
                    .take(MOST_RIVALS)
                    .flat_map(|inside| &inside.rests_on),
            );
        }
        for inside in steps {
            answer.rests_on.extend(&inside.rests_on);
            answer.span = answer.span.and_then(|span| span.and(&inside.span));
            let span = inside.span;
            let turns = [time.micros_since(span.from), span.to.micros_since(time)];
            if reason.is_none() {
                answer.margin_us = turns.into_iter().chain(answer.margin_us).min();
            }
        }
        if !steps.is_empty() {
            answer.reasons.push(Reason::BehindTranslator);
        }
        answer.reasons.sort_unstable();
        answer.rests_on.sort_unstable();
        answer.rests_on.dedup();
        answer
    }

    /// Who used the addresses that could be meant.
    fn rivals_behind(&self, could_be: &[Inside], time: Timestamp) -> Vec<Rival> {
        let rival = |inside: &Inside| {
            let answer = self.who(inside.ip, time, None);
            Some(Rival {
                at_the_moment: inside.span.contains(time),
                basis: answer.basis?,
                account: answer.account,
                span: answer.span?.and(&inside.span).unwrap_or(inside.span),
                rests_on: [inside.rests_on.as_slice(), &answer.rests_on].concat(),
            })
        };
        let mut rivals: Vec<Rival> = could_be
            .iter()
            .take(MOST_RIVALS)
            .filter_map(rival)
            .collect();
        rivals.sort_by(|a, b| b.at_the_moment.cmp(&a.at_the_moment).then(a.cmp(b)));
        rivals
    }
}

enum Step {
    /// No translator is known to have this address outside.
    Itself,
    To(Behind),
}

fn step(
    store: &Store,
    end: &OutsideEnd,
    time: Timestamp,
    reach: i64,
    settings: &AttributeSettings,
    turns: &mut BTreeSet<Timestamp>,
) -> Result<Step, AttributeError> {
    let reach = reach.max(settings.clock_uncertainty_us);
    let back = reach.saturating_add(settings.translation_without_end_us);
    let asked = Params::new()
        .ip("ip", end.ip)
        .time("since", time.plus_micros(back.saturating_neg()))
        .time("until", time.plus_micros(reach.saturating_add(1)))
        .number("port", end.port.unwrap_or(0))
        .number("protocol", end.protocol.unwrap_or(0))
        .number("most", MOST_ROWS);
    let stored = store.rows::<StoredTranslation>(TRANSLATIONS, &asked)?;
    if stored.len() as u64 >= MOST_ROWS {
        // Not all were read: whoever is among them, others may be, too.
        let reason = match end.port {
            Some(_) => Reason::TranslationsDisagree,
            None => Reason::PortNotSaid,
        };
        return Ok(Step::To(Behind::Several(Vec::new(), reason)));
    }
    let rows = stored
        .into_iter()
        .map(TranslationRow::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    let stays = stays(rows, end, settings);
    turns.extend(stays.iter().flat_map(|stay| [stay.span.from, stay.span.to]));
    let found = behind(&stays, end, time, settings);
    if found == Behind::Nobody {
        let near = Params::new()
            .ip("ip", end.ip)
            .time("since", time.plus_micros(-STAYS_TRANSLATOR_US))
            .time("until", time.plus_micros(STAYS_TRANSLATOR_US));
        let known = store.rows::<StoredCount>(TRANSLATED, &near)?;
        if known.iter().all(|count| count.rows == 0) {
            return Ok(Step::Itself);
        }
    }
    Ok(Step::To(found))
}

#[derive(Deserialize)]
struct StoredCount {
    rows: u64,
}

#[derive(Deserialize)]
struct StoredTranslation {
    source: String,
    frame: u64,
    ordinal: u32,
    began: i64,
    ended: i64,
    protocol: u8,
    inside: String,
    inside_port: u16,
    first_port: u16,
    last_port: u16,
}

impl TryFrom<StoredTranslation> for TranslationRow {
    type Error = AttributeError;
    fn try_from(row: StoredTranslation) -> Result<Self, AttributeError> {
        let bad = |column| AttributeError::Row {
            table: "translations",
            column,
        };
        let inside = row.inside.parse().map_err(|_| bad("inside_ip"))?;
        let port = |port: u16| (port != 0).then_some(port);
        Ok(TranslationRow {
            place: place(&row.source, row.frame, row.ordinal).ok_or(bad("source_id"))?,
            from: Timestamp::from_micros(row.began),
            to: (row.ended != 0).then(|| Timestamp::from_micros(row.ended)),
            protocol: row.protocol,
            inside: from_store_ip(to_store_ip(inside)),
            inside_port: port(row.inside_port),
            first_port: port(row.first_port),
            last_port: port(row.last_port),
        })
    }
}
