//! What a client of ClickHouse's HTTP interface may say: settings and parameters in the address, the statement there or in the body, a form of several parts.

use super::Access;

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
}

impl Request {
    /// Takes one pair of the address or one part of a form.
    pub(super) fn take(&mut self, name: &str, value: String) -> Result<(), &'static str> {
        match name {
            "query" => self.add_sql(&value),
            "database" => self.database = Some(value).filter(|name| !name.is_empty()),
            "default_format" => self.format = Some(value),
            // Who asks and under which name changes nothing here: the socket's mode says who may.
            "user"
            | "password"
            | "query_id"
            | "session_id"
            | "session_timeout"
            | "role"
            | "wait_end_of_query"
            | "send_progress_in_http_headers"
            | "buffer_size"
            | "client_protocol_version" => {}
            "compress" | "decompress" if value == "0" => {}
            "compress" | "decompress" => return Err("compressed blocks are not spoken here"),
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

    /// Whether the statement would read or write files of this machine by name. The engine lets even
    /// a reader write one; no statement of ours has these words, and values are not part of it.
    pub(super) fn names_files(&self) -> bool {
        let sql = self.sql.to_ascii_uppercase();
        sql.contains("OUTFILE") || sql.contains("INFILE")
    }

    /// What the statement needs: everything but a few harmless words may change something.
    pub(super) fn access(&self) -> Access {
        match first_word(&self.sql).as_str() {
            "SELECT" | "WITH" | "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" | "EXISTS" => Access::Read,
            _ => Access::Write,
        }
    }

    /// Whether the answer may be streamed: the engine streams queries only, and makes of each chunk a
    /// document of its own in a format that is named within the statement.
    pub(super) fn streams(&self) -> bool {
        matches!(first_word(&self.sql).as_str(), "SELECT" | "WITH") && !names_a_format(&self.sql)
    }

    /// A query that ends with its `FORMAT` is asked without it, in that format.
    pub(super) fn settle_format(&mut self) {
        if self.access() == Access::Read
            && let Some((sql, format)) = self
                .ending_in_format()
                .map(|(sql, format)| (sql.to_owned(), format.to_owned()))
        {
            self.sql = sql;
            self.format = Some(format);
        }
    }

    /// An insert whose rows follow: the statement without its `FORMAT`, and the format.
    pub(super) fn insert(&self) -> Option<(&str, &str)> {
        if first_word(&self.sql) != "INSERT" {
            return None;
        }
        self.ending_in_format()
    }

    fn ending_in_format(&self) -> Option<(&str, &str)> {
        let sql = self.sql.trim_end().trim_end_matches(';').trim_end();
        let (before, format) = sql.rsplit_once(char::is_whitespace)?;
        let (statement, word) = before.trim_end().rsplit_once(char::is_whitespace)?;
        let is_format = word.eq_ignore_ascii_case("FORMAT")
            && format
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_format.then_some((statement, format))
    }
}

fn names_a_format(sql: &str) -> bool {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word.eq_ignore_ascii_case("FORMAT"))
}

/// The first word of a statement in capitals, after blanks and comments.
fn first_word(sql: &str) -> String {
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

fn is_setting_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

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
    fn a_statement_that_names_files_is_known() {
        assert!(request("select 1 into/**/outfile '/tmp/x'").names_files());
        assert!(request("INSERT INTO t FROM INFILE 'x' FORMAT CSV").names_files());
        assert!(!request("SELECT file FROM t").names_files());
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
    fn a_query_that_names_its_format_is_asked_in_it() {
        let mut named = request("SELECT 1\nFORMAT JSON;");
        named.settle_format();
        assert_eq!(
            (named.sql.as_str(), named.format.as_deref()),
            ("SELECT 1", Some("JSON"))
        );
        assert!(named.streams());
        assert!(!request("SELECT 1 FORMAT CSV SETTINGS max_threads = 1").streams());
        assert!(request("SELECT formatDateTime(now(), '%F')").streams());
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
