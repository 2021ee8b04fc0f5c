//! Exports of a school's management information system (SIMS, Arbor, Bromcom and their like) as registers of accounts: columns under the names that
//! these systems give them, days as British offices write them, and many columns that are none of ours and are passed over.
//!
//! Such an export says neither whose school it is nor, most often, whether its people are pupils: the person who imports it does.

use jiff::civil::Date;

use super::fields::number;
use super::times::month_number;

/// What the person who imports an export says of all its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisExport {
    /// The establishment that it is from.
    pub establishment: String,
    /// The role of people whose line names none, such as `pupil`.
    pub role: Option<String>,
}

/// The column of the register that a column of the export is, and how good a choice it is: of several the lowest counts.
pub(super) fn column(named: &str) -> Option<(&'static str, usize)> {
    let letters = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect()
    };
    let named = letters(named);
    COLUMNS.iter().find_map(|(column, names)| {
        let rank = names.iter().position(|name| letters(name) == named)?;
        Some((*column, rank))
    })
}

/// The role that a word of the export means.
pub(super) fn role(word: &str) -> Option<&'static str> {
    let word = word.trim().to_lowercase();
    ROLES
        .iter()
        .find(|(theirs, _)| *theirs == word)
        .map(|(_, ours)| *ours)
}

/// `Year 9`, `Yr 09`, `Y9` and `9` are the same year.
pub(super) fn year_group(text: &str) -> String {
    let bare = ["Curriculum Year", "Year Group", "Year", "Yr", "Y"]
        .iter()
        .find_map(|word| text.strip_prefix(word))
        .unwrap_or(text)
        .trim();
    match bare.trim_start_matches('0') {
        digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.to_owned()
        }
        _ => text.to_owned(),
    }
}

/// A day as British offices write it: `01/09/2025`, `1/9/25`, `01 Sep 2025`, `01-Sep-2025`, or by ISO 8601; a time of midnight may follow.
pub(super) fn day(text: &str) -> Option<Date> {
    let text = text.trim();
    let text = text
        .strip_suffix(" 00:00:00")
        .or(text.strip_suffix(" 00:00"))
        .unwrap_or(text);
    if let Ok(day) = text.parse::<Date>()
        && text.len() == 10
    {
        return Some(day);
    }
    let mut parts = text
        .split(['/', '-', ' ', '.'])
        .filter(|part| !part.is_empty());
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let month = match number(month.as_bytes()) {
        Some(month) => i8::try_from(month).ok()?,
        None => month_number(month.as_bytes().get(..3)?)?,
    };
    let year_number = i16::try_from(number(year.as_bytes())?).ok()?;
    let year_number = match year.len() {
        4 => year_number,
        2 => year_number + 2000,
        _ => return None,
    };
    Date::new(
        year_number,
        month,
        i8::try_from(number(day.as_bytes())?).ok()?,
    )
    .ok()
}

/// For each column of the register the names that the systems give it, the best first.
static COLUMNS: &[(&str, &[&str])] = &[
    (
        "account",
        &[
            "Network Username",
            "Network Login",
            "Username",
            "User Name",
            "Login",
            "Login Name",
            "User Principal Name",
            "School Email",
            "Work Email",
            "Primary Email",
            "Main Email",
            "Default Email",
            "Email Address",
            "Email",
        ],
    ),
    ("role", &["Role", "Person Type", "User Type", "Type"]),
    (
        "year_group",
        &[
            "Year Group",
            "Year",
            "Curriculum Year",
            "NC Year",
            "Current NC Year",
            "Yr",
        ],
    ),
    (
        "valid_from",
        &[
            "Date of Admission",
            "Admission Date",
            "Date of Entry",
            "Enrolment Date",
            "Employment Start Date",
            "Start Date",
        ],
    ),
    (
        "valid_to",
        &[
            "Date of Leaving",
            "Leaving Date",
            "Date Left",
            "Leaver Date",
            "Employment End Date",
            "End Date",
        ],
    ),
];

