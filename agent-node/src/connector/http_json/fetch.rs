//! Fetches pages: signs in, keeps a page on the disk until it is read, tries again what may pass.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::time::{Duration, SystemTime};

use actors::backoff::Backoff;
use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use messages::ErrorCode;
use messages::connector::{Credentials, HttpAuth, HttpJsonSource};
use tokio::time::{sleep, timeout};

use super::judge::{Sense, judge};
use crate::connector::file_source::off_thread;
use crate::connector::http::judge::{retry_after, said};
use crate::connector::http::{Begun, Client};
use crate::connector::{Failure, Means, scratch};

/// Waits are made different by a quarter, so that agents that were refused together do not come back together.
const JITTER: f64 = 0.25;
/// So many times more tries has a server that says itself when it wants to be asked again.
const PATIENCE: u32 = 10;
/// Of the words with which a server refuses.
const MOST_SAID: usize = 64 * 1024;
/// Written to the disk at once.
const WRITE: usize = 256 * 1024;

/// A page as it was sent, read from the front.
pub(super) struct Page {
    pub(super) file: File,
    pub(super) bytes: u64,
    pub(super) links: Vec<String>,
}

/// See the module.
pub(super) struct Fetch {
    client: Client,
    config: HttpJsonSource,
    signature: Option<(header::HeaderName, HeaderValue)>,
    means: Means,
    /// What had to be got over, for the run's log.
    pub(super) notes: Vec<String>,
}

impl Fetch {
    pub(super) fn new(
        config: &HttpJsonSource,
        credentials: Option<&Credentials>,
        means: &Means,
    ) -> Result<Self, Failure> {
        let client = Client::of_source(&config.url, &config.auth, means)?;
        let signature = signature(&config.auth, credentials)?;
        Ok(Self { client, config: config.clone(), signature, means: means.clone(), notes: Vec::new() })
    }

    /// The page at this address; none when there is none any more.
    pub(super) async fn page(&mut self, url: &str, first: bool) -> Result<Option<Page>, Failure> {
        let mut waits = Backoff::new(self.means.pace.first, self.means.pace.longest, JITTER);
        let mut tries = 0_u32;
        loop {
            tries += 1;
            let (failure, asked) = match self.once(url, first).await {
                Ok(page) => return Ok(page),
                Err(Setback::GiveUp(failure)) => return Err(failure),
                Err(Setback::Again(failure, asked)) => (failure, asked),
            };
            let pace = self.means.pace;
            // Who says when to come back is alive; that is borne for longer than silence and failure.
            let most = if asked.is_some() { pace.tries.saturating_mul(PATIENCE) } else { pace.tries };
            let detail = if tries >= most {
                format!("{}; given up after {tries} tries", failure.detail)
            } else if asked.is_some_and(|asked| asked > pace.most_asked) {
                let asked = asked.unwrap_or_default().as_secs();
                format!("{}; it asks to wait {asked} s, which is too long", failure.detail)
            } else {
                let wait = asked.unwrap_or_else(|| waits.next_wait());
                self.notes.push(format!("{}; trying again", failure.detail));
                sleep(wait).await;
                continue;
            };
            return Err(Failure::new(failure.code, detail));
        }
    }

