//! The way to a ClickHouse server: how long it may take to get there, whom it is trusted to be, and whether it is one at all.
//!
//! Each request has a connection of its own, so that no server's idle time cuts one off under a batch, and so that what
//! comes back on it is one answer: if its head has no header of ClickHouse's, somebody else has answered (a proxy's page, a
//! sign-in of a guest network), and nothing it says is believed, least of all that rows were stored.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Uri;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tower_service::Service;

/// What became of the way there, where hyper's own words do not say it.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// Finding the name, connecting and agreeing on keys took too long.
    #[error("no connection within {0:?}")]
    Slow(Duration),
    /// Whoever answered is no ClickHouse.
    #[error("what answers is no ClickHouse server{}", status(*.0))]
    NotClickHouse(Option<u16>),
    /// The connection did not come about.
    #[error("no connection")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The certificates to trust can not be read.
    #[error("cannot read the certificates of {path}: {reason}")]
    Certificates {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

fn status(code: Option<u16>) -> String {
    code.map(|code| format!(" (status {code})"))
        .unwrap_or_default()
}

impl WireError {
    /// The one in a chain of causes, wherever it is wrapped.
    pub(super) fn within<'e>(
        error: &'e (dyn std::error::Error + 'static),
    ) -> Option<&'e WireError> {
        causes(error).find_map(|cause| cause.downcast_ref::<WireError>())
    }
}

/// An error and what it rests on; what an IO error carries is taken out, which `source` passes over.
pub(super) fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        }
    })
}

/// Connects to a server, with TLS where its address says so.
#[derive(Clone)]
pub(super) struct WayThere {
    connector: HttpsConnector<HttpConnector>,
    within: Duration,
}

impl WayThere {
    /// A way that takes no longer than this to open. With a file of certificates, they alone are trusted.
    pub(super) fn new(within: Duration, trusted: Option<&Path>) -> Result<WayThere, WireError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(KEEPALIVE));
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new();
        let builder = match trusted {
            None => builder
                .with_provider_and_webpki_roots(provider)
                .map_err(|error| WireError::Connect(error.into()))?,
            Some(path) => {
                let config = rustls::ClientConfig::builder_with_provider(provider.into())
                    .with_safe_default_protocol_versions()
                    .map_err(|error| WireError::Connect(error.into()))?
                    .with_root_certificates(certificates(path)?)
                    .with_no_client_auth();
                builder.with_tls_config(config)
            }
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(http);
        Ok(WayThere { connector, within })
    }
}

fn certificates(path: &Path) -> Result<rustls::RootCertStore, WireError> {
    let unusable = |reason: String| WireError::Certificates {
        path: path.display().to_string(),
        reason,
    };
    let mut store = rustls::RootCertStore::empty();
    let all = CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    for certificate in all {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        store
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(unusable("it holds none".to_owned()));
    }
    Ok(store)
}

impl Service<Uri> for WayThere {
    type Response = Watched<<HttpsConnector<HttpConnector> as Service<Uri>>::Response>;
    type Error = WireError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, WireError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        self.connector.poll_ready(cx).map_err(WireError::Connect)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = self.connector.call(address);
        let within = self.within;
        Box::pin(async move {
            match tokio::time::timeout(within, connecting).await {
                Ok(connected) => connected.map(Watched::new).map_err(WireError::Connect),
                Err(_) => Err(WireError::Slow(within)),
            }
        })
    }
}

/// A connection whose first answer must be one of ClickHouse's.
pub(super) struct Watched<Io> {
    io: Io,
    /// What came so far, until the head of the answer is whole.
    head: Option<Vec<u8>>,
}

impl<Io> Watched<Io> {
    fn new(io: Io) -> Watched<Io> {
        Watched {
            io,
            head: Some(Vec::new()),
        }
    }
}

/// Whether a head, as far as it came, is of ClickHouse; nothing while it can not be said yet.
fn is_of_clickhouse(head: &[u8]) -> Option<Result<(), WireError>> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let (text, whole) = match text.split_once("\r\n\r\n") {
        Some((text, _)) => (text, true),
        None => (text.as_str(), head.len() > LONGEST_HEAD),
    };
    if text.contains("\r\nx-clickhouse-") {
        return Some(Ok(()));
    }
    whole.then(|| {
        let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
        Err(WireError::NotClickHouse(status))
    })
}

impl<Io: Read + Unpin> Read for Watched<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(head) = &mut this.head else {
            return Pin::new(&mut this.io).poll_read(cx, buffer);
        };
        let mut room = vec![0; buffer.remaining().min(LONGEST_HEAD)];
        let mut piece = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut this.io).poll_read(cx, piece.unfilled()))?;
        head.extend_from_slice(piece.filled());
        match is_of_clickhouse(head) {
            None => {}
            Some(Ok(())) => this.head = None,
            Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
        }
        buffer.put_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl<Io: Write + Unpin> Write for Watched<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<Io: Connection> Connection for Watched<Io> {
    fn connected(&self) -> Connected {
        self.io.connected()
    }
}

/// How often an idle connection shows that it lives, so that nothing on the way forgets it during a long question.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a head without a header of ClickHouse's may get.
const LONGEST_HEAD: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_of_clickhouse_if_a_header_of_its_head_says_so() {
        assert!(is_of_clickhouse(b"HTTP/1.1 200 OK\r\nDate: x\r\n").is_none());
        assert!(matches!(
            is_of_clickhouse(b"HTTP/1.1 200 OK\r\nX-ClickHouse-Query-Id: a\r\n"),
            Some(Ok(()))
        ));
        let page = b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>\r\nX-ClickHouse-Query-Id: a";
        assert!(matches!(
            is_of_clickhouse(page),
            Some(Err(WireError::NotClickHouse(Some(502))))
        ));
    }
}
