//! The line between a store and head office, which fails on demand and can be led to another node: what the kernel's own
//! faults and a balancer would do, without needing root.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Whole,
    /// Open connections are closed, new ones as soon as they are made.
    Cut,
    /// Everything is swallowed, and nobody is told.
    Silent,
    /// What the edge says arrives; what the hub says does not.
    OneWay,
    /// Two kilobytes at a time.
    Slow,
}

pub(super) struct Line {
    port: u16,
    state: watch::Sender<State>,
    /// Counts what ended all connections; beside it the port they lead to.
    way: watch::Sender<(u64, u16)>,
}

impl Line {
    /// To the hub at this address.
    pub(super) async fn to(hub: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, way) = (watch::Sender::new(State::Whole), watch::Sender::new((0, port_of(hub))));
        let (seen, ways) = (state.subscribe(), way.subscribe());
        tokio::spawn(async move {
            while let Ok((edge, _)) = listener.accept().await {
                tokio::spawn(connect(edge, seen.clone(), ways.clone()));
            }
        });
        Self { port, state, way }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    /// From now on it leads to another node, and what is open breaks.
    pub(super) fn lead_to(&self, hub: &str) {
        self.way.send_modify(|(turn, port)| (*turn, *port) = (*turn + 1, port_of(hub)));
    }
}

fn port_of(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

async fn connect(edge: TcpStream, state: watch::Receiver<State>, mut way: watch::Receiver<(u64, u16)>) {
    let port = way.borrow_and_update().1;
    let Ok(hub) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    edge.set_nodelay(true).unwrap();
    hub.set_nodelay(true).unwrap();
    let ((from_edge, to_edge), (from_hub, to_hub)) = (edge.into_split(), hub.into_split());
    let mut cut = state.clone();
    tokio::select! {
        () = carry(from_edge, to_hub, state.clone(), false) => {}
        () = carry(from_hub, to_edge, state, true) => {}
        _ = cut.wait_for(|state| *state == State::Cut) => {}
        _ = way.changed() => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: watch::Receiver<State>, back: bool) {
    let mut bytes = [0; 2048];
    loop {
        let Ok(read @ 1..) = from.read(&mut bytes).await else { return };
        let now = *state.borrow();
        match now {
            State::Silent => continue,
            State::OneWay if back => continue,
            State::Slow => tokio::time::sleep(Duration::from_millis(20)).await, // slow: stands for a bad line
            State::Whole | State::OneWay | State::Cut => {}
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
