//! A request as it comes in: every field that the law wants kept, read from TOML, unknown fields refused.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::record::Timestamp;

/// Declares an enum whose variants have one spelling in the request's file.
macro_rules! spelled {
    ($(#[$meta:meta])* $name:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal, )* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $( $(#[$doc])* #[serde(rename = $text)] $variant, )* }

        impl $name {
            /// The one spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $text, )* }
            }
        }
    };
}

spelled! {
    /// Under which law or rule data is asked for.
    Regime {
        /// Regulation of Investigatory Powers Act 2000, section 22: requests from before 2019.
        Ripa22 = "ripa_22",
        /// Investigatory Powers Act 2016, section 60A: authorised by the Commissioner's office.
        Ipa60a = "ipa_60a",
        /// Section 61: a designated senior officer, for national security.
        Ipa61 = "ipa_61",
        /// Section 61A: a designated senior officer, urgent.
        Ipa61a = "ipa_61a",
        /// An order of a court.
        CourtOrder = "court_order",
        /// The provider's or the school's own discipline.
        Internal = "internal",
        /// A person asks for their own data.
        SubjectAccess = "subject_access",
        /// Data Protection Act 2018, schedule 2.
        DataProtection = "dpa_schedule_2",
    }
}

spelled! {
    /// What kind of body asks.
    AuthorityKind {
        /// A police force.
        Police = "police",
        /// The National Crime Agency.
        NationalCrimeAgency = "national_crime_agency",
        /// An intelligence service.
        Intelligence = "intelligence",
        /// A local authority.
        LocalAuthority = "local_authority",
        /// Another public authority of the Act's schedule 4.
        OtherPublic = "other_public",
        /// A court.
        Court = "court",
        /// The provider or an establishment itself.
        Internal = "internal",
        /// The person whose data it is.
        Individual = "individual",
    }
}

spelled! {
    /// The class of data, least intrusive first; each holds those before it.
    DataClass {
        /// Who or what: subscriber, device, account (IPA s. 261(3)).
        Entity = "entity",
        /// Activity at a time (s. 261(4)).
        Events = "events",
        /// Internet connection records (s. 62(7)).
        Icr = "icr",
        /// What was said or read (s. 261(6)).
        Content = "content",
    }
}

spelled! {
    /// What is asked for.
    Wanted {
        /// Flows: which address spoke to which service.
        ConnectionRecords = "connection_records",
        /// What proxies and filters logged.
        WebRecords = "web_records",
        /// Sign-ins: which account at which address.
        SignIns = "sign_ins",
        /// What the registers say of an account.
        Subscriber = "subscriber",
    }
}

spelled! {
    /// What the data is for.
    Purpose {
        /// To prevent or detect crime.
        Crime = "crime",
        /// The same, serious crime as section 60A(8) and section 86 define it.
        SeriousCrime = "serious_crime",
        /// National security.
        NationalSecurity = "national_security",
        /// Public safety.
        PublicSafety = "public_safety",
        /// To prevent death or injury.
        PreventingDeath = "preventing_death",
        /// To look into a possible miscarriage of justice.
        MiscarriageOfJustice = "miscarriage_of_justice",
        /// To identify somebody who died or can not say who they are.
        Identification = "identification",
        /// A court wants it.
        Court = "court",
        /// A breach of the acceptable-use policy.
        PolicyBreach = "policy_breach",
        /// To keep a child safe.
        Safeguarding = "safeguarding",
        /// A person wants their own data.
        SubjectAccess = "subject_access",
    }
}

spelled! {
    /// The condition of section 62 on which internet connection records are asked for.
    IcrCondition {
        /// Service and time are known, the person is not.
        A = "a",
        /// The person is known: which communication services were used.
        B = "b",
        /// The person is known: which services were used for a crime.
        C = "c",
        /// Time-bound use of a service, intelligence services and the National Crime Agency only.
        D = "d",
    }
}

spelled! {
    /// By what a person or device is named.
    IdentifierKind {
        /// The name of an account.
        Account = "account",
        /// An address of the internet protocol.
        Address = "address",
        /// The address of a network card.
        Mac = "mac",
    }
}

spelled! {
    /// What the person is in the matter.
    SubjectRole {
        /// Somebody who suffered it.
        Victim = "victim",
        /// Somebody who saw it.
        Witness = "witness",
        /// Somebody who complained.
        Complainant = "complainant",
        /// Somebody suspected of it.
        Suspect = "suspect",
        /// Next of kin.
        NextOfKin = "next_of_kin",
        /// A vulnerable person.
        Vulnerable = "vulnerable",
        /// The person who asks.
        Applicant = "applicant",
    }
}

spelled! {
    /// How soon it is needed.
    Urgency {
        /// The ordinary ten working days.
        Routine = "routine",
        /// Sooner.
        Priority = "priority",
        /// At once, by word of mouth first.
        UrgentOral = "urgent_oral",
    }
}

/// A moment that a request names; a text without a zone is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Timestamp);

