//! The hub does not answer: says so, and tries again by itself.

use gloo_timers::callback::Timeout;
use yew::prelude::*;

use super::login::Frame;
use crate::api::ApiError;
use crate::components::button::{Button, Tone};
use crate::components::icon::Icon;
use crate::components::layout::ErrorNote;
use crate::hooks::use_title;

const RETRY_MS: u32 = 5_000;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub error: ApiError,
    pub retry: Callback<()>,
}

part!(pub Unreachable(Props) kept by use_unreachable);

#[hook]
fn use_unreachable(props: &Props) -> Html {
    use_title("No connection");
    {
        let retry = props.retry.clone();
        use_effect_with((), move |()| {
            let again = Timeout::new(RETRY_MS, move || retry.emit(()));
            move || drop(again)
        });
    }
    html! {
            { draw!(Frame { title: "No connection", lead: "The console is here, but the hub is not.", children: html! { <>
    { draw!(ErrorNote { error: props.error.clone() }) }
                { draw!(Button { label: "Try again", icon: Icon::Refresh, tone: Tone::Primary, class: "wide", onclick: props.retry.clone() }) }
    </> } }) }
        }
}
