//! Who owns a data folder: its lock, the engine on it, the socket that everybody else is answered on.
//!
//! The engine closes when the last hold on its [`Owner`] goes, or when the process that serves is told to stop.

use std::fs;
use std::io::{Read, Seek, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::flushed::{CountedSocket, Flushes};
use super::guests::Guests;
use super::{Engine, EngineError, front, tls};
use crate::record::Timestamp;
use crate::store::outside::{Outside, StoreKey, TlsFiles};
use crate::store::own::Own;

/// What is needed to start.
pub(crate) struct Start<'a> {
    /// The data folder.
    pub(crate) data: &'a Path,
    /// The engine's library.
    pub(crate) library: &'a Path,
    /// The key of the encrypted disk.
    pub(crate) key: &'a [u8; 32],
    /// How much memory the engine may use, in bytes.
    pub(crate) memory: u64,
    /// Written into the lock.
    pub(crate) now: Timestamp,
    /// What is needed to answer others than the program.
    pub(crate) outside: Option<Outside>,
}

/// Somebody else holds the lock.
pub(crate) struct Occupied {
    /// What the lock says of its holder.
    pub(crate) holder: String,
}

/// The hold on a data folder, with the engine running on it.
pub(crate) struct Owner {
    engine: Arc<Engine>,
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
    /// Released last, by closing the file.
    _lock: fs::File,
}

impl Owner {
    /// Takes the lock, starts the engine and answers on the socket.
    pub(crate) fn start(start: &Start<'_>) -> Result<Result<Owner, Occupied>, EngineError> {
        let unusable = |path: PathBuf| move |source| EngineError::Folder { path, source };
        let lock_path = start.data.join("lock");
        let mut lock = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(unusable(lock_path.clone()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder)
                    .map_err(unusable(lock_path))?;
                return Ok(Err(Occupied {
                    holder: holder.trim().to_owned(),
                }));
            }
            Err(fs::TryLockError::Error(source)) => return Err(unusable(lock_path)(source)),
        }
        sign(&mut lock, start.now).map_err(unusable(lock_path))?;
        let engine = Arc::new(Engine::start(
            start.library,
            &start.data.join("store"),
            start.key,
            start.memory,
            start.outside.clone(),
        )?);
        let runtime = threads("invigil-engine", 2).map_err(unusable(start.data.to_owned()))?;
        let socket = start.data.join(SOCKET);
        let listener = runtime
            .block_on(async { listen(start.data) })
            .map_err(unusable(socket.clone()))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let routes = front::routes(Arc::clone(&engine), Own::new(start.key));
        let served = runtime.spawn(async move {
            let listener = CountedSocket(listener);
            let service = routes.into_make_service_with_connect_info::<Flushes>();
            let serving = axum::serve(listener, service).with_graceful_shutdown(async {
                // Both the word and the loss of the one who could say it mean: stop.
                drop(stopped.await);
            });
            drop(serving.await);
        });
        runtime.spawn(tidied(Arc::downgrade(&engine)));
        Ok(Ok(Owner {
            engine,
            socket,
            stop: Some(stop),
            served: Some(served),
            runtime: Some(runtime),
            _lock: lock,
        }))
    }
}

impl Owner {
    /// Answers at an address too, whoever brings one of the keys.
    pub(crate) fn listen(
        &self,
        address: SocketAddr,
        keys: &[StoreKey],
        files: Option<&TlsFiles>,
    ) -> std::io::Result<SocketAddr> {
        let Some(runtime) = &self.runtime else {
            return Err(std::io::ErrorKind::NotConnected.into());
        };
        let guests = Guests::of(keys);
        if guests.work() {
            self.engine
                .make_workbench()
                .map_err(std::io::Error::other)?;
        }
        let acceptor = files.map(tls::acceptor).transpose()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address))?;
        let address = listener.local_addr()?;
        let routes = front::routes_with_keys(Arc::clone(&self.engine), Arc::new(guests));
        runtime.spawn(tls::serve(listener, acceptor, routes));
        Ok(address)
    }
}

/// Ends sessions when they expire, until the engine goes.
async fn tidied(engine: Weak<Engine>) {
    loop {
        tokio::time::sleep(BETWEEN_TIDYINGS).await;
        let Some(engine) = engine.upgrade() else {
            return;
        };
        if let Some(now) = engine.now() {
            engine.sessions.tidy(now);
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // The socket goes first, so that nobody new comes.
        drop(fs::remove_file(&self.socket));
        drop(self.stop.take());
        let (Some(runtime), served) = (self.runtime.take(), self.served.take()) else {
            return;
        };
        let engine = Arc::clone(&self.engine);
        // On a thread of its own: the last hold may go within somebody else's runtime, where waiting is refused.
        let closing = std::thread::Builder::new()
            .name("invigil-closing".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    if let Some(served) = served {
                        drop(tokio::time::timeout(PATIENCE, served).await);
                    }
                    drop(tokio::time::timeout(PATIENCE, engine.close()).await);
                });
                runtime.shutdown_timeout(PATIENCE);
            });
        if let Ok(closing) = closing {
            drop(closing.join());
        }
    }
}

/// Threads for what waits on sockets; blocking calls of the engine get more as they need them.
pub(crate) fn threads(name: &str, count: usize) -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(count)
        .thread_name(name)
        .enable_all()
        .build()
}

/// Waits for an interrupt or a request to terminate.
pub(crate) fn wait_for_the_end() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    })
}

/// Writes who holds the lock and since when, for those who find it taken.
fn sign(lock: &mut fs::File, now: Timestamp) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "process {} since {now}", std::process::id())?;
    lock.sync_all()
}

/// Binds the socket under a name of its own, closes it to others, and then puts it in place: no moment
/// at which a stranger could connect, and a dead process's socket is replaced. The folder is named by
/// its descriptor, as an address of a socket has room for 107 characters only.
fn listen(data: &Path) -> std::io::Result<UnixListener> {
    let folder = fs::File::open(data)?;
    let by_descriptor = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    let fresh = by_descriptor.join("store.sock.new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    fs::rename(&fresh, by_descriptor.join(SOCKET))?;
    Ok(listener)
}

/// The socket's name in the data folder.
pub(crate) const SOCKET: &str = "store.sock";
const BETWEEN_TIDYINGS: Duration = Duration::from_secs(10);
/// How long the end waits for requests that still run.
const PATIENCE: Duration = Duration::from_secs(20);
