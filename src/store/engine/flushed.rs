//! A wire that counts how often all that was written to it has left, so that an answer is broken off only after its last word.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};

/// How often a wire was empty.
#[derive(Clone, Default)]
pub(super) struct Flushes(Arc<AtomicU64>);

impl Flushes {
    /// Waits until what has been written by now has left; not for ever.
    pub(super) async fn next(&self) {
        let now = self.0.load(Ordering::Acquire);
        let left = async {
            while self.0.load(Ordering::Acquire) == now {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        };
        drop(tokio::time::timeout(PATIENCE, left).await);
    }
}

/// A wire whose flushes are counted.
pub(super) struct Counted<W> {
    pub(super) wire: W,
    pub(super) flushes: Flushes,
}

impl<W: AsyncRead + Unpin> AsyncRead for Counted<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(context, buffer)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Counted<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.wire).poll_flush(context))?;
        self.flushes.0.fetch_add(1, Ordering::AcqRel);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

/// The socket, whose wires are counted as those of an address are.
pub(super) struct CountedSocket(pub(super) UnixListener);

impl Listener for CountedSocket {
    type Io = Counted<UnixStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (wire, address) = Listener::accept(&mut self.0).await;
        let flushes = Flushes::default();
        (Counted { wire, flushes }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, CountedSocket>> for Flushes {
    fn connect_info(wire: IncomingStream<'_, CountedSocket>) -> Self {
        wire.io().flushes.clone()
    }
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(60);
