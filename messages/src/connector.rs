//! How a connector is configured: what the console edits, the hub stores and the agent acts on.
//! Secrets are apart: they are sealed at rest and travel only with a run.

use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::item::ItemField;
use crate::validate::{Check, Validate};

/// Where items come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceConfig {
    Csv(CsvSource),
}

/// A file of separated values that the point of sale writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CsvSource {
    /// Path on the agent's machine.
    pub path: String,
    /// One character; `\t` for a tab.
    pub delimiter: String,
    pub encoding: TextEncoding,
    /// The mark between whole part and decimals in numbers.
    pub decimal_mark: DecimalMark,
    /// Which column holds which field, by header name. A field left out is looked up under its own name.
    pub columns: Vec<ColumnName>,
}

impl Default for CsvSource {
    fn default() -> Self {
        Self {
            path: String::new(),
            delimiter: ",".into(),
            encoding: TextEncoding::default(),
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
        }
    }
}

/// A field and the header under which the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ColumnName {
    pub field: ItemField,
    pub header: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TextEncoding {
    /// With or without a byte order mark.
    #[default]
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    #[default]
    Point,
    Comma,
}

impl DecimalMark {
    #[must_use]
    pub const fn as_char(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }
}

/// The form in which items are written to a file destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    #[default]
    Csv,
    Jsonl,
}

/// Where items go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DestinationConfig {
    Sftp(SftpDestination),
    LocalFile(LocalFileDestination),
}

/// A file on an SFTP server, written under a temporary name and renamed when complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SftpDestination {
    pub host: String,
    #[serde(default = "ssh_port")]
    pub port: u16,
    pub user: String,
    /// Path of the finished file on the server; folders are made as needed.
    pub path: String,
    /// The server's public key as `ssh-keyscan` prints it, such as `ssh-ed25519 AAAA…`.
    pub host_key: String,
    #[serde(default)]
    pub format: FileFormat,
}

const fn ssh_port() -> u16 {
    22
}

/// A file on the agent's machine, replaced at once when complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LocalFileDestination {
    pub path: String,
    #[serde(default)]
    pub format: FileFormat,
}

/// What opens a destination. Written by people, never read back by them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credentials {
    Password {
        password: Secret,
    },
    /// An OpenSSH private key, and its passphrase if it has one.
    PrivateKey {
        private_key: Secret,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passphrase: Option<Secret>,
    },
}

impl DestinationConfig {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sftp(_) => "sftp",
            Self::LocalFile(_) => "local_file",
        }
    }

    #[must_use]
    pub const fn needs_credentials(&self) -> bool {
        matches!(self, Self::Sftp(_))
    }

    /// Where it points to, in one line for lists.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Sftp(to) => {
                let rooted = if to.path.starts_with('/') { "" } else { "/~/" };
                format!("{}@{}:{}{rooted}{}", to.user, to.host, to.port, to.path)
            }
            Self::LocalFile(to) => to.path.clone(),
        }
    }
}

impl SourceConfig {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
        }
    }

    /// Where it reads from, in one line for lists.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Csv(from) => from.path.clone(),
        }
    }
}

/// As long as any file system allows.
const MAX_PATH: usize = 4_096;

impl Validate for SourceConfig {
    fn check(&self, check: &mut Check) {
        match self {
            Self::Csv(csv) => csv.check(check),
        }
    }
}

impl CsvSource {
    /// The delimiter as the single byte a CSV reader wants.
    #[must_use]
    pub fn delimiter_byte(&self) -> Option<u8> {
        match self.delimiter.as_bytes() {
            b"\\t" => Some(b'\t'),
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Some(*byte),
            _ => None,
        }
    }
}

impl Validate for CsvSource {
    fn check(&self, check: &mut Check) {
        check.text("path", &self.path, MAX_PATH);
        check.ensure(
            self.delimiter_byte().is_some(),
            "delimiter",
            "must be one ASCII character, or \\t for a tab",
        );
        for (at, column) in self.columns.iter().enumerate() {
            check.text(&format!("columns.{at}.header"), &column.header, 200);
            let repeated = self.columns[..at].iter().any(|other| other.field == column.field);
            check.ensure(!repeated, &format!("columns.{at}.field"), "is named twice");
        }
    }
}

