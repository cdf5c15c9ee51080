//! How a connector is configured: what the console edits, the hub stores and the agent acts on.
//! Secrets are apart: they are sealed at rest and travel only with a run.

pub mod database;
pub mod drivers;
pub mod files;
pub mod http_json;
pub mod platform;
pub mod singer;
pub mod source;

use serde::{Deserialize, Serialize};

pub use database::{DatabaseServer, DatabaseTls, SqliteSource};
pub use drivers::{FirebirdSource, OdbcSource, SqlServerSource};
pub use files::{CsvSource, DbfSource, ExcelSource, FileSet, PickFiles, TextEncoding, XmlSource};
pub use http_json::{HttpAuth, HttpJsonSource, Paging};
pub use platform::{
    NewProducts, ShopifyDestination, UpdateFields, WebhookDestination, WooCommerceDestination,
};
pub use singer::{SingerDestination, SingerSource};
pub use source::{ColumnName, DecimalMark, SourceConfig};

use crate::Secret;
use crate::plugin::SecretSettings;
use crate::validate::{Check, Validate};

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
    Webhook(WebhookDestination),
    #[serde(rename = "woocommerce")]
    WooCommerce(WooCommerceDestination),
    Shopify(ShopifyDestination),
    /// A plugin of the agent's.
    Singer(SingerDestination),
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

/// What opens a destination or a source. Written by people, never read back by them.
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
    /// One secret: what signs a webhook, Shopify's access token, or what opens a source over HTTP.
    Token {
        token: Secret,
    },
    /// WooCommerce's consumer key and consumer secret.
    KeyPair {
        key: Secret,
        secret: Secret,
    },
    /// Secret settings of a plugin, by name: all that the configuration names.
    Settings {
        #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, Secret>))]
        settings: SecretSettings,
    },
}

impl DestinationConfig {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sftp(_) => "sftp",
            Self::LocalFile(_) => "local_file",
            Self::Webhook(_) => "webhook",
            Self::WooCommerce(_) => "woocommerce",
            Self::Shopify(_) => "shopify",
            Self::Singer(_) => "singer",
        }
    }

    #[must_use]
    pub const fn needs_credentials(&self) -> bool {
        match self {
            Self::LocalFile(_) => false,
            Self::Singer(to) => !to.secrets.is_empty(),
            _ => true,
        }
    }

    /// The credentials that open it, in words.
    #[must_use]
    pub const fn wanted_credentials(&self) -> &'static str {
        match self {
            Self::Sftp(_) => "a password or a private key",
            Self::LocalFile(_) => "no credentials",
            Self::Webhook(_) => "a signing secret of at least 16 characters",
            Self::WooCommerce(_) => "a consumer key and a consumer secret",
            Self::Shopify(_) => "an access token",
            Self::Singer(_) => "the secret settings that it names",
        }
    }

    /// Are these of the kind that opens it?
    #[must_use]
    pub fn accepts(&self, credentials: &Credentials) -> bool {
        match (self, credentials) {
            (Self::Sftp(_), Credentials::Password { .. } | Credentials::PrivateKey { .. })
            | (Self::WooCommerce(_), Credentials::KeyPair { .. })
            | (Self::Shopify(_), Credentials::Token { .. })
            | (Self::LocalFile(_), _) => true,
            (Self::Singer(to), credentials) => singer::accepts(&to.secrets, credentials),
            // A shorter one can be guessed from a single signed request.
            (Self::Webhook(_), Credentials::Token { token }) => token.expose().len() >= 16,
            _ => false,
        }
    }

    /// Would credentials that were stored for `before` still go to the server they were meant for?
    #[must_use]
    pub fn keeps_credentials_of(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::Sftp(a), Self::Sftp(b)) => {
                (&a.host, a.port, &a.user) == (&b.host, b.port, &b.user)
                    && host_key_parts(&a.host_key) == host_key_parts(&b.host_key)
            }
            (Self::Webhook(a), Self::Webhook(b)) => platform::same_origin(&a.url, &b.url),
            (Self::WooCommerce(a), Self::WooCommerce(b)) => platform::same_origin(&a.url, &b.url),
            (Self::Shopify(a), Self::Shopify(b)) => platform::same_origin(&a.url, &b.url),
            (Self::Singer(a), Self::Singer(b)) => b.keeps_credentials_of(a),
            _ => false,
        }
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
            // What follows "?" may be a secret of the receiver's.
            Self::Webhook(to) => to.url.split('?').next().unwrap_or_default().to_owned(),
            Self::WooCommerce(to) => to.url.clone(),
            Self::Shopify(to) => to.url.clone(),
            Self::Singer(to) => to.summary(),
        }
    }
}

/// As long as any file system allows.
pub(crate) const MAX_PATH: usize = 4_096;

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
            Self::Webhook(to) => to.check(check),
            Self::WooCommerce(to) => to.check(check),
            Self::Shopify(to) => to.check(check),
            Self::Singer(to) => to.check(check),
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
            Self::Token { token } => key(check, "token", token),
            Self::KeyPair { key: public, secret } => {
                key(check, "key", public);
                key(check, "secret", secret);
            }
            Self::Settings { settings } => {
                check.ensure(settings.len() <= 20, "settings", "must have at most 20 entries");
                for (name, secret) in settings {
                    let field = format!("settings.{name}");
                    check.ensure(!secret.is_empty(), &field, "must not be empty");
                    // A key in PEM form fits, and all of them into a frame.
                    check.ensure(secret.expose().len() <= 8_192, &field, "must have at most 8192 bytes");
                }
            }
        }
    }
}

/// A secret that is sent, or could be, in a header.
fn key(check: &mut Check, field: &str, secret: &Secret) {
    check.ensure(!secret.is_empty(), field, "must not be empty");
    check.ensure(secret.expose().len() <= 1_024, field, "must have at most 1024 bytes");
    let printable = secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
    check.ensure(
        printable,
        field,
        "must be letters, digits and signs without blanks, as it was shown when it was made",
    );
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
        let woo = r#"{"kind":"woocommerce","url":"https://shop.example"}"#;
        assert_eq!(serde_json::from_str::<DestinationConfig>(woo).unwrap().kind(), "woocommerce");
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

    #[test]
    fn stored_credentials_stay_with_the_server_they_were_meant_for() {
        let hook =
            |url: &str| DestinationConfig::Webhook(WebhookDestination { url: url.into(), batch_items: 1 });
        let woo = DestinationConfig::WooCommerce(WooCommerceDestination {
            url: "https://shop.example".into(),
            new_products: NewProducts::Draft,
            update: UpdateFields::Everything,
        });
        assert!(hook("https://shop.example/b").keeps_credentials_of(&hook("https://shop.example/a")));
        assert!(!hook("https://other.example/a").keeps_credentials_of(&hook("https://shop.example/a")));
        assert!(!woo.keeps_credentials_of(&hook("https://shop.example/a")), "another kind");
    }

    #[test]
    fn credentials_are_of_the_kind_that_opens_the_destination() {
        let hook = DestinationConfig::Webhook(WebhookDestination { url: String::new(), batch_items: 1 });
        let token = |token: &str| Credentials::Token { token: token.into() };
        assert!(hook.accepts(&token("0123456789abcdef")));
        assert!(!hook.accepts(&token("short")));
        assert!(!hook.accepts(&Credentials::Password { password: "0123456789abcdef".into() }));
        assert!(token("two words").validate().is_err());
        assert_eq!(format!("{:?}", token("0123456789abcdef")), "Token { token: *** }");
    }
}
