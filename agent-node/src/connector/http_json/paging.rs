//! Which page is asked for next.
//! Pure: no I/O.

use messages::ErrorCode;
use messages::connector::{HttpJsonSource, Paging, platform};

use crate::connector::Failure;

/// What was learnt from a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Items, sound or not.
    pub(super) items: u64,
    /// What stands at the path of the cursor or of the next address.
    pub(super) next: Option<String>,
    /// Values of its `Link` headers.
    pub(super) links: Vec<String>,
    /// Of all its items, to notice a server that sends the same page again and again.
    pub(super) digest: u64,
}

/// How far the pages have come.
pub(super) struct Pages<'c> {
    config: &'c HttpJsonSource,
    /// Asked for last.
    url: String,
    asked: u32,
    items: u64,
    last: Option<Seen>,
}

impl<'c> Pages<'c> {
    pub(super) fn new(config: &'c HttpJsonSource) -> Self {
        let url = match &config.paging {
            Paging::Page { parameter, first } => with(&config.url, parameter, &first.to_string()),
            Paging::Offset { parameter, limit_parameter, limit } => {
                let url = with(&config.url, parameter, "0");
                if limit_parameter.is_empty() { url } else { with(&url, limit_parameter, &limit.to_string()) }
            }
            _ => config.url.clone(),
        };
        Self { config, url, asked: 1, items: 0, last: None }
    }

    /// The address to be asked now.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Of the page that is asked for now, from 1.
    pub(super) const fn number(&self) -> u32 {
        self.asked
    }

    /// Goes to the next page; false when that was the last one.
    pub(super) fn advance(&mut self, seen: Seen) -> Result<bool, Failure> {
        self.items += seen.items;
        let Some(next) = self.next(&seen)? else { return Ok(false) };
        let again =
            self.last.as_ref().is_some_and(|last| (last.digest, last.items) == (seen.digest, seen.items));
        if seen.items > 0 && again {
            return Err(malformed(format!(
                "page {} has the same items as the one before; is the way of paging right?",
                self.asked
            )));
        }
        if next == self.url {
            return Err(malformed(format!("page {} names itself as the next one", self.asked)));
        }
        if self.asked >= self.config.most_pages {
            return Err(malformed(format!(
                "there are more than {} pages; raise the limit of the source, or look whether paging is right",
                self.config.most_pages
            )));
        }
        self.last = Some(seen);
        self.asked += 1;
        self.url = next;
        Ok(true)
    }

    fn next(&self, seen: &Seen) -> Result<Option<String>, Failure> {
        let url = &self.config.url;
        Ok(match &self.config.paging {
            Paging::None => None,
            // An empty page is the last one; a short one may be a server that gives less than it is asked for.
            Paging::Page { .. } | Paging::Offset { .. } if seen.items == 0 => None,
            Paging::Page { parameter, first } => {
                Some(with(url, parameter, &(u64::from(*first) + u64::from(self.asked)).to_string()))
            }
            Paging::Offset { parameter, limit_parameter, limit } => {
                let url = with(url, parameter, &self.items.to_string());
                let limited = !limit_parameter.is_empty();
                Some(if limited { with(&url, limit_parameter, &limit.to_string()) } else { url })
            }
            Paging::Cursor { parameter, .. } => {
                let cursor = seen.next.as_deref().filter(|cursor| !cursor.is_empty());
                cursor.map(|cursor| with(url, parameter, cursor))
            }
            Paging::NextUrl { .. } => match seen.next.as_deref().filter(|next| !next.is_empty()) {
                Some(next) => Some(self.at(next)?),
                None => None,
            },
            Paging::Link => match seen.links.iter().find_map(|link| next_link(link)) {
                Some(next) => Some(self.at(next)?),
                None => None,
            },
        })
    }

    /// An address as the present page names it. It must lie at the same server: what signs in is for that one.
    fn at(&self, next: &str) -> Result<String, Failure> {
        let base = self.url.split('?').next().unwrap_or_default();
        let origin =
            base.find("://").and_then(|at| base[at + 3..].find('/').map(|slash| &base[..at + 3 + slash]));
        let origin = origin.unwrap_or(base);
        let whole = if next.contains("://") {
            next.to_owned()
        } else if next.starts_with("//") {
            format!("{}:{next}", base.split(':').next().unwrap_or_default())
        } else if next.starts_with('/') {
            format!("{origin}{next}")
        } else if next.starts_with('?') {
            format!("{base}{next}")
        } else {
            let folder = base[origin.len()..].rfind('/').map_or(base, |slash| &base[..origin.len() + slash]);
            format!("{folder}/{next}")
        };
        let printable = whole.bytes().all(|byte| byte.is_ascii_graphic());
        if same_server(&whole, &self.config.url) && printable && whole.len() <= 4_000 {
            return Ok(whole);
        }
        let shown: String = whole.split('?').next().unwrap_or_default().chars().take(200).collect();
        Err(malformed(format!(
            "page {} names \"{shown}\" as the next one, which is not an address of the same server",
            self.asked
        )))
    }
}

