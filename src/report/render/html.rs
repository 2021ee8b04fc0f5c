//! A document as one page: self-contained, without scripts, for screens from 320 pixels on, for print, and for those who listen.

use askama::Template;

use crate::report::chart::svg;
use crate::report::{Document, Figure, Part, ReportError, Table};

/// The document as HTML.
pub fn html(document: &Document) -> Result<Vec<u8>, ReportError> {
    let sections = document
        .sections
        .iter()
        .enumerate()
        .map(|(number, section)| Chapter {
            id: format!("section-{}", number + 1),
            heading: &section.heading,
            pieces: section
                .parts
                .iter()
                .enumerate()
                .map(|(part, content)| Piece::of(content, &format!("s{}-{}", number + 1, part + 1)))
                .collect(),
        });
    let page = Page {
        document,
        sections: sections.collect(),
    };
    Ok(page.render()?.into_bytes())
}

#[derive(Template)]
#[template(path = "report.html", config = "src/report/render/askama.toml")]
struct Page<'a> {
    document: &'a Document,
    sections: Vec<Chapter<'a>>,
}

/// A section, ready to be printed.
struct Chapter<'a> {
    id: String,
    heading: &'a str,
    pieces: Vec<Piece<'a>>,
}

/// A part, ready to be printed.
enum Piece<'a> {
    Text(&'a str),
    Points(&'a [String]),
    Figures(&'a [Figure]),
    Table(Grid),
    Chart { svg: String, table: Grid },
}

impl<'a> Piece<'a> {
    fn of(part: &'a Part, id: &str) -> Self {
        match part {
            Part::Text(text) => Piece::Text(text),
            Part::Points(points) => Piece::Points(points),
            Part::Figures(figures) => Piece::Figures(figures),
            Part::Table(table) => Piece::Table(Grid::of(table, id)),
            Part::Chart(chart) => Piece::Chart {
                svg: svg(chart, id),
                table: Grid::of(&chart.table(), id),
            },
        }
    }
}

/// A table with what each cell needs to be understood alone, on a narrow screen.
struct Grid {
    id: String,
    caption: String,
    head: Vec<(String, &'static str)>,
    rows: Vec<Vec<Cell>>,
}

struct Cell {
    label: String,
    value: String,
    class: &'static str,
}

impl Grid {
    fn of(table: &Table, id: &str) -> Grid {
        let class = |numeric: bool| if numeric { "number" } else { "word" };
        let row = |row: &Vec<String>| {
            let cells = table.columns.iter().zip(row).map(|(column, value)| Cell {
                label: column.title.clone(),
                value: value.clone(),
                class: class(column.numeric),
            });
            cells.collect()
        };
        Grid {
            id: format!("{id}-caption"),
            caption: table.caption.clone(),
            head: table
                .columns
                .iter()
                .map(|c| (c.title.clone(), class(c.numeric)))
                .collect(),
            rows: table.rows.iter().map(row).collect(),
        }
    }
}
