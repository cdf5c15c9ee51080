//! Source: JSON that a server of the shop or of its supplier hands out over HTTP, in one answer or in pages. Pure.

use serde::{Deserialize, Serialize};

use super::platform;
use super::source::{ColumnName, DecimalMark, check_columns};
use crate::validate::{Check, Validate};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct HttpJsonSource {
    /// `https://…`; plain `http://` to the agent's own machine, and without sign-in within the shop's network.
    pub url: String,
    pub auth: HttpAuth,
    /// Path of the list of items in an answer, such as `data.items`; empty: the answer is the list.
    pub items: String,
    pub paging: Paging,
    /// In numbers that are sent as text; real numbers have a point.
    pub decimal_mark: DecimalMark,
    /// Which path within an item holds which field: `price`, `prices.retail`, `codes.0`.
    pub columns: Vec<ColumnName>,
    /// Pages of a run at most.
    pub most_pages: u32,
    /// Size of a page at most, in MB; it is kept on the agent's disk while it is read.
    pub page_mb: u32,
    /// For an answer to begin, and between two parts of it.
    pub answer_s: u32,
}

/// How the agent signs in. What it signs in with is among the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "way", rename_all = "snake_case", deny_unknown_fields)]
pub enum HttpAuth {
    #[default]
    None,
    /// `Authorization: Bearer <token>`.
    Bearer,
    /// Name and password.
    Basic { user: String },
    /// The token in a header of this name.
    Header { name: String },
}

/// How the next page is asked for. The same parameters of the address are replaced, the others stay.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "way", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// One answer has everything.
    #[default]
    None,
    /// By number, up to the first empty page.
    Page { parameter: String, first: u32 },
    /// By the number of items before it, up to the first empty page.
    Offset { parameter: String, limit_parameter: String, limit: u32 },
    /// By what the answer holds at `path`, until there is nothing.
    Cursor { parameter: String, path: String },
    /// At the address that the answer holds at `path`, until there is none.
    NextUrl { path: String },
    /// At the address of the `Link` header with `rel="next"`, until there is none.
    Link,
}

impl Default for HttpJsonSource {
    fn default() -> Self {
        Self {
            url: String::new(),
            auth: HttpAuth::default(),
            items: String::new(),
            paging: Paging::default(),
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
            most_pages: 10_000,
            page_mb: 64,
            answer_s: 60,
        }
    }
}

impl HttpJsonSource {
    /// The address without its query, which may hold a secret of the server's.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }

    /// May this address be asked, signed in like this?
    #[must_use]
    pub fn may_ask(url: &str, auth: &HttpAuth) -> bool {
        platform::origin(url).is_some() || (*auth == HttpAuth::None && is_nearby(url))
    }
}

/// Plain HTTP to a machine of the shop's own network, where certificates are not to be had.
fn is_nearby(url: &str) -> bool {
    // The shape is held to what goes for https.
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let as_https = format!("https://{rest}");
    let Some(authority) = platform::origin(&as_https).and_then(|origin| origin.strip_prefix("https://"))
    else {
        return false;
    };
    let host = match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    is_nearby_host(host)
}

/// A machine of the shop's own network, as far as its name says.
#[must_use]
pub fn is_nearby_host(host: &str) -> bool {
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        Ok(std::net::IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => {
            !host.contains('.') || [".local", ".lan", ".internal"].iter().any(|end| host.ends_with(end))
        }
    }
}

impl Validate for HttpJsonSource {
    fn check(&self, check: &mut Check) {
        check.ensure(self.url.len() <= 2_000, "url", "must have at most 2000 bytes");
        check.ensure(
            Self::may_ask(&self.url, &self.auth),
            "url",
            "must be an address that begins with https:// (http:// only for the agent's own machine, or without sign-in for one of the shop's network)",
        );
        match &self.auth {
            HttpAuth::None | HttpAuth::Bearer => {}
            HttpAuth::Basic { user } => {
                check.text("auth.user", user, 200);
                check.ensure(!user.contains(':'), "auth.user", "must not hold a colon");
            }
            HttpAuth::Header { name } => {
                let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
                let own = ["host", "content-length", "transfer-encoding", "connection", "accept"];
                let sound = !name.is_empty() && name.len() <= 64 && name.bytes().all(token);
                check.ensure(
                    sound && !own.contains(&name.to_lowercase().as_str()),
                    "auth.name",
                    "must be the name of a header, such as X-Api-Key",
                );
            }
        }
        path(check, "items", &self.items, true);
        self.paging.check(check);
        check.range("most_pages", &self.most_pages, &1, &100_000);
        check.range("page_mb", &self.page_mb, &1, &1_024);
        check.range("answer_s", &self.answer_s, &1, &600);
        check_columns(check, &self.columns);
    }
}

impl Validate for Paging {
    fn check(&self, check: &mut Check) {
        let parameter = |check: &mut Check, field: &str, name: &str, empty: bool| {
            let plain = name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'[' | b']'));
            check.ensure(
                plain && name.len() <= 64 && (empty || !name.is_empty()),
                field,
                "must be the name of a parameter of the address, such as page",
            );
        };
        match self {
            Self::None | Self::Link => {}
            Self::Page { parameter: name, first } => {
                parameter(check, "paging.parameter", name, false);
                check.range("paging.first", first, &0, &1);
            }
            Self::Offset { parameter: name, limit_parameter, limit } => {
                parameter(check, "paging.parameter", name, false);
                parameter(check, "paging.limit_parameter", limit_parameter, true);
                check.range("paging.limit", limit, &1, &100_000);
            }
            Self::Cursor { parameter: name, path: at } => {
                parameter(check, "paging.parameter", name, false);
                path(check, "paging.path", at, false);
            }
            Self::NextUrl { path: at } => path(check, "paging.path", at, false),
        }
    }
}

fn path(check: &mut Check, field: &str, path: &str, empty: bool) {
    let sound = (empty && path.is_empty()) || path.split('.').all(|step| !step.trim().is_empty());
    check.ensure(sound, field, "must be names with points between them, such as data.items");
    check.optional_text(field, path, 200);
}
