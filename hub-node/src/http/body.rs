//! Bodies of requests: bounded, in time, JSON, and valid.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, pin_mut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use messages::validate::Validate;
use messages::{ErrorCode, Problem};
use serde::de::DeserializeOwned;

/// The largest configuration is a few kilobytes; a private key and long notes still fit a hundred times.
pub(super) const MAX_BODY: usize = 1024 * 1024;
/// Over the slowest line a mebibyte takes less.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a JSON body. Refuses other media types and what is too large, before reading where it can.
pub(crate) async fn read<S, B, E>(headers: &HeaderMap, stream: S) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    check_media(headers)?;
    take(headers, stream).await
}

/// Reads a JSON body that may be left out. One without a media type is not left out, and refused like any other.
pub(crate) async fn read_if_any<S, B, E>(headers: &HeaderMap, stream: S) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let bytes = take(headers, stream).await?;
    if !bytes.is_empty() {
        check_media(headers)?;
    }
    Ok(bytes)
}

async fn take<S, B, E>(headers: &HeaderMap, stream: S) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(PATIENCE, collect(stream)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(
            ErrorCode::DeadlineExceeded,
            "the request's body did not arrive within 30 seconds",
        )),
    }
}

async fn collect<S, B, E>(stream: S) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    pin_mut!(stream);
    let mut whole = BytesMut::new();
    while let Some(part) = stream.next().await {
        let Ok(mut part) = part else {
            return Err(Problem::new(ErrorCode::MalformedRequest, "the request's body broke off"));
        };
        if whole.len() + part.remaining() > MAX_BODY {
            return Err(too_large());
        }
        whole.extend_from_slice(&part.copy_to_bytes(part.remaining()));
    }
    Ok(whole.freeze())
}

fn check_media(headers: &HeaderMap) -> Result<(), Problem> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Problem::new(
            ErrorCode::UnsupportedMedia,
            "send the body as JSON, with Content-Type: application/json",
        ))
    }
}

fn too_large() -> Problem {
    Problem::new(ErrorCode::BodyTooLarge, format!("the body may have at most {MAX_BODY} bytes"))
}

/// Reads and validates a value. The problem says where in the text it went wrong, and never quotes the text: it may
/// hold a secret.
pub(super) fn decode<T: DeserializeOwned + Validate>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would take the elements of a list for the fields of a struct, and an empty one for nothing said.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::new(ErrorCode::MalformedRequest, "the body must be a JSON object, not a list"));
    }
    let value: T = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    value.validate()?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Data => without_values(&error.to_string()),
        Category::Eof => "the JSON text ends too early".to_owned(),
        Category::Syntax | Category::Io => "the body is not JSON".to_owned(),
    };
    let detail = format!("{what} (line {}, column {})", error.line(), error.column());
    Problem::new(ErrorCode::MalformedRequest, detail)
}

/// Serde quotes wrong values: `invalid type: string "hunter2", expected u16`. Keeps the words and drops the quotation.
fn without_values(sentence: &str) -> String {
    let sentence = sentence.split(" at line ").next().unwrap_or_default();
    match (sentence.find('"'), sentence.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}…{}", &sentence[..first], &sentence[last + 1..])
        }
        _ if sentence.starts_with("invalid") => {
            // `invalid type: integer `12`, expected a string`; field and variant names stand after `expected`.
            match (sentence.split_once(':'), sentence.rsplit_once(", expected ")) {
                (Some((kind, _)), Some((_, expected))) => format!("{kind}, expected {expected}"),
                _ => sentence.to_owned(),
            }
        }
        _ => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http::HeaderValue;
    use messages::http::access::LoginRequest;
    use messages::http::stores::StoreSpec;

    use super::*;

    fn json() -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))])
    }

    fn parts(sizes: &[usize]) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::iter(sizes.iter().map(|size| Ok(Bytes::from(vec![b'x'; *size]))).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn bodies_are_bounded_whether_announced_or_not() {
        assert_eq!(read(&json(), parts(&[3, 4])).await.unwrap().len(), 7);
        assert_eq!(read(&json(), parts(&[MAX_BODY])).await.unwrap().len(), MAX_BODY);
        let unannounced = read(&json(), parts(&[MAX_BODY, 1])).await.unwrap_err();
        assert_eq!(unannounced.code, ErrorCode::BodyTooLarge);
        let mut headers = json();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(MAX_BODY as u64 + 1));
        assert_eq!(read(&headers, parts(&[])).await.unwrap_err().code, ErrorCode::BodyTooLarge);
    }

    #[tokio::test]
    async fn a_body_that_may_be_left_out_is_none_or_json() {
        let none = HeaderMap::new();
        assert_eq!(read_if_any(&none, parts(&[])).await.unwrap().len(), 0);
        assert_eq!(read_if_any(&json(), parts(&[5])).await.unwrap().len(), 5);
        let refused = read_if_any(&none, parts(&[5])).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::UnsupportedMedia, "it is not taken for none");
    }

    #[tokio::test]
    async fn only_json_is_taken() {
        for media in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
            assert_eq!(
                read(&headers, parts(&[1])).await.unwrap_err().code,
                ErrorCode::UnsupportedMedia,
                "{media}"
            );
        }
    }

    #[test]
    fn a_wrong_body_is_told_without_its_values() {
        for (text, expected) in [
            ("", "the JSON text ends too early (line 1, column 0)"),
            ("{", "the JSON text ends too early"),
            ("nope", "the body is not JSON (line 1, column 2)"),
            (r#"{"login":"lan"}"#, "missing field `password` (line 1, column 15)"),
            (r#"{"login":"lan","password":["hunter2"]}"#, "invalid type, expected a string"),
            (r#"{"login":"lan","password":12345}"#, "invalid type, expected a string"),
        ] {
            let problem = decode::<LoginRequest>(text.as_bytes()).unwrap_err();
            assert_eq!(problem.code, ErrorCode::MalformedRequest);
            assert!(problem.detail.starts_with(expected), "{}", problem.detail);
            assert!(
                !problem.detail.contains("hunter2") && !problem.detail.contains("12345"),
                "{}",
                problem.detail
            );
        }
        let problem = decode::<LoginRequest>(br#""my \" secret""#).unwrap_err();
        assert!(!problem.detail.contains("secret"), "{}", problem.detail);
    }

    #[test]
    fn a_body_that_is_not_valid_names_the_fields() {
        let problem = decode::<StoreSpec>(br#"{"code":"A b","name":"","time_zone":"UTC"}"#).unwrap_err();
        assert_eq!(problem.code, ErrorCode::InvalidField);
        assert_eq!(problem.errors.len(), 2);
    }
}
