//! What the configuration says of logs, made into what their readers are told: formats in words, and corrections of single sources.

use crate::config::{ColumnChoice, LogMapping, LogSource, LogsConfig, SquidLog};
use crate::logs::mapping::{Column, Field, Kind, Mapping, Shape};
use crate::logs::{Corrections, Distrusted, LogFormat, SquidLayout};
use crate::record::{Action, LeaseEvent, SignInEvent};

/// What the configuration says of logs can not be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("[[logs.{table}]] {name:?}: {key} can not be {value:?}; it may be {may_be}")]
pub struct LogsError {
    table: &'static str,
    name: String,
    key: &'static str,
    value: String,
    may_be: String,
}

/// The operator's own formats, in the order of the configuration. They live as long as the program; call it once.
pub fn own_formats(config: &LogsConfig) -> Result<Vec<&'static dyn LogFormat>, LogsError> {
    let mut formats: Vec<&'static dyn LogFormat> = Vec::new();
    for described in &config.mapping {
        formats.push(Box::leak(Box::new(mapping(described)?)));
    }
    for described in &config.squid {
        formats.push(Box::leak(Box::new(squid_layout(described)?)));
    }
    Ok(formats)
}

fn squid_layout(described: &SquidLog) -> Result<SquidLayout, LogsError> {
    let name = own_name("squid", &described.name)?;
    let title = format!("Squid access log ({name}, described in the configuration)").leak();
    SquidLayout::of(name, title, &described.logformat).map_err(|error| LogsError {
        table: "squid",
        name: name.to_owned(),
        key: "logformat",
        value: described.logformat.clone(),
        may_be: format!("a layout of Squid's manual: {error}"),
    })
}

/// A name that a format of the operator's may have.
fn own_name(table: &'static str, name: &str) -> Result<&'static str, LogsError> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_free = name != "auto" && crate::logs::format(name).is_none();
    if name.is_empty() || !name.bytes().all(is_name) || !is_free {
        return Err(LogsError {
            table,
            name: name.to_owned(),
            key: "name",
            value: name.to_owned(),
            may_be: "small letters, digits and underscores, and no name of a format that there is"
                .to_owned(),
        });
    }
    Ok(name.to_owned().leak())
}

/// What is known of the source with this name.
pub fn source<'a>(config: &'a LogsConfig, name: &str) -> Option<&'a LogSource> {
    let file = name.rsplit('/').next().unwrap_or(name);
    config
        .source
        .iter()
        .find(|source| fits(&source.files, file) || fits(&source.files, name))
}

/// The corrections that a source needs.
pub fn corrections(source: &LogSource) -> Result<Corrections, LogsError> {
    let refused = |key, value: String, may_be: String| LogsError {
        table: "source",
        name: source.files.clone(),
        key,
        value,
        may_be,
    };
    let seconds = source.clock_ahead_seconds;
    // A year: who is further off than that has no clock.
    if !seconds.is_finite() || seconds.abs() > 366.0 * 86_400.0 {
        let may_be = "a number of seconds up to a year".to_owned();
        return Err(refused("clock_ahead_seconds", seconds.to_string(), may_be));
    }
    let mut distrusted = Vec::new();
    for name in &source.distrust {
        match Distrusted::ALL.iter().find(|(known, _)| known == name) {
            Some((_, field)) => distrusted.push(*field),
            None => {
                let known: Vec<_> = Distrusted::ALL.iter().map(|(name, _)| *name).collect();
                return Err(refused("distrust", name.clone(), known.join(", ")));
            }
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a year of microseconds fits, and was asked for above"
    )]
    let clock_ahead_micros = (seconds * 1e6).round() as i64;
    Ok(Corrections {
        clock_ahead_micros,
        distrusted,
    })
}

