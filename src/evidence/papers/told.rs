//! The words of the papers: moments as people read them, and what stands in the package as a short word.

use jiff::tz::TimeZone;

use super::contents::{Contents, members, named, text};
use crate::casework::{DataClass, IdentifierKind, Purpose, Regime, SubjectRole, Wanted};
use crate::record::{Nature, Timestamp};

/// Tells what a package holds, with local times in the zone of its request.
pub(crate) struct Told<'c, 'f> {
    contents: &'c Contents<'f>,
    zone: Option<TimeZone>,
}

impl<'c, 'f> Told<'c, 'f> {
    /// With the zone that the request names; without one, times are told in UTC alone.
    pub(crate) fn of(contents: &'c Contents<'f>) -> Self {
        let zone = contents.request.window.zone.as_deref();
        let zone = zone.and_then(|name| TimeZone::get(name.trim()).ok());
        Told {
            contents,
            zone: zone.filter(|zone| *zone != TimeZone::UTC),
        }
    }

    /// A moment of RFC 3339 in UTC, and beside it in the zone of the request.
    pub(crate) fn moment(&self, moment: &str) -> String {
        let Ok(parsed) = Timestamp::parse(moment) else {
            return moment.to_owned();
        };
        let utc = utc(moment);
        match &self.zone {
            None => format!("{utc} UTC"),
            Some(zone) => {
                let local = parsed.calendar().to_zoned(zone.clone());
                format!("{utc} UTC ({})", local.strftime("%d %B %Y %H:%M:%S %Z"))
            }
        }
    }

    /// A moment in UTC without the zone's name, for a column of them.
    pub(crate) fn short(moment: &str) -> String {
        if moment.is_empty() {
            return "none".to_owned();
        }
        utc(moment)
    }

    /// The same in the zone of the request; nothing where that is UTC.
    pub(crate) fn local(&self, moment: &str) -> Option<String> {
        let (zone, parsed) = (self.zone.as_ref()?, Timestamp::parse(moment).ok()?);
        let local = parsed.calendar().to_zoned(zone.clone());
        Some(local.strftime("%d %b %H:%M:%S %Z").to_string())
    }

    /// What was asked for, as an enumeration.
    pub(crate) fn wanted(&self) -> String {
        let kinds: Vec<&str> = self.contents.kinds().into_iter().map(kind).collect();
        match kinds.as_slice() {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        }
    }

    /// Why something may be missing, reason by reason; empty where nothing is known to be.
    pub(crate) fn gaps(&self) -> Vec<String> {
        members(&self.contents.operating, "incomplete")
            .filter_map(|reason| reason.as_str())
            .map(str::to_owned)
            .collect()
    }

    /// Whether the systems worked, in a sentence or two.
    pub(crate) fn completeness(&self) -> String {
        let sources = named(&self.contents.operating, "sources").count();
        let gaps = self.gaps();
        if gaps.is_empty() {
            return format!(
                "The records rest on {sources} sources. The counts that the systems kept of them show no loss; exhibit ____/1 has the counts."
            );
        }
        format!(
            "The records rest on {sources} sources and are incomplete: {}. Exhibit ____/1 has the counts.",
            gaps.join("; ")
        )
    }

    /// The name of a zone that local times are told in.
    pub(crate) fn zone(&self) -> Option<&str> {
        self.zone.as_ref().and_then(TimeZone::iana_name)
    }
}

/// A moment of RFC 3339 without what makes it hard to read: the letters, and noughts at its end.
fn utc(moment: &str) -> String {
    let moment = moment.trim_end_matches('Z').replacen('T', " ", 1);
    match moment.split_once('.') {
        Some((seconds, part)) => {
            // To the second, the thousandth or the millionth, whichever is told.
            let part = part.strip_suffix("000").unwrap_or(part);
            match part.strip_suffix("000").unwrap_or(part) {
                "" => seconds.to_owned(),
                part => format!("{seconds}.{part}"),
            }
        }
        None => moment,
    }
}

/// A kind of record, in the plural.
pub(crate) const fn kind(kind: Wanted) -> &'static str {
    match kind {
        Wanted::ConnectionRecords => "connection records",
        Wanted::WebRecords => "web records",
        Wanted::SignIns => "sign-ins",
        Wanted::Subscriber => "lines of the registers",
    }
}

