//! What an answer over HTTP means for the portion it answers. Pure.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use messages::ErrorCode;

use super::Reply;
use crate::connector::Failure;
use crate::connector::staged_sink::{Next, Setback};

/// What a server says for itself is shown as far as a line of a log goes.
const MAX_SAID: usize = 300;

/// How long the server asks to be left alone, by `Retry-After` in either of its forms.
#[must_use]
pub fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    // A time that is past means: now.
    Some(at.duration_since(now).unwrap_or_default())
}

/// What stands in the way of an answer with this status; nothing for one that went well.
pub(in crate::connector) fn setback(host: &str, reply: &Reply, now: SystemTime) -> Option<Setback> {
    let status = reply.status;
    if status.is_success() {
        return None;
    }
    let said = said(&reply.body);
    let failure =
        |code, what: &str| Failure::new(code, format!("{host} {what} (status {}){said}", status.as_u16()));
    let asked = reply.header("retry-after").and_then(|text| retry_after(text, now));
    let (failure, next) = match status {
        StatusCode::TOO_MANY_REQUESTS => {
            (failure(ErrorCode::DestinationFailed, "is asked too often"), Next::Again(asked))
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            (failure(ErrorCode::DestinationRejected, "finds the batch too large"), Next::Smaller)
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let what = "refuses the credentials; enter them again in the destination, and see what they may do there";
            (failure(ErrorCode::DestinationRefused, what), Next::GiveUp)
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            (failure(ErrorCode::DestinationFailed, "was not done in time"), Next::Again(asked))
        }
        status if status.is_server_error() => {
            (failure(ErrorCode::DestinationFailed, "failed while receiving"), Next::Again(asked))
        }
        status if status.is_redirection() => {
            let what = "wants the items sent elsewhere; enter the address at which it takes them itself";
            (failure(ErrorCode::DestinationRejected, what), Next::GiveUp)
        }
        _ => (failure(ErrorCode::DestinationRejected, "does not take what is sent"), Next::GiveUp),
    };
    Some(Setback { failure, next })
}

/// The beginning of what a server says, if people can read it: the words of a page, or its own message in JSON.
pub(crate) fn said(body: &[u8]) -> String {
    let message = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|value| {
        let found = ["message", "detail", "error", "errors"].iter().find_map(|name| value.get(name));
        found.map(|found| found.as_str().map_or_else(|| found.to_string(), str::to_owned))
    });
    let text = message.unwrap_or_else(|| without_tags(&String::from_utf8_lossy(body)));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = words.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect();
    if cut.is_empty() { String::new() } else { format!(": {cut}") }
}

/// The words of a page, roughly: what stands between `<` and `>` is left out.
fn without_tags(text: &str) -> String {
    let mut within = false;
    let kept = text.chars().take(16 * 1024).filter(|c| {
        match c {
            '<' => within = true,
            '>' => {
                within = false;
                return false;
            }
            _ => {}
        }
        !within
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn reply(status: u16, retry_after: Option<&str>, body: &'static str) -> Reply {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", value.parse().unwrap());
        }
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn both_forms_of_retry_after() {
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 10:00:00 GMT").unwrap();
        for (text, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Fri, 20 Nov 2026 10:01:30 GMT", Some(90)),
            ("Fri, 20 Nov 2026 09:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(text, now).map(|wait| wait.as_secs()), expected, "{text}");
        }
    }

    #[test]
    fn each_status_has_its_meaning() {
        let now = SystemTime::now();
        for (status, header, next, code) in [
            (429, Some("7"), Next::Again(Some(Duration::from_secs(7))), ErrorCode::DestinationFailed),
            (503, None, Next::Again(None), ErrorCode::DestinationFailed),
            (500, None, Next::Again(None), ErrorCode::DestinationFailed),
            (408, None, Next::Again(None), ErrorCode::DestinationFailed),
            (413, None, Next::Smaller, ErrorCode::DestinationRejected),
            (401, None, Next::GiveUp, ErrorCode::DestinationRefused),
            (403, None, Next::GiveUp, ErrorCode::DestinationRefused),
            (302, None, Next::GiveUp, ErrorCode::DestinationRejected),
            (404, None, Next::GiveUp, ErrorCode::DestinationRejected),
            (422, None, Next::GiveUp, ErrorCode::DestinationRejected),
        ] {
            let setback = setback("shop.example", &reply(status, header, ""), now).unwrap();
            assert_eq!((setback.next, setback.failure.code), (next, code), "{status}");
            // Giving up, and only that, is for failures that trying again does not help.
            assert_eq!(
                setback.failure.code.retry_helps(),
                matches!(setback.next, Next::Again(_)),
                "{status}"
            );
        }
        assert!(setback("shop.example", &reply(204, None, ""), now).is_none());
    }

    #[test]
    fn what_a_server_says_is_shown_as_words() {
        for (body, shown) in [
            ("", ""),
            ("{\"code\":\"x\",\"message\":\"No  such\\nproduct\"}", ": No such product"),
            ("<html><body><h1>Bad gateway</h1></body></html>", ": Bad gateway"),
            ("{\"errors\":{\"sku\":[\"taken\"]}}", ": {\"sku\":[\"taken\"]}"),
        ] {
            assert_eq!(said(body.as_bytes()), shown);
        }
        assert!(said("x".repeat(10_000).as_bytes()).len() < 310);
    }
}
