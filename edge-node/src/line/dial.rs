//! Dialling: name, TCP, TLS. Each failure has its cause.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use messages::edge::status::OfflineCause;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Address;

/// Each step of a connection. Three attempts and the waits between them fit into half a minute.
const STEP_DEADLINE: Duration = Duration::from_secs(5);

/// A connection or a request that did not come about, and why as far as one can tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct LineFault {
    pub cause: OfflineCause,
    pub detail: String,
}

impl LineFault {
    pub fn new(cause: OfflineCause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into() }
    }
}

/// A stream of bytes, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
pub type BoxStream = Box<dyn Stream>;

/// How to reach the outside from this machine. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    tls: Arc<rustls::ClientConfig>,
    tls_h2: Arc<rustls::ClientConfig>,
}

impl Dialer {
    /// Trusts what the system trusts, and the certificates of `ca_file` if there is one.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            let shown = path.display();
            let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect)
                .map_err(|error| format!("ca_file {shown} could not be read: {error}"))?;
            if roots.add_parsable_certificates(certificates).0 == 0 {
                return Err(format!("ca_file {shown} holds no certificate in PEM form"));
            }
        }
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let mut tls_h2 = tls.clone();
        tls_h2.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { tls: Arc::new(tls), tls_h2: Arc::new(tls_h2) })
    }

    /// Connects, up to where HTTP begins; `h2` when only HTTP/2 will do.
    pub async fn dial(&self, to: &Address, h2: bool) -> Result<BoxStream, LineFault> {
        let stream = tcp(to).await?;
        if !to.tls {
            return Ok(Box::new(stream));
        }
        let tls =
            |what: String| LineFault::new(OfflineCause::Tls, format!("TLS with {} failed: {what}", to.host));
        let name = ServerName::try_from(to.host.clone())
            .map_err(|_| tls("its name is none that a certificate can have".to_owned()))?;
        let config = if h2 { &self.tls_h2 } else { &self.tls };
        match timeout(STEP_DEADLINE, TlsConnector::from(Arc::clone(config)).connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(tls(error.to_string())),
            Err(_) => Err(tls("it does not answer the greeting".to_owned())),
        }
    }
}

async fn tcp(to: &Address) -> Result<TcpStream, LineFault> {
    let host = &to.host;
    let found = timeout(STEP_DEADLINE, tokio::net::lookup_host((host.as_str(), to.port)))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let addresses: Vec<_> = match found {
        Ok(addresses) => addresses.collect(),
        // Without any way out no name is found either, and that is the thing to say.
        Err(_) if !has_way_out() => return Err(no_link("there is no route to anywhere")),
        Err(error) => {
            let detail = format!("the name {host} could not be resolved: {error}");
            return Err(LineFault::new(OfflineCause::Dns, detail));
        }
    };
    let connected = timeout(STEP_DEADLINE, TcpStream::connect(addresses.as_slice()))
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer")));
    let stream = connected.map_err(|error| match error.kind() {
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown | io::ErrorKind::HostUnreachable => {
            no_link(&error.to_string())
        }
        io::ErrorKind::TimedOut if !has_way_out() => no_link("there is no route to anywhere"),
        _ => {
            let detail = format!("{host} port {} does not take the connection: {error}", to.port);
            LineFault::new(OfflineCause::HubDown, detail)
        }
    })?;
    // Batches wait for their answers; collecting bytes would only delay both.
    let _best_effort = stream.set_nodelay(true);
    Ok(stream)
}

fn no_link(what: &str) -> LineFault {
    let detail = format!("this machine has no way out ({what}); check cable, router and provider");
    LineFault::new(OfflineCause::NoLink, detail)
}

/// Whether the system has a default route. Where that cannot be told it is taken to have one.
fn has_way_out() -> bool {
    let Ok(routes) = std::fs::read_to_string("/proc/net/route") else { return true };
    let v4 = routes.lines().skip(1).any(|line| line.split_whitespace().nth(1) == Some("00000000"));
    let v6 = std::fs::read_to_string("/proc/net/ipv6_route").is_ok_and(|routes| {
        routes.lines().any(|line| {
            let mut fields = line.split_whitespace();
            let everywhere = fields.next().is_some_and(|to| to.bytes().all(|b| b == b'0'));
            everywhere && fields.next() == Some("00") && !line.ends_with("lo")
        })
    });
    v4 || v6
}
