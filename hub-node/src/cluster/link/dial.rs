//! Connecting to another node: address, TCP, TLS, greeting; and probing whether anybody is at an address at all.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use messages::ids::BootId;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use super::Shared;
use super::api::Probe;
use super::envelope::{OLDEST, PROTOCOL};
use super::greeting::{Hello, Secrets, Unwelcome, Welcome, hear, judge_welcome, say};
use super::{socket, tls};

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Why a node could not be reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("the address {0:?} cannot be resolved: {1}")]
    Name(String, io::Error),
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("no TLS: {0}")]
    Tls(String),
    #[error("no greeting came back: {0}")]
    Greeting(String),
    #[error("refused: {0}")]
    Unwelcome(#[from] Unwelcome),
    #[error("{0} took longer than {1:?}")]
    Slow(&'static str, Duration),
}

/// Connects to the process `to`, and to no other, at `address`.
pub(super) async fn dial(
    shared: &Shared,
    secrets: &Secrets,
    to: BootId,
    address: &str,
) -> Result<TlsStream<TcpStream>, DialError> {
    let patience = shared.config.terms.handshake;
    let slow = |what| move |_| DialError::Slow(what, patience);
    let tcp = timeout(patience, connect(address)).await.map_err(slow("connecting"))??;
    socket::tune(&tcp).map_err(DialError::Connect)?;
    let tls = shared.tls();
    let encrypted = timeout(patience, tls.connector().connect(tls.name(), tcp))
        .await
        .map_err(slow("the TLS handshake"))?
        .map_err(|error| DialError::Tls(tls::explain(&error)))?;
    let mut stream = TlsStream::from(encrypted);
    let hello = Hello {
        protocol: PROTOCOL,
        oldest: OLDEST,
        cluster: secrets.mark.clone(),
        from: shared.boot,
        to,
        address: shared.config.address.clone(),
    };
    let greet = async {
        // A certificate that is not accepted shows in the first answer, not in the handshake.
        let failed = |error: io::Error| DialError::Greeting(tls::explain(&error));
        say(&mut stream, &hello).await.map_err(failed)?;
        let welcome: Welcome = hear(&mut stream).await.map_err(failed)?;
        Ok(judge_welcome(welcome, to)?)
    };
    timeout(patience, greet).await.map_err(slow("the greeting"))?.map(|()| stream)
}

async fn connect(address: &str) -> Result<TcpStream, DialError> {
    let addresses = resolve(address).await.map_err(|error| DialError::Name(address.to_owned(), error))?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(DialError::Connect(last))
}

async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host(address).await?.take(MAX_ADDRESSES).collect())
}

/// Does this address refuse connections, answer, or keep silent?
pub async fn probe(address: &str, within: Duration) -> Probe {
    let ask = async {
        let Ok(addresses) = resolve(address).await else { return Probe::Silent };
        if addresses.is_empty() {
            return Probe::Silent;
        }
        let mut refused = true;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(_) => return Probe::Answers,
                Err(error) => refused &= error.kind() == io::ErrorKind::ConnectionRefused,
            }
        }
        if refused { Probe::Refused } else { Probe::Silent }
    };
    timeout(within, ask).await.unwrap_or(Probe::Silent)
}
