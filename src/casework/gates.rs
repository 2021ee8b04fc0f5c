//! The gates: each a pure question to a request, answered pass or refuse, with the law or code it rests on.

use std::net::IpAddr;

use jiff::ToSpan;
use serde::Serialize;

use super::{
    AuthorityKind, DataClass, IcrCondition, IdentifierKind, Purpose, Regime, Request, SubjectRole,
    Urgency, Wanted,
};
use crate::record::{AccountText, Mac, Timestamp};

/// One gate.
pub struct Gate {
    /// Its name, as it stands in the ledger.
    pub id: &'static str,
    /// What it rests on.
    pub source: &'static str,
    /// Says why it refuses, or nothing.
    refuses: fn(&Request, Timestamp) -> Option<String>,
}

/// What a gate has answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The gate.
    pub gate: &'static str,
    /// Whether it let the request pass.
    pub passed: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it rests on.
    pub source: &'static str,
}

/// Every gate, in the order they are asked. All are asked, also after a refusal, so that an authority hears everything at once.
pub static GATES: &[Gate] = &[
    Gate {
        id: "reference_given",
        source: "Code of Practice: reference number, authority, applicant and authoriser on every notice",
        refuses: reference_given,
    },
    Gate {
        id: "route_fits_authority",
        source: "IPA 2016 Part 3 and Communications Data Code: no other power and no data-protection exemption to get communications data",
        refuses: route_fits_authority,
    },
    Gate {
        id: "authenticity_checked",
        source: "IPA 2016 s.11; Code of Practice: the single point of contact, whose authenticity was checked",
        refuses: authenticity_checked,
    },
    Gate {
        id: "local_authority_without_connection_records",
        source: "IPA 2016 s.62(A1): a local authority may not be given internet connection records",
        refuses: local_authority_without_connection_records,
    },
    Gate {
        id: "connection_record_condition",
        source: "IPA 2016 s.62: conditions A, B and C; D for the intelligence services and the National Crime Agency alone",
        refuses: connection_record_condition,
    },
    Gate {
        id: "content_needs_warrant",
        source: "IPA 2016 s.261(6): everything beyond the first slash is content, and no communications data",
        refuses: content_needs_warrant,
    },
    Gate {
        id: "class_covers_what_is_wanted",
        source: "IPA 2016 s.261: entity data, events data, internet connection records",
        refuses: class_covers_what_is_wanted,
    },
    Gate {
        id: "purpose_fits_class",
        source: "IPA 2016 s.60A(7) and (8): for crime, events data in serious crime only",
        refuses: purpose_fits_class,
    },
    Gate {
        id: "zone_given",
        source: "Code of Practice: start and end with an explicit time zone for internet data",
        refuses: zone_given,
    },
    Gate {
        id: "window_lawful",
        source: "IPA 2016 s.87(3): no more than twelve months; no data of the future",
        refuses: window_lawful,
    },
    Gate {
        id: "still_valid",
        source: "IPA 2016 s.65: one month from the grant, served within it",
        refuses: still_valid,
    },
    Gate {
        id: "identifiers_present",
        source: "Code of Practice and IPCO: each identifier copied, with the document it was copied from",
        refuses: identifiers_present,
    },
    Gate {
        id: "human_resources_told",
        source: "Internet Safety Protocol: Human Resources first, before logs of a member of staff are looked at",
        refuses: human_resources_told,
    },
    Gate {
        id: "recipient_named",
        source: "Code of Practice: disclosure to the authority or its single point of contact alone",
        refuses: recipient_named,
    },
];

/// What all gates answer.
pub fn answers(request: &Request, now: Timestamp) -> Vec<Answer> {
    GATES
        .iter()
        .map(|gate| {
            let reason = (gate.refuses)(request, now);
            Answer {
                gate: gate.id,
                passed: reason.is_none(),
                reason,
                source: gate.source,
            }
        })
        .collect()
}

/// The first moment of the year after the one in which section 22 of the Act of 2000 was repealed, authority by authority.
const REPEALED: Timestamp = Timestamp::from_seconds(1_577_836_800);

fn refuse_if(refuse: bool, reason: &str) -> Option<String> {
    refuse.then(|| reason.to_owned())
}

fn reference_given(request: &Request, _: Timestamp) -> Option<String> {
    let missing: Vec<&str> = [
        ("the reference number", &request.urn),
        ("the authority's name", &request.authority.name),
        ("the applicant's name", &request.applicant.name),
        ("the applicant's rank", &request.applicant.rank),
        ("the authoriser's name", &request.authoriser.name),
        ("the authoriser's rank", &request.authoriser.rank),
    ]
    .into_iter()
    .filter(|(_, text)| text.trim().is_empty())
    .map(|(what, _)| what)
    .collect();
    (!missing.is_empty()).then(|| format!("missing: {}", missing.join(", ")))
}

