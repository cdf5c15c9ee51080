//! A line that fails on demand: what the kernel's own faults would do, without needing root.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Whole,
    /// Everything is swallowed, and nobody is told.
    Silent,
    /// Open connections are closed, new ones as soon as they are made.
    Cut,
    /// A kilobyte at a time.
    Slow,
    /// What the edge says arrives; what the hub says does not.
    OneWay,
}

pub(crate) struct Proxy {
    port: u16,
    line: watch::Sender<Line>,
}

impl Proxy {
    pub(crate) async fn before(hub: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = watch::Sender::new(Line::Whole);
        let seen = line.subscribe();
        tokio::spawn(async move {
            while let Ok((edge, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move {
                    let Ok(hub) = TcpStream::connect(("127.0.0.1", hub)).await else { return };
                    let ((from_edge, to_edge), (from_hub, to_hub)) = (edge.into_split(), hub.into_split());
                    tokio::select! {
                        () = carry(from_edge, to_hub, seen.clone(), false) => {}
                        () = carry(from_hub, to_edge, seen.clone(), true) => {}
                        () = cut(seen) => {}
                    }
                });
            }
        });
        Self { port, line }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn cut(mut line: watch::Receiver<Line>) {
    if line.wait_for(|line| *line == Line::Cut).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: watch::Receiver<Line>, back: bool) {
    let mut bytes = [0; 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut bytes).await else { return };
        let now = *line.borrow();
        match now {
            Line::Silent => continue,
            Line::OneWay if back => continue,
            Line::Slow => tokio::time::sleep(Duration::from_millis(5)).await, // slow: stands for a bad line
            Line::Whole | Line::OneWay | Line::Cut => {}
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
