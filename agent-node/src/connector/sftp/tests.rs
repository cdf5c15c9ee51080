//! What needs no server; the rest stands in `tests/it/sftp.rs`.

use super::faults::{connecting, folders, is_of_the_line, split, writing};
use std::io;

use async_ssh2_tokio::Error;
use messages::ErrorCode;
use messages::connector::{FileFormat, SftpDestination};
use russh_sftp::client::error::Error as SftpError;

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
    assert_eq!(split("/a/items.csv"), ("/a/", "items.csv"));
    assert_eq!(split("items.csv"), ("", "items.csv"));
}

#[test]
fn a_broken_line_is_told_from_a_refusal() {
    let session = |error: SftpError| io::Error::from(error);
    for (error, of_the_line) in [
        (session(SftpError::Timeout), true),
        (session(SftpError::IO("reset".into())), true),
        (session(SftpError::UnexpectedBehavior("RecvError".into())), true),
        (io::ErrorKind::TimedOut.into(), true),
        (session(SftpError::Limited("write".into())), false),
        (session(SftpError::UnexpectedPacket), false),
        // The server's own words.
        (io::Error::other("Failure"), false),
        (io::Error::other("Disk quota exceeded"), false),
    ] {
        assert_eq!(is_of_the_line(&error), of_the_line, "{error:?}");
    }
}

#[test]
fn no_room_has_its_code_however_the_server_says_it() {
    for (said, looked_full, code, part) in [
        ("Failure", true, ErrorCode::DestinationFull, "the disk of shop.example is full"),
        ("No space left on device", false, ErrorCode::DestinationFull, "the disk of shop.example is full"),
        ("Disk quota exceeded", false, ErrorCode::DestinationFull, "the quota of \"till\""),
        ("Failure", false, ErrorCode::DestinationFull, "largest size allowed"),
        ("Permission denied", false, ErrorCode::DestinationFailed, "uploading broke off: Permission denied"),
    ] {
        let failure = writing(&destination(), "uploading", &io::Error::other(said), looked_full);
        assert_eq!(failure.code, code, "{said}");
        assert!(failure.detail.contains(part), "{}", failure.detail);
    }
    let broken = io::Error::from(SftpError::Timeout);
    assert_eq!(writing(&destination(), "uploading", &broken, false).code, ErrorCode::DestinationFailed);
}