fn route_fits_authority(request: &Request, _: Timestamp) -> Option<String> {
    let kind = request.authority.kind;
    let fits = match request.regime {
        Regime::Ipa60a => kind.is_public(),
        // The Act of 2000 gave way to Part 3 of 2016 in the year 2019: nobody can be granted anything under it since.
        Regime::Ripa22 => kind.is_public() && request.authoriser.granted.0 < REPEALED,
        Regime::Ipa61 | Regime::Ipa61a => kind.is_public() && kind != AuthorityKind::LocalAuthority,
        Regime::CourtOrder => kind == AuthorityKind::Court || kind.is_public(),
        Regime::Internal => kind == AuthorityKind::Internal,
        Regime::SubjectAccess => kind == AuthorityKind::Individual,
        // Whatever this program holds is communications data or content; neither goes out by an exemption.
        Regime::DataProtection => false,
    };
    refuse_if(
        !fits,
        "this authority can not get this data by this route: it takes an authorisation under the Investigatory Powers Act, or an order of a court",
    )
}

fn authenticity_checked(request: &Request, _: Timestamp) -> Option<String> {
    if !request.is_for_communications_data() {
        return None;
    }
    match &request.spoc {
        None => Some("no single point of contact is named".to_owned()),
        Some(spoc) if spoc.name.trim().is_empty() || spoc.contact.trim().is_empty() => {
            Some("the single point of contact has no name or can not be reached".to_owned())
        }
        Some(spoc) => refuse_if(
            !spoc.authenticity_checked,
            "nobody has made sure that the request is from the single point of contact",
        ),
    }
}

fn local_authority_without_connection_records(request: &Request, _: Timestamp) -> Option<String> {
    refuse_if(
        request.authority.kind == AuthorityKind::LocalAuthority
            && request.regime != Regime::CourtOrder
            && request.needs_connection_records(),
        "a local authority may not be given data that is, or needs the processing of, internet connection records",
    )
}

fn connection_record_condition(request: &Request, _: Timestamp) -> Option<String> {
    if !request.is_for_communications_data() || !request.needs_connection_records() {
        return None;
    }
    // The Act of 2000 knew no such records, and so no conditions.
    match request.icr_condition {
        None => refuse_if(
            request.regime != Regime::Ripa22,
            "internet connection records are asked for, and no condition of section 62 is named",
        ),
        Some(IcrCondition::D) => refuse_if(
            !matches!(
                request.authority.kind,
                AuthorityKind::Intelligence | AuthorityKind::NationalCrimeAgency
            ),
            "condition D is open to the intelligence services and the National Crime Agency alone",
        ),
        Some(_) => None,
    }
}

fn content_needs_warrant(request: &Request, _: Timestamp) -> Option<String> {
    refuse_if(
        request.data_class == DataClass::Content && request.is_for_communications_data(),
        "content can not be had as communications data: it takes a warrant or an order of a court",
    )
}

fn class_covers_what_is_wanted(request: &Request, _: Timestamp) -> Option<String> {
    if request.data_wanted.is_empty() {
        return Some("nothing is asked for".to_owned());
    }
    let short = request.data_wanted.iter().find(|wanted| {
        let least = match wanted {
            Wanted::ConnectionRecords | Wanted::WebRecords => DataClass::Icr,
            Wanted::SignIns | Wanted::Subscriber => DataClass::Entity,
        };
        request.data_class < least
    });
    short.map(|wanted| {
        format!(
            "{} are not covered by an authorisation for {} data",
            wanted.as_str(),
            request.data_class.as_str()
        )
    })
}

fn purpose_fits_class(request: &Request, _: Timestamp) -> Option<String> {
    let lawful = match request.purpose {
        Purpose::Crime => {
            request.data_class == DataClass::Entity || !request.is_for_communications_data()
        }
        Purpose::SeriousCrime
        | Purpose::PreventingDeath
        | Purpose::PublicSafety
        | Purpose::MiscarriageOfJustice
        | Purpose::Identification => request.authority.kind != AuthorityKind::Individual,
        Purpose::NationalSecurity => request.authority.kind.is_public(),
        Purpose::Court => request.regime == Regime::CourtOrder,
        Purpose::PolicyBreach | Purpose::Safeguarding => request.regime == Regime::Internal,
        Purpose::SubjectAccess => request.regime == Regime::SubjectAccess,
    };
    refuse_if(!lawful, "this purpose does not allow this class of data")
}

