//! One login at an SFTP server, with its pinned host key and a limit to every wait.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use async_ssh2_tokio::{AuthMethod, Client, Config as SshConfig, ServerCheckMethod};
use messages::ErrorCode;
use messages::connector::{Credentials, SftpDestination, host_key_parts};
use russh::cipher;
use russh_sftp::client::{Config as SftpConfig, RawSftpSession, SftpSession};
use russh_sftp::protocol::{Packet, StatusCode};
use tokio::time::timeout;

use super::faults;
use crate::connector::Failure;

/// Name, connection, key exchange and login together; a server that is silent longer is not there.
const CONNECT_DEADLINE: Duration = Duration::from_secs(20);
/// A peer that vanished is noticed after three of these.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVES_MISSED: usize = 3;
/// Half a megabyte may be on its way, and a shop's line may move 10 KB/s.
const REQUEST_DEADLINE_S: u64 = 120;

/// Writes that may be unanswered, and the size of each: half a megabyte keeps a line of 100 MB/s and 5 ms full.
const WRITES_AHEAD: usize = 16;
pub(super) const PACKET: u32 = 32 * 1024;
/// What was sent before so many bytes was confirmed.
pub(super) const UNCONFIRMED: usize = WRITES_AHEAD * PACKET as usize;

const POSIX_RENAME: &str = "posix-rename@openssh.com";

pub(super) struct Session {
    to: SftpDestination,
    ssh: Client,
    pub(super) files: SftpSession,
}

impl Session {
    pub(super) async fn open(
        to: &SftpDestination,
        credentials: Option<&Credentials>,
    ) -> Result<Self, Failure> {
        let login = login(credentials).ok_or_else(|| {
            Failure::new(
                ErrorCode::DestinationRefused,
                format!("no password or key is stored for {}", to.host),
            )
        })?;
        let silent =
            || faults::unreachable(to, &format!("no answer within {} s", CONNECT_DEADLINE.as_secs()));
        timeout(CONNECT_DEADLINE, Self::log_in(to, login)).await.map_err(|_| silent())?
    }

    async fn log_in(to: &SftpDestination, login: AuthMethod) -> Result<Self, Failure> {
        let (algorithm, body) = host_key_parts(&to.host_key).ok_or_else(|| {
            Failure::new(
                ErrorCode::HostKeyMismatch,
                format!("the host key stored for {} is not a public key", to.host),
            )
        })?;
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((to.host.as_str(), to.port))
            .await
            .map_err(|error| faults::unreachable(to, &format!("its name could not be resolved: {error}")))?
            .collect();
        let check = ServerCheckMethod::with_public_key(body);
        let ssh =
            Client::connect_with_config(addresses.as_slice(), &to.user, login, check, options(algorithm))
                .await
                .map_err(|error| faults::connecting(to, &error))?;
        let channel = subsystem(to, &ssh).await?;
        let config = SftpConfig {
            request_timeout_secs: REQUEST_DEADLINE_S,
            max_concurrent_writes: WRITES_AHEAD,
            max_write_packet_len: PACKET,
            ..SftpConfig::default()
        };
        let files = SftpSession::new_with_config(channel, config)
            .await
            .map_err(|error| faults::requesting(to, "opening the SFTP session", &error))?;
        Ok(Self { to: to.clone(), ssh, files })
    }

