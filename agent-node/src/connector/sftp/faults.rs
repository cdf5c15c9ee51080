//! What went wrong with a server, as a code and a sentence. Pure.

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

/// The temporary name of a run, beside the final one.
pub(super) fn temp_name(path: &str, tag: &str) -> String {
    let (folder, name) = path.rfind('/').map_or(("", path), |at| path.split_at(at + 1));
    format!("{folder}.{name}.{tag}.part")
}