    async fn once(&mut self, url: &str, first: bool) -> Result<Option<Page>, Setback> {
        let again = |failure: Failure| {
            if failure.code.retry_helps() { Setback::Again(failure, None) } else { Setback::GiveUp(failure) }
        };
        let within = Duration::from_secs(self.config.answer_s.into());
        let request = self.request(url).map_err(Setback::GiveUp)?;
        let Begun { response, line } = self.client.begin(request, within).await.map_err(again)?;
        let (head, mut body) = response.into_parts();
        let (host, most) = (self.client.host(), u64::from(self.config.page_mb) * 1_000_000);
        let broke =
            |what: &str| Failure::new(ErrorCode::SourceUnreadable, format!("the answer of {host} {what}"));
        if !head.status.is_success() {
            let words = http_body_util::Limited::new(body, MOST_SAID).collect();
            let words = timeout(within, words).await.ok().and_then(Result::ok).map(|words| words.to_bytes());
            let said = words.map(|words| said(&words)).unwrap_or_default();
            let asked = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let asked = asked.and_then(|text| retry_after(text, SystemTime::now()));
            return match judge(&host, head.status, asked, &said, first) {
                Sense::Page | Sense::End => Ok(None),
                Sense::Again(failure, asked) => Err(Setback::Again(failure, asked)),
                Sense::GiveUp(failure) => Err(Setback::GiveUp(failure)),
            };
        }
        if judge(&host, head.status, None, "", first) == Sense::End {
            self.client.keep(line);
            return Ok(None);
        }
        let folder = self.means.scratch.clone();
        let mut file = off_thread(move || scratch::file(&folder)).await.map_err(Setback::GiveUp)?;
        let (mut bytes, mut buffer) = (0_u64, Vec::with_capacity(WRITE));
        loop {
            let frame = timeout(within, body.frame()).await;
            let frame =
                frame.map_err(|_| again(broke(&format!("stands still for {} s", within.as_secs()))))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| again(broke(&format!("broke off: {error}"))))?;
            let Ok(data) = frame.into_data() else { continue };
            bytes += data.len() as u64;
            if bytes > most {
                let detail = format!(
                    "a page of {host} has more than {} MB; raise the limit of the source, or ask for smaller pages",
                    self.config.page_mb
                );
                return Err(Setback::GiveUp(Failure::new(ErrorCode::SourceMalformed, detail)));
            }
            buffer.extend_from_slice(&data);
            if buffer.len() >= WRITE {
                (file, buffer) = written(file, buffer).await.map_err(Setback::GiveUp)?;
            }
        }
        (file, _) = written(file, buffer).await.map_err(Setback::GiveUp)?;
        file.rewind().map_err(|error| Setback::GiveUp(scratch::failed(&error)))?;
        self.client.keep(line);
        let links = head.headers.get_all(header::LINK).iter();
        let links = links.filter_map(|value| value.to_str().ok().map(str::to_owned)).collect();
        Ok(Some(Page { file, bytes, links }))
    }

    fn request(&self, url: &str) -> Result<Request<Full<Bytes>>, Failure> {
        let wrong = || {
            let shown = url.split('?').next().unwrap_or_default();
            Failure::new(ErrorCode::SourceMalformed, format!("\"{shown}\" cannot be asked: it is no address"))
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut request = Request::get(path)
            .header(header::ACCEPT, "application/json")
            // The limits are those of what is unpacked.
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Full::default())
            .map_err(|_| wrong())?;
        if let Some((name, value)) = &self.signature {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        Ok(request)
    }
}

enum Setback {
    Again(Failure, Option<Duration>),
    GiveUp(Failure),
}

/// Writes what was gathered, and gives the room for it back.
async fn written(mut file: File, mut buffer: Vec<u8>) -> Result<(File, Vec<u8>), Failure> {
    off_thread(move || {
        file.write_all(&buffer).map_err(|error| scratch::failed(&error))?;
        buffer.clear();
        Ok((file, buffer))
    })
    .await
}

/// The header that signs in.
fn signature(
    auth: &HttpAuth,
    credentials: Option<&Credentials>,
) -> Result<Option<(header::HeaderName, HeaderValue)>, Failure> {
    let refused = |detail: &str| Failure::new(ErrorCode::SourceRefused, detail);
    let missing = || refused("the secret of the source is missing; enter it in the job");
    let (name, text) = match (auth, credentials) {
        (HttpAuth::None, _) => return Ok(None),
        (HttpAuth::Bearer, Some(Credentials::Token { token })) => {
            (header::AUTHORIZATION, format!("Bearer {}", token.expose()))
        }
        (HttpAuth::Header { name }, Some(Credentials::Token { token })) => {
            let name = name.to_lowercase().parse().map_err(|_| refused("the name of the header is none"))?;
            (name, token.expose().to_owned())
        }
        (HttpAuth::Basic { user }, Some(Credentials::Password { password })) => {
            let pair = format!("{user}:{}", password.expose());
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            (header::AUTHORIZATION, format!("Basic {encoded}"))
        }
        _ => return Err(missing()),
    };
    let mut value =
        HeaderValue::from_str(&text).map_err(|_| refused("the secret cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}