/// Whether a name fits a pattern in which `*` stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn mapping(described: &LogMapping) -> Result<Mapping, LogsError> {
    let refused = |key, value: &str, may_be: &str| LogsError {
        table: "mapping",
        name: described.name.clone(),
        key,
        value: value.to_owned(),
        may_be: may_be.to_owned(),
    };
    let name = own_name("mapping", &described.name)?;
    let separator = match described.separator {
        Some(separator) => u8::try_from(separator)
            .ok()
            .filter(u8::is_ascii)
            .ok_or_else(|| {
                refused(
                    "separator",
                    &separator.to_string(),
                    "a single ASCII character",
                )
            })?,
        None if described.shape == "tsv" => b'\t',
        None => b',',
    };
    let shape = match described.shape.as_str() {
        "csv" | "tsv" => Shape::Cells {
            separator,
            heading: described.heading,
        },
        "pairs" => Shape::Pairs,
        "json" => Shape::Json,
        "w3c" => Shape::W3c,
        other => return Err(refused("shape", other, "csv, tsv, pairs, json or w3c")),
    };
    let kind = match described.record.as_str() {
        "web_hit" => Kind::WebHit,
        "dns_query" => Kind::DnsQuery,
        "sign_in" => Kind::SignIn,
        "lease" => Kind::Lease,
        "translation" => Kind::Translation,
        other => {
            return Err(refused(
                "record",
                other,
                "web_hit, dns_query, sign_in, lease or translation",
            ));
        }
    };
    let mut fields = Vec::new();
    for (field, choice) in &described.fields {
        let known = Field::parse(field).ok_or_else(|| {
            let known: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
            refused("fields", field, &known.join(", "))
        })?;
        let mut columns = Vec::new();
        choose(choice, &mut columns);
        let by_name = columns
            .iter()
            .any(|column| matches!(column, Column::Named(_)));
        if by_name && matches!(shape, Shape::Cells { heading: false, .. }) {
            return Err(refused(
                "fields",
                field,
                "a place from 1, since there is no heading",
            ));
        }
        if columns.contains(&Column::At(0)) || columns.is_empty() {
            return Err(refused(
                "fields",
                field,
                "a column's name, or its place from 1",
            ));
        }
        fields.push((known, &*columns.leak()));
    }
    let words: Vec<_> = described
        .words
        .iter()
        .map(|(theirs, ours)| {
            let known = Action::parse(ours).is_some()
                || SignInEvent::parse(ours).is_some()
                || LeaseEvent::parse(ours).is_some();
            match known {
                true => Ok((&*theirs.clone().leak(), &*ours.clone().leak())),
                false => Err(refused(
                    "words",
                    ours,
                    "a word of an action or an event, such as blocked, logon or assign",
                )),
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(Mapping {
        name,
        title: format!("{name} (described in the configuration)").leak(),
        shape,
        kind,
        day_first: described.day_first,
        fields: fields.leak(),
        words: words.leak(),
        event: described.event.clone().map(|event| &*event.leak()),
    })
}

fn choose(choice: &ColumnChoice, columns: &mut Vec<Column>) {
    match choice {
        ColumnChoice::Place(place) => columns.push(Column::At(*place)),
        ColumnChoice::Name(name) => columns.push(Column::Named(name.clone().leak())),
        ColumnChoice::Several(choices) => choices.iter().for_each(|choice| choose(choice, columns)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(text: &str) -> LogsConfig {
        toml::from_str::<Config>(text).unwrap().logs
    }

    #[test]
    fn a_format_in_words_becomes_a_format() {
        let own = own_formats(&config(
            "[[logs.mapping]]\nname = \"own\"\nshape = \"csv\"\nrecord = \"web_hit\"\nfields = { time = \"When\", client_ip = [\"IP\", 3], url = \"URL\" }",
        ))
        .unwrap();
        let sample: [&[u8]; 2] = [b"When,URL,IP", b"2026-03-02 10:15,maths.example,10.1.2.3"];
        assert_eq!((own[0].name(), own[0].likeness(&sample)), ("own", 100));
    }

    #[test]
    fn what_can_not_be_is_refused_with_what_may_be() {
        for (line, key) in [
            ("name = \"Own\"", "name"),
            ("name = \"squid_native\"", "name"),
            ("shape = \"xls\"", "shape"),
            ("record = \"person\"", "record"),
            ("separator = \"é\"", "separator"),
            ("fields = { nobody = 1 }", "fields"),
            ("fields = { time = 0 }", "fields"),
            ("heading = false", "fields"),
            ("words = { x = \"y\" }", "words"),
        ] {
            let mut table: toml::Table = toml::from_str("name = \"own\"\nshape = \"csv\"\nrecord = \"web_hit\"\nfields = { time = \"When\" }").unwrap();
            table.extend(toml::from_str::<toml::Table>(line).unwrap());
            let config = LogsConfig {
                mapping: vec![table.try_into().unwrap()],
                ..LogsConfig::default()
            };
            assert_eq!(
                own_formats(&config).err().map(|error| error.key),
                Some(key),
                "{line}"
            );
        }
    }

    #[test]
    fn a_source_is_found_by_its_name_and_its_corrections_are_checked() {
        let known = config(
            "[[logs.source]]\nfiles = \"squid-*.log*\"\nclock_ahead_seconds = -1.5\ndistrust = [\"mac\"]",
        );
        assert!(source(&known, "/var/log/squid-hawthorn.log.1.gz").is_some());
        assert!(source(&known, "/var/log/access.log").is_none());
        let made = corrections(&known.source[0]).unwrap();
        assert_eq!(
            (made.clock_ahead_micros, made.distrusted),
            (-1_500_000, vec![Distrusted::Mac])
        );
        let wrong = config("[[logs.source]]\nfiles = \"*\"\ndistrust = [\"everything\"]");
        assert!(corrections(&wrong.source[0]).is_err());
        assert!(
            fits("a*b*c", "a-b-bc") && !fits("a*b", "a-b-c") && fits("*", "") && !fits("x", "xy")
        );
    }
}
