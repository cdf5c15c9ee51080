//! A real OpenSSH server on a free port, with a key of its own and a folder to write to.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::wait::until;

pub(super) struct Sshd {
    child: Child,
    pub(super) port: u16,
    pub(super) host_key: String,
    pub(super) client_key: String,
    pub(super) user: String,
    pub(super) folder: PathBuf,
}

impl Sshd {
    pub(super) async fn start(folder: &Path) -> Self {
        let home = folder.join("sshd");
        let files = home.join("files");
        fs::create_dir_all(&files).unwrap();
        for name in ["host", "client"] {
            let key = home.join(name);
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
            assert!(made.unwrap().success(), "ssh-keygen");
        }
        let authorized = home.join("authorized_keys");
        fs::copy(home.join("client.pub"), &authorized).unwrap();
        fs::set_permissions(&authorized, Permissions::from_mode(0o600)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {home}/host\nPidFile {home}/pid\n\
             AuthorizedKeysFile {home}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             PermitRootLogin yes\nSubsystem sftp internal-sftp\n",
            home = home.display()
        );
        fs::write(home.join("config"), config).unwrap();
        // The server wants this folder and does not make it.
        fs::create_dir_all("/run/sshd").unwrap();
        let program = std::env::var("GROCERYSYNC_SSHD").unwrap_or_else(|_| "/usr/sbin/sshd".into());
        let log = File::create(home.join("log")).unwrap();
        let child = Command::new(&program)
            .args(["-D", "-e", "-f"])
            .arg(home.join("config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{program} did not start: {error}; `cargo xtask test` installs it")
            });
        until("sshd to listen", || async move { std::net::TcpStream::connect(("127.0.0.1", port)).ok() })
            .await;
        let read = |name: &str| fs::read_to_string(home.join(name)).unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        Self {
            child,
            port,
            host_key: read("host.pub"),
            client_key: read("client"),
            user: String::from_utf8(user).unwrap().trim().to_owned(),
            folder: files,
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}
