//! "Are you sure?", naming the thing, for what cannot be taken back.

use yew::prelude::*;

use super::button::{Button, Tone};
use super::dialog::Dialog;
use super::layout::ErrorNote;
use crate::api::ApiError;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub title: AttrValue,
    pub action: AttrValue,
    pub busy: bool,
    #[prop_or_default]
    pub error: Option<ApiError>,
    pub on_confirm: Callback<()>,
    pub on_close: Callback<()>,
    pub children: Html,
}

part!(pub Confirm(Props) drawn by draw_confirm);

fn draw_confirm(props: &Props) -> Html {
    html! {
            { draw!(Dialog { title: props.title.clone(), on_close: props.on_close.clone(), testid: "confirm", children: html! { <>
    <div class="dialog-body">
                    { props.children.clone() }
                    if let Some(error) = &props.error {
                        { draw!(ErrorNote { error: error.clone() }) }
                    }
                </div>
                <footer class="dialog-foot">
                    { draw!(Button { label: "Cancel", onclick: props.on_close.clone() }) }
                    { draw!(Button { label: props.action.clone(), tone: Tone::Danger, busy: props.busy, onclick: props.on_confirm.clone(), testid: "confirm-action" }) }
                </footer>
    </> } }) }
        }
}
