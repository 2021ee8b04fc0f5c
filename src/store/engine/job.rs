//! One request on a thread of its own: its statement is read, judged, entered and run.
//!
//! What the program itself says is run as it is; what a guest says is judged by the engine's own parser,
//! and what runs is the text that the parser wrote back.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::blocks::Blocks;
use super::body::{Arriving, read_up_to, rows_begin};
use super::coding::Coding;
use super::ffi::{Answer, Connection, Figures};
use super::guests::Guest;
use super::relay::Running;
use super::request::{Kept, Request, ending_in_format, first_word};
use super::sessions::{Lease, Wanted};
use super::{Access, Engine, EngineError};
use crate::store::allow::{self, Judged, Meaning};
use crate::store::outside::{Question, Role};
use crate::store::sql::escaped;

/// One request.
pub(super) struct Job {
    pub(super) engine: Arc<Engine>,
    /// Who asks; none for the program itself.
    pub(super) guest: Option<Arc<Guest>>,
    pub(super) request: Request,
    /// What stands between the parts of a form.
    pub(super) boundary: Option<String>,
    /// How the body is packed.
    pub(super) coding: Option<Coding>,
    /// Whether the method lets anything change.
    pub(super) may_change: bool,
    pub(super) tag: String,
    pub(super) running: Arc<Running>,
    pub(super) runtime: Handle,
}

/// What a statement has begun to answer.
pub(super) enum Started {
    /// Its bytes come through a pipe, and how it ended after them.
    Rows {
        pipe: File,
        format: String,
        end: oneshot::Receiver<Result<Figures, EngineError>>,
    },
    /// It is all there.
    Whole(Whole),
}

/// A whole answer.
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    pub(super) format: String,
    pub(super) figures: Figures,
}

type Start = Option<oneshot::Sender<Result<Started, EngineError>>>;

/// How a statement has ended. It is told when its session and its seats are free again, so that whoever hears it
/// may go on.
enum Ended {
    Whole(Whole),
    /// Its rows went through the pipe.
    Rows {
        ending: oneshot::Sender<Result<Figures, EngineError>>,
        result: Result<Figures, EngineError>,
    },
}

type Done = Result<Ended, EngineError>;

impl Job {
    /// Does all of it; what has begun is told as soon as it has.
    pub(super) fn run(
        mut self,
        body: mpsc::Receiver<Option<Bytes>>,
        start: oneshot::Sender<Result<Started, EngineError>>,
    ) {
        let running = Arc::clone(&self.running);
        let mut start = Some(start);
        let done = self.answered(body, &mut start);
        running.done.store(true, Ordering::Release);
        let told = match done {
            Ok(Ended::Rows { ending, result }) => return drop(ending.send(result)),
            Ok(Ended::Whole(whole)) => Ok(Started::Whole(whole)),
            Err(error) => Err(error),
        };
        if let Some(start) = start {
            drop(start.send(told));
        }
    }

    fn answered(&mut self, body: mpsc::Receiver<Option<Bytes>>, start: &mut Start) -> Done {
        let mut input: Box<dyn Read + Send> = Box::new(Arriving::of(body));
        if let Some(coding) = self.coding {
            input = coding.unpack(input).map_err(unreadable)?;
        }
        if self.request.decompress {
            input = Box::new(Blocks::of(input));
        }
        match self.guest.clone() {
            Some(guest) => self.for_guest(&guest, input, start),
            None => self.for_us(input, start),
        }
    }

    fn for_us(&mut self, mut input: Box<dyn Read + Send>, start: &mut Start) -> Done {
        if let Some((sql, format)) = self.request.insert() {
            let _seat = self.runtime.block_on(self.engine.seat(Access::Write))?;
            let mut connection = self.connection(Access::Write, &self.request.settings)?;
            return fed(&mut connection, sql, format, &[], &mut input);
        }
        self.read_statement(&mut input, LONGEST_OWN)?;
        self.request.settle().map_err(bad)?;
        let access = self.request.access();
        let _turn = match self.request.steps_back() {
            true => self.runtime.block_on(self.engine.turn_behind()),
            false => None,
        };
        let _seat = self.runtime.block_on(self.engine.seat(access))?;
        let mut connection = self.connection(access, &self.request.settings)?;
        if access == Access::Read {
            self.running.armed.store(true, Ordering::Release);
        }
        let streams = self.request.streams();
        self.asked(&mut connection, streams, start)
    }

