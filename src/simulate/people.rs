//! The people of an establishment, their accounts and devices, and the lines of the registers that tell of them.

use std::fmt;

use jiff::civil::Date;

use super::random::Random;

/// A network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Card(pub(super) u64);

impl Card {
    /// A card of its own: locally administered, so that no real one is met.
    pub(super) fn new(random: &mut Random) -> Card {
        Card((random.next() & 0xfcff_ffff_ffff) | 0x0200_0000_0000)
    }

    fn octets(self) -> [u8; 6] {
        let [_, _, octets @ ..] = self.0.to_be_bytes();
        octets
    }

    /// As systems of different makers spell it.
    pub(super) fn spelled(self, manner: u64) -> String {
        let octets = self.octets();
        let joined = |with: &str| {
            let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            pairs.join(with)
        };
        match manner % 6 {
            0 => joined("-").to_uppercase(),
            1 => joined(":"),
            2 => joined(":").to_uppercase(),
            3 => {
                let [a, b, c, d, e, f] = octets;
                format!("{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{f:02x}")
            }
            4 => joined("-"),
            _ => joined("").to_uppercase(),
        }
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelled(1))
    }
}

/// What an account stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Pupil,
    Staff,
    Guest,
    Shared,
    Service,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Role::Pupil => "pupil",
            Role::Staff => "staff",
            Role::Guest => "guest",
            Role::Shared => "shared",
            Role::Service => "service",
        }
    }

    /// Whether one person bears it.
    pub(super) fn is_personal(self) -> bool {
        !matches!(self, Role::Shared | Role::Service)
    }
}

/// An account.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) account: String,
    pub(super) role: Role,
    pub(super) year: Option<i64>,
    /// The first day here, if it is one of those told of.
    pub(super) starts: Option<Date>,
    /// The first day no more here.
    pub(super) leaves: Option<Date>,
    /// The own device.
    pub(super) card: Card,
    /// Whether the device makes up a card for each day.
    pub(super) random_card: bool,
    /// Whether the register of devices knows the device.
    pub(super) registered: bool,
}

impl Person {
    pub(super) fn is_here(&self, day: Date) -> bool {
        self.starts.is_none_or(|starts| starts <= day)
            && self.leaves.is_none_or(|leaves| day < leaves)
    }

    /// The card that the device bears on a day.
    pub(super) fn card_on(&self, day_number: usize) -> Card {
        if !self.random_card {
            return self.card;
        }
        let day = u64::try_from(day_number).unwrap_or(0);
        Card::new(&mut Random::of(self.card.0, &[day]))
    }
}

/// People of one role.
pub(super) fn people(
    random: &mut Random,
    index: u32,
    numbers: std::ops::Range<u32>,
    role: Role,
    days: &[Date],
) -> Vec<Person> {
    numbers
        .map(|number| {
            let first = random.one_of(FIRST).copied().unwrap_or("kim");
            let last = random.one_of(LAST).copied().unwrap_or("reed");
            let starts = random.chance(30).then(|| random.one_of(days).copied());
            let leaves = random.chance(30).then(|| random.one_of(days).copied());
            let (starts, leaves) = match (starts.flatten(), leaves.flatten()) {
                (starts @ Some(_), _) => (starts, None),
                (None, leaves) => (None, leaves),
            };
            Person {
                account: format!("{first}.{last}.{index}x{number}"),
                role,
                year: (role == Role::Pupil).then(|| random.between(7, 14)),
                starts,
                leaves,
                card: Card::new(random),
                random_card: role != Role::Staff && random.chance(300),
                registered: role == Role::Staff || random.chance(500),
            }
        })
        .collect()
}

const FIRST: &[&str] = &[
    "amy", "bilal", "chloe", "dev", "ella", "farid", "grace", "hugo", "isla", "jun", "kofi",
    "leah", "marek", "nia", "owen", "priya", "rhys", "sana", "tom", "uma", "vera", "will", "yusuf",
    "zoe",
];
const LAST: &[&str] = &[
    "abbott", "bello", "carver", "dunne", "evans", "fenn", "goss", "hale", "iqbal", "jarvis",
    "kaur", "lowe", "moyo", "nash", "osei", "pike", "quill", "rana", "sharp", "tully", "usher",
    "voss", "wade", "yates",
];
