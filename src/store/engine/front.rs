//! The part of ClickHouse's HTTP interface that clients use, spoken on a socket and answered by the engine in this process.
//!
//! Rows go in and out in pieces of bounded size; the engine's blocking calls run on threads of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::blocks;
use super::ffi::{Answer, Connection, QueryStream};
use super::heading::Heading;
use super::request::Request;
use super::{Access, Engine, EngineError};
use crate::store::allow::{self, Content};
use crate::store::error::code_of;
use crate::store::own::Own;
use crate::store::sql::escaped;

/// The routes.
pub(super) fn routes(engine: Arc<Engine>, own: Own) -> Router {
    Router::new()
        .route("/ping", get(|| async { "Ok.\n" }))
        .route("/", post(answer).get(answer))
        .with_state(Front { engine, own })
}

/// The routes of an address: whoever knows the key may ask, and nobody may do more.
pub(super) fn routes_with_key(engine: Arc<Engine>, key: Own) -> Router {
    Router::new()
        .route("/ping", get(|| async { "Ok.\n" }))
        .route("/", post(answer_with_key).get(answer_with_key))
        .with_state(Front { engine, own: key })
}

/// What every request needs.
#[derive(Clone)]
struct Front {
    engine: Arc<Engine>,
    /// The word of the program on the socket; the key of strangers at an address.
    own: Own,
}

async fn answer_with_key(
    State(Front { engine, own }): State<Front>,
    RawQuery(address): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    if !is_own(&own, &headers) && !is_basic(&own, &headers) {
        let mut response = failed(&EngineError::Said {
            code: WRONG_KEY,
            text: format!(
                "Code: {WRONG_KEY}. DB::Exception: the key is missing or wrong. (AUTHENTICATION_FAILED)"
            ),
        });
        let ask = HeaderValue::from_static("Basic realm=\"Invigil\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
        return response;
    }
    received(engine, false, address, headers, body).await
}

async fn answer(
    State(Front { engine, own }): State<Front>,
    RawQuery(address): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let own = is_own(&own, &headers);
    received(engine, own, address, headers, body).await
}

/// Reads the address of a request, answers it, and says how it is called.
async fn received(
    engine: Arc<Engine>,
    own: bool,
    address: Option<String>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let mut request = Request {
        own,
        ..Request::default()
    };
    for (name, value) in pairs(address.as_deref().unwrap_or_default()) {
        if let Err(problem) = request.take(&name, value) {
            return refused(problem);
        }
    }
    let query_id = request.query_id.clone().unwrap_or_else(next_id);
    let mut response = told(engine, request, &headers, body).await;
    if let Ok(id) = HeaderValue::from_str(&query_id) {
        response.headers_mut().insert("X-ClickHouse-Query-Id", id);
    }
    response
}

/// A name for a request that brings none, in the form of those of ClickHouse; it counts up.
fn next_id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    format!("00000000-0000-8000-8000-{number:012x}")
}

/// Answers a request whose address is read.
async fn told(
    engine: Arc<Engine>,
    mut request: Request,
    headers: &HeaderMap,
    body: Body,
) -> Response<Body> {
    if request.insert().is_some() && request.decompress {
        return refused("rows are taken as they are, not in compressed blocks");
    }
    if request.insert().is_some() {
        return insert(engine, request, body.into_data_stream()).await;
    }
    let Ok(body) = axum::body::to_bytes(body, LONGEST_STATEMENT).await else {
        return refused("the statement is too long");
    };
    let body = match request.decompress {
        false => body,
        true => match blocks::unpacked(&body, LONGEST_STATEMENT) {
            Ok(plain) => Bytes::from(plain),
            Err(problem) => return refused(problem),
        },
    };
    let form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("multipart/form-data"))
        .and_then(|rest| rest.split_once("boundary="));
    let taken = match form {
        Some((_, boundary)) => request.take_form(&body, boundary.trim_matches('"')),
        None => match std::str::from_utf8(&body) {
            Ok(text) => {
                request.add_sql(text);
                Ok(())
            }
            Err(_) => Err("the statement is not UTF-8"),
        },
    };
    match taken {
        Ok(()) => query(engine, request).await,
        Err(problem) => refused(problem),
    }
}

