//! What went wrong with a server, as a code and a sentence. Pure.

use std::io;

use async_ssh2_tokio::Error as SshError;
use messages::ErrorCode;
use messages::connector::SftpDestination;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::StatusCode;

use crate::connector::Failure;

/// A connection that did not come about.
pub(super) fn connecting(to: &SftpDestination, error: &SshError) -> Failure {
    let server = format!("{}:{}", to.host, to.port);
    let refused = |what: &str| {
        let detail = format!("{server} refuses the login of \"{}\": {what}", to.user);
        Failure::new(ErrorCode::DestinationRefused, detail)
    };
    match error {
        SshError::PasswordWrong => refused("the password is wrong, or the server does not accept passwords"),
        SshError::KeyAuthFailed => {
            refused("it does not accept the private key; is the public key installed there?")
        }
        SshError::KeyInvalid(reason) => {
            refused(&format!("the stored private key cannot be used ({reason}); is its passphrase right?"))
        }
        SshError::ServerCheckFailed
        | SshError::SshError(russh::Error::UnknownKey | russh::Error::NoCommonAlgo { .. }) => {
            let detail = format!(
                "{server} does not show the pinned host key \"{}\"; if the server was set up anew, ask its owner for \
                 the new key and change the destination, otherwise somebody may stand between",
                pinned(to)
            );
            Failure::new(ErrorCode::HostKeyMismatch, detail)
        }
        other => unreachable(to, &other.to_string()),
    }
}

pub(super) fn unreachable(to: &SftpDestination, what: &str) -> Failure {
    let detail = format!("{}:{} could not be reached: {what}", to.host, to.port);
    Failure::new(ErrorCode::DestinationUnreachable, detail)
}

/// A request that the server did not carry out.
pub(super) fn requesting(to: &SftpDestination, what: &str, error: &SftpError) -> Failure {
    let detail = match error {
        SftpError::Status(status) if status.status_code == StatusCode::PermissionDenied => {
            format!(
                "{}: {what}: permission denied; does \"{}\" have the right to write there?",
                to.host, to.user
            )
        }
        SftpError::Timeout => format!("{}: {what}: no answer in time", to.host),
        other => format!("{}: {what}: {other}", to.host),
    };
    Failure::new(ErrorCode::DestinationFailed, detail)
}

/// The pinned key, short enough to read and to compare.
fn pinned(to: &SftpDestination) -> String {
    messages::connector::host_key_parts(&to.host_key)
        .map_or_else(|| to.host_key.clone(), |(algorithm, body)| format!("{algorithm} {body}"))
}

/// Every folder above a path, outermost first.
pub(super) fn folders(path: &str) -> Vec<&str> {
    path.match_indices('/').map(|(at, _)| &path[..at]).filter(|folder| !folder.is_empty()).collect()
}

/// The folder of a path, with its slash, and the name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rfind('/').map_or(("", path), |at| path.split_at(at + 1))
}

/// Did a write fail because the line did, and not because the server said no? Then another line may do better.
pub(super) fn is_of_the_line(error: &io::Error) -> bool {
    // What the server says comes as its own sentence; what goes wrong before comes as an error of the session.
    match error.get_ref().and_then(|inner| inner.downcast_ref::<SftpError>()) {
        Some(SftpError::Status(status)) => {
            matches!(status.status_code, StatusCode::NoConnection | StatusCode::ConnectionLost)
        }
        Some(SftpError::Limited(_) | SftpError::UnexpectedPacket) => false,
        Some(SftpError::IO(_) | SftpError::Timeout | SftpError::UnexpectedBehavior(_)) => true,
        None => error.kind() == io::ErrorKind::TimedOut,
    }
}

/// A refused write, as far as the server says why. `is_full`: its disk was looked at and has no room.
pub(super) fn writing(to: &SftpDestination, what: &str, error: &io::Error, is_full: bool) -> Failure {
    let said = error.to_string();
    let lower = said.to_lowercase();
    if lower.contains("quota") {
        let detail = format!(
            "the quota of \"{}\" at {} is used up ({said}); remove old files there or ask its owner for more room",
            to.user, to.host
        );
        return Failure::new(ErrorCode::DestinationFull, detail);
    }
    let full = ["no space", "disk full", "disk is full", "not enough space", "filesystem is full"];
    if is_full || full.iter().any(|part| lower.contains(part)) {
        let detail = format!("the disk of {} is full; make room there", to.host);
        return Failure::new(ErrorCode::DestinationFull, detail);
    }
    // OpenSSH says no more than this when a quota or the largest size of a file is reached.
    let bare = !is_of_the_line(error) && matches!(lower.as_str(), "failure" | "");
    if bare {
        let detail = format!(
            "{} took a part of the file and refuses more without saying why, though its disk has room: most likely the \
             quota of \"{}\" or the largest size allowed for a file is reached; ask the server's owner",
            to.host, to.user
        );
        return Failure::new(ErrorCode::DestinationFull, detail);
    }
    Failure::new(ErrorCode::DestinationFailed, format!("{}: {what} broke off: {said}", to.host))
}
