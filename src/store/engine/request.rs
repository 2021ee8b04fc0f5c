//! What a client of ClickHouse's HTTP interface may say: settings and parameters in the address, the statement there or in the body, a form of several parts.

use super::{Access, BEHIND, settings};
use crate::store::allow;

/// One request, apart from rows that follow in its body.
#[derive(Default)]
pub(super) struct Request {
    /// The statement.
    pub(super) sql: String,
    /// The database that bare names are looked up in.
    pub(super) database: Option<String>,
    /// The format of the answer where the statement names none.
    pub(super) format: Option<String>,
    /// Settings for this request alone.
    pub(super) settings: Vec<(String, String)>,
    /// Values for `{name:Type}` in the statement.
    pub(super) params: Vec<(String, String)>,
    /// Whether it is the program's own; else it may only ask.
    pub(super) own: bool,
    /// How the client calls it.
    pub(super) query_id: Option<String>,
    /// Whether the answer goes out in compressed blocks.
    pub(super) compress: bool,
    /// Whether the body comes in compressed blocks.
    pub(super) decompress: bool,
    /// Whether the answer may be packed as HTTP has it.
    pub(super) pack: bool,
    /// How hard, for gzip and deflate.
    pub(super) pack_level: Option<u32>,
    /// Whether the answer is held back until the statement has ended.
    pub(super) wait: bool,
    /// The session it belongs to.
    pub(super) session: Option<String>,
    /// How long that lives on.
    pub(super) session_timeout: Option<String>,
    /// Whether it must be there already.
    pub(super) session_check: bool,
}