    fn for_guest(
        &mut self,
        guest: &Arc<Guest>,
        mut input: Box<dyn Read + Send>,
        start: &mut Start,
    ) -> Done {
        let works = guest.role == Role::Work && self.may_change;
        let rows = match works {
            true => self.read_with_rows(&mut input)?,
            false => {
                self.read_statement(&mut input, LONGEST)?;
                None
            }
        };
        let mut lease = self.session(guest)?;
        let changes = works && CHANGING.contains(&first_word(&self.request.sql).as_str());
        if !changes {
            self.request.settle().map_err(bad)?;
        }
        let settings = self.settings(guest, lease.as_ref())?;
        let _guests = self.seat_of_guests()?;
        let reading = self.runtime.block_on(self.engine.seat(Access::Read))?;
        let mut connection = self.connection(Access::Read, &settings)?;
        let canonical = self.written_back(&mut connection)?;
        if let Some(kept) = Request::kept(&canonical).map_err(refused)? {
            if let Some(lease) = &mut lease {
                keep(lease, kept);
            }
            return Ok(Ended::Whole(self.nothing(Figures::default())));
        }
        let judged = self.judged(&mut connection, &canonical, works)?;
        self.entered(guest, &canonical, &judged, &settings)?;
        self.request.sql = canonical;
        self.running.armed.store(true, Ordering::Release);
        let lasting = lease
            .as_ref()
            .is_some_and(|lease| lease.session.connection.is_some());
        if judged.meaning == Meaning::Ask && !lasting {
            let streams = matches!(first_word(&self.request.sql).as_str(), "SELECT" | "WITH");
            return self.asked(&mut connection, streams, start);
        }
        drop((connection, reading));
        self.changed(judged.meaning, lease, &settings, rows, &mut input, start)
    }

    /// Runs what changes something, and whatever is said in a session that has temporary tables.
    fn changed(
        &mut self,
        meaning: Meaning,
        mut lease: Option<Lease>,
        settings: &[(String, String)],
        rows: Option<Vec<u8>>,
        input: &mut dyn Read,
        start: &mut Start,
    ) -> Done {
        let _seat = self.runtime.block_on(self.engine.seat_to_change())?;
        let makes_temporary =
            meaning == Meaning::Temporary && first_word(&self.request.sql) == "CREATE";
        let mut own;
        let connection = match &mut lease {
            Some(lease) if makes_temporary || lease.session.connection.is_some() => {
                let session = &mut lease.session;
                let kept = match session.connection.take() {
                    Some(kept) => kept,
                    None => self.engine.open()?,
                };
                let made = std::mem::take(&mut session.made);
                session.made = settings.iter().map(|(name, _)| name.clone()).collect();
                let connection = session.connection.insert(kept);
                self.engine.take_back(connection, &made)?;
                let database = self.request.database.as_deref();
                let all = self.with_tag(settings);
                self.engine
                    .prepare(connection, Access::Write, database, &all)?;
                connection
            }
            None if meaning == Meaning::Temporary => {
                return Err(bad(
                    "a temporary table lives in a session: give a session_id",
                ));
            }
            _ => {
                own = self.connection(Access::Write, settings)?;
                &mut own
            }
        };
        match (meaning, rows) {
            (Meaning::Ask, _) => {
                let streams = matches!(first_word(&self.request.sql).as_str(), "SELECT" | "WITH");
                self.asked(connection, streams, start)
            }
            (_, Some(head)) => {
                let (sql, format) = ending_in_format(&self.request.sql)
                    .ok_or_else(|| bad("the rows of an insert need a format"))?;
                fed(connection, sql, format, &head, input)
            }
            (_, None) => {
                let answer = connection.query(&self.request.sql, "Null", &self.request.params)?;
                Ok(Ended::Whole(self.nothing(answer.figures())))
            }
        }
    }

    /// Runs a question: through a pipe if it streams, as a whole if not.
    fn asked(&self, connection: &mut Connection, streams: bool, start: &mut Start) -> Done {
        let format = self.request.format.as_deref().unwrap_or("TabSeparated");
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if format.is_empty() || !format.bytes().all(is_word) {
            return Err(EngineError::says(
                73,
                "UNKNOWN_FORMAT",
                "the format is no name".to_owned(),
            ));
        }
        if !streams {
            let answer = connection.query(&self.request.sql, format, &self.request.params)?;
            return Ok(Ended::Whole(Whole {
                bytes: answer.bytes().to_vec(),
                format: format.to_owned(),
                figures: answer.figures(),
            }));
        }
        let no_pipe = |error: rustix::io::Errno| unreadable(error.into());
        let (pipe, mouth) = pipe_with(PipeFlags::CLOEXEC).map_err(no_pipe)?;
        // A small pipe is only slower.
        let _of_size = fcntl_setpipe_size(&mouth, PIPE);
        let (ending, end) = oneshot::channel();
        let begun = Started::Rows {
            pipe: pipe.into(),
            format: format.to_owned(),
            end,
        };
        if let Some(start) = start.take() {
            drop(start.send(Ok(begun)));
        }
        let sql = self.request.sql.trim_end();
        let sql = sql.trim_end_matches(';');
        let sql = format!(
            "{sql}\nINTO OUTFILE '/proc/self/fd/{}' APPEND FORMAT {format}",
            mouth.as_raw_fd()
        );
        let ended = connection.query(&sql, "Null", &self.request.params);
        // The reader sees the end before it asks how it went.
        drop(mouth);
        Ok(Ended::Rows {
            ending,
            result: ended.map(|answer| answer.figures()),
        })
    }

