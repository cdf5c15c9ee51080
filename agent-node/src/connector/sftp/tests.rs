//! What needs no server; the rest stands in `tests/it/sftp.rs`.

use super::faults::{connecting, folders, temp_name};
use async_ssh2_tokio::Error;
use messages::ErrorCode;
use messages::connector::{FileFormat, SftpDestination};

fn destination() -> SftpDestination {
    SftpDestination {
        host: "shop.example".into(),
        port: 22,
        user: "till".into(),
        path: "/upload/items.csv".into(),
        host_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4w5b8W1o0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m".into(),
        format: FileFormat::Csv,
    }
}

#[test]
fn each_error_has_its_code_and_says_what_to_do() {
    for (error, code, part) in [
        (Error::PasswordWrong, ErrorCode::DestinationRefused, "password is wrong"),
        (Error::KeyAuthFailed, ErrorCode::DestinationRefused, "public key installed"),
        (Error::ServerCheckFailed, ErrorCode::HostKeyMismatch, "ssh-ed25519 AAAAC3"),
        (Error::SshError(russh::Error::UnknownKey), ErrorCode::HostKeyMismatch, "pinned host key"),
        (Error::SshError(russh::Error::HUP), ErrorCode::DestinationUnreachable, "shop.example:22"),
        (
            Error::IoError(std::io::ErrorKind::ConnectionRefused.into()),
            ErrorCode::DestinationUnreachable,
            "shop.example",
        ),
    ] {
        let failure = connecting(&destination(), &error);
        assert_eq!(failure.code, code);
        assert!(failure.detail.contains(part), "{}", failure.detail);
    }
}

#[test]
fn folders_and_names_beside() {
    assert_eq!(folders("/a/b/items.csv"), ["/a", "/a/b"]);
    assert_eq!(folders("a/items.csv"), ["a"]);
    assert_eq!(folders("items.csv"), [""; 0]);
    assert_eq!(temp_name("/a/items.csv", "r1"), "/a/.items.csv.r1.part");
    assert_eq!(temp_name("items.csv", "r1"), ".items.csv.r1.part");
}
