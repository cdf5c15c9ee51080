//! Certificates of hub nodes: loading them, and what they must say.
//!
//! Both ends of a link show a certificate of the cluster's authority, made out to [`NAME`]. The name keeps out other
//! holders of certificates of an authority that is used for more than this. TLS 1.3 only: both ends are ours.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, DnsName, PrivateKeyDer, ServerName, UnixTime, pem};
use sha2::{Digest as _, Sha256};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The name that every hub node's certificate carries, whatever the machine is called.
pub const NAME: &str = "hub.grocerysync.internal";
/// Days within which the end of a certificate is spoken of: time enough to renew it by hand.
const FAR_OFF: u32 = 14;
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// What is spoken inside. Another TLS service at a mistaken address is recognised by it.
const ALPN: &[u8] = b"grocerysync-link/1";

/// Links cannot use these certificates.
#[derive(Debug, thiserror::Error)]
pub enum LinkTlsError {
    #[error("{path} cannot be read: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the {what} of hub links is not valid PEM: {source}")]
    Pem { what: &'static str, source: pem::Error },
    #[error("there is no certificate in the {0} of hub links")]
    NoCertificate(&'static str),
    #[error("certificate and key of hub links do not go together: {0}")]
    Mismatch(rustls::Error),
    #[error("the authority of hub links cannot be used: {0}")]
    Authority(String),
    #[error(
        "the certificate of hub links would be refused by other nodes: {0}; it must come from the given authority, be \
         made out to {NAME}, and be good for servers and clients"
    )]
    Refused(String),
}

/// Certificate, key and authority, ready for use.
#[derive(Clone)]
pub struct LinkTls {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    name: ServerName<'static>,
    own: Arc<Own>,
    /// Where it came from, to notice that it was renewed there.
    source: Option<Arc<Source>>,
}

/// What other nodes look at.
struct Own {
    chain: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
}

struct Source {
    certificate: PathBuf,
    key: PathBuf,
    authority: PathBuf,
    digest: [u8; 32],
}

impl std::fmt::Debug for LinkTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkTls")
    }
}

impl LinkTls {
    /// Reads the three PEM files. Links look into them again from time to time, so that renewed certificates are used
    /// without a restart.
    pub fn from_files(certificate: &Path, key: &Path, authority: &Path) -> Result<Self, LinkTlsError> {
        let source = Source {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            authority: authority.to_owned(),
            digest: [0; 32],
        };
        Self::from_source(source)
    }

    fn from_source(source: Source) -> Result<Self, LinkTlsError> {
        let texts = source.read()?;
        let [certificate, key, authority] = &texts;
        let fresh = Self::from_pem(certificate, key, authority)?;
        let source = Some(Arc::new(Source { digest: digest(&texts), ..source }));
        Ok(Self { source, ..fresh })
    }

    /// What the files hold by now, if that is something else.
    pub(super) fn renewed(&self) -> Result<Option<Self>, LinkTlsError> {
        let Some(source) = &self.source else { return Ok(None) };
        if digest(&source.read()?) == source.digest {
            return Ok(None);
        }
        let (certificate, key) = (source.certificate.clone(), source.key.clone());
        let source = Source { certificate, key, authority: source.authority.clone(), digest: [0; 32] };
        Self::from_source(source).map(Some)
    }

    /// Takes the node's certificate (with intermediate ones, if any), its key, and the authorities that other nodes'
    /// certificates may come from. Fails now rather than at the first connection when other nodes would refuse it.
    pub fn from_pem(certificate: &[u8], key: &[u8], authority: &[u8]) -> Result<Self, LinkTlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates("certificate", certificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|source| LinkTlsError::Pem { what: "key", source })?;
        let mut roots = RootCertStore::empty();
        for root in certificates("authority", authority)? {
            roots.add(root).map_err(|error| LinkTlsError::Authority(error.to_string()))?;
        }
        let roots = Arc::new(roots);
        let name = DnsName::try_from(NAME)
            .map(ServerName::DnsName)
            .map_err(|error| LinkTlsError::Refused(error.to_string()))?;