/// Runs a statement and streams the answer. What fails before the first bytes gets an error's status;
/// what fails later ends the body with ClickHouse's mark and breaks the connection.
async fn query(engine: Arc<Engine>, mut request: Request) -> Response<Body> {
    if let Err(problem) = request.settle() {
        return refused(problem);
    }
    if !request.own
        && let Err(problem) = request.bound()
    {
        return refused(&problem);
    }
    let format = request
        .format
        .clone()
        .unwrap_or_else(|| "TabSeparated".to_owned());
    let (sender, mut pieces) = mpsc::channel(PIECES_UNDER_WAY);
    let compress = request.compress;
    let job_format = format.clone();
    tokio::spawn(async move {
        let access = request.access();
        let Ok(seat) = engine.seat(access).await else {
            return;
        };
        let work = tokio::task::spawn_blocking(move || {
            let _seat = seat;
            let done = run(&engine, access, &mut request, &job_format, &sender);
            // A client that has gone away needs no answer.
            drop(sender.blocking_send(done.map(|()| None)));
        });
        drop(work.await);
    });
    let first = match next(&mut pieces).await {
        Ok(first) => first,
        Err(error) => return failed(&error),
    };
    let state = match first {
        Some(_) => Answering::Rows(pieces),
        None => Answering::Over,
    };
    let wrapped = move |bytes: Bytes| match compress {
        true => Bytes::from(blocks::packed(&bytes)),
        false => bytes,
    };
    let rest = futures_util::stream::unfold(state, |state| async move {
        match state {
            Answering::Rows(mut pieces) => match next(&mut pieces).await {
                Ok(Some(piece)) => Some((Ok(piece), Answering::Rows(pieces))),
                Ok(None) => None,
                Err(error) => Some((Ok(mark(&error)), Answering::Failed)),
            },
            Answering::Failed => {
                // Breaking off throws away what is not sent yet: the mark gets a moment to leave.
                tokio::time::sleep(BEFORE_BREAKING_OFF).await;
                Some((
                    Err(std::io::Error::other("the query failed")),
                    Answering::Over,
                ))
            }
            Answering::Over => None,
        }
    });
    let start = futures_util::stream::iter(first.map(Ok));
    let mut response = Response::new(Body::from_stream(
        start
            .chain(rest)
            .map(move |piece: std::io::Result<Bytes>| piece.map(wrapped)),
    ));
    let headers = response.headers_mut();
    headers.insert("X-ClickHouse-Exception-Tag", HeaderValue::from_static(TAG));
    if let Ok(format) = HeaderValue::from_str(&format) {
        headers.insert("X-ClickHouse-Format", format);
    }
    response
}

enum Answering {
    Rows(mpsc::Receiver<Piece>),
    Failed,
    Over,
}

/// Bytes, or the word that the answer is complete. Without that word it is not.
type Piece = Result<Option<Bytes>, EngineError>;

async fn next(pieces: &mut mpsc::Receiver<Piece>) -> Piece {
    pieces.recv().await.unwrap_or(Err(EngineError::Closing))
}

fn run(
    engine: &Engine,
    access: Access,
    request: &mut Request,
    format: &str,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), EngineError> {
    let mut connection =
        engine.connection(access, request.database.as_deref(), &request.settings)?;
    if !request.own {
        request.sql = judged(&mut connection, request)?;
    }
    match Heading::of(format).filter(|_| request.streams()) {
        Some(heading) => {
            let stream = connection.stream(&request.sql, format, &request.params)?;
            forward(stream, heading, pieces)
        }
        None => {
            let answer = connection.query(&request.sql, format, &request.params)?;
            // The answer is in memory as a whole; a client that has gone away needs none of it.
            drop(pieces.blocking_send(Ok(Some(Bytes::copy_from_slice(answer.bytes())))));
            Ok(())
        }
    }
}

/// A statement from outside as the engine's parser writes it back, if it may be run.
fn judged(connection: &mut Connection, request: &Request) -> Result<String, EngineError> {
    let text = |answer: Answer| {
        std::str::from_utf8(answer.bytes())
            .map(|text| text.trim_end_matches('\n').to_owned())
            .map_err(|_| EngineError::Silent)
    };
    let value = ("sql".to_owned(), escaped(&request.sql));
    let canonical = text(connection.query(allow::WRITE_BACK, TEXT, &[value])?)?;
    let tree = text(connection.query(&allow::ask_tree(&canonical), TEXT, &request.params)?)?;
    match allow::judge(&tree, Content::Masked) {
        Ok(()) => Ok(canonical),
        Err(refused) => Err(EngineError::Said {
            code: DENIED,
            text: format!("Code: {DENIED}. DB::Exception: {refused}. (ACCESS_DENIED)"),
        }),
    }
}

/// Whether a request says the word of the folder's key.
fn is_own(own: &Own, headers: &HeaderMap) -> bool {
    headers
        .get("X-ClickHouse-Key")
        .is_some_and(|word| own.is(word.as_bytes()))
}

/// Whether a request brings the key as a browser or Grafana does.
fn is_basic(key: &Own, headers: &HeaderMap) -> bool {
    let said = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|pair| BASE64_STANDARD.decode(pair.trim()).ok());
    said.as_deref()
        .and_then(|pair| pair.splitn(2, |byte| *byte == b':').nth(1))
        .is_some_and(|word| key.is(word))
}