    fn nothing(&self, figures: Figures) -> Whole {
        Whole {
            bytes: Vec::new(),
            format: self
                .request
                .format
                .clone()
                .unwrap_or_else(|| "TabSeparated".to_owned()),
            figures,
        }
    }

    /// Reads a statement of bounded length that may have begun in the address.
    fn read_statement(&mut self, input: &mut dyn Read, most: usize) -> Result<(), EngineError> {
        let mut body = Vec::new();
        read_up_to(input, &mut body, most).map_err(unreadable)?;
        if body.len() > most {
            return Err(bad("the statement is too long"));
        }
        match self.boundary.take() {
            Some(boundary) => self.request.take_form(&body, &boundary).map_err(bad),
            None => {
                let text = std::str::from_utf8(&body);
                self.request.add_sql(text.map_err(|_| bad(NOT_UTF8))?);
                Ok(())
            }
        }
    }

    /// As [`Job::read_statement`]; if rows follow their insert, the first of them come back, and the others stay.
    fn read_with_rows(&mut self, input: &mut dyn Read) -> Result<Option<Vec<u8>>, EngineError> {
        if self.boundary.is_some() {
            return self.read_statement(input, LONGEST).map(|()| None);
        }
        let in_address = first_word(&self.request.sql) == "INSERT";
        if in_address && ending_in_format(&self.request.sql).is_some() {
            return Ok(Some(Vec::new()));
        }
        let mut text = std::mem::take(&mut self.request.sql).into_bytes();
        if !text.is_empty() {
            text.push(b'\n');
        }
        let begun = text.len();
        read_up_to(input, &mut text, begun + BEGINNING).map_err(unreadable)?;
        let beginning = text.get(..text.len().min(BEGINNING)).unwrap_or_default();
        if first_word(&String::from_utf8_lossy(beginning)) == "INSERT"
            && let Some((end, rows)) = rows_begin(&text)
        {
            let rows = text.split_off(rows);
            text.truncate(end);
            self.request.sql = String::from_utf8(text).map_err(|_| bad(NOT_UTF8))?;
            return Ok(Some(rows));
        }
        read_up_to(input, &mut text, LONGEST).map_err(unreadable)?;
        if text.len() > LONGEST {
            return Err(bad("the statement is too long"));
        }
        self.request.sql = String::from_utf8(text).map_err(|_| bad(NOT_UTF8))?;
        Ok(None)
    }

    fn session(&mut self, guest: &Guest) -> Result<Option<Lease>, EngineError> {
        let Some(id) = &self.request.session else {
            return Ok(None);
        };
        let wanted = Wanted {
            guest: &guest.name,
            id,
            timeout: self.request.session_timeout.as_deref(),
            check: self.request.session_check,
        };
        let now = self
            .engine
            .now()
            .ok_or_else(|| bad("no session is kept here"))?;
        let lease = self.engine.sessions.take(&wanted, now)?;
        if self.request.database.is_none() {
            self.request.database.clone_from(&lease.session.database);
        }
        Ok(Some(lease))
    }