/// A regime, with the law's name.
pub(crate) const fn regime(regime: Regime) -> &'static str {
    match regime {
        Regime::Ripa22 => "the Regulation of Investigatory Powers Act 2000, section 22",
        Regime::Ipa60a => "the Investigatory Powers Act 2016, section 60A",
        Regime::Ipa61 => "the Investigatory Powers Act 2016, section 61",
        Regime::Ipa61a => "the Investigatory Powers Act 2016, section 61A",
        Regime::CourtOrder => "an order of a court",
        Regime::Internal => "the rules of the provider or the establishment",
        Regime::SubjectAccess => "the right of access to one's own data",
        Regime::DataProtection => "the Data Protection Act 2018, schedule 2",
    }
}

/// A class of data.
pub(crate) const fn class(class: DataClass) -> &'static str {
    match class {
        DataClass::Entity => "entity data: who or what",
        DataClass::Events => "events data: activity at a time",
        DataClass::Icr => "internet connection records",
        DataClass::Content => "content",
    }
}

/// A purpose.
pub(crate) const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Crime => "to prevent or detect crime",
        Purpose::SeriousCrime => "to prevent or detect serious crime",
        Purpose::NationalSecurity => "national security",
        Purpose::PublicSafety => "public safety",
        Purpose::PreventingDeath => "to prevent death or injury",
        Purpose::MiscarriageOfJustice => "to look into a possible miscarriage of justice",
        Purpose::Identification => "to identify somebody",
        Purpose::Court => "a court wants it",
        Purpose::PolicyBreach => "a breach of the acceptable-use policy",
        Purpose::Safeguarding => "to keep a child safe",
        Purpose::SubjectAccess => "a person wants their own data",
    }
}

/// What a person is in the matter.
pub(crate) const fn role(role: SubjectRole) -> &'static str {
    match role {
        SubjectRole::Victim => "victim",
        SubjectRole::Witness => "witness",
        SubjectRole::Complainant => "complainant",
        SubjectRole::Suspect => "suspect",
        SubjectRole::NextOfKin => "next of kin",
        SubjectRole::Vulnerable => "vulnerable person",
        SubjectRole::Applicant => "the person who asks",
    }
}

/// By what somebody is named.
pub(crate) const fn identifier(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::Account => "account",
        IdentifierKind::Address => "address",
        IdentifierKind::Mac => "network card",
    }
}

/// How a column comes to be known.
pub(crate) const fn nature(nature: Nature) -> &'static str {
    match nature {
        Nature::Captured => "captured: as it stood on the wire or in the line",
        Nature::Derived => "derived: computed from what was captured, by a fixed rule",
        Nature::Inferred => "inferred: concluded, and may be wrong",
    }
}

/// Why something was withheld.
pub(crate) fn withheld(reason: &str) -> String {
    match reason {
        "names_another_account" => "the row names another account",
        "attributed_to_another" => "it was somebody else who had the address",
        "disputed" => "who had the address is disputed",
        "shared" => "several people used the address or the account",
        "not_attributable" => "it can not be said who had the address",
        "names_another_person" => "the line names a person whom nobody asked about",
        "original_holds_content" => {
            "the line holds content, which the class of data does not allow"
        }
        "original_not_kept" => "the line was not kept, and only its batch is proved",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

/// What can be said of who had an address.
pub(crate) fn verdict(verdict: &str) -> String {
    match verdict {
        "attributed" => "attributed to an account",
        "disputed" => "disputed: several accounts claim it",
        "shared" => "shared: several people use it",
        "not_attributable" => "not attributable",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

/// On what an attribution rests.
pub(crate) fn basis(basis: &str) -> &'static str {
    match basis {
        "event" => "the record itself, which names the account",
        "radius" => "accounting of network access (RADIUS)",
        "directory" => "sign-ins at the directory",
        "kerberos" => "sign-ins seen on the wire (Kerberos)",
        "lease" => "a lease to a device with one registered owner",
        "register" => "a line of a register alone",
        _ => "nothing that decides",
    }
}

/// A short word of the package as people read it.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// A word of an object, as people read it.
pub(crate) fn words_of(value: &serde_json::Value, name: &str) -> String {
    words(text(value, name))
}
