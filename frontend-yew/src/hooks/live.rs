//! What the live connection knows.

use std::rc::Rc;

use messages::live::Topic;
use yew::prelude::*;

use super::page::use_console;
use crate::state::link::Status;
use crate::state::topic::TopicState;

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
