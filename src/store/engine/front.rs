//! The part of ClickHouse's HTTP interface that clients use, spoken on a socket and at an address, and answered by the engine in this process.
//!
//! Here a request becomes a [`Job`] and its outcome a response; rows go in and out in pieces of bounded size.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::coding::Coding;
use super::ffi::Figures;
use super::flushed::Flushes;
use super::guests::{Guest, Guests};
use super::job::{Job, Started, Whole, bad};
use super::relay::{First, HELD_AT_MOST, Piece, Relay, Running, TAG, Waiting, Wrap};
use super::request::Request;
use super::{Engine, EngineError};
use crate::store::error::code_of;
use crate::store::own::Own;

/// The routes of the socket.
pub(super) fn routes(engine: Arc<Engine>, own: Own) -> Router {
    let socket = Arc::new(Guest::on_the_socket());
    routes_of(engine, Door::Socket { own, socket })
}

/// The routes of an address: whoever brings a key may do what it allows.
pub(super) fn routes_with_keys(engine: Arc<Engine>, guests: Arc<Guests>) -> Router {
    routes_of(engine, Door::Address(guests))
}

fn routes_of(engine: Arc<Engine>, door: Door) -> Router {
    Router::new()
        .route("/ping", get(|| async { "Ok.\n" }))
        .route("/", post(answer).get(answer))
        .fallback(|| async {
            (
                StatusCode::NOT_FOUND,
                "There is nothing here but / and /ping\n",
            )
        })
        .with_state(Front { engine, door })
}

/// What every request needs.
#[derive(Clone)]
struct Front {
    engine: Arc<Engine>,
    door: Door,
}

#[derive(Clone)]
enum Door {
    /// The program itself, by its word; everybody else as one guest.
    Socket { own: Own, socket: Arc<Guest> },
    /// Guests with a key.
    Address(Arc<Guests>),
}

impl Front {
    /// Who asks: none for the program itself.
    fn guest(&self, headers: &HeaderMap) -> Result<Option<Arc<Guest>>, EngineError> {
        let word = word(headers);
        let word = word.as_ref().map(|word| word.as_slice());
        match &self.door {
            Door::Socket { own, socket } => match word.is_some_and(|word| own.is(word)) {
                true => Ok(None),
                false => Ok(Some(Arc::clone(socket))),
            },
            Door::Address(guests) => word
                .and_then(|word| guests.with(word, self.engine.now()))
                .map(Some)
                .ok_or_else(|| {
                    EngineError::says(
                        WRONG_KEY,
                        "AUTHENTICATION_FAILED",
                        "the key is missing, wrong or expired".to_owned(),
                    )
                }),
        }
    }
}

async fn answer(
    State(front): State<Front>,
    ConnectInfo(flushes): ConnectInfo<Flushes>,
    method: Method,
    RawQuery(address): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let guest = match front.guest(&headers) {
        Ok(guest) => guest,
        Err(error) => return failed(&error),
    };
    let mut request = Request {
        own: guest.is_none(),
        ..Request::default()
    };
    for (name, value) in pairs(address.as_deref().unwrap_or_default()) {
        if let Err(problem) = request.take(&name, value) {
            return failed(&bad(problem));
        }
    }
    let query_id = request.query_id.clone().unwrap_or_else(next_id);
    let outcome = told(
        front.engine,
        guest,
        request,
        &method,
        &headers,
        body,
        flushes,
    )
    .await;
    let mut response = outcome.unwrap_or_else(|error| failed(&error));
    let about = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&query_id) {
        about.insert("X-ClickHouse-Query-Id", id);
    }
    about.insert(
        "X-ClickHouse-Server-Display-Name",
        HeaderValue::from_static("invigil"),
    );
    about.insert("X-ClickHouse-Timezone", HeaderValue::from_static("UTC"));
    response
}

/// A name for a request that brings none, in the form of those of ClickHouse; it counts up.
fn next_id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    format!("00000000-0000-8000-8000-{number:012x}")
}