/// A request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Under which law or rule.
    pub regime: Regime,
    /// The unique reference number that the authority gave it.
    pub urn: String,
    /// The name of the operation, where there is one.
    #[serde(default)]
    pub operation: String,
    /// What the data is for.
    pub purpose: Purpose,
    /// The class of data authorised.
    pub data_class: DataClass,
    /// What is asked for.
    pub data_wanted: Vec<Wanted>,
    /// The condition of section 62, for internet connection records.
    #[serde(default)]
    pub icr_condition: Option<IcrCondition>,
    /// Whether it explains that compliance is required.
    #[serde(default)]
    pub compliance_explained: bool,
    /// Who asks.
    pub authority: Authority,
    /// Who applied.
    pub applicant: Applicant,
    /// The single point of contact.
    #[serde(default)]
    pub spoc: Option<SinglePointOfContact>,
    /// Who authorised it, and when.
    pub authoriser: Authoriser,
    /// The stretch of time it covers.
    pub window: RequestWindow,
    /// Whom or what it is about.
    #[serde(rename = "identifier", default)]
    pub identifiers: Vec<Identifier>,
    /// What the person is in the matter.
    pub subject: Subject,
    /// What the authority says it has weighed; we store that it was seen and do not judge it.
    #[serde(default)]
    pub seen: Seen,
    /// How and to whom the data goes.
    pub disclosure: Disclosure,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: AuthorityKind,
}

/// Who applied.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applicant {
    /// Name.
    pub name: String,
    /// Office or unit.
    #[serde(default)]
    pub office: String,
    /// Rank or post.
    pub rank: String,
}

/// The single point of contact.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinglePointOfContact {
    /// Name.
    pub name: String,
    /// How to reach them.
    pub contact: String,
    /// Whether we have made sure, by another way than the request itself, that it is from them.
    pub authenticity_checked: bool,
}

/// Who authorised it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authoriser {
    /// Name or officer number.
    pub name: String,
    /// Rank, post or office.
    pub rank: String,
    /// When it was granted.
    pub granted: Moment,
    /// When it was served on us.
    pub served: Moment,
    /// When it was renewed for another month, if it was.
    #[serde(default)]
    pub renewed: Option<Moment>,
    /// When it was cancelled, if it was.
    #[serde(default)]
    pub cancelled: Option<Moment>,
    /// When it was withdrawn, if it was.
    #[serde(default)]
    pub withdrawn: Option<Moment>,
    /// When an urgent oral request was confirmed in writing.
    #[serde(default)]
    pub confirmed_in_writing: Option<Moment>,
}

/// The stretch of time a request covers, as it was written: from `from` up to, and without, `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestWindow {
    /// A moment with an offset, or a local time if `zone` is given.
    pub from: String,
    /// The same for the end.
    pub to: String,
    /// The zone of local times, such as `Europe/London` or `UTC`.
    #[serde(default)]
    pub zone: Option<String>,
}

/// Whom or what a request is about.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// By what.
    pub kind: IdentifierKind,
    /// The identifier, copied and not typed again.
    pub value: String,
    /// The document it was copied from.
    pub source_document: String,
}

/// What the person is in the matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The role.
    pub role: SubjectRole,
    /// Whether the person is a lawyer, journalist, doctor, minister of religion or member of a parliament.
    #[serde(default)]
    pub sensitive_profession: bool,
    /// Whether the person is a member of staff of ours or of an establishment.
    #[serde(default)]
    pub staff: bool,
    /// When Human Resources were told, for a member of staff.
    #[serde(default)]
    pub hr_informed: Option<Moment>,
}

/// What the authority says it has weighed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(default)]
pub struct Seen {
    /// Necessity: event, person and data are linked.
    pub necessity: bool,
    /// Proportionality.
    pub proportionality: bool,
    /// Collateral intrusion.
    pub collateral_intrusion: bool,
    /// Unintended consequences.
    pub unintended_consequences: bool,
}

/// How and to whom the data goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// In what manner.
    pub manner: String,
    /// How soon.
    pub urgency: Urgency,
    /// By when.
    pub deadline: Moment,
    /// To whom, and to nobody else.
    pub recipient: Recipient,
}

/// To whom the data goes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// Name; for a public authority, its single point of contact.
    pub name: String,
    /// Public age keys that the package may be sealed to.
    #[serde(default)]
    pub keys: Vec<String>,
}

/// A request can not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It does not have the form of a request.
    #[error("the request is not valid: {0}")]
    Invalid(String),
}

impl Request {
    /// Reads a request.
    pub fn parse(text: &str) -> Result<Request, RequestError> {
        // The parser's own message would quote the line, which may name a person; its first line says what is wrong.
        toml::from_str(text)
            .map_err(|error: toml::de::Error| RequestError::Invalid(error.message().to_owned()))
    }

    /// Whether it asks for communications data under the Acts, as against a court's, our own or the person's own matter.
    pub fn is_for_communications_data(&self) -> bool {
        matches!(
            self.regime,
            Regime::Ripa22 | Regime::Ipa60a | Regime::Ipa61 | Regime::Ipa61a
        )
    }

    /// Whether what it asks for is, or needs the processing of, internet connection records.
    pub fn needs_connection_records(&self) -> bool {
        self.data_class == DataClass::Icr
            || self
                .data_wanted
                .iter()
                .any(|wanted| matches!(wanted, Wanted::ConnectionRecords | Wanted::WebRecords))
    }
}

/// Names of people, and what identifies them, must not reach a log by way of `Debug`.
macro_rules! withheld {
    ($($name:ident)*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(withheld)"))
            }
        }
    )*};
}

withheld! { Request Applicant SinglePointOfContact Authoriser Identifier Recipient }

impl AuthorityKind {
    /// Whether it is a public authority that may be given powers by the Acts.
    pub fn is_public(self) -> bool {
        !matches!(
            self,
            AuthorityKind::Court | AuthorityKind::Internal | AuthorityKind::Individual
        )
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text)
            .map(Moment)
            .map_err(de::Error::custom)
    }
}
