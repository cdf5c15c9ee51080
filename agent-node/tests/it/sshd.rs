//! A private sshd: own configuration, own keys, own port, gone with the test.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use messages::connector::{Credentials, FileFormat, SftpDestination};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

pub(crate) const PASSWORD: &str = "correct horse";
/// `openssl passwd -6` of [`PASSWORD`].
const HASH: &str =
    "$6$grocery$5LdYDXYNSoyIgMbicO5.TnX/BUoxZVXGS1vkpfQnqJKWcNSy/jVipbSucjN0ystl4F4TUHCQfXN/iqDdjFTYJ0";
/// A user of the private password file; an id that no real user has.
const TILL: (&str, u32) = ("till", 54_321);

pub(crate) struct Sshd {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    user: String,
    _child: Child,
}

fn program() -> PathBuf {
    std::env::var_os("GROCERYSYNC_SSHD").map_or_else(|| "/usr/sbin/sshd".into(), PathBuf::from)
}

fn is_root() -> bool {
    output("id", &["-u"]) == "0"
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn make_key(path: &Path, kind: &str, passphrase: &str) {
    let path = path.to_str().unwrap();
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path])
        .status();
    assert!(made.unwrap().success());
}

impl Sshd {
    /// Lets the user of the test in by key.
    pub(crate) async fn start() -> Self {
        let folder = Self::prepare();
        let user = output("id", &["-un"]);
        Self::serve(folder, user, false).await
    }

    /// Like [`Sshd::start`], and takes no file of more blocks than this.
    pub(crate) async fn start_with_limit(blocks: u32) -> Self {
        let folder = Self::prepare();
        let user = output("id", &["-un"]);
        Self::serve_within(folder, user, false, &format!("trap '' XFSZ; ulimit -f {blocks}; ")).await
    }

    /// Lets a user in by password as well; none, and the reason on the screen, where that cannot be had.
    pub(crate) async fn start_with_password() -> Option<Self> {
        if !is_root() {
            println!("skipped: a password login needs root, which this test does not have");
            return None;
        }
        let folder = Self::prepare();
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        chown(path.join("upload"), Some(TILL.1), Some(TILL.1)).unwrap();
        let (name, id) = TILL;
        let add = |file: &str, line: String| {
            let text = fs::read_to_string(Path::new("/etc").join(file)).unwrap();
            fs::write(path.join(file), format!("{text}{line}\n")).unwrap();
        };
        add("passwd", format!("{name}:x:{id}:{id}::{}:/bin/sh", path.display()));
        add("shadow", format!("{name}:{HASH}:20000:0:99999:7:::"));
        Some(Self::serve(folder, name.to_owned(), true).await)
    }

    fn prepare() -> tempfile::TempDir {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for kind in ["ed25519", "ecdsa", "rsa"] {
            make_key(&path.join(format!("host_{kind}")), kind, "");
        }
        make_key(&path.join("client"), "ed25519", "");
        make_key(&path.join("locked"), "ed25519", "open sesame");
        make_key(&path.join("stranger"), "ed25519", "");
        let keys = ["client.pub", "locked.pub"].map(|name| fs::read_to_string(path.join(name)).unwrap());
        fs::write(path.join("authorized"), keys.concat()).unwrap();
        fs::create_dir(path.join("upload")).unwrap();
        folder
    }

    async fn serve(folder: tempfile::TempDir, user: String, private_users: bool) -> Self {
        Self::serve_within(folder, user, private_users, "").await
    }

    async fn serve_within(
        folder: tempfile::TempDir,
        user: String,
        private_users: bool,
        limits: &str,
    ) -> Self {
        let path = folder.path().to_str().unwrap().to_owned();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nPidFile none\nUsePAM no\nStrictModes no\nLogLevel ERROR\n             HostKey {path}/host_ed25519\nHostKey {path}/host_ecdsa\nHostKey {path}/host_rsa\n             AuthorizedKeysFile {path}/authorized\nPasswordAuthentication yes\nPermitRootLogin prohibit-password\n             MaxStartups 100\nSubsystem sftp internal-sftp\n"
        );
        fs::write(folder.path().join("sshd_config"), config).unwrap();
        if is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let sshd = format!("{limits}exec {} -D -e -f {path}/sshd_config", program().display());
        let mut command = if private_users {
            // Only this sshd and its children see the files.
            let script = format!(
                "mount --bind {path}/passwd /etc/passwd && mount --bind {path}/shadow /etc/shadow && {sshd}"
            );
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", &script]);
            command
        } else {
            let mut command = Command::new("sh");
            command.args(["-c", &sshd]);
            command
        };
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let up = tokio::time::timeout(Duration::from_secs(20), async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await; // poll: sshd does not say when it listens
            }
        });
        up.await.unwrap();
        Self { folder, port, user, _child: child }
    }

    pub(crate) fn upload(&self) -> PathBuf {
        self.folder.path().join("upload")
    }

    pub(crate) fn host_key(&self, kind: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("host_{kind}.pub"))).unwrap()
    }

    pub(crate) fn destination(&self) -> SftpDestination {
        SftpDestination {
            host: "127.0.0.1".into(),
            port: self.port,
            user: self.user.clone(),
            path: self.upload().join("new/shop/items.csv").to_str().unwrap().to_owned(),
            host_key: self.host_key("ed25519"),
            format: FileFormat::Csv,
        }
    }

    pub(crate) fn key(&self, name: &str, passphrase: Option<&str>) -> Option<Credentials> {
        let private_key = fs::read_to_string(self.folder.path().join(name)).unwrap().as_str().into();
        Some(Credentials::PrivateKey { private_key, passphrase: passphrase.map(Into::into) })
    }
}
