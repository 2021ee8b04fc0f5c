//! From the engine to the client: bytes of one document, read off a pipe, packed as the client takes them, in bounded memory.
//!
//! The first bytes are held back, so that what fails early gets an error's status. A client that goes away,
//! or stops reading, ends the statement in the engine.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::coding::Packing;
use super::ffi::Figures;
use super::{Engine, EngineError, blocks};

/// A statement in the engine, as those see it who wait for it.
pub(super) struct Running {
    engine: Arc<Engine>,
    runtime: Handle,
    tag: String,
    /// Whether it may be broken off.
    pub(super) armed: AtomicBool,
    /// Whether its thread has ended with it.
    pub(super) done: AtomicBool,
}

impl Running {
    pub(super) fn new(engine: Arc<Engine>, runtime: Handle, tag: String) -> Arc<Running> {
        Arc::new(Running {
            engine,
            runtime,
            tag,
            armed: AtomicBool::new(false),
            done: AtomicBool::new(false),
        })
    }

    /// Breaks the statement off, also if it begins only later.
    fn stop(self: &Arc<Self>) {
        if self.done.load(Ordering::Acquire) {
            return;
        }
        let running = Arc::clone(self);
        self.runtime.spawn_blocking(move || {
            let mut pause = Duration::from_millis(20);
            while !running.done.load(Ordering::Acquire) {
                if running.armed.load(Ordering::Acquire) {
                    running.engine.kill(&running.tag);
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        });
    }
}

/// Whoever waits for a statement. When this goes, nobody does.
pub(super) struct Waiting(pub(super) Arc<Running>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// How bytes go out.
#[derive(Default)]
pub(super) struct Wrap {
    /// In ClickHouse's own compressed blocks.
    pub(super) blocks: bool,
    /// As HTTP has it.
    pub(super) packing: Option<Packing>,
}

impl Wrap {
    pub(super) fn take(&mut self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let packed;
        let bytes = match self.blocks {
            true => {
                packed = blocks::packed(bytes);
                &packed
            }
            false => bytes,
        };
        match &mut self.packing {
            Some(packing) => packing.take(bytes),
            None => Ok(bytes.to_vec()),
        }
    }

    pub(super) fn end(self) -> std::io::Result<Vec<u8>> {
        self.packing.map_or(Ok(Vec::new()), Packing::end)
    }
}

/// How an answer begins.
pub(super) enum First {
    /// It is all there.
    Whole(Vec<u8>, Figures),
    /// More follows.
    Begun(Bytes),
}

/// A piece of an answer, or the word that it is complete: without that word it is not, and the connection is
/// broken off, as it is by an error.
pub(super) type Piece = Result<Option<Bytes>, std::io::Error>;

/// What carries an answer.
pub(super) struct Relay {
    pub(super) wrap: Wrap,
    /// Hold everything back until the statement has ended, as far as there is room.
    pub(super) wait: bool,
    /// How long a client may not read.
    pub(super) patience: Option<Duration>,
    pub(super) running: Arc<Running>,
    pub(super) first: oneshot::Sender<Result<First, EngineError>>,
    pub(super) pieces: mpsc::Sender<Piece>,
}

impl Relay {
    /// Carries all of it; returns when the statement has ended or nobody wants more.
    pub(super) fn run(
        mut self,
        mut pipe: File,
        end: oneshot::Receiver<Result<Figures, EngineError>>,
    ) {
        let most = if self.wait { HELD_AT_MOST } else { HELD_BACK };
        let mut held = Vec::new();
        let room = u64::try_from(most + 1).unwrap_or(u64::MAX);
        let read = (&mut pipe).take(room).read_to_end(&mut held);
        if read.is_err() {
            self.running.stop();
            drop(self.first.send(Err(EngineError::Silent)));
            return;
        }
        if held.len() <= most {
            let ended = end.blocking_recv().unwrap_or(Err(EngineError::Closing));
            let whole = ended.and_then(|figures| {
                let mut bytes = self.wrap.take(&held).map_err(unpackable)?;
                bytes.extend(self.wrap.end().map_err(unpackable)?);
                Ok(First::Whole(bytes, figures))
            });
            drop(self.first.send(whole));
            return;
        }
        let first = self.wrap.take(&held).map_err(unpackable);
        drop(held);
        let (first_sender, pieces) = (self.first, self.pieces);
        drop(first_sender.send(first.map(|bytes| First::Begun(bytes.into()))));
        let rest = Rest {
            wrap: self.wrap,
            patience: self.patience,
            running: self.running,
            pieces,
        };
        rest.run(pipe, end);
    }
}

/// All but the beginning.
struct Rest {
    wrap: Wrap,
    patience: Option<Duration>,
    running: Arc<Running>,
    pieces: mpsc::Sender<Piece>,
}

impl Rest {
    fn run(mut self, mut pipe: File, end: oneshot::Receiver<Result<Figures, EngineError>>) {
        let mut buffer = vec![0; PIECE];
        loop {
            let read = match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return self.broken(error),
            };
            match self.wrap.take(read) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    if !self.passed_on(Ok(Some(bytes.into()))) {
                        return self.running.stop();
                    }
                }
                Err(error) => return self.broken(error),
            }
        }
        let failure = end
            .blocking_recv()
            .unwrap_or(Err(EngineError::Closing))
            .err();
        let marked = match &failure {
            Some(error) => self.wrap.take(&mark(error)),
            None => Ok(Vec::new()),
        };
        let wrap = std::mem::take(&mut self.wrap);
        let last = marked.and_then(|mut bytes| {
            bytes.extend(wrap.end()?);
            Ok(bytes)
        });
        match last {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => {
                self.passed_on(Ok(Some(bytes.into())));
            }
            Err(error) => return self.broken(error),
        }
        match failure {
            Some(_) => self.broken(std::io::Error::other("the query failed")),
            None => {
                self.passed_on(Ok(None));
            }
        }
    }

    fn broken(&self, error: std::io::Error) {
        self.running.stop();
        self.passed_on(Err(error));
    }

    /// Whether the client took it in time.
    fn passed_on(&self, piece: Piece) -> bool {
        let send = self.pieces.send(piece);
        match self.patience {
            None => self.running.runtime.block_on(send).is_ok(),
            Some(patience) => {
                let sent = async { tokio::time::timeout(patience, send).await };
                matches!(self.running.runtime.block_on(sent), Ok(Ok(())))
            }
        }
    }
}

fn unpackable(error: std::io::Error) -> EngineError {
    EngineError::says(432, "CANNOT_COMPRESS", error.to_string())
}

/// How ClickHouse marks a failure after rows were sent.
fn mark(error: &EngineError) -> Vec<u8> {
    let text = match error {
        EngineError::Said { text, .. } => text.clone(),
        other => other.to_string(),
    };
    let message = format!("{text}\n");
    let length = message.len();
    format!("\r\n__exception__\r\n{TAG}\r\n{message}{length} {TAG}\r\n__exception__\r\n")
        .into_bytes()
}

/// Sixteen characters, as ClickHouse's are.
pub(super) const TAG: &str = "invigilexception";
/// How much is held back of every answer.
const HELD_BACK: usize = 64 << 10;
/// How much is held back at most for one who waits for the end.
pub(super) const HELD_AT_MOST: usize = 16 << 20;
const PIECE: usize = 256 << 10;
