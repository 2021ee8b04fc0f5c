//! A document as it is meant, before anybody decides how it looks.

use serde::Serialize;

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// Which report.
    pub report: &'static str,
    /// Its title.
    pub title: String,
    /// For whom, of when.
    pub subtitle: String,
    /// Who made it and when, and in which zone its times are.
    pub made: String,
    /// Its sections in order.
    pub sections: Vec<Section>,
}

/// A section.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// What stands in it.
    pub parts: Vec<Part>,
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// Points.
    Points(Vec<String>),
    /// Key figures.
    Figures(Vec<Figure>),
    /// A table.
    Table(Table),
    /// A chart with its table behind.
    Chart(Chart),
}

/// A key figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it counts.
    pub label: String,
    /// The figure, as it is printed.
    pub value: String,
    /// What must be known to read it right; may be empty.
    pub note: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows; each as long as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// Whether it holds numbers.
    pub numeric: bool,
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who do not see it.
    pub description: String,
    /// Its form.
    pub form: Form,
    /// What is counted.
    pub unit: String,
    /// What stands along the bottom.
    pub labels: Vec<String>,
    /// What is drawn; values as many as labels.
    pub series: Vec<Series>,
}

/// The form of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A bar for each label.
    Bars,
    /// A line for each series.
    Lines,
}

/// What is drawn in one manner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<u64>,
}

impl Table {
    /// An empty table; columns whose title begins with `#` hold numbers.
    pub(super) fn new(caption: &str, titles: &[&str]) -> Table {
        let columns = titles.iter().map(|title| Column {
            title: title.trim_start_matches('#').to_owned(),
            numeric: title.starts_with('#'),
        });
        Table {
            caption: caption.to_owned(),
            columns: columns.collect(),
            rows: Vec::new(),
        }
    }
}

impl Chart {
    /// The table behind it.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&format!("{} ({})", self.title, self.unit), &[""]);
        table
            .columns
            .extend(self.series.iter().map(|series| Column {
                title: series.name.clone(),
                numeric: true,
            }));
        for (index, label) in self.labels.iter().enumerate() {
            let values = self.series.iter().map(|series| {
                series
                    .values
                    .get(index)
                    .map(|value| thousands(*value))
                    .unwrap_or_default()
            });
            table
                .rows
                .push(std::iter::once(label.clone()).chain(values).collect());
        }
        table
    }
}

/// A number with a comma between thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole in percent, with one place.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let per_mille = u128::from(part) * 1000 / u128::from(whole);
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}