    /// Makes the folders above the path that are not there.
    pub(super) async fn make_folders(&self) -> Result<(), Failure> {
        for folder in faults::folders(&self.to.path) {
            let what = format!("making the folder {folder}");
            let failed = |error| faults::requesting(&self.to, &what, &error);
            if !self.files.try_exists(folder).await.map_err(failed)? {
                self.files.create_dir(folder).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Puts the file in the place of the final one, in one step where the server can.
    pub(super) async fn replace(&self, temp: &str) -> Result<(), Failure> {
        let path = &self.to.path;
        let what = format!("giving the finished file its name {path}");
        let failed = |error| faults::requesting(&self.to, &what, &error);
        // The session does not show its extensions, so that a second one has to ask for this.
        let raw = RawSftpSession::new(subsystem(&self.to, &self.ssh).await?);
        raw.set_timeout(REQUEST_DEADLINE_S);
        let extensions = raw.init().await.map_err(failed)?.extensions;
        if !extensions.contains_key(POSIX_RENAME) {
            return self.replace_in_two_steps(temp).await;
        }
        let mut names = Vec::with_capacity(temp.len() + path.len() + 8);
        for name in [temp, path] {
            names.extend_from_slice(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes());
            names.extend_from_slice(name.as_bytes());
        }
        match raw.extended(POSIX_RENAME, names).await.map_err(failed)? {
            Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
            Packet::Status(status) => Err(failed(status.into())),
            _ => Err(failed(russh_sftp::client::error::Error::UnexpectedPacket)),
        }
    }

    /// The old protocol cannot rename over a file: for a moment there is none.
    async fn replace_in_two_steps(&self, temp: &str) -> Result<(), Failure> {
        let path = &self.to.path;
        let failed = |error| faults::requesting(&self.to, &format!("replacing {path}"), &error);
        if self.files.try_exists(path).await.map_err(failed)? {
            self.files.remove_file(path).await.map_err(failed)?;
        }
        self.files.rename(temp, path).await.map_err(failed)
    }

    /// Is the server's disk full? Only asked after a failure, for the protocol has no word for it.
    pub(super) async fn is_full(&self) -> bool {
        let folder = faults::folders(&self.to.path)
            .last()
            .map_or_else(|| ".".to_owned(), |folder| (*folder).to_owned());
        let asked = timeout(CONNECT_DEADLINE, self.files.fs_info(folder)).await;
        matches!(asked, Ok(Ok(Some(info))) if info.blocks_avail == 0 || info.inodes_avail == 0 && info.inodes > 0)
    }

    /// Says goodbye; a dead line may keep it from being heard.
    pub(super) async fn close(&self) {
        let _ignored = timeout(Duration::from_secs(2), self.ssh.disconnect()).await;
    }
}

async fn subsystem(
    to: &SftpDestination,
    ssh: &Client,
) -> Result<russh::ChannelStream<russh::client::Msg>, Failure> {
    let opened = async {
        let channel = ssh.get_channel().await?;
        channel.request_subsystem(true, "sftp").await?;
        Ok::<_, async_ssh2_tokio::Error>(channel.into_stream())
    };
    opened.await.map_err(|error| {
        let detail = format!("{} does not open an SFTP session: {error}", to.host);
        Failure::new(ErrorCode::DestinationFailed, detail)
    })
}

fn login(credentials: Option<&Credentials>) -> Option<AuthMethod> {
    Some(match credentials? {
        Credentials::Password { password } => AuthMethod::with_password(password.expose()),
        Credentials::PrivateKey { private_key, passphrase } => {
            AuthMethod::with_key(private_key.expose(), passphrase.as_ref().map(messages::Secret::expose))
        }
        Credentials::Token { .. } | Credentials::KeyPair { .. } | Credentials::Settings { .. } => {
            return None;
        }
    })
}

/// Asks for the kind of key that is pinned: a server with several shows one, and it must be that.
fn options(algorithm: &str) -> SshConfig {
    let wanted: &[&str] =
        if algorithm == "ssh-rsa" { &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] } else { &[algorithm] };
    let mut config = SshConfig {
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVES_MISSED,
        nodelay: true,
        ..SshConfig::default()
    };
    let known: Vec<_> = wanted.iter().filter_map(|name| name.parse().ok()).collect();
    if !known.is_empty() {
        config.preferred.key = Cow::Owned(known);
    }
    if computes_aes() {
        // Half the work of ChaCha20, here and at the server. The rest of the list stays as it is.
        let quick = [cipher::AES_256_GCM, cipher::AES_128_GCM];
        let others = config.preferred.cipher.iter().copied().filter(|name| !quick.contains(name));
        config.preferred.cipher = quick.into_iter().chain(others).collect();
    }
    config
}

/// Does the processor have instructions for AES? Without them ChaCha20 is the quicker one.
fn computes_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}
