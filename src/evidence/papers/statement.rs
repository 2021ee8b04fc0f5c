//! The statement that goes with the package, for a person to complete and sign: in the form of rule 16.2 of the Criminal
//! Procedure Rules, each exhibit described so that it can be told from all others (rule 16.3). Nobody signs it here.

use std::fmt::Write as _;

use super::contents::{Contents, named, records_of};
use super::told::{self, Told};
use super::{REPORT, Set};

/// What stands where a person has to write.
const BLANK: &str = "____________________";

/// A thing that the statement produces.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Exhibit {
    /// Its number behind the initials of whoever signs.
    number: usize,
    path: String,
    what: String,
    size: String,
    sha256: String,
}

/// The exhibits: the report, then records and original lines in the order of their names.
pub(crate) fn exhibits(contents: &Contents<'_>, report: &Set) -> Vec<Exhibit> {
    let mut exhibits = vec![Exhibit {
        number: 1,
        path: REPORT.to_owned(),
        what: "the report on what was found".to_owned(),
        size: format!("{} pages", report.pages),
        sha256: super::super::bag::sha256_hex(&report.bytes),
    }];
    let records: Vec<String> = contents.kinds().into_iter().map(records_of).collect();
    let is_record = |path: &str| records.iter().any(|known| known == path);
    let is_original = |path: &str| path.starts_with("data/originals/");
    let of_records = contents.files().filter(|file| is_record(file.path));
    let of_originals = contents.files().filter(|file| is_original(file.path));
    let files = of_records.map(|file| (file, "records, as a table"));
    for (file, what) in
        files.chain(of_originals.map(|file| (file, "original lines, byte for byte")))
    {
        exhibits.push(Exhibit {
            number: exhibits.len() + 1,
            path: file.path.to_owned(),
            what: what.to_owned(),
            size: format!("{} bytes", file.bytes),
            sha256: file.sha256,
        });
    }
    exhibits
}

/// What the statement says, paragraph by paragraph.
fn paragraphs(contents: &Contents<'_>, exhibits: &[Exhibit]) -> Vec<String> {
    let (request, organisation) = (&contents.request, contents.organisation());
    let told = Told::of(contents);
    let mut said = vec![
        format!(
            "I am employed by {organisation} as {BLANK}. My work there is {BLANK}. I have been trained for it: {BLANK}."
        ),
        format!(
            "{organisation} provides broadband to schools. While it does so, its systems make records of the use of its network. The records that I produce were made by those systems in the ordinary course of that business. I did not watch what they record while it happened."
        ),
        format!(
            "On {} {organisation} was served with the request {} of {}, under {}. It asks for {} from {} up to {}.",
            told.moment(&request.authoriser.served.0.to_string()),
            request.urn,
            request.authority.name,
            told::regime(request.regime),
            told.wanted(),
            told.moment(&contents.window.from.to_string()),
            told.moment(&contents.window.to.to_string()),
        ),
    ];
    for kind in contents.kinds() {
        let records = records_of(kind);
        let mark = exhibits.iter().find(|exhibit| exhibit.path == records);
        let mark = mark
            .map(|exhibit| format!("____/{}", exhibit.number))
            .unwrap_or_default();
        let (kind, rows) = (told::kind(kind), contents.figure(kind, "rows"));
        let program = contents.program();
        said.push(match rows {
            "0" => format!("Of {kind} the program {program} found none that the request covers; exhibit {mark} holds the names of the columns and no row."),
            _ => format!("Of {kind} the program {program} selected {rows} rows. I produce them as exhibit {mark}."),
        });
    }
    for (what, reasons) in [("rows", "rows"), ("original lines", "originals")] {
        let withheld: Vec<String> = named(&contents.withheld, reasons)
            .map(|(reason, count)| format!("{count} because {}", told::withheld(reason)))
            .collect();
        if !withheld.is_empty() {
            said.push(format!(
                "Of the {what} that came into question these were withheld: {}.",
                withheld.join("; ")
            ));
        }
    }
    said.push(told.completeness());
    said.push("A record names an account, an address or a device. That a certain person used it is not in the records. Where a row names no account, who had its address was concluded from other records; exhibit ____/1 says from which, and who else could have been meant.".to_owned());
    said.push(format!(
        "The package that holds the exhibits is signed, and each line that they rest on is proved by the ledger of {organisation}. The SHA-256 digest of its file tagmanifest-sha256.txt, which I have compared, is {BLANK}{BLANK}."
    ));
    said
}

/// The statement as Markdown.
pub(crate) fn markdown(contents: &Contents<'_>, exhibits: &[Exhibit]) -> String {
    let mut text = format!(
        "# Witness statement\n\nFor a person to complete, to check and to sign; it was not signed by any program.\nForm: Criminal Procedure Rules, rule 16.2.\n\nStatement of: {BLANK}\n\nAge if under 18: {BLANK}\n\n{}\n\nSigned: {BLANK}  Date: {BLANK}\n\n",
        DECLARATION
    );
    for (number, paragraph) in (1..).zip(paragraphs(contents, exhibits)) {
        write_in(
            &mut text,
            format_args!("{number}. {}\n\n", plain(&paragraph)),
        );
    }
    text.push_str("## Exhibits\n\nThe initials of whoever signs go before each number.\n\n| mark | file | what it is | size | SHA-256 |\n|---|---|---|---|---|\n");
    for exhibit in exhibits {
        write_in(
            &mut text,
            format_args!(
                "| ____/{} | {} | {} | {} | {} |\n",
                exhibit.number, exhibit.path, exhibit.what, exhibit.size, exhibit.sha256
            ),
        );
    }
    write_in(
        &mut text,
        format_args!("\nSigned: {BLANK}  Date: {BLANK}\n"),
    );
    text
}

/// What whoever signs declares (rule 16.2; Criminal Justice Act 1967, section 9).
const DECLARATION: &str = "I declare that this statement is true to the best of my knowledge and belief. I know that, if it is put before a court, I may be prosecuted if I have said anything in it that I know to be false or do not believe to be true.";

/// Text that came from outside, without what Markdown would obey.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '#' | '|' | '!' => {
                safe.push('\\');
                safe.push(character);
            }
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

fn write_in(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing into a text can not fail.
    text.write_fmt(what).unwrap_or_default();
}

/// The statement as PDF.
#[cfg(feature = "pdf")]
pub(crate) fn pdf(
    contents: &Contents<'_>,
    exhibits: &[Exhibit],
) -> Result<Vec<u8>, super::super::EvidenceError> {
    let data = serde_json::json!({
        "title": format!("Witness statement: {}", contents.request.urn),
        "urn": contents.request.urn,
        "organisation": contents.organisation(),
        "declaration": DECLARATION,
        "blank": BLANK,
        "paragraphs": paragraphs(contents, exhibits),
        "exhibits": exhibits,
    });
    let made = contents.made();
    Ok(super::typeset::set(include_str!("statement.typ"), &data, made)?.bytes)
}