/// Gives a request to a thread, its body in pieces, and makes a response of what comes back.
async fn told(
    engine: Arc<Engine>,
    guest: Option<Arc<Guest>>,
    request: Request,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
    flushes: Flushes,
) -> Result<Response<Body>, EngineError> {
    let turn = match &guest {
        Some(guest) => Some(guest.admitted(engine.now()).await?),
        None => None,
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let coding = match text(header::CONTENT_ENCODING).filter(|name| *name != "identity") {
        None => None,
        Some(name) => Some(Coding::named(name).ok_or_else(|| {
            bad("the body may be packed with zstd, lz4, gzip or deflate, and with nothing else")
        })?),
    };
    let boundary = text(header::CONTENT_TYPE)
        .and_then(|value| value.split_at_checked(FORM.len()))
        .filter(|(kind, _)| kind.eq_ignore_ascii_case(FORM))
        .and_then(|(_, rest)| rest.split_once("boundary="))
        .map(|(_, boundary)| boundary.trim_matches('"').to_owned());
    let packed = text(header::ACCEPT_ENCODING)
        .filter(|_| request.pack)
        .and_then(Coding::wanted);
    let outgoing = Outgoing {
        packed,
        level: request.pack_level.unwrap_or(3),
        blocks: request.compress,
        wait: request.wait,
        patience: guest.is_some().then_some(STALLED),
        flushes,
    };
    let tag = next_id();
    let runtime = Handle::current();
    let running = Running::new(Arc::clone(&engine), runtime.clone(), tag.clone());
    let waiting = Waiting(Arc::clone(&running));
    let is_guest = guest.is_some();
    let job = Job {
        engine,
        guest,
        request,
        boundary,
        coding,
        may_change: *method == Method::POST,
        tag,
        running: Arc::clone(&running),
        runtime,
    };
    let (pieces, body_of_job) = mpsc::channel(PIECES_UNDER_WAY);
    let (start, started) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        job.run(body_of_job, start);
    });
    let started = fed(body, pieces, started, is_guest.then_some(SENDING)).await?;
    outgoing.response(started, running, waiting).await
}

/// Hands a body on until the job has begun to answer. After a refusal the rest is thrown away, so that
/// the client hears the reason.
async fn fed(
    body: Body,
    pieces: mpsc::Sender<Option<Bytes>>,
    mut started: oneshot::Receiver<Result<Started, EngineError>>,
    patience: Option<Duration>,
) -> Result<Started, EngineError> {
    let pump = async move {
        let mut body = body.into_data_stream();
        let (mut left, mut sent) = (patience, 0);
        loop {
            let next = match &mut left {
                None => body.next().await,
                Some(left) => {
                    let begun = Instant::now();
                    let Ok(next) = tokio::time::timeout(*left, body.next()).await else {
                        // A sender that stops, or drips, is one that broke off: he holds a seat.
                        return;
                    };
                    *left = left.saturating_sub(begun.elapsed());
                    next
                }
            };
            match next {
                Some(Ok(piece)) => {
                    sent += piece.len();
                    if sent >= PACE {
                        (left, sent) = (patience, 0);
                    }
                    drop(pieces.send(Some(piece)).await);
                }
                Some(Err(_)) => return,
                None => return drop(pieces.send(None).await),
            }
        }
    };
    tokio::pin!(pump);
    let mut pumped = false;
    let started = loop {
        tokio::select! {
            told = &mut started => break told.unwrap_or(Err(EngineError::Closing)),
            () = &mut pump, if !pumped => pumped = true,
        }
    };
    if started.is_err() && !pumped {
        drop(tokio::time::timeout(STALLED, pump).await);
    }
    started
}

/// How an answer goes out.
struct Outgoing {
    packed: Option<Coding>,
    level: u32,
    blocks: bool,
    wait: bool,
    patience: Option<Duration>,
    flushes: Flushes,
}

