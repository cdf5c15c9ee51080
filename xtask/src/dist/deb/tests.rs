//! The package, made of the agent that the tests have built, taken apart, and its scripts run on a system of a folder.

use std::os::unix::fs::MetadataExt as _;

use tempfile::TempDir;

use super::*;
use crate::repo::Repo;

/// The package of the agent in the target folder: `cargo xtask test` builds it before it runs tests.
fn packed(folder: &TempDir, repo: &Repo) -> PathBuf {
    let program = repo.binary("debug", "agent-node");
    assert!(program.is_file(), "{} is not built: run `cargo build -p agent-node`", program.display());
    let dist = folder.path().to_owned();
    let packing = Packing { repo, dist, version: "9.8.7", epoch: 1_700_000_000, packed_by: "-Znone" };
    build(&packing, &program).unwrap()
}

fn said(command: &mut Command) -> String {
    process::capture(command).unwrap()
}

#[test]
fn the_package_holds_what_it_should_and_is_the_same_each_time() {
    let (folder, repo) = (tempfile::tempdir().unwrap(), Repo::find().unwrap());
    let package = packed(&folder, &repo);
    let listing = said(Command::new("dpkg-deb").arg("-c").arg(&package));
    for (path, mode) in [
        ("./usr/bin/agent-node", "-rwxr-xr-x root/root"),
        ("./usr/bin/grocerysync-odbc", "-rwxr-xr-x root/root"),
        ("./usr/bin/grocerysync-firebird", "-rwxr-xr-x root/root"),
        ("./lib/systemd/system/grocerysync-agent.service", "-rw-r--r-- root/root"),
        ("./etc/grocerysync/agent.toml", "-rw-r--r-- root/root"),
        ("./usr/share/doc/grocerysync-agent/LICENSE-MIT", "-rw-r--r-- root/root"),
        ("./usr/bin/", "drwxr-xr-x root/root"),
    ] {
        let line = listing.lines().find(|line| line.ends_with(&format!(" {path}"))).unwrap_or(&listing);
        assert!(line.starts_with(mode) && line.contains("2023-11-14"), "{path}: {line}");
    }
    assert!(!listing.contains("identity") && !listing.contains("var/lib"), "{listing}");
    let fields = said(Command::new("dpkg-deb").arg("-f").arg(&package));
    for line in
        ["Package: grocerysync-agent", "Version: 9.8.7", "Architecture: amd64", "Depends: libc6 (>= 2."]
    {
        assert!(fields.lines().any(|found| found.starts_with(line)), "{line} is missing in {fields}");
    }
    try_out(&package).unwrap();
    let tree = folder.path().join("tree");
    said(Command::new("dpkg-deb").arg("-R").arg(&package).arg(&tree));
    assert_eq!(fs::read_to_string(tree.join("DEBIAN/conffiles")).unwrap(), "/etc/grocerysync/agent.toml\n");
    let unit = fs::read_to_string(tree.join("lib/systemd/system/grocerysync-agent.service")).unwrap();
    assert!(
        unit.contains("ExecStart=\"/usr/bin/agent-node\" run --data-dir \"/var/lib/grocerysync-agent\"\n"),
        "{unit}"
    );
    assert!(unit.contains("StateDirectory=grocerysync-agent\n"), "{unit}");

    let first = fs::read(&package).unwrap();
    let again = fs::read(packed(&folder, &repo)).unwrap();
    assert!(first == again, "the same program gives another package");
}

#[test]
fn a_program_that_does_not_run_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path();
    put(tree, PROGRAM, b"#!/bin/sh\necho agent-node 1\n", 0o755).unwrap();
    let error = try_program(tree).unwrap_err().to_string();
    assert!(error.contains("the packed program's check ended with"), "{error}");
}

#[test]
fn the_c_library_is_the_newest_that_is_named() {
    assert_eq!(libc(b"..GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.17\0").unwrap(), 34);
    assert_eq!(libc(b"GLIBC_2.4").unwrap(), 4);
    assert!(libc(b"MZ").unwrap_err().to_string().contains("is it a program for Linux"));
    assert!(architecture("mips").is_err());
}

