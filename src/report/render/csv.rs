//! A document's figures and tables as CSV: one value a line, so that tables of different shape stand in one file.

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
                            &figure.label,
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
                value.clone()
            };
            writer.write_record([section, &table.caption, &number, &column.title, &value])?;
        }
    }
    Ok(())
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
