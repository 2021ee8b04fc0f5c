//! How the client reaches a store on a Unix socket in a data folder.

use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tower_service::Service;

use super::engine::SOCKET;

/// Connects to the socket of one data folder, whatever address a request names.
#[derive(Clone)]
pub(super) struct SocketOf {
    /// Open, so that the socket is found by descriptor: an address of a socket has room for 107 characters only.
    folder: Arc<File>,
}

impl SocketOf {
    pub(super) fn new(data: &Path) -> io::Result<SocketOf> {
        Ok(SocketOf {
            folder: Arc::new(File::open(data)?),
        })
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!(
            "/proc/self/fd/{}/{SOCKET}",
            self.folder.as_raw_fd()
        ))
    }

    /// Whether somebody listens there.
    pub(super) fn answers(&self) -> bool {
        std::os::unix::net::UnixStream::connect(self.path()).is_ok()
    }
}

impl<Address> Service<Address> for SocketOf {
    type Response = Wire;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Wire>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Address) -> Self::Future {
        let socket = self.clone();
        Box::pin(async move {
            let stream = UnixStream::connect(socket.path()).await?;
            Ok(Wire(TokioIo::new(stream)))
        })
    }
}

/// A connection, as hyper wants it.
pub(super) struct Wire(TokioIo<UnixStream>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
