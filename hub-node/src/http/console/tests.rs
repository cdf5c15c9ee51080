//! Serving of files from a made-up folder.

use std::collections::HashMap;

use http_body_util::BodyExt as _;

use super::*;

struct Folder(HashMap<&'static str, &'static str>);

impl Files for Folder {
    fn get(&self, path: &str) -> Option<File> {
        let content = self.0.get(path)?;
        let mut sha256 = [0; 32];
        sha256[..content.len().min(32)].copy_from_slice(&content.as_bytes()[..content.len().min(32)]);
        Some(File { content: Bytes::from_static(content.as_bytes()), sha256 })
    }
}

fn folder() -> Folder {
    Folder(HashMap::from([
        ("index.html", "<page>"),
        ("app-0123456789ab.js", "code"),
        ("app-0123456789ab.js.br", "br"),
        ("app-0123456789ab.js.gz", "gz"),
        ("sw.js", "worker"),
    ]))
}

fn get(path: &str, pairs: &[(&'static str, &str)]) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    serve_from(&folder(), &Method::GET, path, &headers, "r1")
}

async fn body(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn addresses_get_the_page_and_missing_files_do_not() {
    for path in ["/", "/retailers", "/retailers/0190/jobs", "/index.html"] {
        let response = get(path, &[]);
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header(&response, "cache-control"), "no-cache");
        assert_eq!(body(response).await, "<page>", "{path}");
    }
    for path in ["/missing.js", "/app-0123456789ab.js.br", "/../secret.txt", "/a/b.css"] {
        assert_eq!(get(path, &[]).status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_best_encoding_is_chosen_and_each_has_its_tag() {
    let mut tags = Vec::new();
    for (accepted, coding, content) in [
        ("gzip, deflate, br, zstd", "br", "br"),
        ("gzip", "gzip", "gz"),
        ("br;q=0, gzip", "gzip", "gz"),
        ("*", "br", "br"),
        ("identity", "", "code"),
        ("", "", "code"),
        ("gzip;q=0.0", "", "code"),
    ] {
        let response = get("/app-0123456789ab.js", &[("accept-encoding", accepted)]);
        assert_eq!(header(&response, "content-encoding"), coding, "{accepted}");
        assert_eq!(header(&response, "vary"), "accept-encoding");
        assert_eq!(header(&response, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header(&response, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&response, "content-length"), content.len().to_string());
        tags.push((coding, header(&response, "etag").to_owned()));
        assert_eq!(body(response).await, content, "{accepted}");
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "one tag for each encoding: {tags:?}");
}

#[tokio::test]
async fn a_known_tag_is_answered_without_a_body() {
    let tag = header(&get("/sw.js", &[]), "etag").to_owned();
    let response = get("/sw.js", &[("if-none-match", &format!("\"other\", {tag}"))]);
    assert_eq!(response.status(), 304);
    assert_eq!(header(&response, "etag"), tag);
    assert_eq!(body(response).await, "");
    assert_eq!(get("/sw.js", &[("if-none-match", "\"other\"")]).status(), 200);
}

#[tokio::test]
async fn without_files_a_page_says_what_to_do() {
    let nothing = Folder(HashMap::new());
    let response = serve_from(&nothing, &Method::GET, "/", &HeaderMap::new(), "r1");
    assert_eq!(response.status(), 503);
    assert!(body(response).await.contains("cargo xtask web"));
}

#[test]
fn files_can_only_be_read() {
    let response = serve_from(&folder(), &Method::POST, "/", &HeaderMap::new(), "r1");
    assert_eq!(response.status(), 405);
    assert_eq!(header(&response, "allow"), "GET, HEAD");
}
