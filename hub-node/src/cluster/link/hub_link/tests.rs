//! The actor by itself, with messages as they come off the wire.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::BoxFuture;
use ractor::rpc::CallResult;
use tokio::net::TcpListener;

use super::super::api::{Inbound, LinkConfig, LinkTerms, Lost};
use super::super::envelope::{Raw, read_outcome};
use super::super::tls::LinkTls;
use super::*;

const LONG: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Notes {
    told: Mutex<Vec<String>>,
}

impl Inbound for Notes {
    fn ask(&self, _: BootId, body: Bytes, _: Instant, _: Option<Trace>) -> BoxFuture<'static, Bytes> {
        Box::pin(async move {
            match &body[..] {
                b"hang" => std::future::pending().await,
                b"panic" => panic!("asked to"),
                _ => body,
            }
        })
    }

    fn tell(&self, _: BootId, body: Bytes) {
        self.told.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
    }

    fn missed(&self, _: BootId, tells: u64) {
        self.told.lock().unwrap().push(format!("missed {tells}"));
    }

    fn link_up(&self, _: BootId) {}

    fn link_down(&self, _: BootId, _: Lost) {}
}

/// A certificate is needed to be complete; nothing is connected here.
fn tls() -> LinkTls {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![super::super::tls::NAME.to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let leaf = rcgen::CertificateParams::new(vec![super::super::tls::NAME.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    LinkTls::from_pem(leaf.pem().as_bytes(), key.serialize_pem().as_bytes(), authority.pem().as_bytes())
        .unwrap()
}

async fn start(window: usize) -> (ActorRef<LinkMsg>, Arc<Notes>, Arc<Shared>) {
    let notes = Arc::new(Notes::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let terms = LinkTerms { window, ..LinkTerms::default() };
    let config = LinkConfig {
        listen: address,
        address: address.to_string(),
        cluster: "test".into(),
        tls: tls(),
        terms,
    };
    let shared = Arc::new(Shared {
        boot: BootId::new(),
        tls: std::sync::RwLock::new(config.tls.clone()),
        config,
        local_address: address,
        listener: Mutex::new(None),
        inbound: notes.clone(),
        live: std::sync::RwLock::default(),
        wanted: Mutex::default(),
        keeper: Mutex::default(),
        views: Mutex::default(),
        counts: Counts::default(),
    });
    let (link, _) = Actor::spawn(None, HubLink, shared.clone()).await.unwrap();
    (link, notes, shared)
}

fn envelope(from: BootId, life: u64, dropped: u64, left_ms: u64, body: &[u8]) -> Vec<u8> {
    let (protocol, msg_id, trace) = (PROTOCOL, 1, None);
    write(&Envelope { protocol, from, life, msg_id, left_ms, dropped, trace, body: Raw(body) }).unwrap()
}

async fn ask(link: &ActorRef<LinkMsg>, bytes: Vec<u8>) -> Outcome {
    match link.call(|reply| LinkMsg::Ask(bytes, reply), Some(LONG)).await.unwrap() {
        CallResult::Success(bytes) => read_outcome(bytes.into()),
        other => panic!("no answer at all: {other:?}"),
    }
}

/// Through the form that a message has between nodes.
fn over_the_wire(message: LinkMsg) -> LinkMsg {
    LinkMsg::deserialize(message.serialize().unwrap()).unwrap()
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_its_reason_and_harms_nothing() {
    let (link, notes, shared) = start(4).await;
    let refused = |outcome| match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    };
    assert!(matches!(refused(ask(&link, b"hello".to_vec()).await), Refusal::Garbage(_)));
    assert!(matches!(refused(ask(&link, Vec::new()).await), Refusal::Garbage(_)));
    #[derive(serde::Serialize)]
    struct Newer {
        protocol: u16,
    }
    let newer = write(&Newer { protocol: 7 }).unwrap();
    assert!(matches!(refused(ask(&link, newer.clone()).await), Refusal::UnsupportedProtocol(_)));
    link.cast(LinkMsg::Tell(newer.clone())).unwrap();
    link.cast(LinkMsg::Tell(b"hello".to_vec())).unwrap();
    let pinged = link.call(|reply| LinkMsg::Ping(newer, reply), Some(LONG)).await.unwrap();
    let CallResult::Success(bytes) = pinged else { panic!("{pinged:?}") };
    assert!(matches!(refused(read_outcome(bytes.into())), Refusal::UnsupportedProtocol(_)));

    let large = envelope(BootId::new(), 1, 0, 1_000, &vec![0; MAX_BODY + 1]);
    assert!(matches!(refused(ask(&link, large).await), Refusal::Garbage(_)));

    let well = envelope(BootId::new(), 1, 0, 1_000, b"well");
    assert_eq!(ask(&link, well).await, Outcome::Done(Bytes::from_static(b"well")));
    assert_eq!(*notes.told.lock().unwrap(), Vec::<String>::new());
    assert_eq!(shared.counts.unreadable.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn kinds_of_a_newer_version_are_refused_and_not_lost() {
    let (link, _, shared) = start(4).await;
    let (port, answer) = ractor::concurrency::oneshot();
    let call = SerializedMessage::Call {
        variant: "subscribe".into(),
        args: vec![1],
        reply: port.into(),
        metadata: None,
    };
    link.cast(LinkMsg::deserialize(call).unwrap()).unwrap();
    let outcome = read_outcome(answer.await.unwrap().into());
    assert!(matches!(outcome, Outcome::Refused(Refusal::UnsupportedProtocol(_))), "{outcome:?}");
    let cast = SerializedMessage::Cast { variant: "whisper".into(), args: vec![1], metadata: None };
    link.cast(LinkMsg::deserialize(cast).unwrap()).unwrap();
    let well = envelope(BootId::new(), 1, 0, 1_000, b"well");
    assert_eq!(ask(&link, well).await, Outcome::Done(Bytes::from_static(b"well")));
    assert_eq!(shared.counts.unreadable.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn messages_keep_their_kind_over_the_wire() {
    let (port, _answer) = ractor::concurrency::oneshot();
    assert!(
        matches!(over_the_wire(LinkMsg::Ask(vec![1], port.into())), LinkMsg::Ask(body, _) if body == [1])
    );
    let (port, _answer) = ractor::concurrency::oneshot();
    assert!(
        matches!(over_the_wire(LinkMsg::Ping(vec![2], port.into())), LinkMsg::Ping(body, _) if body == [2])
    );
    assert!(matches!(over_the_wire(LinkMsg::Tell(vec![3])), LinkMsg::Tell(body) if body == [3]));
    assert!(LinkMsg::serializable());
}

#[tokio::test]
async fn one_caller_cannot_take_the_place_of_another() {
    let (link, _, shared) = start(2).await;
    let (greedy, modest) = (BootId::new(), BootId::new());
    let hung: Vec<_> = (0..4)
        .map(|_| {
            let (link, bytes) = (link.clone(), envelope(greedy, 1, 0, 60_000, b"hang"));
            tokio::spawn(async move { ask(&link, bytes).await })
        })
        .collect();
    while ask(&link, envelope(greedy, 1, 0, 1_000, b"more")).await != Outcome::Busy {
        tokio::time::sleep(Duration::from_millis(1)).await; // poll: until all four are at work
    }
    let answer = ask(&link, envelope(modest, 1, 0, 1_000, b"please")).await;
    assert_eq!(answer, Outcome::Done(Bytes::from_static(b"please")));
    assert!(shared.counts.busy.load(Ordering::Relaxed) >= 1);
    // The end of the actor is an answer too.
    link.kill();
    for hung in hung {
        assert_eq!(hung.await.unwrap(), Outcome::Failed);
    }
}

#[tokio::test]
async fn late_and_panicking_questions_are_answered() {
    let (link, _, _) = start(2).await;
    let from = BootId::new();
    assert_eq!(ask(&link, envelope(from, 1, 0, 0, b"now")).await, Outcome::Late);
    assert_eq!(ask(&link, envelope(from, 1, 0, 20, b"hang")).await, Outcome::Late);
    assert_eq!(ask(&link, envelope(from, 1, 0, 1_000, b"panic")).await, Outcome::Failed);
}

#[tokio::test]
async fn dropped_tells_are_told_once_before_what_comes_next() {
    let (link, notes, _) = start(2).await;
    let from = BootId::new();
    let tell = |life, dropped, text: &str| {
        link.cast(LinkMsg::Tell(envelope(from, life, dropped, 0, text.as_bytes()))).unwrap();
    };
    tell(1, 0, "a");
    tell(1, 3, "b");
    tell(1, 3, "c");
    let ping = write(&Ping { protocol: PROTOCOL, from, life: 1, dropped: 5 }).unwrap();
    let pinged = link.call(|reply| LinkMsg::Ping(ping, reply), Some(LONG)).await.unwrap();
    assert!(matches!(pinged, CallResult::Success(_)));
    // A new connection counts anew.
    tell(2, 1, "d");
    ask(&link, envelope(from, 2, 1, 1_000, b"")).await;
    assert_eq!(*notes.told.lock().unwrap(), ["a", "missed 3", "b", "c", "missed 2", "missed 1", "d"]);
}
