//! A console follows a retailer whose owner is another node, through a change of hands and a cut.

use futures_util::{SinkExt as _, StreamExt as _};
use messages::agent::Frame;
use messages::live::{Change, Entity, FromConsole, Subscription, ToConsole, Topic};
use messages::{RetailerId, SessionId, Version};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::super::api::Api;
use super::super::wait::PATIENCE;

/// One tab of a browser.
pub(in crate::process) struct Console {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    topic: Topic,
    version: Version,
    names: Vec<String>,
}

impl Console {
    /// Signs in at a node and follows the retailer's stores.
    pub(in crate::process) async fn open(hub: &str, api: &Api, retailer: &str) -> Self {
        let retailer: RetailerId = retailer.parse().unwrap();
        let url = format!("{}/ws/live", hub.replacen("http", "ws", 1));
        let (socket, _) = connect_async(url).await.unwrap();
        let topic = Topic::Retailer(retailer);
        let mut console = Self { socket, topic, version: Version(0), names: Vec::new() };
        console.say(FromConsole::Hello { token: api.token().into() }).await;
        let topics = vec![Subscription { topic, since: None }];
        console.say(FromConsole::Subscribe { topics }).await;
        console
    }

    async fn say(&mut self, frame: FromConsole) {
        let text = serde_json::to_string(&Frame::new(frame)).unwrap();
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Follows until a store of this name is shown. A gap in the versions is a fault: the hub is to fill it.
    pub(in crate::process) async fn until_store(&mut self, name: &str) {
        let seen = tokio::time::timeout(PATIENCE, async {
            while !self.names.iter().any(|known| known == name) {
                self.next().await;
            }
        });
        assert!(seen.await.is_ok(), "the store {name} is not shown; shown are {:?}", self.names);
    }

    /// Follows until the session is said to be over, and the socket closes.
    pub(super) async fn until_signed_out(&mut self) {
        let over = tokio::time::timeout(PATIENCE, async {
            while let Some(Ok(message)) = self.socket.next().await {
                if let Message::Text(text) = message
                    && text.contains("session_revoked")
                {
                    return true;
                }
            }
            false
        });
        assert!(over.await.unwrap(), "the socket closed without a word");
    }

    async fn next(&mut self) {
        let message = self.socket.next().await.unwrap().unwrap();
        let Message::Text(text) = message else { return };
        match serde_json::from_str::<Frame<ToConsole>>(&text).unwrap().body {
            ToConsole::Snapshot { topic, version, entities } if topic == self.topic => {
                self.version = version;
                self.names = entities.into_iter().filter_map(store_name).collect();
            }
            ToConsole::Delta { topic, after, version, changes } if topic == self.topic => {
                assert_eq!(after, self.version, "a console is sent every change, in order");
                self.version = version;
                let put = changes.into_iter().filter_map(|change| match change {
                    Change::Put { entity } => store_name(entity),
                    Change::Remove { .. } => None,
                });
                self.names.extend(put);
            }
            ToConsole::Bye { code, detail, .. } => panic!("the hub said goodbye: {code} {detail}"),
            _ => {}
        }
    }
}

fn store_name(entity: Entity) -> Option<String> {
    match entity {
        Entity::Store(store) => Some(store.spec.name),
        _ => None,
    }
}

pub(in crate::process) async fn make_store(api: &Api, retailer: &str, name: &str) {
    let store = json!({"code": name, "name": name, "time_zone": "Europe/Berlin"});
    let _: Value = api.post(&format!("/retailers/{retailer}/stores"), store).await;
}

/// The session of whoever holds the token.
pub(super) async fn session(api: &Api) -> SessionId {
    let me: messages::http::access::Me = api.get("/me").await;
    me.session_id
}