impl Outgoing {
    async fn response(
        self,
        started: Started,
        running: Arc<Running>,
        waiting: Waiting,
    ) -> Result<Response<Body>, EngineError> {
        let packing = self.packed.map(|coding| coding.pack(self.level));
        let mut wrap = Wrap {
            blocks: self.blocks,
            packing: packing.transpose().map_err(|_| EngineError::Silent)?,
        };
        let (format, first, pieces) = match started {
            Started::Whole(Whole {
                bytes,
                format,
                figures,
            }) => {
                let packed = match bytes.is_empty() {
                    true => Vec::new(),
                    false => {
                        let fails = |_| EngineError::Silent;
                        let mut packed = wrap.take(&bytes).map_err(fails)?;
                        packed.extend(wrap.end().map_err(fails)?);
                        packed
                    }
                };
                (format, First::Whole(packed, figures), None)
            }
            Started::Rows { pipe, format, end } => {
                let (first_sender, first) = oneshot::channel();
                let (sender, pieces) = mpsc::channel(PIECES_UNDER_WAY);
                let relay = Relay {
                    wrap,
                    wait: self.wait,
                    patience: self.patience,
                    running,
                    first: first_sender,
                    pieces: sender,
                };
                tokio::task::spawn_blocking(move || relay.run(pipe, end));
                let first = first.await.unwrap_or(Err(EngineError::Closing))?;
                (format, first, Some(pieces))
            }
        };
        let mut response = match (first, pieces) {
            (First::Begun(first), Some(pieces)) => {
                let mut response =
                    Response::new(streamed(first, pieces, waiting, self.flushes.clone()));
                let tag = HeaderValue::from_static(TAG);
                response
                    .headers_mut()
                    .insert("X-ClickHouse-Exception-Tag", tag);
                if self.wait {
                    // Whoever wanted the status of the end hears that this is not it.
                    let most = HeaderValue::from(HELD_AT_MOST);
                    response.headers_mut().insert(NOT_WAITED, most);
                }
                response
            }
            (First::Begun(first), None) => Response::new(Body::from(first)),
            (First::Whole(bytes, figures), _) => {
                let is_packed = self.packed.filter(|_| !bytes.is_empty());
                let mut response = Response::new(Body::from(bytes));
                if let Ok(summary) = HeaderValue::from_str(&summary(&figures)) {
                    response
                        .headers_mut()
                        .insert("X-ClickHouse-Summary", summary);
                }
                return Ok(self.named(response, &format, is_packed));
            }
        };
        response = self.named(response, &format, self.packed);
        Ok(response)
    }

    fn named(
        &self,
        mut response: Response<Body>,
        format: &str,
        packed: Option<Coding>,
    ) -> Response<Body> {
        let headers = response.headers_mut();
        if let Ok(format) = HeaderValue::from_str(format) {
            headers.insert("X-ClickHouse-Format", format);
        }
        if let Some(packed) = packed {
            let name = HeaderValue::from_static(packed.name());
            headers.insert(header::CONTENT_ENCODING, name);
        }
        response
    }
}

/// The rest of an answer; when the client goes away, nobody waits for it any more.
fn streamed(
    first: Bytes,
    pieces: mpsc::Receiver<Piece>,
    waiting: Waiting,
    flushes: Flushes,
) -> Body {
    let state = Some((pieces, waiting, flushes));
    let rest = futures_util::stream::unfold(state, |state| async {
        let (mut pieces, waiting, flushes) = state?;
        let error = match pieces.recv().await {
            Some(Ok(Some(piece))) => return Some((Ok(piece), Some((pieces, waiting, flushes)))),
            Some(Ok(None)) => return None,
            Some(Err(error)) => error,
            None => std::io::Error::other("the answer is not complete"),
        };
        // Breaking off throws away what has not left yet.
        flushes.next().await;
        Some((Err(error), None))
    });
    let first = futures_util::stream::iter([Ok(first)]);
    Body::from_stream(first.chain(rest))
}

