//! The first words on a connection, after TLS and before `ractor_cluster`: which cluster, which process, which version.
//! The words and their judgement are pure; [`say`] and [`hear`] carry them.
//!
//! It makes refusals clear on both sides: a certificate that the other node does not accept, an address that belongs to
//! another process by now, a version too far away. `ractor_cluster` would tell none of them.

use std::io;

use hkdf::Hkdf;
use messages::ids::BootId;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::envelope::{OLDEST, PROTOCOL};

/// Longest greeting: a few short names.
const MAX_GREETING: usize = 2048;
const MAX_TEXT: usize = 300;

/// Of the node that dials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Newest and oldest version that it speaks.
    pub(super) protocol: u16,
    pub(super) oldest: u16,
    /// See [`Secrets::mark`].
    pub(super) cluster: String,
    pub(super) from: BootId,
    /// Whom it expects to meet.
    pub(super) to: BootId,
    /// Where `from` is reached.
    pub(super) address: String,
}

/// Of the node that was dialled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Welcome {
    pub(super) protocol: u16,
    pub(super) oldest: u16,
    pub(super) boot: BootId,
    /// Why not, if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<Unwelcome>,
}

/// Why two nodes do not link. The text is for the log of either side; a code that is not known is not needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub(super) struct Unwelcome {
    pub(super) code: String,
    pub(super) text: String,
}

impl Unwelcome {
    fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into() }
    }

    fn other_cluster() -> Self {
        Self::new(
            "other_cluster",
            "the nodes belong to different clusters: each of them has its own database",
        )
    }

    fn other_process(text: impl Into<String>) -> Self {
        Self::new("other_process", text)
    }

    pub(super) fn certificate(why: &str) -> Self {
        Self::new("certificate", format!("the certificate is not one of a hub node: {why}"))
    }
}

/// What is made of the cluster's name.
pub(super) struct Secrets {
    /// Tells clusters apart in greetings without telling their name.
    pub(super) mark: String,
    /// `ractor_cluster` wants one. The proof is the certificate: a cookie must not depend on certificates, which are
    /// renewed one node at a time.
    pub(super) cookie: String,
}

impl Secrets {
    pub(super) fn of(cluster: &str) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(b"grocerysync.link.v1"), cluster.as_bytes());
        let derive = |purpose: &[u8]| {
            let mut bytes = [0_u8; 32];
            // Only lengths beyond 8,160 bytes are refused.
            hkdf.expand(purpose, &mut bytes).map_or_else(|_| String::new(), |()| hex(&bytes))
        };
        Self { mark: derive(b"mark"), cookie: derive(b"cookie") }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// What the node that was dialled makes of a hello.
pub(super) fn judge_hello(hello: &Hello, me: BootId, mark: &str) -> Result<(), Unwelcome> {
    if hello.cluster != mark {
        return Err(Unwelcome::other_cluster());
    }
    if hello.to != me {
        return Err(Unwelcome::other_process(format!(
            "the process {me} answers at this address, not {}",
            hello.to
        )));
    }
    if hello.from == me {
        return Err(Unwelcome::other_process("this node called itself"));
    }
    common_version(hello.protocol, hello.oldest)
}

/// What the node that dialled makes of the answer.
pub(super) fn judge_welcome(welcome: Welcome, expected: BootId) -> Result<(), Unwelcome> {
    if let Some(refused) = welcome.refused {
        return Err(refused);
    }
    if welcome.boot != expected {
        return Err(Unwelcome::other_process(format!(
            "the process {} answers at this address, not {expected}",
            welcome.boot
        )));
    }
    common_version(welcome.protocol, welcome.oldest)
}

fn common_version(newest: u16, oldest: u16) -> Result<(), Unwelcome> {
    if oldest <= PROTOCOL && OLDEST <= newest {
        return Ok(());
    }
    let text = format!(
        "no common version of the link protocol: one node speaks {oldest} to {newest}, the other {OLDEST} to {PROTOCOL}"
    );
    Err(Unwelcome::new("version", text))
}

/// Writes a greeting: two bytes of length, then the words.
pub(super) async fn say<T: Serialize>(stream: &mut (impl AsyncWrite + Unpin), words: &T) -> io::Result<()> {
    let bytes = rmp_serde::to_vec_named(words).map_err(io::Error::other)?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Reads a greeting. The caller holds the deadline.
pub(super) async fn hear<T: for<'a> Deserialize<'a>>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_GREETING {
        return Err(wrong(format!("a greeting of {length} bytes is none")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    rmp_serde::from_slice(&bytes).map_err(|error| {
        wrong(format!(
            "it is not a greeting: {}",
            error.to_string().chars().take(MAX_TEXT).collect::<String>()
        ))
    })
}

#[cfg(test)]
mod tests;
