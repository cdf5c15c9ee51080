//! A private SFTP server: Debian's OpenSSH on 127.0.0.1 with a host key of its own and one client key,
//! file transfer only, rooted by convention in one folder. No system setting is read or changed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::service::Service;
use super::{StopRequest, guard};
use crate::process;
use crate::tools::debian;

/// An SSH server is up in milliseconds; this is for a busy machine.
const START_LIMIT: Duration = Duration::from_secs(15);

const HOST_KEY: &str = "host_ed25519";
const AUTHORIZED_KEYS: &str = "authorized_keys";

/// How to log in.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) port: u16,
    pub(crate) user: String,
    /// The server's public key as `ssh-keyscan` would print it.
    pub(crate) host_key: String,
    /// File with the client's private key.
    pub(crate) key_file: PathBuf,
}

/// What the server is started with.
#[derive(Debug, Clone)]
pub(crate) struct SftpPlan {
    /// Keys and configuration; made the first time and kept.
    pub(crate) home: PathBuf,
    /// Where a client finds itself after login.
    pub(crate) files: PathBuf,
    pub(crate) port: u16,
    pub(crate) log: PathBuf,
}

impl SftpPlan {
    /// How a client logs in. Makes the keys.
    pub(crate) fn account(&self) -> Result<Account> {
        std::fs::create_dir_all(&self.home)?;
        let host_key = key(&self.home, HOST_KEY, "demo SFTP server")?;
        let public = std::fs::read_to_string(host_key.with_extension("pub"))?;
        Ok(Account {
            port: self.port,
            user: process::capture(Command::new("id").arg("-un"))?.trim().to_owned(),
            host_key: public.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
            key_file: key(&self.home, "client_ed25519", "demo client")?,
        })
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn start(&self, stop: &StopRequest) -> Result<Service> {
        let account = self.account()?;
        std::fs::create_dir_all(&self.files)?;
        std::fs::copy(account.key_file.with_extension("pub"), self.home.join(AUTHORIZED_KEYS))?;
        let config = self.home.join("sshd_config");
        std::fs::write(&config, configuration(&self.home, &self.files, self.port)?)?;
        if rustix::process::geteuid().is_root() {
            // Where a privileged sshd shuts its unprivileged half in; made by the service we do not start.
            std::fs::create_dir_all("/run/sshd").context("cannot create /run/sshd, which sshd needs")?;
        }
        let mut command = guard::command(&debian::sshd()?)?;
        command.args(["-D", "-e", "-f"]).arg(&config);
        let mut service = Service::start("SFTP server", &mut command, &self.log)?;
        stop.wait_for("the SFTP server answers", START_LIMIT, || {
            service.check()?;
            Ok(std::net::TcpStream::connect(("127.0.0.1", self.port)).ok())
        })?;
        Ok(service)
    }
}

/// A key pair without a passphrase, made once.
fn key(home: &Path, name: &str, comment: &str) -> Result<PathBuf> {
    let file = home.join(name);
    if !file.is_file() {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]).arg(&file);
        process::capture(&mut keygen).context("ssh-keygen comes with openssh-client")?;
    }
    Ok(file)
}

/// Key login only, file transfer only. `StrictModes no`: the checkout may lie in a folder that others
/// can write to, which sshd would otherwise refuse without a word to the client.
fn configuration(home: &Path, files: &Path, port: u16) -> Result<String> {
    let plain = |path: &Path| -> Result<String> {
        match path.to_str() {
            // The forced command is split at each space, and quotes do not help.
            Some(text) if !text.contains([' ', '\t', '"', '\n', '%']) => Ok(text.to_owned()),
            _ => bail!(
                "sshd cannot be told the path \"{}\"; move the checkout to one without spaces",
                path.display()
            ),
        }
    };
    Ok(format!(
        "Port {port}\n\
         ListenAddress 127.0.0.1\n\
         HostKey {host_key}\n\
         AuthorizedKeysFile {authorized}\n\
         PidFile none\n\
         StrictModes no\n\
         UsePAM no\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\n\
         AllowTcpForwarding no\n\
         AllowAgentForwarding no\n\
         X11Forwarding no\n\
         PermitTTY no\n\
         Subsystem sftp internal-sftp\n\
         ForceCommand internal-sftp -d {files}\n",
        host_key = plain(&home.join(HOST_KEY))?,
        authorized = plain(&home.join(AUTHORIZED_KEYS))?,
        files = plain(files)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_sshd_would_split_is_refused_with_a_reason() {
        let told = |files: &str| configuration(Path::new("/demo/sshd"), Path::new(files), 2022);
        assert!(told("/demo/shop").unwrap().contains("ForceCommand internal-sftp -d /demo/shop\n"));
        assert!(told("/my demo/shop").unwrap_err().to_string().contains("without spaces"));
    }
}
