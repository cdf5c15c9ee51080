//! The accept loop: TLS and greeting in a task for each connection, within limits, so that who comes slowly, silently or
//! wrongly costs others nothing.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use messages::ids::BootId;
use ractor::ActorRef;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsStream;

use super::Shared;
use super::envelope::{OLDEST, PROTOCOL};
use super::greeting::{Hello, Secrets, Unwelcome, Welcome, hear, judge_hello, say};
use super::keeper::KeeperMsg;
use super::{lock, socket, tls};

/// Connections that have not greeted yet. At the limit the oldest is closed: a node greets within milliseconds, so
/// what is old is not one.
const MAX_HALF_OPEN: usize = 64;
/// After a failure to accept, such as too many open files.
const BREATH: Duration = Duration::from_millis(100);
/// The same complaint about the same machine is logged once in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(600);
/// Complaints remembered.
const MAX_COMPLAINTS: usize = 64;

/// A connection of another node that has greeted.
pub(super) struct Guest {
    pub(super) boot: BootId,
    pub(super) address: String,
    pub(super) stream: Box<TlsStream<TcpStream>>,
}

/// Accepts until the task is aborted.
pub(super) async fn run(shared: Arc<Shared>, secrets: Arc<Secrets>, keeper: ActorRef<KeeperMsg>) {
    let Some(listener) = lock(&shared.listener).clone() else { return };
    let mut guests = JoinSet::new();
    let mut order: VecDeque<AbortHandle> = VecDeque::new();
    let complaints = Arc::new(Complaints::default());
    loop {
        while guests.try_join_next().is_some() {}
        let (tcp, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                complaints.log(IpAddr::from([0, 0, 0, 0]), &format!("cannot accept: {error}"));
                sleep(BREATH).await;
                continue;
            }
        };
        order.retain(|task| !task.is_finished());
        if order.len() >= MAX_HALF_OPEN
            && let Some(oldest) = order.pop_front()
        {
            oldest.abort();
        }
        let (shared, secrets, keeper) = (shared.clone(), secrets.clone(), keeper.clone());
        let complaints = complaints.clone();
        order.push_back(guests.spawn(async move {
            match receive(&shared, &secrets, tcp).await {
                Ok(guest) => {
                    if keeper.cast(KeeperMsg::Accepted(Box::new(guest))).is_err() {
                        tracing::debug!("a node has come while the keeper of links ends");
                    }
                }
                Err(problem) => complaints.log(from.ip(), &problem),
            }
        }));
    }
}

async fn receive(shared: &Shared, secrets: &Secrets, tcp: TcpStream) -> Result<Guest, String> {
    let patience = shared.config.terms.handshake;
    socket::tune(&tcp).map_err(|error| error.to_string())?;
    let tls = shared.tls();
    let encrypted = timeout(patience, tls.acceptor().accept(tcp))
        .await
        .map_err(|_| format!("no TLS handshake within {patience:?}"))?
        .map_err(|error| tls::explain(&error))?;
    let mut stream = Box::new(TlsStream::from(encrypted));
    let greet = async {
        let failed = |error: std::io::Error| format!("no greeting: {}", tls::explain(&error));
        let hello: Hello = hear(&mut stream).await.map_err(failed)?;
        let judged = tls
            .check_client(stream.get_ref().1.peer_certificates())
            .map_err(|why| Unwelcome::certificate(&why))
            .and_then(|()| judge_hello(&hello, shared.boot, &secrets.mark));
        let welcome = Welcome {
            protocol: PROTOCOL,
            oldest: OLDEST,
            boot: shared.boot,
            refused: judged.as_ref().err().cloned(),
        };
        say(&mut stream, &welcome).await.map_err(failed)?;
        match judged {
            Ok(()) => Ok(hello),
            Err(refused) => Err(format!("refused the node {} at {}: {refused}", hello.from, hello.address)),
        }
    };
    let hello = timeout(patience, greet).await.map_err(|_| format!("no greeting within {patience:?}"))??;
    Ok(Guest { boot: hello.from, address: hello.address, stream })
}

/// What was logged lately about whom.
#[derive(Default)]
struct Complaints {
    said: Mutex<HashMap<(IpAddr, String), Instant>>,
}

impl Complaints {
    fn log(&self, from: IpAddr, problem: &str) {
        let now = Instant::now();
        let mut said = lock(&self.said);
        if said.len() >= MAX_COMPLAINTS {
            said.retain(|_, at| now.duration_since(*at) < COMPLAIN_EVERY);
            if said.len() >= MAX_COMPLAINTS {
                tracing::debug!(%from, problem, "a connection for hub links has failed");
                return;
            }
        }
        let key = (from, problem.to_owned());
        if said.get(&key).is_none_or(|at| now.duration_since(*at) >= COMPLAIN_EVERY) {
            said.insert(key, now);
            tracing::warn!(%from, problem, "a connection for hub links has failed; said once in ten minutes");
        }
    }
}