static ROLES: &[(&str, &str)] = &[
    ("pupil", "pupil"),
    ("student", "pupil"),
    ("learner", "pupil"),
    ("staff", "staff"),
    ("teacher", "staff"),
    ("teaching staff", "staff"),
    ("support staff", "staff"),
    ("employee", "staff"),
    ("governor", "governor"),
    ("guest", "guest"),
    ("visitor", "guest"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::read_register;
    use crate::record::{RegisterKind, RegisterLine};
    use jiff::tz::TimeZone;

    fn told(text: &str, role: Option<&str>) -> Vec<String> {
        let export = MisExport {
            establishment: "hawthorn".to_owned(),
            role: role.map(str::to_owned),
        };
        let zone = TimeZone::get("Europe/London").unwrap();
        let mut told = Vec::new();
        read_register(
            RegisterKind::Accounts,
            &mut text.as_bytes(),
            &zone,
            Some(&export),
            &mut |frame| {
                told.push(match frame.result {
                    Ok(RegisterLine::Account(line)) => format!(
                        "{} {} {} {} {} {}",
                        line.account_token.unwrap().reveal(),
                        line.establishment,
                        line.role,
                        line.year_group,
                        line.valid_from
                            .map_or("-".to_owned(), |time| time.to_string()),
                        line.valid_to
                            .map_or("-".to_owned(), |time| time.to_string()),
                    ),
                    Ok(_) => "another register".to_owned(),
                    Err(reason) => reason.as_str().to_owned(),
                });
            },
        )
        .unwrap();
        told
    }

    #[test]
    fn exports_of_several_systems_become_accounts() {
        let sims = "Forename,Surname,Year,Reg,Date of Admission,Date of Leaving,Email,Network Username\nJoan,Bloggs,Year 9,9A,01/09/2023,,joan@home.example,j.bloggs\nAnn,Smith,Year 11,11B,01/09/2021,25/06/2026,,a.smith\n";
        assert_eq!(
            told(sims, Some("pupil")),
            [
                "j.bloggs hawthorn pupil 9 2023-08-31T23:00:00.000000Z -",
                "a.smith hawthorn pupil 11 2021-08-31T23:00:00.000000Z 2026-06-25T23:00:00.000000Z",
            ]
        );
        let arbor = "Person Type;School Email;Start Date;Year Group\nTeacher;t.jones@hawthorn.example;01 Sep 2020;\nStudent;b.lee@hawthorn.example;2024-09-01;Y07\nGuardian;x@home.example;2024-09-01;\n";
        assert_eq!(
            told(arbor, None),
            [
                "t.jones@hawthorn.example hawthorn staff  2020-08-31T23:00:00.000000Z -",
                "b.lee@hawthorn.example hawthorn pupil 7 2024-08-31T23:00:00.000000Z -",
                "unknown_word",
            ]
        );
    }

    #[test]
    fn a_line_that_says_too_little_is_rejected() {
        let text = "Username,Admission Date,Leaving Date\n,01/09/2023,\na.one,31/02/2023,\nb.two,01/09/2023,01/09/2022\nc.three,01/09/2023\n";
        assert_eq!(
            told(text, Some("pupil")),
            [
                "missing_fields",
                "bad_time",
                "inconsistent",
                "missing_fields"
            ]
        );
        assert_eq!(told("Username\na.one\n", None), ["missing_fields"]);
    }

    #[test]
    fn days_are_read_as_british_offices_write_them() {
        for text in [
            "01/09/2025",
            "1/9/25",
            "01 Sep 2025",
            "01-Sep-2025",
            "2025-09-01",
            "01/09/2025 00:00:00",
            "1 September 2025",
        ] {
            assert_eq!(day(text).unwrap().to_string(), "2025-09-01", "{text}");
        }
        for text in ["13/13/2025", "2025", "01/09", "soon", "1/9/125"] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