        let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| LinkTlsError::Authority(error.to_string()))?;
        check_own(&chain, &roots, &provider, &name, UnixTime::now())?;
        let (end, rest) = chain.split_first().ok_or(LinkTlsError::NoCertificate("certificate"))?;
        clients
            .verify_client_cert(end, rest, UnixTime::now())
            .map_err(|error| LinkTlsError::Refused(error.to_string()))?;

        let versions = &[&rustls::version::TLS13];
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .and_then(|builder| {
                builder.with_client_cert_verifier(clients).with_single_cert(chain.clone(), key.clone_key())
            })
            .map_err(LinkTlsError::Mismatch)?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        // Each connection proves itself anew: a resumed one would outlive its certificate.
        server.send_tls13_tickets = 0;
        let own = Arc::new(Own { chain: chain.clone(), roots: roots.clone() });
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .and_then(|builder| builder.with_root_certificates(roots).with_client_auth_cert(chain, key))
            .map_err(LinkTlsError::Mismatch)?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = rustls::client::Resumption::disabled();
        Ok(Self { server: Arc::new(server), client: Arc::new(client), name, own, source: None })
    }

    /// In how many days other nodes will refuse the certificate; nothing when that is a fortnight off or later. The verifier
    /// is asked about each of those days: it alone knows what all it looks at.
    #[must_use]
    pub fn days_left(&self) -> Option<u32> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let now = UnixTime::now().as_secs();
        (0..FAR_OFF).find(|days| {
            let then = UnixTime::since_unix_epoch(DAY * (days + 1) + Duration::from_secs(now));
            check_own(&self.own.chain, &self.own.roots, &provider, &self.name, then).is_err()
        })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.server.clone())
    }

    pub(super) fn connector(&self) -> TlsConnector {
        TlsConnector::from(self.client.clone())
    }

    pub(super) fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    /// What the chain alone does not say: that who dialled is a hub node.
    pub(super) fn check_client(&self, certificates: Option<&[CertificateDer<'_>]>) -> Result<(), String> {
        let end = certificates.and_then(|chain| chain.first()).ok_or("there is none")?;
        ParsedCertificate::try_from(end)
            .and_then(|certificate| verify_server_name(&certificate, &self.name))
            .map_err(|error| explain_rustls(&error))
    }
}

impl Source {
    fn read(&self) -> Result<[Vec<u8>; 3], LinkTlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| LinkTlsError::File { path: path.to_owned(), source })
        };
        Ok([read(&self.certificate)?, read(&self.key)?, read(&self.authority)?])
    }
}

fn digest(texts: &[Vec<u8>; 3]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

fn certificates(what: &'static str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, LinkTlsError> {
    let found = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| LinkTlsError::Pem { what, source })?;
    if found.is_empty() { Err(LinkTlsError::NoCertificate(what)) } else { Ok(found) }
}

/// Looks at our own certificate as the other nodes will.
fn check_own(
    chain: &[CertificateDer<'static>],
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    name: &ServerName<'static>,
    at: UnixTime,
) -> Result<(), LinkTlsError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
        .build()
        .map_err(|error| LinkTlsError::Authority(error.to_string()))?;
    let (end, rest) = chain.split_first().ok_or(LinkTlsError::NoCertificate("certificate"))?;
    verifier
        .verify_server_cert(end, rest, name, &[], at)
        .map_err(|error| LinkTlsError::Refused(explain_rustls(&error)))?;
    Ok(())
}

/// Says what a failed handshake means and what to do about it.
pub(super) fn explain(error: &std::io::Error) -> String {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .map_or_else(|| error.to_string(), explain_rustls)
}

fn explain_rustls(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Wrong, Error};
    let advice = match error {
        Error::InvalidCertificate(Wrong::UnknownIssuer | Wrong::BadSignature) => {
            "its certificate comes from another authority than ours; all nodes of a cluster must use one authority"
        }
        Error::InvalidCertificate(Wrong::Expired | Wrong::ExpiredContext { .. }) => {
            "its certificate has expired; renew it"
        }
        Error::InvalidCertificate(Wrong::NotValidYet | Wrong::NotValidYetContext { .. }) => {
            "its certificate is not valid yet; compare the clocks"
        }
        Error::InvalidCertificate(Wrong::NotValidForName | Wrong::NotValidForNameContext { .. }) => {
            "its certificate is not made out to hub.grocerysync.internal, so it is not one of a hub node"
        }
        Error::NoCertificatesPresented | Error::AlertReceived(Alert::CertificateRequired) => {
            "a certificate is required of both nodes"
        }
        Error::AlertReceived(Alert::UnknownCA | Alert::DecryptError) => {
            "it does not accept our certificate, which comes from another authority than its own"
        }
        Error::AlertReceived(
            Alert::BadCertificate | Alert::CertificateExpired | Alert::CertificateUnknown,
        ) => "it does not accept our certificate, which may have expired or not be made out to a hub node",
        Error::InvalidMessage(_) => "what came is not TLS; is the address that of a hub node's links",
        _ => return error.to_string(),
    };
    format!("{advice} ({error})")
}
