//! The line between the demo's store and its hub: a relay on this machine that can be cut and mended. While it is cut,
//! connections end and new ones are refused, as with a router without power.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

/// How soon a new connection is seen.
const GLANCE: Duration = Duration::from_millis(20);
/// Read at once.
const PIECE: usize = 16 * 1024;

/// A cheap handle; the relay ends with the process.
#[derive(Clone)]
pub(super) struct Line(Arc<Inner>);

struct Inner {
    hub: SocketAddr,
    cut: AtomicBool,
    next: AtomicU64,
    /// Both ends of each connection, to be shut when the line is cut.
    open: Mutex<Vec<(u64, TcpStream)>>,
}

impl Line {
    /// Listens on `port` for connections to `hub`.
    pub(super) fn open(port: u16, hub: SocketAddr) -> Result<Self> {
        let inner =
            Inner { hub, cut: AtomicBool::new(false), next: AtomicU64::new(0), open: Mutex::default() };
        let line = Self(Arc::new(inner));
        let listener = listen(port)?;
        let own = line.clone();
        std::thread::Builder::new().name("line".into()).spawn(move || own.carry(port, Some(listener)))?;
        Ok(line)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::Relaxed)
    }

    pub(super) fn set_cut(&self, cut: bool) {
        self.0.cut.store(cut, Ordering::Relaxed);
        if cut {
            for (_, end) in self.ends().drain(..) {
                // One that is closed already is as good.
                let _closed = end.shutdown(Shutdown::Both);
            }
        }
    }

    fn ends(&self) -> std::sync::MutexGuard<'_, Vec<(u64, TcpStream)>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port is given back while the line is cut, so that nobody answers there.
    fn carry(&self, port: u16, mut listener: Option<TcpListener>) {
        loop {
            if self.is_cut() {
                listener = None;
            } else if listener.is_none() {
                listener = listen(port).ok();
            }
            match listener.as_ref().map(TcpListener::accept) {
                Some(Ok((store, _))) => self.connect(store),
                _ => std::thread::sleep(GLANCE),
            }
        }
    }

    fn connect(&self, store: TcpStream) {
        let Ok(hub) = TcpStream::connect(self.0.hub) else { return };
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        for (from, to) in [(&store, &hub), (&hub, &store)] {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { return };
            if from.set_nonblocking(false).is_err() {
                return;
            }
            let own = self.clone();
            let carried = std::thread::Builder::new().name("line".into()).spawn(move || {
                pump(&from, &to);
                own.ends().retain(|(other, _)| *other != number);
            });
            if carried.is_err() {
                return;
            }
        }
        self.ends().extend([(number, store), (number, hub)]);
        if self.is_cut() {
            // Cut between the acceptance and here.
            self.set_cut(true);
        }
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("the line's port {port} is taken by another program"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Carries bytes one way until either side ends.
fn pump(mut from: &TcpStream, mut to: &TcpStream) {
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if piece.get(..read).is_none_or(|piece| to.write_all(piece).is_err()) {
            break;
        }
    }
    // Whatever ended it, both ends know now.
    let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each line with itself.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                std::thread::spawn(move || pump(&stream.try_clone().unwrap(), &stream));
            }
        });
        address
    }

    fn answers(port: u16) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
        let mut answer = [0; 4];
        stream.write_all(b"ping").is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"ping"
    }

    #[test]
    fn a_cut_line_carries_nothing_and_a_mended_one_does() {
        let port = crate::stage::free_port(None).unwrap();
        let line = Line::open(port, echo()).unwrap();
        let until = |wanted: bool| {
            for _ in 0..1_000 {
                if answers(port) == wanted {
                    return true;
                }
                std::thread::sleep(GLANCE); // poll: looked at again
            }
            false
        };
        assert!(until(true));
        let mut held = TcpStream::connect(("127.0.0.1", port)).unwrap();
        held.write_all(b"ping").unwrap();
        let mut answer = [0; 4];
        held.read_exact(&mut answer).unwrap();
        line.set_cut(true);
        assert_eq!(held.read(&mut answer).unwrap_or(0), 0, "what was open ends");
        assert!(until(false) && line.is_cut());
        line.set_cut(false);
        assert!(until(true));
    }
}
