//! Points in time, in words that move with the clock, exact on demand.

use messages::Timestamp;
use yew::prelude::*;

use crate::api::browser;
use crate::hooks::use_now;
use crate::state::format;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub at: Timestamp,
    /// The date itself, not the distance.
    #[prop_or_default]
    pub exact: bool,
}

part!(pub Time(Props) kept by use_time);

#[hook]
fn use_time(props: &Props) -> Html {
    let now = use_now();
    let exact = format::date_time(props.at, browser::offset_min(props.at));
    let words = if props.exact { exact.clone() } else { format::ago(props.at, now) };
    html! {
        <time class="time" datetime={props.at.to_string()} title={exact}>{ words }</time>
    }
}

/// A point in time, or a dash.
pub fn maybe(at: Option<Timestamp>) -> Html {
    match at {
        Some(at) => html! {
            { draw!(Time { at }) }
        },
        None => html! {
            <span class="dim">{ "—" }</span>
        },
    }
}