/// What the engine says that it did, in ClickHouse's form. It is sent only where the statement has ended:
/// before that nobody knows.
fn summary(figures: &Figures) -> String {
    let all = [
        ("read_rows", figures.read_rows),
        ("read_bytes", figures.read_bytes),
        ("written_rows", figures.written_rows),
        ("written_bytes", figures.written_bytes),
        ("result_rows", figures.result_rows),
        ("result_bytes", figures.result_bytes),
        (
            "elapsed_ns",
            u64::try_from(figures.elapsed.as_nanos()).unwrap_or(u64::MAX),
        ),
    ];
    let all: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("\"{name}\":\"{value}\""))
        .collect();
    format!("{{{}}}", all.join(","))
}

/// The word or key that a request brings, as ClickHouse's clients do or as a browser and Grafana do. Whoever
/// brings two is nobody: what stands between might have read the other.
fn word(headers: &HeaderMap) -> Option<Zeroizing<Vec<u8>>> {
    let mut words = headers.get_all("X-ClickHouse-Key").iter();
    let mut pairs = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(word) = words.next() {
        let alone = words.next().is_none();
        return alone.then(|| Zeroizing::new(word.as_bytes().to_vec()));
    }
    let pair = pairs.next().filter(|_| pairs.next().is_none())?;
    let (scheme, pair) = pair.to_str().ok()?.split_once(' ')?;
    let pair = BASE64_STANDARD
        .decode(pair.trim())
        .ok()
        .filter(|_| scheme.eq_ignore_ascii_case("Basic"))
        .map(Zeroizing::new)?;
    let word = pair.splitn(2, |byte| *byte == b':').nth(1)?;
    Some(Zeroizing::new(word.to_vec()))
}

fn failed(error: &EngineError) -> Response<Body> {
    let text = match error {
        EngineError::Said { text, .. } => text.clone(),
        other => format!("Code: 210. DB::Exception: {other}. (NETWORK_ERROR)"),
    };
    let code = code_of(&text).unwrap_or(0);
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status_of(code);
    let headers = response.headers_mut();
    if let Ok(code) = HeaderValue::from_str(&code.to_string()) {
        headers.insert("X-ClickHouse-Exception-Code", code);
    }
    if code == WRONG_KEY {
        let ask = HeaderValue::from_static("Basic realm=\"Invigil\"");
        headers.insert(header::WWW_AUTHENTICATE, ask);
    }
    response
}

/// The statuses that ClickHouse gives its codes; a wrong key gets the one that makes a browser ask for another.
fn status_of(code: u32) -> StatusCode {
    match code {
        6 | 8 | 15 | 25 | 26 | 27 | 36 | 38 | 41 | 44 | 53 | 62 | 72 | 117 | 167 | 168 | 321
        | 376 | 427 | 675 | 676 => StatusCode::BAD_REQUEST,
        46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 => StatusCode::NOT_FOUND,
        497 => StatusCode::FORBIDDEN,
        48 => StatusCode::NOT_IMPLEMENTED,
        159 => StatusCode::REQUEST_TIMEOUT,
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

/// Says that `wait_end_of_query=1` was given up after so many bytes.
const NOT_WAITED: &str = "X-Invigil-Sent-After";
const FORM: &str = "multipart/form-data";
/// ClickHouse's code for a wrong key.
const WRONG_KEY: u32 = 516;
/// How many pieces may wait between engine and client.
const PIECES_UNDER_WAY: usize = 4;
/// How long a guest may be waited for until so many bytes of his have come.
const SENDING: Duration = Duration::from_secs(if cfg!(test) { 3 } else { 60 });
const PACE: usize = 1 << 20;
/// How long a guest may not read, and the rest of a refused body is taken.
const STALLED: Duration = Duration::from_secs(60);

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
