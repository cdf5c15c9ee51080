//! A button that copies text and says so.

use gloo_timers::callback::Timeout;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::button::{Button, Tone};
use super::icon::Icon;
use crate::api::browser;

/// As long as the word "Copied" stays.
const SHOWN_MS: u32 = 2_000;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub text: AttrValue,
    #[prop_or(AttrValue::Static("Copy"))]
    pub label: AttrValue,
    #[prop_or_default]
    pub tone: Tone,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
}

part!(pub CopyButton(Props) kept by use_copy_button);

#[hook]
fn use_copy_button(props: &Props) -> Html {
    let told = use_state_eq(|| None::<bool>);
    let fade = use_mut_ref(|| None::<Timeout>);
    let onclick = {
        let (text, told) = (props.text.clone(), told.clone());
        Callback::from(move |()| {
            let (text, told, fade) = (text.clone(), told.clone(), fade.clone());
            spawn_local(async move {
                told.set(Some(browser::copy(&text).await));
                *fade.borrow_mut() = Some(Timeout::new(SHOWN_MS, move || told.set(None)));
            });
        })
    };
    let (label, icon) = match *told {
        None => (props.label.clone(), Icon::Copy),
        Some(true) => ("Copied".into(), Icon::Check),
        Some(false) => ("Select and copy".into(), Icon::Alert),
    };
    html! {
        <>
            { draw!(Button { label, icon, small: true, tone: props.tone, testid: props.testid.clone(), onclick }) }
            <span class="visually-hidden" role="status">{ if *told == Some(true) { "Copied" } else { "" } }</span>
        </>
    }
}
