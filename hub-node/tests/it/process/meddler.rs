//! What stands between a shop and the world: a proxy that lets requests through and does something to WebSockets, or
//! loses answers. Speaks as much HTTP/1.1 as hub and agents do.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What happens to an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocks {
    Nothing,
    /// Answered in the hub's place.
    Status(u16),
    /// The headers that ask for it are taken out; the hub sees a plain request.
    Strips,
    /// The connection is reset instead of an answer.
    ResetsTheUpgrade,
    /// The upgrade is answered, and the connection is reset with the first frame.
    ResetsTheFrames,
    /// The upgrade is answered, and then nothing passes.
    Swallows,
}

#[derive(Clone)]
pub(super) struct Meddler {
    pub(super) url: String,
    blocks: Arc<Mutex<Blocks>>,
    /// Of the answers about frames, each so-and-so-manyth is lost; 0 is none.
    lose_each: Arc<AtomicU32>,
    pub(super) lost: Arc<AtomicU32>,
    answers: Arc<AtomicU32>,
    pub(super) upgraded: Arc<AtomicU32>,
    cut: Arc<Mutex<CancellationToken>>,
}

impl Meddler {
    /// Stands before the hub at `behind`.
    pub(super) async fn before(hub: &str, blocks: Blocks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let meddler = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            blocks: Arc::new(Mutex::new(blocks)),
            lose_each: Arc::default(),
            lost: Arc::default(),
            answers: Arc::default(),
            upgraded: Arc::default(),
            cut: Arc::default(),
        };
        let (own, behind) = (meddler.clone(), hub.trim_start_matches("http://").to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (own, behind) = (own.clone(), behind.clone());
                let cut = own.cut.lock().unwrap().clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = cut.cancelled() => {}
                        _broken = own.serve(stream, &behind) => {}
                    }
                });
            }
        });
        meddler
    }

    pub(super) fn set(&self, blocks: Blocks) {
        *self.blocks.lock().unwrap() = blocks;
    }

    /// From now on each `each`-th answer about frames does not arrive.
    pub(super) fn lose(&self, each: u32) {
        self.lose_each.store(each, Ordering::SeqCst);
    }

    /// Ends every connection.
    pub(super) fn cut(&self) {
        std::mem::take(&mut *self.cut.lock().unwrap()).cancel();
    }

    async fn serve(&self, stream: TcpStream, behind: &str) -> io::Result<()> {
        let server = TcpStream::connect(behind).await?;
        let (from_client, mut to_client) = stream.into_split();
        let (from_server, mut to_server) = server.into_split();
        let (mut from_client, mut from_server) = (BufReader::new(from_client), BufReader::new(from_server));
        loop {
            let mut request = Message::read(&mut from_client).await?;
            let upgrade = request.header("upgrade").is_some();
            let blocks = if upgrade { *self.blocks.lock().unwrap() } else { Blocks::Nothing };
            match blocks {
                Blocks::Status(status) => {
                    let page = "<html>not here</html>";
                    let answer =
                        format!("HTTP/1.1 {status} No\r\ncontent-length: {}\r\n\r\n{page}", page.len());
                    return to_client.write_all(answer.as_bytes()).await;
                }
                Blocks::ResetsTheUpgrade => return reset(from_client, to_client),
                Blocks::Strips => {
                    request.head.retain(|line| !line.to_lowercase().starts_with("upgrade"));
                    request.head.retain(|line| !line.to_lowercase().starts_with("connection"));
                }
                Blocks::Nothing | Blocks::ResetsTheFrames | Blocks::Swallows => {}
            }
            to_server.write_all(&request.bytes()).await?;
            let answer = Message::read(&mut from_server).await?;
            if answer.head[0].contains(" 101 ") {
                self.upgraded.fetch_add(1, Ordering::SeqCst);
                to_client.write_all(&answer.bytes()).await?;
                return after_the_upgrade(blocks, from_client, to_client, from_server, to_server).await;
            }
            if request.head[0].contains("/frames") && self.loses() {
                return Ok(());
            }
            to_client.write_all(&answer.bytes()).await?;
        }
    }

    fn loses(&self) -> bool {
        let each = self.lose_each.load(Ordering::SeqCst);
        let answer = self.answers.fetch_add(1, Ordering::SeqCst);
        let loses = each > 0 && answer.is_multiple_of(each);
        if loses {
            self.lost.fetch_add(1, Ordering::SeqCst);
        }
        loses
    }
}

async fn after_the_upgrade(
    blocks: Blocks,
    mut from_client: BufReader<OwnedReadHalf>,
    mut to_client: OwnedWriteHalf,
    mut from_server: BufReader<OwnedReadHalf>,
    mut to_server: OwnedWriteHalf,
) -> io::Result<()> {
    match blocks {
        Blocks::ResetsTheFrames => {
            from_client.read_u8().await?;
            reset(from_client, to_client)
        }
        Blocks::Swallows => {
            let mut nowhere = tokio::io::sink();
            tokio::io::copy(&mut from_client, &mut nowhere).await.map(drop)
        }
        _ => {
            tokio::select! {
                up = tokio::io::copy(&mut from_client, &mut to_server) => up.map(drop),
                down = tokio::io::copy(&mut from_server, &mut to_client) => down.map(drop),
            }
        }
    }
}

/// Ends the connection with a reset instead of an orderly end.
fn reset(from: BufReader<OwnedReadHalf>, to: OwnedWriteHalf) -> io::Result<()> {
    let stream = from.into_inner().reunite(to).map_err(io::Error::other)?;
    stream.set_zero_linger()
}

/// A request or an answer.
struct Message {
    head: Vec<String>,
    body: Vec<u8>,
}

impl Message {
    async fn read(from: &mut BufReader<OwnedReadHalf>) -> io::Result<Self> {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let mut message = Self { head, body: Vec::new() };
        let length = message.header("content-length").map_or(0, |value| value.parse().unwrap());
        message.body = vec![0; length];
        from.read_exact(&mut message.body).await?;
        Ok(message)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.iter().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    fn bytes(&self) -> Vec<u8> {
        [format!("{}\r\n\r\n", self.head.join("\r\n")).as_bytes(), &self.body].concat()
    }
}
