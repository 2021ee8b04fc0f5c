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
use zeroize::Zeroizing;

use super::answer::{Outgoing, PIECES_UNDER_WAY, WRONG_KEY, failed};
use super::coding::Coding;
use super::flushed::Flushes;
use super::guests::{Guest, Guests};
use super::job::{Job, Started, bad};
use super::relay::{Running, Waiting};
use super::request::Request;
use super::{Engine, EngineError};
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
        let (mut waited, mut sent) = (Duration::ZERO, 0);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // What is there is taken first: a tick that passed while the engine was busy is not the sender's.
            let next = tokio::select! {
                biased;
                next = body.next() => next,
                _ = ticks.tick(), if patience.is_some() => {
                    waited += TICK;
                    if patience.is_some_and(|patience| waited > patience) {
                        // A sender that stops, or drips, is one that broke off: he holds a seat.
                        return;
                    }
                    continue;
                }
            };
            match next {
                Some(Ok(piece)) => {
                    sent += piece.len();
                    if sent >= PACE {
                        (waited, sent) = (Duration::ZERO, 0);
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

const FORM: &str = "multipart/form-data";
/// How long a guest may be waited for until so many bytes of his have come.
const SENDING: Duration = Duration::from_secs(if cfg!(test) { 3 } else { 60 });
const PACE: usize = 1 << 20;
/// How finely that wait is counted.
const TICK: Duration = Duration::from_secs(1);
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