impl Request {
    /// Takes one pair of the address or one part of a form.
    pub(super) fn take(&mut self, name: &str, value: String) -> Result<(), &'static str> {
        match name {
            "query" => self.add_sql(&value),
            "database" => self.database = Some(value).filter(|name| !name.is_empty()),
            "default_format" => self.format = Some(value),
            // A key says who asks; and what follows changes nothing here.
            "user"
            | "role"
            | "quota_key"
            | "send_progress_in_http_headers"
            | "buffer_size"
            | "client_protocol_version"
            | "log_comment" => {}
            "password" if !value.is_empty() => {
                return Err(
                    "a key in an address ends up in logs: bring it in X-ClickHouse-Key or as Authorization: Basic",
                );
            }
            "password" => {}
            "query_id" => self.query_id = Some(value).filter(|id| !id.is_empty()),
            "compress" => self.compress = is_on(&value),
            "decompress" => self.decompress = is_on(&value),
            "enable_http_compression" => self.pack = is_on(&value),
            "http_zlib_compression_level" => self.pack_level = value.parse().ok(),
            "wait_end_of_query" => self.wait = is_on(&value),
            "session_id" => self.session = Some(value).filter(|id| !id.is_empty()),
            "session_timeout" => self.session_timeout = Some(value),
            "session_check" => self.session_check = is_on(&value),
            _ => match name.strip_prefix("param_") {
                Some(param) => self.params.push((param.to_owned(), value)),
                None if GUARDED.contains(&name) => return Err("this setting is fixed"),
                None if is_setting_name(name) => self.settings.push((name.to_owned(), value)),
                None => return Err("not the name of a setting"),
            },
        }
        Ok(())
    }

    /// Takes the parts of a `multipart/form-data` body: texts only, as clients send parameters in.
    pub(super) fn take_form(&mut self, body: &[u8], boundary: &str) -> Result<(), &'static str> {
        let text = std::str::from_utf8(body).map_err(|_| "the form is not UTF-8")?;
        let delimiter = format!("--{boundary}");
        let mut rest = text
            .strip_prefix(&delimiter)
            .ok_or("the form does not begin with its boundary")?;
        let between = format!("\r\n{delimiter}");
        while let Some(after) = rest.strip_prefix("\r\n") {
            let (part, next) = after
                .split_once(between.as_str())
                .ok_or("the form has no end")?;
            let (head, value) = part
                .split_once("\r\n\r\n")
                .ok_or("a part of the form has no end of its head")?;
            let name = head
                .split_once("name=\"")
                .and_then(|(_, name)| name.split_once('"'))
                .map(|(name, _)| name)
                .ok_or("a part of the form has no name")?;
            self.take(name, value.to_owned())?;
            rest = next;
        }
        if rest.starts_with("--") {
            Ok(())
        } else {
            Err("the form has no end")
        }
    }

    /// A statement may stand in the address and go on in the body.
    pub(super) fn add_sql(&mut self, text: &str) {
        if !self.sql.is_empty() && !text.is_empty() {
            self.sql.push('\n');
        }
        self.sql.push_str(text);
    }

    /// What the statement needs: everything but a few harmless words may change something.
    pub(super) fn access(&self) -> Access {
        if !self.own {
            return Access::Read;
        }
        match first_word(&self.sql).as_str() {
            "SELECT" | "WITH" | "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" | "EXISTS" => Access::Read,
            _ => Access::Write,
        }
    }

    /// Whether it is part of long work that lets others go first.
    pub(super) fn steps_back(&self) -> bool {
        let behind = |(name, value): &(String, String)| name == "priority" && value == BEHIND;
        self.own && self.settings.iter().any(behind)
    }

    /// Whether the answer may be streamed: a query without a format of its own.
    pub(super) fn streams(&self) -> bool {
        matches!(first_word(&self.sql).as_str(), "SELECT" | "WITH") && !names_a_format(&self.sql)
    }

    /// What a request from outside may say beside its statement; bare names mean our tables.
    pub(super) fn bound(&mut self) -> Result<(), String> {
        match self.database.as_deref() {
            None => self.database = Some(OURS.to_owned()),
            Some(name) => may_use(name)?,
        }
        self.settings.iter().try_for_each(|(name, _)| may_set(name))
    }

    /// A query that ends with its `SETTINGS` or `FORMAT` is asked without them: the settings are made
    /// before the connection may only read, as it refuses them afterwards, and the format is ours to know.
    pub(super) fn settle(&mut self) -> Result<(), &'static str> {
        if self.access() != Access::Read || only_parses(&self.sql) {
            return Ok(());
        }
        self.settle_settings()?;
        if let Some((sql, format)) = self.ending_in_format() {
            let format = format.to_owned();
            self.sql = sql.to_owned();
            self.format = Some(format);
            self.settle_settings()?;
        }
        // A reader that says `readonly = 0` within a subquery is believed by the engine.
        if has_settings(&self.sql) {
            return Err("settings stand at the end of a statement, as names and plain values");
        }
        Ok(())
    }

    fn settle_settings(&mut self) -> Result<(), &'static str> {
        if let Some((sql, settings)) = ending_in_settings(&self.sql) {
            self.sql = sql;
            for (name, value) in settings {
                if GUARDED.contains(&name.as_str()) {
                    return Err("this setting is fixed");
                }
                self.settings.push((name, value));
            }
        }
        Ok(())
    }

    /// What a `SET` or a `USE` of a guest would keep, from what the parser wrote back.
    pub(super) fn kept(canonical: &str) -> Result<Option<Kept>, String> {
        if let Some(name) = canonical.strip_prefix("USE ") {
            let name = name.trim_matches('`');
            may_use(name)?;
            return Ok(Some(Kept::Database(name.to_owned())));
        }
        if !canonical.starts_with("SET ") {
            return Ok(None);
        }
        let (_, settings) = ending_in_settings(&canonical.replacen("SET ", "x SETTINGS ", 1))
            .ok_or("SET takes names and plain values")?;
        settings.iter().try_for_each(|(name, _)| may_set(name))?;
        Ok(Some(Kept::Settings(settings)))
    }

    /// An insert whose rows follow: the statement without its `FORMAT`, and the format.
    pub(super) fn insert(&self) -> Option<(&str, &str)> {
        if !self.own || first_word(&self.sql) != "INSERT" {
            return None;
        }
        self.ending_in_format()
    }

    fn ending_in_format(&self) -> Option<(&str, &str)> {
        ending_in_format(&self.sql)
    }
}

/// What a session keeps.
pub(super) enum Kept {
    Database(String),
    Settings(Vec<(String, String)>),
}

fn may_use(database: &str) -> Result<(), String> {
    match allow::is_closed(database) {
        true => Err(format!("the database {database} is not open here")),
        false => Ok(()),
    }
}

fn may_set(name: &str) -> Result<(), String> {
    match settings::may_be_set(name) {
        true => Ok(()),
        false => Err(format!("a request may not make the setting {name}")),
    }
}

