//! Is a request that carries a cookie sent by a page of ours? Pure.
//!
//! A browser adds `Origin` to every POST, and cannot be made to lie about it by a page. Programs send none, and have
//! no cookie that they did not put there themselves.

/// What a browser says of the page that sends a request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sender<'a> {
    pub origin: Option<&'a str>,
    pub fetch_site: Option<&'a str>,
    /// Host and port that the request was sent to.
    pub host: Option<&'a str>,
}

/// `public_url` is how the world reaches us, where a proxy stands before us.
#[must_use]
pub(super) fn is_ours(sender: &Sender<'_>, public_url: &str) -> bool {
    if matches!(sender.fetch_site, Some("cross-site" | "same-site")) {
        return false;
    }
    let Some(origin) = sender.origin else { return true };
    if !public_url.is_empty() && origin.eq_ignore_ascii_case(public_url.trim_end_matches('/')) {
        return true;
    }
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    match (authority, sender.host) {
        (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_and_programs_pass() {
        for (origin, fetch_site, host, expected) in [
            (None, None, Some("hub.example"), true),
            (None, Some("same-origin"), Some("hub.example"), true),
            (Some("https://hub.example"), Some("same-origin"), Some("hub.example"), true),
            (Some("http://127.0.0.1:8080"), None, Some("127.0.0.1:8080"), true),
            (Some("https://public.example"), None, Some("inner:8080"), true),
            (Some("https://HUB.example"), None, Some("hub.example"), true),
            (None, Some("cross-site"), Some("hub.example"), false),
            (None, Some("same-site"), Some("hub.example"), false),
            (Some("https://evil.example"), None, Some("hub.example"), false),
            (Some("https://hub.example"), Some("cross-site"), Some("hub.example"), false),
            (Some("https://hub.example.evil"), None, Some("hub.example"), false),
            (Some("https://hub.example:8443"), None, Some("hub.example"), false),
            (Some("null"), None, Some("hub.example"), false),
            (Some("https://hub.example"), None, None, false),
            (Some("ftp://hub.example"), None, Some("hub.example"), false),
        ] {
            let sender = Sender { origin, fetch_site, host };
            assert_eq!(is_ours(&sender, "https://public.example"), expected, "{sender:?}");
        }
    }

    #[test]
    fn without_a_public_url_only_the_host_counts() {
        let sender = Sender { origin: Some(""), fetch_site: None, host: Some("hub") };
        assert!(!is_ours(&sender, ""));
    }
}
