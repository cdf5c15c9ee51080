//! Private servers of PostgreSQL, MariaDB and Firebird: own data, own port, own certificate, gone with the test.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use messages::connector::{Credentials, DatabaseServer, DatabaseTls};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

pub(crate) const PASSWORD: &str = "pa'ss wörd";
/// `nobody`: neither server likes to be root.
const NOBODY: u32 = 65_534;

pub(crate) struct Database {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    _child: Child,
}

fn is_root() -> bool {
    let output = std::process::Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0\n")
}

/// A command as a user that a database server bears.
fn harmless(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    let id = NOBODY.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(program);
    command
}

fn give_away(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

async fn done(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}: {said}");
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// A folder of the server's own, with a certificate for `localhost` of an authority of its own.
fn folder() -> TempDir {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    for (name, text) in
        [("ca.pem", authority_pem), ("server.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
    {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let mode = if name == "key.pem" { 0o600 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    give_away(&folder.path().join("key.pem"));
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    give_away(&data);
    folder
}

impl Database {
    async fn serve(folder: TempDir, port: u16, mut command: Command) -> Self {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let up = tokio::time::timeout(Duration::from_secs(60), async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await; // poll: it does not say when it listens
            }
        });
        let up = up.await;
        let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        assert!(up.is_ok(), "the database does not come up: {}", log());
        Self { folder, port, _child: child }
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn server(&self, query: &str) -> DatabaseServer {
        DatabaseServer {
            host: "127.0.0.1".into(),
            port: self.port,
            user: "reader".into(),
            database: "pos".into(),
            tls: DatabaseTls::Off,
            query: query.into(),
            query_s: 60,
            ..DatabaseServer::default()
        }
    }

    pub(crate) async fn postgresql(setup: &str) -> Self {
        let folder = folder();
        let (path, port) = (folder.path().to_owned(), free_port().await);
        let tools = tools("GROCERYSYNC_POSTGRESQL", "/usr/lib/postgresql", "bin");
        fs::write(path.join("secret"), PASSWORD).unwrap();
        let data = path.join("data");
        let data = data.to_str().unwrap();
        let secret = path.join("secret");
        let mut initdb = harmless(&tools.join("initdb"));
        initdb.args([
            "-D",
            data,
            "-U",
            "owner",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "--auth=scram-sha-256",
        ]);
        done(initdb.arg(format!("--pwfile={}", secret.display())).current_dir(&path)).await;
        let mut server = harmless(&tools.join("postgres"));
        server.args(["-D", data, "-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]).current_dir(&path);
        for setting in ["fsync=off", "ssl=on", "shared_buffers=16MB", "max_connections=20"] {
            server.args(["-c", setting]);
        }
        server.arg("-c").arg(format!("ssl_cert_file={}", path.join("server.pem").display()));
        server.arg("-c").arg(format!("ssl_key_file={}", path.join("key.pem").display()));
        let database = Self::serve(folder, port, server).await;
        for (name, commands) in [("postgres", "create database pos"), ("pos", setup)] {
            let mut config = tokio_postgres::Config::new();
            config.user("owner").password(PASSWORD).dbname(name);
            let login = async || {
                let stream =
                    TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
                config.connect_raw(stream, tokio_postgres::NoTls).await.map_err(|error| error.to_string())
            };
            let (client, line) = until_ready(login).await;
            let line = tokio::spawn(line);
            client.batch_execute(commands).await.unwrap();
            drop(client);
            line.await.unwrap().unwrap();
        }
        database
    }

    pub(crate) async fn mariadb(setup: &str) -> Self {
        let folder = folder();
        let (path, port) = (folder.path().to_owned(), free_port().await);
        let data = format!("--datadir={}", path.join("data").display());
        let program = |variable: &str, usual: &str| {
            std::env::var_os(variable).map_or_else(|| usual.into(), PathBuf::from)
        };
        let mut install = harmless(Path::new("mariadb-install-db"));
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        done(install.arg(&data).arg(format!("--tmpdir={}", path.join("data").display())).current_dir(&path))
            .await;
        let init = path.join("init.sql");
        // One statement a line.
        fs::write(&init, setup).unwrap();
        let mut server = harmless(&program("GROCERYSYNC_MARIADBD", "/usr/sbin/mariadbd"));
        server
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=32M"])
            .arg(&data);
        server.args([
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0",
            "--character-set-server=utf8mb4",
        ]);
        for (name, value) in [
            ("port", port.to_string()),
            ("socket", path.join("data/socket").display().to_string()),
            ("pid-file", path.join("data/pid").display().to_string()),
            ("tmpdir", path.join("data").display().to_string()),
            ("init-file", init.display().to_string()),
            ("ssl-cert", path.join("server.pem").display().to_string()),
            ("ssl-key", path.join("key.pem").display().to_string()),
        ] {
            server.arg(format!("--{name}={value}"));
        }
        server.current_dir(&path);
        Self::serve(folder, port, server).await
    }

    /// `setup` is a script that makes tables in a database that is there; the user's name is `reader`.
    pub(crate) async fn firebird(setup: &str) -> Self {
        let folder = folder();
        let (path, port) = (folder.path().to_owned(), free_port().await);
        let data = path.join("data");
        let root = data.to_str().unwrap();
        let usual = PathBuf::from("/usr/sbin/firebird");
        let program = std::env::var_os("GROCERYSYNC_FIREBIRD").map_or(usual, PathBuf::from);
        // Character sets are in a library that it looks for below its root, and takes no link to.
        let libraries = tools("", "/usr/lib/x86_64-linux-gnu/firebird", "intl");
        fs::create_dir_all(data.join("intl")).unwrap();
        fs::copy(libraries.join("libfbintl.so"), data.join("intl/fbintl")).unwrap();
        fs::create_dir(data.join("lock")).unwrap();
        let settings = format!(
            "RemoteServicePort = {port}\nRemoteBindAddress = 127.0.0.1\nSecurityDatabase = {root}/security.fdb\n\
             AuthServer = Srp\nUserManager = Srp\nWireCrypt = Required\nDefaultDbCachePages = 256\n"
        );
        fs::write(data.join("firebird.conf"), settings).unwrap();
        fs::write(data.join("databases.conf"), format!("pos = {root}/pos.fdb\n")).unwrap();
        fs::write(data.join("plugins.conf"), "").unwrap();
        let script = format!(
            "create database '{root}/security.fdb' default character set utf8;\ncommit;\n\
             create user sysdba password 'owner' using plugin Srp;\n\
             create user reader password '{}' using plugin Srp;\ncommit;\n\
             create database '{root}/pos.fdb' default character set utf8;\n{setup}\n",
            PASSWORD.replace('\'', "''")
        );
        fs::write(data.join("setup.sql"), script).unwrap();
        for at in [
            "",
            "intl",
            "intl/fbintl",
            "lock",
            "firebird.conf",
            "databases.conf",
            "plugins.conf",
            "setup.sql",
        ] {
            give_away(&data.join(at));
        }
        let within = |mut command: Command| {
            command.env("FIREBIRD", root).env("FIREBIRD_LOCK", data.join("lock")).current_dir(&path);
            command
        };
        // Without a server's name it opens the files itself.
        let mut isql = within(harmless(Path::new("isql-fb")));
        isql.args(["-q", "-b", "-ch", "utf8", "-user", "sysdba", "-i"]).arg(data.join("setup.sql"));
        done(&mut isql).await;
        Self::serve(folder, port, within(harmless(&program))).await
    }
}

/// The folder of a program's tools: named by the environment, or the newest version that Debian has.
fn tools(variable: &str, usual: &str, inner: &str) -> PathBuf {
    if let Some(named) = std::env::var_os(variable) {
        return named.into();
    }
    let mut versions: Vec<_> = fs::read_dir(usual).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    versions.pop().unwrap().join(inner)
}

/// The port is open before logins are served.
async fn until_ready<T>(ask: impl AsyncFn() -> Result<T, String>) -> T {
    for _ in 0..200 {
        if let Ok(ready) = ask().await {
            return ready;
        }
        tokio::time::sleep(Duration::from_millis(100)).await; // poll: it does not say when it serves
    }
    panic!("the database serves nobody")
}

pub(crate) fn password(password: &str) -> Option<Credentials> {
    Some(Credentials::Password { password: password.into() })
}