/// A statement that ends in its format: what stands before, and the format.
pub(super) fn ending_in_format(sql: &str) -> Option<(&str, &str)> {
    let sql = sql.trim_end().trim_end_matches(';').trim_end();
    let (before, format) = sql.rsplit_once(char::is_whitespace)?;
    let (statement, word) = before.trim_end().rsplit_once(char::is_whitespace)?;
    (word.eq_ignore_ascii_case("FORMAT") && is_setting_name(format)).then_some((statement, format))
}

/// The statement and the settings that it ends with. Whatever does not look like names and plain values
/// is left to the engine.
fn ending_in_settings(sql: &str) -> Option<(String, Vec<(String, String)>)> {
    let word = sql.to_ascii_uppercase().rfind("SETTINGS")?;
    let (statement, clause) = (sql.get(..word)?, sql.get(word + "SETTINGS".len()..)?);
    if !statement.ends_with(char::is_whitespace) || !clause.starts_with(char::is_whitespace) {
        return None;
    }
    let clause = clause.trim().trim_end_matches(';');
    let settings = clause.split(',').map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let plain = value
            .strip_prefix('\'')
            .and_then(|value| value.strip_suffix('\''))
            .unwrap_or(value);
        let is_plain = plain
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/'));
        (is_setting_name(name) && is_plain && !plain.is_empty())
            .then(|| (name.to_owned(), plain.to_owned()))
    });
    Some((
        statement.trim_end().to_owned(),
        settings.collect::<Option<_>>()?,
    ))
}

/// Whether the engine is only to say how it reads the statement.
fn only_parses(sql: &str) -> bool {
    let mut words = sql.split_whitespace();
    words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("EXPLAIN"))
        && words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("AST"))
}

/// Whether the word stands anywhere, but for the engine's own table of settings.
fn has_settings(sql: &str) -> bool {
    let capitals = sql.to_ascii_uppercase();
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    capitals.match_indices("SETTINGS").any(|(at, word)| {
        let (before, rest) = capitals.split_at_checked(at).unwrap_or_default();
        let after = rest.strip_prefix(word).unwrap_or_default();
        !before.ends_with(in_word) && !after.starts_with(in_word) && !before.ends_with("SYSTEM.")
    })
}

fn names_a_format(sql: &str) -> bool {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word.eq_ignore_ascii_case("FORMAT"))
}

