//! A small HTTP server around a simulated platform: keeps what it was asked, and fails where it is told to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A request as the platform sees it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A value of the query, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let found = self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        let (mut out, mut bytes) = (Vec::new(), found.bytes());
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            } else {
                out.push(byte);
            }
        }
        Some(String::from_utf8(out).unwrap())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: Bytes::from(body.to_string()) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The rules of a platform.
pub(crate) trait Shop: Send + 'static {
    fn answer(&mut self, asked: &Asked) -> Reply;
}

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Answered in the platform's place.
    Instead(Reply),
    /// The line is cut before the platform hears of it.
    CutBefore,
    /// The platform has done it, and the line is cut before it can say so.
    CutAfter,
    /// Nothing ever comes.
    Silence,
}

struct Inner<S> {
    shop: S,
    /// For requests whose method and path hold the text, one each, in order.
    faults: VecDeque<(&'static str, Fault)>,
    asked: Vec<Asked>,
}

pub(crate) struct Server<S> {
    address: SocketAddr,
    inner: Arc<Mutex<Inner<S>>>,
    task: tokio::task::JoinHandle<()>,
}

impl<S> Drop for Server<S> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<S: Shop> Server<S> {
    /// The platform is told its own address.
    pub(crate) async fn start(make: impl FnOnce(&str) -> S) -> Self {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shop = make(&format!("http://{address}"));
        let inner = Arc::new(Mutex::new(Inner { shop, faults: VecDeque::new(), asked: Vec::new() }));
        let serving = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = Arc::clone(&serving);
                tokio::spawn(async move {
                    let service =
                        hyper::service::service_fn(move |request| answer(Arc::clone(&inner), request));
                    let _cut = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, inner, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn inner(&self) -> MutexGuard<'_, Inner<S>> {
        self.inner.lock().unwrap()
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.inner().shop)
    }

    pub(crate) fn fail(&self, on: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.inner().faults.extend(faults.into_iter().map(|fault| (on, fault)));
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.inner().asked.clone()
    }

    /// Waits until this holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await; // poll: requests come when they come
        }
        panic!("{what} did not come");
    }

    pub(crate) fn unused_faults(&self) -> usize {
        self.inner().faults.len()
    }
}

async fn answer<S: Shop>(
    inner: Arc<Mutex<Inner<S>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    let fault = {
        let mut inner = inner.lock().unwrap();
        inner.asked.push(asked.clone());
        let line = format!("{} {} {}", asked.method, asked.path, String::from_utf8_lossy(&asked.body));
        let at = inner.faults.iter().position(|(on, _)| line.contains(on));
        at.and_then(|at| inner.faults.remove(at)).map(|(_, fault)| fault)
    };
    let cut = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let reply = match fault {
        Some(Fault::Instead(reply)) => reply,
        Some(Fault::CutBefore) => return Err(cut()),
        Some(Fault::CutAfter) => {
            inner.lock().unwrap().shop.answer(&asked);
            return Err(cut());
        }
        Some(Fault::Silence) => {
            tokio::time::sleep(Duration::from_secs(60)).await; // slow: longer than any test waits
            return Err(cut());
        }
        None => inner.lock().unwrap().shop.answer(&asked),
    };
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).unwrap());
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(reply.body)).unwrap())
}