fn zone_given(request: &Request, _: Timestamp) -> Option<String> {
    request
        .window
        .resolve()
        .err()
        .map(|error| error.to_string())
}

fn window_lawful(request: &Request, now: Timestamp) -> Option<String> {
    // A window that can not be read is refused by its own gate; here it is simply not lawful.
    let Ok(window) = request.window.resolve() else {
        return Some("the window can not be read".to_owned());
    };
    if window.to > now {
        return Some("the window reaches into the future".to_owned());
    }
    let latest = months_after(window.from, 12);
    refuse_if(
        request.is_for_communications_data() && request.authoriser.granted.0 > latest,
        "the window begins more than twelve months before the grant",
    )
}

fn still_valid(request: &Request, now: Timestamp) -> Option<String> {
    let authoriser = &request.authoriser;
    if [authoriser.cancelled, authoriser.withdrawn]
        .iter()
        .flatten()
        .any(|at| at.0 <= now)
    {
        return Some("the request was cancelled or withdrawn".to_owned());
    }
    let (granted, served) = (authoriser.granted.0, authoriser.served.0);
    if granted > served || served > now {
        return Some("the moments of grant, service and answer are out of order".to_owned());
    }
    let renewed_in_time = authoriser
        .renewed
        .filter(|renewed| renewed.0 >= granted && renewed.0 <= months_after(granted, 1));
    let last = months_after(renewed_in_time.map_or(granted, |renewed| renewed.0), 1);
    if request.is_for_communications_data() && served > last {
        return Some("it was served more than one month after the grant".to_owned());
    }
    refuse_if(
        request.disclosure.urgency == Urgency::UrgentOral
            && authoriser.confirmed_in_writing.is_none_or(|at| at.0 > now)
            && now > served.plus_seconds(3 * 86_400),
        "an urgent oral request was not confirmed in writing",
    )
}

fn identifiers_present(request: &Request, _: Timestamp) -> Option<String> {
    if request.identifiers.is_empty() {
        return Some("no account, address or network card is named".to_owned());
    }
    request
        .identifiers
        .iter()
        .enumerate()
        .find_map(|(at, one)| {
            let readable = match one.kind {
                IdentifierKind::Account => AccountText::new(one.value.trim()).is_some(),
                IdentifierKind::Address =>
                // The unspecified address is how the store says that it knows none: it is nobody's.
                {
                    one.value
                        .trim()
                        .parse::<IpAddr>()
                        .is_ok_and(|ip| !ip.to_canonical().is_unspecified())
                }
                IdentifierKind::Mac => Mac::parse(one.value.trim()).is_some(),
            };
            let number = at + 1;
            if !readable {
                Some(format!(
                    "identifier {number} is not readable as its kind, {}",
                    one.kind.as_str()
                ))
            } else if one.source_document.trim().is_empty() {
                Some(format!(
                    "identifier {number} does not say from which document it was copied"
                ))
            } else {
                None
            }
        })
}

fn human_resources_told(request: &Request, now: Timestamp) -> Option<String> {
    let told = request
        .subject
        .hr_informed
        .is_some_and(|told| told.0 <= now);
    refuse_if(
        request.regime == Regime::Internal && request.subject.staff && !told,
        "the subject is a member of staff, and Human Resources have not been told",
    )
}

fn recipient_named(request: &Request, _: Timestamp) -> Option<String> {
    let name = request.disclosure.recipient.name.trim();
    if name.is_empty() {
        return Some("nobody is named to receive the data".to_owned());
    }
    let spoc = request.spoc.as_ref().map_or("", |spoc| spoc.name.trim());
    let own = request.subject.role == SubjectRole::Applicant;
    if request.regime == Regime::SubjectAccess {
        // An address or a network card may have been others' as well; an account is one person's.
        let accounts = request
            .identifiers
            .iter()
            .all(|one| one.kind == IdentifierKind::Account);
        return refuse_if(
            !own || !accounts || name != request.applicant.name.trim(),
            "a person may be given their own data alone: by their account, and to themselves",
        );
    }
    refuse_if(
        request.is_for_communications_data()
            && name != spoc
            && name != request.authority.name.trim(),
        "the recipient is neither the authority nor its single point of contact",
    )
}

/// So many calendar months later, in UTC; at the ends of time it stays there.
fn months_after(moment: Timestamp, months: i64) -> Timestamp {
    moment
        .calendar()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .checked_add(months.months())
        .map_or(moment, |later| later.timestamp().into())
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gate({})", self.id)
    }
}
