//! Dialling the hub: name, TCP or proxy, TLS. What failed is told by stage, so that `check` can say what to do.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::{HubAddress, ProxyAddress};

/// Each step of a connection: shops sit behind slow lines, but a minute of silence is a failure.
const STEP_DEADLINE: Duration = Duration::from_secs(20);

/// Where on the way to the hub it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Name,
    Connect,
    Proxy,
    Tls,
    Http,
    /// Connected, and nobody answers.
    Silence,
}

/// A connection that did not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct NetError {
    pub stage: Stage,
    pub detail: String,
}

impl NetError {
    pub fn new(stage: Stage, detail: impl Into<String>) -> Self {
        Self { stage, detail: detail.into() }
    }
}

/// A stream of bytes to the hub, whatever lies between.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
pub type BoxStream = Box<dyn Stream>;

/// How to reach the outside from this machine.
#[derive(Clone)]
pub struct Dialer {
    tls: Arc<rustls::ClientConfig>,
    proxy: Option<ProxyAddress>,
}

impl Dialer {
    /// Trusts what the system trusts, and the certificates of `ca_file` if there is one.
    pub fn new(ca_file: Option<&PathBuf>, proxy: Option<ProxyAddress>) -> Result<Self, NetError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(trusted(ca_file)?);
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls: Arc::new(tls), proxy })
    }

    /// What is trusted, for those who encrypt a line themselves.
    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// Connects to the hub, up to where HTTP begins.
    pub async fn dial(&self, hub: &HubAddress) -> Result<BoxStream, NetError> {
        let stream = match &self.proxy {
            None => Box::new(tcp(&hub.host, hub.port).await?),
            Some(proxy) => through(proxy, hub).await?,
        };
        if !hub.tls {
            return Ok(stream);
        }
        let name = ServerName::try_from(hub.host.clone()).map_err(|_| {
            NetError::new(Stage::Tls, format!("{} is not a name a certificate can have", hub.host))
        })?;
        let shaken = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream);
        match timeout(STEP_DEADLINE, shaken).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => {
                Err(NetError::new(Stage::Tls, format!("TLS with {} failed: {error}", hub.host)))
            }
            Err(_) => {
                Err(NetError::new(Stage::Tls, format!("{} does not answer the TLS greeting", hub.host)))
            }
        }
    }
}

/// Certificates of the authorities that the system trusts, and of those in `ca_file`. Each can be used.
pub(crate) fn trusted(ca_file: Option<&PathBuf>) -> Result<Vec<CertificateDer<'static>>, NetError> {
    let usable = |certificate: &CertificateDer<'static>| {
        rustls::RootCertStore::empty().add(certificate.clone()).is_ok()
    };
    let mut all = rustls_native_certs::load_native_certs().certs;
    all.retain(usable);
    if let Some(path) = ca_file {
        let fail = |detail: String| NetError::new(Stage::Tls, detail);
        let shown = path.display();
        let mut own: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| fail(format!("ca_file {shown} could not be read: {error}")))?;
        own.retain(usable);
        if own.is_empty() {
            return Err(fail(format!("ca_file {shown} holds no certificate in PEM form")));
        }
        all.append(&mut own);
    }
    Ok(all)
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, NetError> {
    let addresses: Vec<_> = timeout(STEP_DEADLINE, tokio::net::lookup_host((host, port)))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| {
            NetError::new(Stage::Name, format!("the name {host} could not be resolved: {error}"))
        })?
        .collect();
    let connected = timeout(STEP_DEADLINE, TcpStream::connect(addresses.as_slice()))
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer")));
    let stream = connected.map_err(|error| {
        NetError::new(Stage::Connect, format!("{host} port {port} could not be reached: {error}"))
    })?;
    // Frames are small and wait for their answers; collecting them would only delay both.
    let _ignored = stream.set_nodelay(true);
    Ok(stream)
}

/// Asks the proxy for a tunnel to the hub.
async fn through(proxy: &ProxyAddress, hub: &HubAddress) -> Result<BoxStream, NetError> {
    let fail = |what: String| NetError::new(Stage::Proxy, format!("proxy {}: {what}", proxy.host));
    let stream = tcp(&proxy.host, proxy.port).await.map_err(|error| fail(error.detail))?;
    let asked = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection.with_upgrades());
        let mut request = http::Request::connect(hub.authority()).header(http::header::HOST, hub.authority());
        if let Some(authorization) = &proxy.authorization {
            request = request.header(http::header::PROXY_AUTHORIZATION, authorization.expose());
        }
        let request = request.body(Empty::<bytes::Bytes>::new()).map_err(io::Error::other)?;
        let response = sender.send_request(request).await?;
        if !response.status().is_success() {
            connection.abort();
            return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Err(response.status()));
        }
        Ok(Ok(hyper::upgrade::on(response).await?))
    };
    match timeout(STEP_DEADLINE, asked).await {
        Ok(Ok(Ok(tunnel))) => Ok(Box::new(TokioIo::new(tunnel))),
        Ok(Ok(Err(status))) => {
            Err(fail(format!("refuses the way to {} with status {status}", hub.authority())))
        }
        Ok(Err(error)) => Err(fail(error.to_string())),
        Err(_) => Err(fail("does not answer".to_owned())),
    }
}
