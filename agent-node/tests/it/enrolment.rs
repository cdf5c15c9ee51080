//! Enrolling, and the identity it leaves.

use agent_node::enrol::{EnrolError, enrol};
use agent_node::identity::Identity;
use agent_node::net::{Dialer, HubAddress, Stage};
use messages::ErrorCode;

use crate::hub::{Hub, TOKEN};
use crate::support::{Running, Shop};

fn dialer() -> Dialer {
    Dialer::new(None, None).unwrap()
}

fn address(hub: &Hub) -> HubAddress {
    HubAddress::parse(&hub.url(), false).unwrap()
}

#[tokio::test]
async fn a_token_becomes_an_identity_that_the_hub_accepts() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    let grant = enrol(&shop.data_dir(), &address(&hub), TOKEN.into(), &dialer(), false).await.unwrap();
    assert_eq!(grant.agent_id, hub.seen().agent_id);
    let agent = Running::start(shop.config());
    hub.until("hello", |seen| !seen.hellos.is_empty()).await;
    agent.stop().await.unwrap();
    assert_eq!(hub.seen().violations, [""; 0]);
    let hello = hub.seen().hellos[0].clone();
    assert!(hello.machine.capabilities.contains(&"destination:sftp".to_owned()));
    assert_eq!((hello.next_seq, hello.active.len()), (1, 0));
}

#[cfg(unix)]
#[tokio::test]
async fn the_identity_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let (hub, shop) = (Hub::start().await, Shop::new());
    enrol(&shop.data_dir(), &address(&hub), TOKEN.into(), &dialer(), false).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&shop.data_dir().join("identity.json")), 0o600);
    assert_eq!(mode(&shop.data_dir()), 0o700);
}

#[tokio::test]
async fn a_wrong_or_used_token_is_refused_in_the_hubs_words() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    let refused = enrol(&shop.data_dir(), &address(&hub), "gse_wrong".into(), &dialer(), false).await;
    let Err(EnrolError::Refused(problem)) = refused else { panic!("{refused:?}") };
    assert_eq!(problem.code, ErrorCode::EnrolmentTokenWrong);
    assert!(Identity::load(&shop.data_dir()).is_err());
}

#[tokio::test]
async fn a_second_enrolment_needs_force() {
    let (hub, shop) = (Hub::start().await, Shop::new());
    enrol(&shop.data_dir(), &address(&hub), TOKEN.into(), &dialer(), false).await.unwrap();
    let again = enrol(&shop.data_dir(), &address(&hub), TOKEN.into(), &dialer(), false).await;
    assert!(matches!(again, Err(EnrolError::Enrolled(_))), "{again:?}");
    let forced = enrol(&shop.data_dir(), &address(&hub), TOKEN.into(), &dialer(), true).await;
    assert!(matches!(forced, Err(EnrolError::Refused(_))), "the token is used up: {forced:?}");
}

#[tokio::test]
async fn nobody_at_the_address_is_told_as_such() {
    let shop = Shop::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hub = HubAddress::parse(&format!("http://{closed}"), false).unwrap();
    let failed = enrol(&shop.data_dir(), &hub, TOKEN.into(), &dialer(), false).await;
    let Err(EnrolError::Net(error)) = failed else { panic!("{failed:?}") };
    assert_eq!(error.stage, Stage::Connect);
}
