//! The console's files, embedded at build time from `target/web`: negotiated encodings, ETags, and the page itself
//! for every address inside the console.
//!
//! Without the console having been built, a page says how to build it; the hub's interfaces work all the same.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, Method, StatusCode};
use messages::{ErrorCode, Problem};
use rust_embed::RustEmbed;
use warp::reply::Response;

use super::reply::{self, refusal};

#[derive(RustEmbed)]
#[folder = "../target/web"]
#[allow_missing = true]
struct Web;

const PAGE: &str = "index.html";
const NOT_BUILT: &str = "<!doctype html><html lang=en><title>GrocerySync</title>\
    <h1>The console has not been built</h1>\
    <p>Run <code>cargo xtask web</code>, then build the hub again. The interface under <code>/api/v1</code> works.\n";

/// One file, and the fingerprint of its content.
struct File {
    content: Bytes,
    sha256: [u8; 32],
}

/// Where files come from: the embedded ones, or a test's.
trait Files {
    fn get(&self, path: &str) -> Option<File>;
}

struct Embedded;

impl Files for Embedded {
    fn get(&self, path: &str) -> Option<File> {
        let file = Web::get(path)?;
        let sha256 = file.metadata.sha256_hash();
        let content = match file.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Some(File { content, sha256 })
    }
}

pub(super) fn serve(method: &Method, path: &str, headers: &HeaderMap, request_id: &str) -> Response {
    serve_from(&Embedded, method, path, headers, request_id)
}

fn serve_from(
    files: &impl Files,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    request_id: &str,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let problem = Problem::new(ErrorCode::MethodNotAllowed, "files can only be read");
        let mut response = refusal(problem, request_id);
        reply::allow(&mut response, &[Method::GET, Method::HEAD]);
        return response;
    }
    let name = path.trim_start_matches('/');
    if name == MANUAL {
        return manual();
    }
    if is_address(name) {
        return send(files, PAGE, headers).unwrap_or_else(not_built);
    }
    // The compressed siblings are answers to negotiation, not files of their own.
    let found =
        if name.ends_with(".br") || name.ends_with(".gz") { None } else { send(files, name, headers) };
    found.unwrap_or_else(|| refusal(Problem::new(ErrorCode::NotFound, "there is no such file"), request_id))
}

/// The page that problem documents point to, readable on the hub that sent them.
const MANUAL: &str = "docs/protocol";

fn manual() -> Response {
    let text = include_str!("../../../docs/protocol.md");
    let mut response = Response::new(Bytes::from_static(text.as_bytes()).into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// An address inside the console has no extension; a file has one.
fn is_address(name: &str) -> bool {
    !name.rsplit('/').next().unwrap_or_default().contains('.') || name == PAGE
}

fn send(files: &impl Files, name: &str, headers: &HeaderMap) -> Option<Response> {
    let plain = files.get(name)?;
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let packed = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(accepted, coding))
        .find_map(|(coding, extension)| {
            files.get(&format!("{name}.{extension}")).map(|file| (file.content, coding))
        });
    let (content, coding) = packed.map_or((plain.content, None), |(content, coding)| (content, Some(coding)));
    let etag = etag(&plain.sha256, coding);
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|list| list.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
    let length = content.len();
    let mut response = Response::new(if known { Bytes::new() } else { content }.into());
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let out = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(ETAG, etag);
    }
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let caching = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    out.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if !known {
        out.insert(CONTENT_TYPE, HeaderValue::from_static(media_of(name)));
        out.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(coding) = coding {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
    }
    Some(response)
}

fn not_built() -> Response {
    let mut response = Response::new(NOT_BUILT.into());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Does this `Accept-Encoding` take the coding? A weight of zero means no.
fn accepts(list: &str, coding: &str) -> bool {
    let weight_of = |wanted: &str| {
        list.split(',').find_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let name = parts.next()?;
            let refused = parts.any(|part| {
                part.strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
            });
            name.eq_ignore_ascii_case(wanted).then_some(!refused)
        })
    };
    weight_of(coding).or_else(|| weight_of("*")).unwrap_or(false)
}

/// One for each encoding: they are different bytes.
fn etag(sha256: &[u8; 32], coding: Option<&str>) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("\"");
    for byte in &sha256[..12] {
        // Writing to a string does not fail.
        let _written = write!(text, "{byte:02x}");
    }
    if let Some(coding) = coding {
        text.push('-');
        text.push_str(coding);
    }
    text.push('"');
    text
}

/// `name-<12 hexadecimal digits>.ext`: the name changes with the content, so it may be kept for ever.
fn is_hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default();
    stem.rsplit_once('-')
        .is_some_and(|(_, hash)| hash.len() == 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn media_of(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