/// A system in a folder, whose programs write down how they are called.
struct System(TempDir);

impl System {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        put(root, SETTINGS, b"", 0o644).unwrap();
        fs::create_dir_all(root.join("run/systemd/system")).unwrap();
        for (name, body) in [
            ("id", "[ -e \"$DPKG_ROOT/known\" ]"),
            ("useradd", "touch \"$DPKG_ROOT/known\"; echo useradd >> \"$DPKG_ROOT/calls\""),
            ("chown", "echo chown \"$1\" >> \"$DPKG_ROOT/calls\""),
            ("systemctl", "echo systemctl \"$@\" >> \"$DPKG_ROOT/calls\""),
        ] {
            put(root, &format!("/bin/{name}"), format!("#!/bin/sh\n{body}\n").as_bytes(), 0o755).unwrap();
        }
        Self(folder)
    }

    /// Runs a script of the package; says what it said and which programs it called.
    fn runs(&self, script: &str, words: &[&str]) -> (String, Vec<String>) {
        let root = self.0.path();
        let file = root.join("script");
        let text = SCRIPTS.iter().find(|(name, _)| *name == script).unwrap().1;
        fs::write(&file, text).unwrap();
        let mut command = Command::new("sh");
        command.arg(&file).args(words).env("DPKG_ROOT", root);
        command.env("PATH", format!("{}:/usr/bin:/bin", root.join("bin").display()));
        let said = said(&mut command);
        let calls = fs::read_to_string(root.join("calls")).unwrap_or_default();
        let _begin_anew = fs::remove_file(root.join("calls"));
        (said, calls.lines().map(str::to_owned).collect())
    }
}

#[test]
fn installing_makes_user_and_folder_and_upgrading_never_touches_an_identity() {
    let system = System::new();
    let data = system.0.path().join("var/lib/grocerysync-agent");
    let (said, calls) = system.runs("postinst", &["configure", ""]);
    assert!(said.contains("now enrol it"), "{said}");
    assert_eq!(
        calls,
        [
            "useradd",
            "chown grocerysync:grocerysync",
            "chown root:grocerysync",
            "systemctl daemon-reload",
            "systemctl enable grocerysync-agent",
            "systemctl start grocerysync-agent"
        ]
    );
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o7777, 0o700);
    let settings = system.0.path().join(&SETTINGS[1..]);
    assert_eq!(fs::metadata(&settings).unwrap().mode() & 0o7777, 0o640);

    let identity = data.join("identity.json");
    fs::write(&identity, "mine").unwrap();
    let before = fs::metadata(&identity).unwrap();
    let (said, calls) = system.runs("postinst", &["configure", "9.8.6"]);
    assert_eq!(said, "");
    assert_eq!(
        calls,
        ["chown root:grocerysync", "systemctl daemon-reload", "systemctl try-restart grocerysync-agent"]
    );
    let after = fs::metadata(&identity).unwrap();
    assert_eq!(
        (after.ino(), after.mtime_nsec(), after.mode()),
        (before.ino(), before.mtime_nsec(), before.mode())
    );
}

#[test]
fn removing_keeps_the_data_and_purging_takes_it() {
    let system = System::new();
    let data = system.0.path().join("var/lib/grocerysync-agent");
    system.runs("postinst", &["configure", ""]);
    fs::write(data.join("identity.json"), "mine").unwrap();
    assert_eq!(system.runs("prerm", &["upgrade", "9.9"]).1, [""; 0]);
    let stopped = ["systemctl stop grocerysync-agent", "systemctl disable grocerysync-agent"];
    assert_eq!(system.runs("prerm", &["remove"]).1, stopped);
    system.runs("postrm", &["remove"]);
    assert!(data.join("identity.json").exists());
    system.runs("postrm", &["purge"]);
    assert!(!data.exists());
}
