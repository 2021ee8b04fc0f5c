//! What attribution answers, in full: the verdict, and all that a person needs to doubt it.

use crate::record::{AccountToken, Basis, Timestamp, Verdict};

use super::{RowRef, Span};

/// What can be said of one address at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What can be said.
    pub verdict: Verdict,
    /// Where, by the register of networks.
    pub establishment: Option<String>,
    /// Who: set when `attributed`, and for a `shared` account.
    pub account: Option<AccountToken>,
    /// On what the verdict rests; none where nobody has a claim.
    pub basis: Option<Basis>,
    /// The interval of the claim that decided; none for a name in the event itself.
    pub span: Option<Span>,
    /// The rows that it rests on. The event itself is for the caller to add.
    pub rests_on: Vec<RowRef>,
    /// Who else could have been meant: at this moment, or shortly before or after it.
    pub rivals: Vec<Rival>,
    /// Microseconds to the nearest moment at which the answer would change; none if it never would, or the event names its account.
    pub margin_us: Option<i64>,
    /// Why the verdict is what it is.
    pub reasons: Vec<Reason>,
}

/// A claim that did not decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rival {
    /// Whether it covers the very moment.
    pub at_the_moment: bool,
    /// On what it rests.
    pub basis: Basis,
    /// Who; none for a device that several people use.
    pub account: Option<AccountToken>,
    /// Its interval.
    pub span: Span,
    /// Its rows.
    pub rests_on: Vec<RowRef>,
}

/// Why a verdict is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The event itself names the account.
    NamedInTheEvent,
    /// One claim is the strongest, and nothing of its strength contradicts it.
    OneClaimant,
    /// Several accounts claim the address on evidence of the same strength.
    EqualClaimants,
    /// A weaker claim names another account; it is printed as a rival.
    WeakerContradicts,
    /// The answer changes within the clocks' uncertainty.
    MarginTooSmall,
    /// The address was leased to another card than the one that signed in.
    OtherCard,
    /// The device is registered as used by several people.
    SharedDevice,
    /// The account is registered as used by several people, or by none.
    SharedAccount,
    /// The event names an account that no person bears, a machine's or the system's.
    NoPerson,
    /// The address was leased to a card that no register knows.
    UnknownDevice,
    /// The device is registered, but without an owner.
    NoOwner,
    /// Nobody has a claim on the address at this moment.
    NoClaimant,
    /// No register says whose network it was.
    NoNetwork,
    /// Registers name several establishments for the address at this moment.
    NetworksDisagree,
    /// The address stood for an inside one, and the answer is that one's.
    BehindTranslator,
    /// The address stands for others, and no record says for whom at this moment and port.
    NoTranslation,
    /// The address stood for others by port, and the question names none.
    PortNotSaid,
    /// Records give the same address and port to several inside addresses at this moment.
    TranslationsDisagree,
    /// More translators lie behind each other than are followed, or they lead in a circle.
    TranslatorsWithoutEnd,
}

impl Reason {
    /// The word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::NamedInTheEvent => "named_in_the_event",
            Reason::OneClaimant => "one_claimant",
            Reason::EqualClaimants => "equal_claimants",
            Reason::WeakerContradicts => "weaker_contradicts",
            Reason::MarginTooSmall => "margin_too_small",
            Reason::OtherCard => "other_card",
            Reason::SharedDevice => "shared_device",
            Reason::SharedAccount => "shared_account",
            Reason::NoPerson => "no_person",
            Reason::UnknownDevice => "unknown_device",
            Reason::NoOwner => "no_owner",
            Reason::NoClaimant => "no_claimant",
            Reason::NoNetwork => "no_network",
            Reason::NetworksDisagree => "networks_disagree",
            Reason::BehindTranslator => "behind_translator",
            Reason::NoTranslation => "no_translation",
            Reason::PortNotSaid => "port_not_said",
            Reason::TranslationsDisagree => "translations_disagree",
            Reason::TranslatorsWithoutEnd => "translators_without_end",
        }
    }

    /// The sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Reason::NamedInTheEvent => "The event itself names the account.",
            Reason::OneClaimant => {
                "One claim is the strongest, and nothing of its strength contradicts it."
            }
            Reason::EqualClaimants => {
                "Several accounts claim the address on evidence of the same strength."
            }
            Reason::WeakerContradicts => {
                "Weaker evidence names another account; it is listed as a rival."
            }
            Reason::MarginTooSmall => "The answer changes within the uncertainty of the clocks.",
            Reason::OtherCard => {
                "The address was leased to another network card than the one that signed in."
            }
            Reason::SharedDevice => "The device is registered as used by several people.",
            Reason::SharedAccount => {
                "The account is registered as used by several people or by a service."
            }
            Reason::NoPerson => {
                "The event names the account of a machine or of the system, which no person bears."
            }
            Reason::UnknownDevice => "The address was leased to a card that no register knows.",
            Reason::NoOwner => "The device is registered without an owner.",
            Reason::NoClaimant => "Nobody has a claim on the address at this moment.",
            Reason::NoNetwork => "No register says whose network the address belonged to.",
            Reason::NetworksDisagree => {
                "The registers name several establishments for the address at this moment."
            }
            Reason::BehindTranslator => {
                "The address stood for an inside one at this moment; the answer is that one's."
            }
            Reason::NoTranslation => {
                "The address stands for others, and no record says for whom at this moment and port."
            }
            Reason::PortNotSaid => {
                "The address stood for others by port: the source port that the far end saw tells which."
            }
            Reason::TranslationsDisagree => {
                "Records give the address and port to several inside addresses at this moment."
            }
            Reason::TranslatorsWithoutEnd => {
                "Translators lie behind each other without an end that is known."
            }
        }
    }
}

impl Answer {
    /// Whether a rival covers the very moment.
    pub fn is_contested(&self) -> bool {
        self.rivals.iter().any(|rival| rival.at_the_moment)
    }

    /// The last moment before which the answer certainly holds, seen from `time`; none if it never changes.
    pub fn holds_until(&self, time: Timestamp) -> Option<Timestamp> {
        self.margin_us.map(|margin| time.plus_micros(margin))
    }
}
