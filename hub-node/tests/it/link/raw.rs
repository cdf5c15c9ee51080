//! A client that speaks just enough of the protocol to speak it wrongly.

use std::sync::Arc;
use std::time::Duration;

use hkdf::Hkdf;
use messages::ids::BootId;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certs::{Authority, HUB_NAME, Issued};

const PATIENCE: Duration = Duration::from_secs(20);

/// TLS with these certificates, and no word yet.
pub(super) async fn connect(authority: &Authority, shown: &Issued, address: &str) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"grocerysync-link/1".to_vec()];
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(HUB_NAME).unwrap();
    timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, tcp)).await.unwrap().unwrap()
}

/// A greeting as version 1 says it.
#[derive(Serialize)]
pub(super) struct Hello {
    pub(super) protocol: u16,
    pub(super) oldest: u16,
    pub(super) cluster: String,
    pub(super) from: BootId,
    pub(super) to: BootId,
    pub(super) address: String,
}

#[derive(Deserialize)]
pub(super) struct Welcome {
    pub(super) boot: BootId,
    pub(super) refused: Option<Refused>,
}

#[derive(Deserialize)]
pub(super) struct Refused {
    pub(super) code: String,
}

impl Hello {
    /// The right words for a node of the cluster "test".
    pub(super) fn right(from: BootId, to: BootId) -> Self {
        let mut mark = [0_u8; 32];
        Hkdf::<Sha256>::new(Some(b"grocerysync.link.v1"), b"test").expand(b"mark", &mut mark).unwrap();
        let cluster = mark.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { protocol: 1, oldest: 1, cluster, from, to, address: "raw:1".into() }
    }

    /// Says it and hears the answer.
    pub(super) async fn say(&self, stream: &mut TlsStream<TcpStream>) -> Welcome {
        let bytes = rmp_serde::to_vec_named(self).unwrap();
        stream.write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let answer = async {
            let length = stream.read_u16().await.unwrap();
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await.unwrap();
            rmp_serde::from_slice(&bytes).unwrap()
        };
        timeout(PATIENCE, answer).await.unwrap()
    }
}

/// Waits until the other side closes, in whatever way.
pub(super) async fn until_closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let mut rest = [0; 1024];
    let closed = async { while !matches!(stream.read(&mut rest).await, Ok(0) | Err(_)) {} };
    assert!(timeout(PATIENCE, closed).await.is_ok(), "the node has not closed the connection");
}