/// Same scheme, host and port.
fn same_server(one: &str, other: &str) -> bool {
    if platform::same_origin(one, other) {
        return true;
    }
    // Plain addresses nearby, which the check of settings has let through.
    let plain = |url: &str| url.strip_prefix("http://").map(|rest| format!("https://{rest}"));
    plain(one).zip(plain(other)).is_some_and(|(one, other)| platform::same_origin(&one, &other))
}

fn malformed(detail: String) -> Failure {
    Failure::new(ErrorCode::SourceMalformed, detail)
}

/// The address with this parameter, and only once.
fn with(url: &str, parameter: &str, value: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let others = query
        .split('&')
        .filter(|pair| !pair.is_empty() && pair.split('=').next().is_some_and(|name| name != parameter));
    let mut pairs: Vec<String> = others.map(str::to_owned).collect();
    pairs.push(format!("{parameter}={}", escaped(value)));
    format!("{base}?{}", pairs.join("&"))
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The address of `<…>; rel="next"` in a `Link` header.
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, from)) = rest.split_once('<') {
        let (address, after) = from.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value.split_whitespace().any(|one| one.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(address.trim());
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://till.example/api/items?shop=7&page=9";

    fn config(paging: Paging) -> HttpJsonSource {
        HttpJsonSource { url: URL.into(), paging, most_pages: 5, ..HttpJsonSource::default() }
    }

    fn seen(items: u64, next: &str, link: &str) -> Seen {
        // Each page is another one.
        let digest = items + next.len() as u64;
        Seen { items, next: Some(next.to_owned()), links: vec![link.to_owned()], digest }
    }

    /// The addresses that are asked, or what stopped it.
    fn walk(paging: Paging, pages: Vec<Seen>) -> Vec<String> {
        let config = config(paging);
        let mut walked = Pages::new(&config);
        let mut asked = vec![walked.url().to_owned()];
        for page in pages {
            match walked.advance(page) {
                Ok(true) => asked.push(walked.url().to_owned()),
                Ok(false) => break,
                Err(failure) => asked.push(failure.detail),
            }
        }
        asked.into_iter().map(|url| url.replace("https://till.example/api/items", "*")).collect()
    }

    #[test]
    fn each_way_asks_for_the_next_page() {
        let page = Paging::Page { parameter: "page".into(), first: 1 };
        assert_eq!(
            walk(page, vec![seen(3, "", ""), seen(2, "", ""), seen(0, "", "")]),
            ["*?shop=7&page=1", "*?shop=7&page=2", "*?shop=7&page=3"]
        );
        let offset = Paging::Offset { parameter: "from".into(), limit_parameter: "limit".into(), limit: 100 };
        assert_eq!(
            walk(offset, vec![seen(30, "", ""), seen(29, "", ""), seen(0, "", "")])[1..],
            ["*?shop=7&page=9&from=30&limit=100", "*?shop=7&page=9&from=59&limit=100"]
        );
        let cursor = Paging::Cursor { parameter: "page".into(), path: "next".into() };
        assert_eq!(
            walk(cursor, vec![seen(0, "a b/=", ""), seen(1, "", "")]),
            [URL.replace("https://till.example/api/items", "*"), "*?shop=7&page=a%20b%2F%3D".to_owned()]
        );
        assert_eq!(walk(Paging::None, vec![seen(3, "x", "")]).len(), 1);
    }

    #[test]
    fn addresses_of_next_pages_are_resolved_and_stay_at_the_server() {
        for (next, expected) in [
            ("https://till.example/api/items?c=2", "*?c=2"),
            ("/other", "https://till.example/other"),
            ("?c=3", "*?c=3"),
            ("more", "https://till.example/api/more"),
            ("//till.example/x", "https://till.example/x"),
        ] {
            let way = Paging::NextUrl { path: "next".into() };
            assert_eq!(walk(way, vec![seen(1, next, "")])[1], expected);
            let link = format!("<{URL}>; rel=\"prev\", <{next}>; title=\"a;b\"; rel=\"last next\"");
            assert_eq!(walk(Paging::Link, vec![seen(1, "", &link)])[1], expected);
        }
        for next in ["https://evil.example/items", "http://till.example/items", "//evil.example/", "a b"] {
            let way = Paging::NextUrl { path: "next".into() };
            assert!(
                walk(way, vec![seen(1, next, "")])[1].contains("not an address of the same server"),
                "{next}"
            );
        }
        assert_eq!(walk(Paging::Link, vec![seen(1, "", "<x>; rel=\"last\"")]).len(), 1);
    }

    #[test]
    fn a_server_that_goes_in_circles_is_found_out() {
        let page = || Paging::Page { parameter: "p".into(), first: 0 };
        let same = vec![seen(3, "", ""), seen(3, "", "")];
        assert!(walk(page(), same)[2].contains("the same items as the one before"));
        let itself = Paging::NextUrl { path: "next".into() };
        assert!(walk(itself, vec![seen(1, URL, "")])[1].contains("names itself"));
        let endless: Vec<_> = (1..9).map(|items| seen(items, "", "")).collect();
        assert!(walk(page(), endless)[5].contains("more than 5 pages"));
    }
}
