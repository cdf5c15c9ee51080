//! The address of a hub or an edge. Pure: no name is looked up.

use std::fmt;
use std::net::IpAddr;

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("\"{0}\" is not an address such as https://hub.example")]
    Syntax(String),
    #[error("\"{0}\" would send the credential in clear; use https://, or --allow-plaintext in a test")]
    Plaintext(String),
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub tls: bool,
    pub host: String,
    pub port: u16,
}

impl Address {
    pub fn parse(text: &str, allow_plaintext: bool) -> Result<Self, AddressError> {
        let trimmed = text.trim();
        let syntax = || AddressError::Syntax(trimmed.to_owned());
        let uri: ::http::Uri = trimmed.parse().map_err(|_| syntax())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(syntax()),
        };
        let authority = uri.authority().filter(|a| !a.as_str().contains('@')).ok_or_else(syntax)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || uri.path() != "/" || uri.query().is_some() {
            return Err(syntax());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !tls && !allow_plaintext && !here {
            return Err(AddressError::Plaintext(trimmed.to_owned()));
        }
        Ok(Self { tls, host, port })
    }

    /// Host and port as a `Host` header wants them.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())
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
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(Address::parse(text, false).unwrap().to_string(), shown, "{text}");
        }
        for text in ["hub.example", "ftp://hub.example", "https://u@hub.example", "https://hub.example/app"] {
            assert!(matches!(Address::parse(text, true), Err(AddressError::Syntax(_))), "{text}");
        }
        assert!(matches!(Address::parse("http://10.0.0.5", false), Err(AddressError::Plaintext(_))));
        assert!(Address::parse("http://10.0.0.5", true).is_ok());
    }
}
