//! Layouts of products whose makers publish none: columns as their pages for administrators name them, each to be tried on a real export.
//!
//! Columns of these exports can be chosen, so that the headings decide: a table is taken for one of these only if it names the time
//! and half of the columns below.

use super::Column::Named;
use super::{Field, Kind, Mapping, Shape};

/// A table with a heading, set apart by commas.
const CSV: Shape = Shape::Cells {
    separator: b',',
    heading: true,
};

/// Words for what a filter did that mean the same everywhere.
static FILTER_WORDS: &[(&str, &str)] = &[
    ("allow", "allowed"),
    ("allowed", "allowed"),
    ("accept", "allowed"),
    ("permitted", "allowed"),
    ("pass", "allowed"),
    ("block", "blocked"),
    ("blocked", "blocked"),
    ("deny", "blocked"),
    ("denied", "blocked"),
    ("warn", "warned"),
    ("warned", "warned"),
    ("softblock", "warned"),
    ("override", "overridden"),
    ("overridden", "overridden"),
];

static SIGN_IN_WORDS: &[(&str, &str)] = &[
    ("login", "logon"),
    ("log on", "logon"),
    ("logon", "logon"),
    ("signed in", "logon"),
    ("logout", "logoff"),
    ("log off", "logoff"),
    ("logoff", "logoff"),
    ("signed out", "logoff"),
    ("failed", "fail"),
    ("failure", "fail"),
];

pub(in crate::logs) static PRESETS: [Mapping; 6] = [
    Mapping {
        name: "smoothwall_csv",
        title: "Smoothwall web filter export, CSV (needs a real sample)",
        shape: CSV,
        kind: Kind::WebHit,
        day_first: true,
        fields: &[
            (
                Field::Time,
                &[Named("Time"), Named("Date Time"), Named("Timestamp")],
            ),
            (Field::Account, &[Named("Username"), Named("User")]),
            (Field::ClientIp, &[Named("Source IP"), Named("Client IP")]),
            (Field::Policy, &[Named("Group")]),
            (Field::Action, &[Named("Code"), Named("Action")]),
            (Field::Url, &[Named("URL"), Named("Domain")]),
            (
                Field::VendorCategory,
                &[Named("Category"), Named("Categories")],
            ),
        ],
        words: FILTER_WORDS,
        event: None,
    },
    Mapping {
        name: "netsweeper_csv",
        title: "Netsweeper report export, CSV (needs a real sample)",
        shape: CSV,
        kind: Kind::WebHit,
        day_first: true,
        fields: &[
            (
                Field::Time,
                &[Named("Request Time"), Named("Date/Time"), Named("Time")],
            ),
            (Field::Account, &[Named("Client Name"), Named("Username")]),
            (
                Field::ClientIp,
                &[Named("Client IP"), Named("Client Address")],
            ),
            (
                Field::Policy,
                &[Named("Policy"), Named("Group Name"), Named("Group")],
            ),
            (Field::Action, &[Named("Status"), Named("Action")]),
            (
                Field::Url,
                &[Named("Requested URL"), Named("URL"), Named("Host")],
            ),
            (
                Field::VendorCategory,
                &[Named("Category"), Named("Categories")],
            ),
        ],
        words: FILTER_WORDS,
        event: None,
    },
    Mapping {
        name: "lightspeed_csv",
        title: "Lightspeed Filter report export, CSV (needs a real sample)",
        shape: CSV,
        kind: Kind::WebHit,
        day_first: false,
        fields: &[
            (
                Field::Time,
                &[Named("Time"), Named("Date & Time"), Named("Timestamp")],
            ),
            (Field::Account, &[Named("User Email"), Named("User")]),
            (
                Field::ClientIp,
                &[Named("Private IP"), Named("Device IP"), Named("IP")],
            ),
            (Field::Policy, &[Named("Rule Set"), Named("User Group")]),
            (Field::Action, &[Named("Action"), Named("Access")]),
            (Field::Url, &[Named("URL"), Named("Host")]),
            (Field::VendorCategory, &[Named("Category")]),
        ],
        words: FILTER_WORDS,
        event: None,
    },
    Mapping {
        name: "securly_csv",
        title: "Securly activity export, CSV (needs a real sample)",
        shape: CSV,
        kind: Kind::WebHit,
        day_first: false,
        fields: &[
            (
                Field::Time,
                &[Named("Date and Time"), Named("Time"), Named("Timestamp")],
            ),
            (
                Field::Account,
                &[Named("User Email"), Named("Email"), Named("Student Email")],
            ),
            (
                Field::ClientIp,
                &[Named("Local IP"), Named("IP Address"), Named("Public IP")],
            ),
            (Field::Policy, &[Named("Policy Name"), Named("Policy")]),
            (Field::Action, &[Named("Activity"), Named("Status")]),
            (Field::Url, &[Named("URL"), Named("Site")]),
            (Field::VendorCategory, &[Named("Category")]),
        ],
        words: FILTER_WORDS,
        event: None,
    },
    Mapping {
        name: "senso_csv",
        title: "Senso violations and sign-ins, CSV (needs a real sample)",
        shape: CSV,
        kind: Kind::SignIn,
        day_first: true,
        fields: &[
            (
                Field::Time,
                &[Named("Date"), Named("Capture Time"), Named("Date Created")],
            ),
            (
                Field::Account,
                &[Named("Username"), Named("Logged On User")],
            ),
            (Field::Ip, &[Named("IP Address"), Named("Device IP")]),
            (Field::Mac, &[Named("MAC Address")]),
            (Field::Nas, &[Named("Device Name"), Named("Computer Name")]),
            (Field::Event, &[Named("Session Event")]),
        ],
        words: SIGN_IN_WORDS,
        event: Some("interim"),
    },
    Mapping {
        name: "securus_csv",
        title: "Securus captures, CSV (needs a real sample)",
        shape: CSV,
        kind: Kind::SignIn,
        day_first: true,
        fields: &[
            (
                Field::Time,
                &[Named("Capture Date"), Named("Captured"), Named("Date Time")],
            ),
            (Field::Account, &[Named("User Name"), Named("Network User")]),
            (Field::Ip, &[Named("IP"), Named("Workstation IP")]),
            (Field::Mac, &[Named("MAC")]),
            (Field::Nas, &[Named("Workstation"), Named("Machine")]),
            (Field::Event, &[Named("Session Event")]),
        ],
        words: SIGN_IN_WORDS,
        event: Some("interim"),
    },
];
