//! The way out: what a statement has begun to answer, or why it does not, as a response of HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};

use super::EngineError;
use super::coding::Coding;
use super::ffi::Figures;
use super::flushed::Flushes;
use super::job::{Started, Whole};
use super::relay::{First, HELD_AT_MOST, Piece, Relay, Running, TAG, Waiting, Wrap};
use crate::store::error::code_of;

/// How an answer goes out.
pub(super) struct Outgoing {
    pub(super) packed: Option<Coding>,
    pub(super) level: u32,
    pub(super) blocks: bool,
    pub(super) wait: bool,
    pub(super) patience: Option<Duration>,
    pub(super) flushes: Flushes,
}

impl Outgoing {
    pub(super) async fn response(
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

/// An error as ClickHouse says it.
pub(super) fn failed(error: &EngineError) -> Response<Body> {
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

/// Says that `wait_end_of_query=1` was given up after so many bytes.
const NOT_WAITED: &str = "X-Invigil-Sent-After";
/// ClickHouse's code for a wrong key.
pub(super) const WRONG_KEY: u32 = 516;
/// How many pieces may wait between engine and client.
pub(super) const PIECES_UNDER_WAY: usize = 4;