impl Validate for DestinationConfig {
    fn check(&self, check: &mut Check) {
        match self {
            Self::Sftp(to) => {
                check.text("host", &to.host, 253);
                check.ensure(
                    !to.host.contains([' ', '/', '@']),
                    "host",
                    "must be a host name or an address, nothing else",
                );
                check.ensure(to.port != 0, "port", "must lie between 1 and 65535");
                check.text("user", &to.user, 128);
                check.text("path", &to.path, MAX_PATH);
                check.ensure(!to.path.ends_with('/'), "path", "must name a file, not a folder");
                // Larger than any key, and small enough for a frame to the agent.
                check.ensure(to.host_key.len() <= 4_096, "host_key", "must have at most 4096 bytes");
                check.ensure(
                    host_key_parts(&to.host_key).is_some(),
                    "host_key",
                    "must be the server's public key as ssh-keyscan prints it, such as \"ssh-ed25519 AAAA…\"",
                );
            }
            Self::LocalFile(to) => {
                check.text("path", &to.path, MAX_PATH);
                check.ensure(!to.path.ends_with(['/', '\\']), "path", "must name a file, not a folder");
            }
        }
    }
}

/// Algorithm and base64 body of a pinned host key. A leading host name, as `ssh-keyscan` prints it, is skipped.
#[must_use]
pub fn host_key_parts(text: &str) -> Option<(&str, &str)> {
    let mut words = text.split_whitespace().skip_while(|word| !is_key_algorithm(word));
    let (algorithm, body) = (words.next()?, words.next()?);
    let base64 = body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    (base64 && body.len() >= 40).then_some((algorithm, body))
}

fn is_key_algorithm(word: &str) -> bool {
    word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-") || word.starts_with("sk-")
}

impl Validate for Credentials {
    fn check(&self, check: &mut Check) {
        match self {
            Self::Password { password } => {
                check.ensure(!password.is_empty(), "password", "must not be empty");
                check.ensure(password.expose().len() <= 1_024, "password", "must have at most 1024 bytes");
            }
            Self::PrivateKey { private_key, passphrase } => {
                let fits = passphrase.as_ref().is_none_or(|passphrase| passphrase.expose().len() <= 1_024);
                check.ensure(fits, "passphrase", "must have at most 1024 bytes");
                check.ensure(
                    private_key.expose().contains("PRIVATE KEY-----"),
                    "private_key",
                    "must be a private key in OpenSSH or PEM form",
                );
                check.ensure(
                    private_key.expose().len() <= 16_384,
                    "private_key",
                    "must have at most 16384 bytes",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4w5b8W1o0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m1m0m";

    #[test]
    fn a_host_key_is_read_in_each_form_people_paste() {
        let scanned = format!("shop.example {KEY}");
        let commented = format!("{KEY} root@shop");
        for text in [KEY, &scanned, &commented] {
            assert_eq!(host_key_parts(text).map(|(algorithm, _)| algorithm), Some("ssh-ed25519"), "{text}");
        }
        for text in ["", "SHA256:abc", "ssh-ed25519", "ssh-ed25519 ###"] {
            assert_eq!(host_key_parts(text), None, "{text}");
        }
    }

    #[test]
    fn the_configuration_is_tagged_by_kind() {
        let json = r#"{"kind":"csv","path":"/pos/items.csv","delimiter":";"}"#;
        let SourceConfig::Csv(csv) = serde_json::from_str(json).unwrap();
        assert_eq!(csv.delimiter_byte(), Some(b';'));
        assert_eq!(csv.encoding, TextEncoding::Utf8);
    }

    #[test]
    fn each_wrong_field_of_a_destination_is_told() {
        let to = DestinationConfig::Sftp(SftpDestination {
            host: "sftp.example/upload".into(),
            port: 0,
            user: String::new(),
            path: "/upload/".into(),
            host_key: "nonsense".into(),
            format: FileFormat::Csv,
        });
        let fields: Vec<_> = to.validate().unwrap_err().errors.into_iter().map(|e| e.field).collect();
        assert_eq!(fields, ["host", "port", "user", "path", "host_key"]);
    }
}