/// The first word of a statement in capitals, after blanks and comments.
pub(super) fn first_word(sql: &str) -> String {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        rest = match (rest.strip_prefix("--"), rest.strip_prefix("/*")) {
            (Some(comment), _) => comment.split_once('\n').map_or("", |(_, after)| after),
            (_, Some(comment)) => comment.split_once("*/").map_or("", |(_, after)| after),
            _ => break,
        };
    }
    rest.chars()
        .take_while(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// A name as SQL quotes it.
pub(super) fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// A text as SQL quotes it.
pub(super) fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn is_on(value: &str) -> bool {
    matches!(value, "1" | "true")
}

fn is_setting_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Where bare names are looked up if a request does not say.
const OURS: &str = "invigil";

/// What no request may change: bounds, and what would write rows in clear.
const GUARDED: &[&str] = &[
    "readonly",
    "allow_ddl",
    "max_memory_usage",
    "max_bytes_before_external_group_by",
    "max_bytes_before_external_sort",
    "max_bytes_before_external_join",
    "max_bytes_ratio_before_external_group_by",
    "max_bytes_ratio_before_external_sort",
    "max_bytes_ratio_before_external_join",
    "join_algorithm",
    "log_queries",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn request(sql: &str) -> Request {
        Request {
            sql: sql.to_owned(),
            own: true,
            ..Request::default()
        }
    }

    #[test]
    fn a_statement_is_a_reader_only_if_its_first_word_says_so() {
        assert_eq!(request("-- why\n /* x */ select 1").access(), Access::Read);
        assert_eq!(request("(SELECT 1)").access(), Access::Read);
        assert_eq!(request("insert into t select 1").access(), Access::Write);
        assert_eq!(request("-- select").access(), Access::Write);
    }

    #[test]
    fn a_stranger_only_reads_in_open_databases_with_open_settings() {
        let stranger = |sql: &str| Request {
            own: false,
            ..request(sql)
        };
        assert_eq!(stranger("INSERT INTO t SELECT 1").access(), Access::Read);
        assert_eq!(stranger("INSERT INTO t FORMAT CSV").insert(), None);
        let mut bare = stranger("SELECT 1");
        bare.bound().unwrap();
        assert_eq!(bare.database.as_deref(), Some("invigil"));
        for closed in ["default", "system", "DEFAULT", "INFORMATION_SCHEMA"] {
            bare.database = Some(closed.to_owned());
            assert!(bare.bound().is_err(), "{closed}");
        }
        bare.database = None;
        bare.settings = vec![("dialect".to_owned(), "prql".to_owned())];
        assert!(bare.bound().is_err());
    }

    #[test]
    fn an_insert_is_cut_at_its_format() {
        assert_eq!(
            request("INSERT INTO t (a) SETTINGS x = 1 FORMAT RowBinary ").insert(),
            Some(("INSERT INTO t (a) SETTINGS x = 1", "RowBinary"))
        );
        assert_eq!(request("INSERT INTO t SELECT 1").insert(), None);
        assert_eq!(request("SELECT 1 FORMAT CSV").insert(), None);
    }

    #[test]
    fn a_query_that_names_format_and_settings_is_asked_with_them() {
        for sql in [
            "SELECT 1\nFORMAT JSON;",
            "SELECT 1 format JSON",
            "SELECT 1 SETTINGS max_threads = 1, a='x' FORMAT JSON",
            "SELECT 1 FORMAT JSON SETTINGS max_threads = 1,\n a = x;",
        ] {
            let mut named = request(sql);
            named.settle().unwrap();
            assert_eq!(named.sql, "SELECT 1", "{sql}");
            assert_eq!(named.format.as_deref(), Some("JSON"), "{sql}");
            assert!(named.streams());
            let settings = [("max_threads", "1"), ("a", "x")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert!(
                named.settings.is_empty() || named.settings == settings,
                "{sql}"
            );
            assert_eq!(named.settings.is_empty(), !sql.contains("SETTINGS"));
        }
        assert!(request("SELECT formatDateTime(now(), '%F')").streams());
    }

    #[test]
    fn what_is_fixed_can_not_be_set_at_the_end_either() {
        assert!(
            request("SELECT 1 SETTINGS join_algorithm = 'grace_hash'")
                .settle()
                .is_err()
        );
        assert!(request("SELECT 1 settings readonly = 0").settle().is_err());
        for sql in [
            "SELECT * FROM (SELECT * FROM file('/etc/hostname') SETTINGS readonly = 0)",
            "WITH a AS (SELECT 1 settings/**/`readonly` = 0) SELECT * FROM a",
            "SELECT 1 SETTINGS a = [1, 2]",
        ] {
            assert!(request(sql).settle().is_err(), "{sql}");
        }
        for sql in [
            "SELECT name FROM system.settings WHERE my_settings",
            "EXPLAIN AST CREATE TABLE t (a UInt8) SETTINGS index_granularity = 1 /* storage */",
        ] {
            assert!(request(sql).settle().is_ok(), "{sql}");
        }
        let mut writes = request("INSERT INTO t SELECT 1 SETTINGS a = 1");
        writes.settle().unwrap();
        assert!(writes.settings.is_empty());
    }

    #[test]
    fn a_form_gives_statement_and_parameters() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nselect {a:String}\r\n--b\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\nx\r\ny\r\n--b--\r\n";
        let mut request = Request::default();
        request.take_form(body.as_bytes(), "b").unwrap();
        assert_eq!(request.sql, "select {a:String}");
        assert_eq!(request.params, [("a".to_owned(), "x\r\ny".to_owned())]);
        for end in 0..body.len() - 3 {
            assert!(
                Request::default()
                    .take_form(&body.as_bytes()[..end], "b")
                    .is_err(),
                "{end}"
            );
        }
    }

    #[test]
    fn what_keeps_rows_off_the_disk_can_not_be_set() {
        for name in GUARDED {
            assert!(Request::default().take(name, "1".to_owned()).is_err());
        }
        assert!(Request::default().take("a b", String::new()).is_err());
    }
}
