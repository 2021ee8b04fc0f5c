//! Statements and their values: a statement is a file of this program, a value travels beside it and never inside it.

use std::net::IpAddr;

use crate::record::{Timestamp, to_store_ip};

/// A statement that was compiled into the program. There is no way to make one from a text of the day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sql {
    id: &'static str,
    text: &'static str,
}

impl Sql {
    /// A statement of a file: `Sql::embedded("detect/vpn_tunnel", include_str!("..."))`. The id is the file's path under `queries/`, without its ending.
    pub const fn embedded(id: &'static str, text: &'static str) -> Sql {
        Sql { id, text }
    }

    /// The id.
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// The statement with its heading comment.
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// Whether it only asks: then it may be sent again when nobody knows what became of it.
    pub(super) fn only_asks(&self) -> bool {
        self.text
            .lines()
            .find(|line| !line.starts_with("--") && !line.trim().is_empty())
            .and_then(|line| line.split_whitespace().next())
            .is_some_and(|word| ["SELECT", "WITH"].contains(&word))
    }

    /// What the heading comment says under a word, such as `title`.
    pub fn heading(&self, word: &str) -> Option<&'static str> {
        self.text
            .lines()
            .map_while(|line| line.strip_prefix("--"))
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.trim() == word)
            .map(|(_, value)| value.trim())
    }
}

impl std::fmt::Debug for Sql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sql({})", self.id)
    }
}

/// Values for the `{name:Type}` of a statement. The store itself puts them in, so that no value can become SQL.
#[derive(Clone, Default)]
pub struct Params {
    values: Vec<(&'static str, String)>,
}

impl Params {
    /// No values.
    pub fn new() -> Params {
        Params::default()
    }

    /// A text, for `String`.
    #[must_use]
    pub fn text(self, name: &'static str, value: &str) -> Params {
        self.put(name, escaped(value))
    }

    /// A moment in microseconds since 1970, for `Int64`; in SQL `fromUnixTimestamp64Micro({name:Int64}, 'UTC')`.
    #[must_use]
    pub fn time(self, name: &'static str, value: Timestamp) -> Params {
        self.put(name, value.micros().to_string())
    }

    /// A whole number, for any integer type that has room for it.
    #[must_use]
    pub fn number(self, name: &'static str, value: impl Into<i128>) -> Params {
        self.put(name, value.into().to_string())
    }

    /// An address, for `IPv6`; one of version 4 is mapped as in the store.
    #[must_use]
    pub fn ip(self, name: &'static str, value: IpAddr) -> Params {
        self.put(name, to_store_ip(value).to_string())
    }

    /// Several texts, for `Array(String)`.
    #[must_use]
    pub fn texts<T: AsRef<str>>(
        self,
        name: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> Params {
        let array = array(values.into_iter().map(|value| quoted(value.as_ref())));
        self.put(name, array)
    }

    /// Several addresses, for `Array(IPv6)`.
    #[must_use]
    pub fn ips(self, name: &'static str, values: impl IntoIterator<Item = IpAddr>) -> Params {
        let array = array(
            values
                .into_iter()
                .map(|value| quoted(&to_store_ip(value).to_string())),
        );
        self.put(name, array)
    }

    /// Several numbers, for an array of integers.
    #[must_use]
    pub fn numbers<T: Into<i128>>(
        self,
        name: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> Params {
        let array = array(values.into_iter().map(|value| value.into().to_string()));
        self.put(name, array)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    fn put(mut self, name: &'static str, value: String) -> Params {
        self.values.retain(|(known, _)| *known != name);
        self.values.push((name, value));
        self
    }
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.values.iter().map(|(name, _)| name))
            .finish()
    }
}

fn array(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

fn quoted(value: &str) -> String {
    format!("'{}'", escaped(value).replace('\'', "\\'"))
}

/// As the store reads values of parameters: what its tab-separated format escapes.
pub(super) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0' => text.push_str("\\0"),
            c => text.push(c),
        }
    }
    text
}