/// Each chunk of the engine is a whole document of the format: the heading is sent with the first alone.
fn forward(
    mut stream: QueryStream<'_>,
    heading: Heading,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), EngineError> {
    let mut heading_bytes = None;
    while let Some(chunk) = stream.next()? {
        let bytes = chunk.bytes();
        let skip = match heading_bytes {
            None => {
                heading_bytes = Some(heading.length(bytes));
                0
            }
            Some(length) => length,
        };
        let piece = Bytes::copy_from_slice(bytes.get(skip..).unwrap_or_default());
        if pieces.blocking_send(Ok(Some(piece))).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Feeds the rows of the body to the engine. A body that breaks off is cancelled, not stored.
async fn insert(engine: Arc<Engine>, request: Request, mut body: BodyDataStream) -> Response<Body> {
    let Ok(seat) = engine.seat(Access::Write).await else {
        return failed(&EngineError::Closing);
    };
    let (sender, mut pieces) = mpsc::channel::<Bytes>(PIECES_UNDER_WAY);
    let (whole, is_whole) = tokio::sync::oneshot::channel::<()>();
    let job = tokio::task::spawn_blocking(move || {
        let _seat = seat;
        let (sql, format) = request.insert().ok_or(EngineError::Silent)?;
        let mut connection = engine.connection(
            Access::Write,
            request.database.as_deref(),
            &request.settings,
        )?;
        let mut stream = connection.insert(sql, format)?;
        while let Some(piece) = pieces.blocking_recv() {
            stream.append(&piece)?;
        }
        match is_whole.blocking_recv() {
            Ok(()) => stream.finish(),
            Err(_) => Err(EngineError::Closing),
        }
    });
    let mut complete = true;
    while let Some(piece) = body.next().await {
        match piece {
            // After a refusal the rest is read and thrown away, so that the client hears the reason.
            Ok(piece) => drop(sender.send(piece).await),
            Err(_) => {
                complete = false;
                break;
            }
        }
    }
    // The word that all was sent goes before the end of the pieces; without it nothing is committed.
    let _said = complete.then(|| whole.send(()));
    drop(sender);
    match job.await {
        Ok(Ok(())) => Response::new(Body::empty()),
        Ok(Err(error)) => failed(&error),
        Err(_) => failed(&EngineError::Silent),
    }
}

fn failed(error: &EngineError) -> Response<Body> {
    let text = match error {
        EngineError::Said { text, .. } => text.clone(),
        other => format!("Code: 210. DB::Exception: {other}. (NETWORK_ERROR)"),
    };
    let code = code_of(&text).unwrap_or(0);
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status_of(code);
    if let Ok(code) = HeaderValue::from_str(&code.to_string()) {
        response
            .headers_mut()
            .insert("X-ClickHouse-Exception-Code", code);
    }
    response
}

fn refused(problem: &str) -> Response<Body> {
    failed(&EngineError::Said {
        code: 36,
        text: format!("Code: 36. DB::Exception: {problem}. (BAD_ARGUMENTS)"),
    })
}

/// How ClickHouse marks a failure after rows were sent.
fn mark(error: &EngineError) -> Bytes {
    let text = match error {
        EngineError::Said { text, .. } => text.clone(),
        other => other.to_string(),
    };
    let message = format!("{text}\n");
    let length = message.len();
    Bytes::from(format!(
        "\r\n__exception__\r\n{TAG}\r\n{message}{length} {TAG}\r\n__exception__\r\n"
    ))
}

/// The statuses that ClickHouse gives its codes.
fn status_of(code: u32) -> StatusCode {
    match code {
        60 | 81 => StatusCode::NOT_FOUND,
        27 | 36 | 41 | 43 | 46 | 47 | 53 | 62 | 117 | 456 | 457 => StatusCode::BAD_REQUEST,
        164 | 497 => StatusCode::FORBIDDEN,
        WRONG_KEY => StatusCode::UNAUTHORIZED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The pairs of a query string, decoded.
fn pairs(address: &str) -> impl Iterator<Item = (String, String)> {
    address
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digits = (ahead.next().and_then(hex), ahead.next().and_then(hex));
                match digits {
                    (Some(high), Some(low)) => {
                        bytes.push(high << 4 | low);
                        rest = ahead;
                    }
                    _ => bytes.push(b'%'),
                }
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Texts as they are, without quotes.
const TEXT: &str = "TabSeparatedRaw";
/// ClickHouse's code for what is not allowed.
const DENIED: u32 = 497;
/// ClickHouse's code for a wrong key.
const WRONG_KEY: u32 = 516;
/// Long enough for a client that is reading.
const BEFORE_BREAKING_OFF: Duration = Duration::from_millis(200);
/// Sixteen characters, as ClickHouse's are.
const TAG: &str = "invigilexception";
/// How long a statement may be that is no insert.
const LONGEST_STATEMENT: usize = 64 << 20;
/// How many pieces may wait between engine and client.
const PIECES_UNDER_WAY: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_decoded() {
        let taken: Vec<_> = pairs("a=1+2&b=%C3%A9%2&c").collect();
        assert_eq!(taken[0], ("a".to_owned(), "1 2".to_owned()));
        assert_eq!(taken[1], ("b".to_owned(), "é%2".to_owned()));
        assert_eq!(taken[2], ("c".to_owned(), String::new()));
    }
}