    /// The settings of the session and of the request, within the guest's limits.
    fn settings(
        &mut self,
        guest: &Guest,
        lease: Option<&Lease>,
    ) -> Result<Vec<(String, String)>, EngineError> {
        self.request.bound().map_err(refused)?;
        let kept = lease.into_iter().flat_map(|lease| &lease.session.settings);
        let mut all: Vec<(String, String)> = kept
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        all.extend(self.request.settings.iter().cloned());
        guest.bounded(&mut all);
        all.extend(NOT_EVALUATED.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(all)
    }

    fn with_tag(&self, settings: &[(String, String)]) -> Vec<(String, String)> {
        let tag = ("log_comment".to_owned(), self.tag.clone());
        settings.iter().cloned().chain([tag]).collect()
    }

    fn connection(
        &self,
        access: Access,
        settings: &[(String, String)],
    ) -> Result<Connection, EngineError> {
        let database = self.request.database.as_deref();
        let mut connection = self.engine.open()?;
        let all = self.with_tag(settings);
        self.engine
            .prepare(&mut connection, access, database, &all)?;
        Ok(connection)
    }

    fn seat_of_guests(&self) -> Result<tokio::sync::OwnedSemaphorePermit, EngineError> {
        self.runtime.block_on(self.engine.seat_of_guests())
    }

    /// What the engine's parser writes back: one statement, without comments and rows.
    fn written_back(&self, connection: &mut Connection) -> Result<String, EngineError> {
        let value = ("sql".to_owned(), escaped(&self.request.sql));
        text(&connection.query(allow::WRITE_BACK, TEXT, &[value])?)
    }

    fn judged(
        &self,
        connection: &mut Connection,
        canonical: &str,
        works: bool,
    ) -> Result<Judged, EngineError> {
        let ask = allow::ask_tree(canonical);
        let tree = text(&connection.query(&ask, TEXT, &self.request.params)?)?;
        let database = self.request.database.as_deref().filter(|_| works);
        allow::judge_guest(canonical, &tree, database).map_err(|why| refused(why.to_string()))
    }

    /// Enters what touches records or changes something, before it is run.
    fn entered(
        &self,
        guest: &Guest,
        canonical: &str,
        judged: &Judged,
        settings: &[(String, String)],
    ) -> Result<(), EngineError> {
        let database = self.request.database.as_deref().unwrap_or_default();
        let changes = judged.meaning == Meaning::Change;
        let tables = judged.tables.iter().map(String::as_str);
        let tables: BTreeSet<String> = tables
            .filter(|table| allow::holds_records(table))
            .map(|table| allow::entered_as(table, database))
            .collect();
        if tables.is_empty() && !changes {
            return Ok(());
        }
        let question = Question {
            who: &guest.name,
            sql: canonical,
            params: &self.request.params,
            database,
            settings,
            tables: &tables.into_iter().collect::<Vec<_>>(),
            changes,
        };
        match &self.engine.outside {
            Some(outside) => outside.witness.enter(&question).map_err(|why| {
                EngineError::says(
                    DENIED,
                    "ACCESS_DENIED",
                    format!("the question could not be entered in the ledger: {why}"),
                )
            }),
            None => Err(refused("no ledger is kept here".to_owned())),
        }
    }
}

fn keep(lease: &mut Lease, kept: Kept) {
    match kept {
        Kept::Database(name) => lease.session.database = Some(name),
        Kept::Settings(settings) => {
            for (name, value) in settings {
                match value.as_str() {
                    "DEFAULT" => drop(lease.session.settings.remove(&name)),
                    _ => drop(lease.session.settings.insert(name, value)),
                }
            }
        }
    }
}

/// Feeds rows to the engine. What breaks off is cancelled, not stored.
fn fed(
    connection: &mut Connection,
    sql: &str,
    format: &str,
    head: &[u8],
    input: &mut dyn Read,
) -> Done {
    let mut stream = connection.insert(sql, format)?;
    if !head.is_empty() {
        stream.append(head)?;
    }
    let mut buffer = vec![0; PIECE];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => stream.append(buffer.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    let figures = stream.finish()?;
    Ok(Ended::Whole(Whole {
        bytes: Vec::new(),
        format: format.to_owned(),
        figures,
    }))
}

fn text(answer: &Answer) -> Result<String, EngineError> {
    std::str::from_utf8(answer.bytes())
        .map(|text| text.trim_end_matches('\n').to_owned())
        .map_err(|_| EngineError::Silent)
}

/// What a request does not say as it must.
pub(super) fn bad(problem: &str) -> EngineError {
    EngineError::says(36, "BAD_ARGUMENTS", problem.to_owned())
}

fn refused(why: String) -> EngineError {
    EngineError::says(DENIED, "ACCESS_DENIED", why)
}

fn unreadable(error: io::Error) -> EngineError {
    bad(&format!("the body can not be read: {error}"))
}

/// Texts as they are, without quotes.
const TEXT: &str = "TabSeparatedRaw";
const DENIED: u32 = 497;
const NOT_UTF8: &str = "the statement is not UTF-8";
/// How long a statement may be.
const LONGEST: usize = 1 << 20;
const LONGEST_OWN: usize = 64 << 20;
/// Within so much of a body its rows must begin.
const BEGINNING: usize = 64 << 10;
const PIECE: usize = 256 << 10;
const PIPE: usize = 1 << 20;

/// How a statement begins that is not a question.
const CHANGING: &[&str] = &["CREATE", "DROP", "TRUNCATE", "INSERT"];

/// Rows in the form of values are values: as expressions they would call functions that nobody judged.
const NOT_EVALUATED: [(&str, &str); 2] = [
    ("input_format_values_interpret_expressions", "0"),
    ("input_format_values_deduce_templates_of_expressions", "0"),
];
