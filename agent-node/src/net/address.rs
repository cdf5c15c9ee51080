//! The address of a hub or a proxy. Pure.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use messages::Secret;

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("\"{0}\" is not an address such as https://hub.example")]
    Syntax(String),
    #[error("\"{0}\" must not have a path; give scheme, host and port only")]
    Path(String),
    #[error(
        "\"{0}\" would send the agent's credential in clear; use https://, or --allow-plaintext in a test"
    )]
    Plaintext(String),
}

/// Scheme, host and port of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubAddress {
    pub tls: bool,
    pub host: String,
    pub port: u16,
}

impl HubAddress {
    pub fn parse(text: &str, allow_plaintext: bool) -> Result<Self, AddressError> {
        let trimmed = text.trim();
        let syntax = || AddressError::Syntax(trimmed.to_owned());
        let uri: http::Uri = trimmed.parse().map_err(|_| syntax())?;
        let tls = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(syntax()),
        };
        let authority = uri.authority().filter(|a| !a.as_str().contains('@')).ok_or_else(syntax)?;
        if uri.path() != "/" || uri.query().is_some() {
            return Err(AddressError::Path(trimmed.to_owned()));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(syntax());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let address = Self { tls, host, port };
        if !tls && !allow_plaintext && !address.is_this_machine() {
            return Err(AddressError::Plaintext(trimmed.to_owned()));
        }
        Ok(address)
    }

    fn is_this_machine(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Host and port as a `Host` header and a proxy want them.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for HubAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

/// An HTTP proxy, with the value of its `Proxy-Authorization` header if it wants one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAddress {
    pub host: String,
    pub port: u16,
    pub authorization: Option<Secret>,
}

impl ProxyAddress {
    /// Reads `http://[user:password@]host[:port]`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        // The text may hold a password and is therefore not repeated.
        let syntax = || AddressError::Syntax("the proxy".to_owned());
        let uri: http::Uri = text.trim().parse().map_err(|_| syntax())?;
        let authority = uri.authority().ok_or_else(syntax)?;
        if uri.scheme_str() != Some("http") || authority.host().is_empty() {
            return Err(syntax());
        }
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| login);
        let authorization = login.map(|login| {
            Secret::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login)))
        });
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(3128),
            authorization,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        for (text, shown) in [
            ("https://hub.example", "https://hub.example:443"),
            (" https://hub.example:8443/ ", "https://hub.example:8443"),
            ("wss://hub.example", "https://hub.example:443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(HubAddress::parse(text, false).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn each_wrong_address_is_told_why() {
        for (text, part) in [
            ("hub.example", "not an address"),
            ("ftp://hub.example", "not an address"),
            ("https://user@hub.example", "not an address"),
            ("https://hub.example/app", "path"),
            ("http://hub.example", "--allow-plaintext"),
            ("http://192.168.1.5", "--allow-plaintext"),
        ] {
            let error = HubAddress::parse(text, false).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(HubAddress::parse("http://192.168.1.5", true).is_ok());
    }

    #[test]
    fn a_proxy_keeps_its_password_to_itself() {
        let proxy = ProxyAddress::parse("http://shop:hunter2@proxy.shop:8080").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.shop", 8080));
        assert_eq!(proxy.authorization.as_ref().unwrap().expose(), "Basic c2hvcDpodW50ZXIy");
        assert!(!format!("{proxy:?}").contains("c2hvc"));
        let error = ProxyAddress::parse("https://shop:hunter2@proxy.shop").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
