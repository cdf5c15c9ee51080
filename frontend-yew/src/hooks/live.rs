//! What the live connection knows.

use std::rc::Rc;

use messages::live::Topic;
use messages::permission::Permission;
use messages::{ErrorCode, Problem, RetailerId};
use yew::prelude::*;

use super::fetch::use_fetch;
use super::page::use_console;
use crate::api::poll;
use crate::state::link::Status;
use crate::state::topic::{Input, TopicState};

/// What is known of a topic; watched while the caller is on the page.
#[hook]
pub fn use_topic(topic: Option<Topic>) -> Option<Rc<TopicState>> {
    let console = use_console();
    let update = use_force_update();
    {
        let live = console.live.clone();
        use_effect_with((live, topic), move |(live, topic)| {
            let (redraw, first) = (update.clone(), update);
            let watch = topic.map(|topic| live.watch(topic, Callback::from(move |()| redraw.force_update())));
            // Known already from another watcher: draw it at once.
            if watch.is_some() {
                first.force_update();
            }
            move || drop(watch)
        });
    }
    topic.and_then(|topic| console.live.topic(topic))
}

/// What is known of a retailer. Who may not see its configuration is not told of its changes, and asks for the rest.
#[hook]
pub fn use_retailer(retailer: RetailerId) -> Option<Rc<TopicState>> {
    let console = use_console();
    let whole = console.may(Permission::ConfigRead);
    let live = use_topic(whole.then_some(Topic::Retailer(retailer)));
    let (_, round) = use_status();
    let asked = use_fetch((retailer, whole), round, move |(retailer, whole): (RetailerId, bool)| {
        let api = console.api.clone();
        async move {
            let mut known = TopicState::default();
            if !whole {
                match poll::fetch(&api, Topic::Retailer(retailer)).await {
                    Ok(entities) => drop(known.apply(Input::Polled(entities))),
                    Err((code @ (ErrorCode::NotFound | ErrorCode::Forbidden), detail)) => {
                        known.apply(Input::Refused { code, detail });
                    }
                    Err((code, detail)) => return Err(Problem::new(code, detail).into()),
                }
            }
            Ok(known)
        }
    });
    if whole { live } else { asked.data }
}

/// State of the connection, and the round in which lists should be fetched again.
#[hook]
pub fn use_status() -> (Status, u32) {
    let console = use_console();
    let update = use_force_update();
    {
        let live = console.live.clone();
        use_effect_with(live, move |live| {
            let watch = live.watch_status(Callback::from(move |()| update.force_update()));
            move || drop(watch)
        });
    }
    (console.live.status(), console.live.rounds())
}
