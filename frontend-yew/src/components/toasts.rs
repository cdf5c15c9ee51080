//! Notices in the corner, read aloud when they come, gone by themselves.

use gloo_timers::callback::Timeout;
use yew::prelude::*;

use super::button::{Button, Tone as ButtonTone};
use super::icon::{Glyph, Icon};
use crate::context::{Notice, Notices};
use crate::state::toasts::{Toast, Tone};

#[derive(Properties, PartialEq)]
pub struct Props {
    pub notices: UseReducerHandle<Notices>,
}

part!(pub ToastRegion(Props) drawn by draw_toast_region);

fn draw_toast_region(props: &Props) -> Html {
    let gone = {
        let dispatcher = props.notices.dispatcher();
        Callback::from(move |id: u32| dispatcher.dispatch(Notice::Remove(id)))
    };
    html! {
        <div class="toasts" role="region" aria-label="Notices">
            <div role="status" aria-live="polite">
                { for props.notices.0.shown.iter().map(|toast| html! {
                    { draw!(key = toast.id; OneToast { toast: toast.clone(), gone: gone.clone() }) }
                }) }
            </div>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct OneProps {
    toast: Toast,
    gone: Callback<u32>,
}

part!(OneToast(OneProps) kept by use_one_toast);

#[hook]
fn use_one_toast(props: &OneProps) -> Html {
    let OneProps { toast, gone } = props;
    {
        let (id, stays, gone) = (toast.id, toast.stays_ms(), gone.clone());
        use_effect_with((), move |()| {
            let end = Timeout::new(stays, move || gone.emit(id));
            move || drop(end)
        });
    }
    let (class, icon) = match toast.tone {
        Tone::Good => ("good", Icon::Check),
        Tone::Bad => ("bad", Icon::Alert),
        Tone::Plain => ("plain", Icon::Info),
    };
    let close = {
        let (id, gone) = (toast.id, gone.clone());
        Callback::from(move |()| gone.emit(id))
    };
    html! {
        <div class={classes!("toast", class)} data-testid="toast">
            { draw!(Glyph { icon }) }
            <div class="toast-text">
                <strong>{ &toast.title }</strong>
                if !toast.detail.is_empty() {
                    <p>{ &toast.detail }</p>
                }
            </div>
            { draw!(Button { icon: Icon::Close, name: "Dismiss", tone: ButtonTone::Ghost, small: true, onclick: close }) }
        </div>
    }
}
