//! A line to the database on which commands are noted, and which breaks at one of them if it is told to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where the line breaks, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The command does not arrive.
    Before(&'static str),
    /// The command arrives and is carried out; its answer gets lost.
    After(&'static str),
}

/// Clones are of the same line.
#[derive(Clone)]
pub(super) struct Wire {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    break_at: Arc<Mutex<Option<Break>>>,
    broken: Arc<watch::Sender<bool>>,
}

impl Wire {
    pub(super) async fn to(uri: &str) -> Self {
        let server = uri.trim_start_matches("mongodb://").split(['/', '?']).next().unwrap().to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let wire = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
            break_at: Arc::default(),
            broken: Arc::new(watch::Sender::new(false)),
        };
        let own = wire.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *own.broken.borrow() {
                    continue;
                }
                let server = TcpStream::connect(&server).await.unwrap();
                let (own, mut broken) = (own.clone(), own.broken.subscribe());
                tokio::spawn(async move {
                    // Whichever comes first closes both sides.
                    tokio::select! {
                        () = own.carry(client, server) => {}
                        _ = broken.wait_for(|broken| *broken) => {}
                    }
                });
            }
        });
        wire
    }

    pub(super) fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)
    }

    /// Names and collections of the commands since it was asked last.
    pub(super) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    pub(super) fn break_at(&self, place: Break) {
        *self.break_at.lock().unwrap() = Some(place);
    }

    fn snap(&self) {
        self.broken.send_replace(true);
    }

    /// Waits until it is broken.
    pub(super) async fn broken(&self) {
        self.broken.subscribe().wait_for(|broken| *broken).await.unwrap();
    }

    /// Both ways, until one of them ends.
    async fn carry(&self, client: TcpStream, server: TcpStream) {
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let last = AtomicBool::new(false);
        tokio::select! {
            () = self.there(from_client, to_server, &last) => {}
            () = self.back(from_server, to_client, &last) => {}
        }
    }

    async fn there(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, last: &AtomicBool) {
        while let Some(message) = read(&mut from).await {
            let command = command(&message);
            let name = command.clone().unwrap_or_default();
            self.seen.lock().unwrap().extend(command);
            let place = *self.break_at.lock().unwrap();
            match place {
                Some(Break::Before(at)) if at == name => return self.snap(),
                Some(Break::After(at)) if at == name => last.store(true, Ordering::SeqCst),
                _ => {}
            }
            if to.write_all(&message).await.is_err() {
                return;
            }
        }
    }

    async fn back(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, last: &AtomicBool) {
        while let Some(message) = read(&mut from).await {
            if last.load(Ordering::SeqCst) {
                return self.snap();
            }
            if to.write_all(&message).await.is_err() {
                return;
            }
        }
    }
}

/// A whole message with its length.
async fn read(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).await.ok()?;
    let mut message = vec![0; usize::try_from(i32::from_le_bytes(length)).unwrap()];
    message[..4].copy_from_slice(&length);
    from.read_exact(&mut message[4..]).await.ok()?;
    Some(message)
}

/// Nothing for what keeps the connection.
fn command(message: &[u8]) -> Option<String> {
    const OP_MSG: i32 = 2013;
    if i32::from_le_bytes(message[12..16].try_into().unwrap()) != OP_MSG {
        return None;
    }
    let body = bson::RawDocument::from_bytes(document(&message[21..])).unwrap();
    let (name, value) = body.iter().next()?.unwrap();
    let on = value.as_str().unwrap_or_default();
    let keeps = ["hello", "ping", "endSessions", "isMaster", "ismaster"].contains(&name.as_str());
    (!keeps).then(|| format!("{} {on}", name.as_str()).trim_end().to_owned())
}

/// The first document in these bytes; sequences may follow it.
fn document(bytes: &[u8]) -> &[u8] {
    &bytes[..usize::try_from(i32::from_le_bytes(bytes[..4].try_into().unwrap())).unwrap()]
}
