//! A document's figures and tables as CSV: one value a line, so that tables of different shape stand in one file.

use std::borrow::Cow;

use crate::report::{Document, Part, ReportError, Table};

/// The document's figures, tables and charts as CSV.
pub fn csv(document: &Document) -> Result<Vec<u8>, ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["section", "table", "row", "column", "value"])?;
    for section in &document.sections {
        for part in &section.parts {
            match part {
                Part::Figures(figures) => {
                    for figure in figures {
                        let value = plain(&figure.value);
                        let fields = [
                            &section.heading,
                            "Key figures",
                            &guarded(&figure.label),
                            "value",
                            &value,
                        ];
                        writer.write_record(fields)?;
                    }
                }
                Part::Table(table) => rows(&mut writer, &section.heading, table)?,
                Part::Chart(chart) => rows(&mut writer, &section.heading, &chart.table())?,
                Part::Text(_) | Part::Points(_) => {}
            }
        }
    }
    writer
        .into_inner()
        .map_err(|error| ReportError::Csv(error.into_error().into()))
}

fn rows(
    writer: &mut csv::Writer<Vec<u8>>,
    section: &str,
    table: &Table,
) -> Result<(), ReportError> {
    for (number, row) in table.rows.iter().enumerate() {
        let number = (number + 1).to_string();
        for (column, value) in table.columns.iter().zip(row) {
            let value = if column.numeric {
                plain(value)
            } else {
                guarded(value).into_owned()
            };
            let title = guarded(&column.title);
            writer.write_record([section, &table.caption, &number, &title, &value])?;
        }
    }
    Ok(())
}

/// A text that a spreadsheet would run as a formula, with a mark that makes it a text: names come out of registers and lists.
fn guarded(value: &str) -> Cow<'_, str> {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']) {
        Cow::Owned(format!("'{value}"))
    } else {
        Cow::Borrowed(value)
    }
}

/// A whole number without the commas that people want; anything else as it is.
fn plain(value: &str) -> String {
    if value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b',')
    {
        value.replace(',', "")
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Section;

    #[test]
    fn a_name_from_a_register_is_no_formula_in_a_spreadsheet() {
        let mut table = Table::new("Names", &["Name", "#Count"]);
        table.rows.push(vec![
            "=HYPERLINK(\"http://x.test\")".to_owned(),
            "1,000".to_owned(),
        ]);
        table.rows.push(vec!["@SUM(A1)".to_owned(), "2".to_owned()]);
        table.rows.push(vec!["oakfield".to_owned(), "3".to_owned()]);
        let document = Document {
            report: "weekly",
            title: String::new(),
            subtitle: String::new(),
            made: String::new(),
            sections: vec![Section {
                heading: "All".to_owned(),
                parts: vec![Part::Table(table)],
            }],
        };
        let text = String::from_utf8(csv(&document).unwrap()).unwrap();
        let values: Vec<&str> = text
            .lines()
            .skip(1)
            .filter_map(|line| line.splitn(5, ',').nth(4))
            .collect();
        assert_eq!(
            values,
            [
                "\"'=HYPERLINK(\"\"http://x.test\"\")\"",
                "1000",
                "'@SUM(A1)",
                "2",
                "oakfield",
                "3"
            ]
        );
    }
}
