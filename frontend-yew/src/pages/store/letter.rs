//! One event that was set aside: why, what it says, and deciding on it: correct, try again, discard.

use messages::RetailerId;
use messages::http::dead_letters::{LetterEdit, LetterState, LetterView};
use messages::permission::Permission;
use serde_json::Value;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use crate::api::{Api, ApiError, browser};
use crate::components::button::{Button, Tone};
use crate::components::copy::CopyButton;
use crate::components::dialog::Dialog;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::ErrorNote;
use crate::hooks::use_console;
use crate::state::format::date_time;
use crate::state::stores::{body_of, event_kind, letter_advice, letter_state};

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) retailer: RetailerId,
    pub(super) letter: LetterView,
    pub(super) on_close: Callback<()>,
    /// It was decided on, or changed.
    pub(super) on_done: Callback<()>,
}

/// What is asked of the hub.
#[derive(Debug, Clone, PartialEq)]
enum Act {
    /// With the text as it stands now, where it was changed.
    Retry(Option<Value>),
    Discard,
}

async fn carry_out(
    api: &Api,
    retailer: RetailerId,
    letter: &LetterView,
    act: Act,
) -> Result<LetterView, ApiError> {
    let at = (letter.event_id, letter.rev);
    match act {
        Act::Retry(None) => api.retry_letter(retailer, at).await,
        Act::Retry(Some(data)) => {
            let edited = api.edit_letter(retailer, at, &LetterEdit { data }).await?;
            api.retry_letter(retailer, (edited.event_id, edited.rev)).await
        }
        Act::Discard => api.discard_letter(retailer, at).await,
    }
}

part!(pub(super) LetterDialog(Props) kept by use_letter_dialog);

#[hook]
fn use_letter_dialog(props: &Props) -> Html {
    let console = use_console();
    // As of the latest answer: a failed attempt gives it another reason and another revision.
    let letter = use_state(|| props.letter.clone());
    let text = use_state_eq(|| body_of(&props.letter));
    let busy = use_state_eq(|| false);
    let error = use_state(|| None::<ApiError>);
    let doubting = use_state_eq(|| false);
    let may = console.may(Permission::ConfigWrite) && letter.state == LetterState::Open;
    let act = {
        let (letter, busy, error, doubting) = (letter.clone(), busy.clone(), error.clone(), doubting.clone());
        let (retailer, on_done) = (props.retailer, props.on_done.clone());
        Callback::from(move |act: Act| {
            busy.set(true);
            error.set(None);
            let (console, letter, busy, error) =
                (console.clone(), letter.clone(), busy.clone(), error.clone());
            let (doubting, on_done) = (doubting.clone(), on_done.clone());
            spawn_local(async move {
                match carry_out(&console.api, retailer, &letter, act).await {
                    Ok(after) if after.state == LetterState::Open => letter.set(after),
                    Ok(after) => {
                        console.good(format!("The event is {}", letter_state(after.state).0.to_lowercase()));
                        on_done.emit(());
                        return;
                    }
                    Err(refused) => error.set(Some(refused)),
                }
                doubting.set(false);
                busy.set(false);
            });
        })
    };
    let typed = {
        let text = text.clone();
        Callback::from(move |event: InputEvent| {
            text.set(event.target_unchecked_into::<HtmlTextAreaElement>().value());
        })
    };
    let parsed = serde_json::from_str::<Value>(&text);
    let fault = parsed.as_ref().err().map(|error| {
        format!("This is not JSON: something is wrong in line {}, column {}.", error.line(), error.column())
    });
    let changed = parsed.ok().filter(|data| *data != letter.data);
    let body = html! {
        <div class="dialog-body">
            { reason(&letter) }
            <div class="field">
                <label for="letter-body">{ if may { "The event; correct it here if it is wrong" } else { "The event" } }</label>
                <textarea id="letter-body" class="mono letter-body" rows="14" spellcheck="false" readonly={!may} value={(*text).clone()} oninput={typed} aria-invalid={fault.is_some().then_some("true")} aria-describedby={fault.is_some().then_some("letter-fault")} data-testid="letter-body" />
                if let Some(fault) = &fault {
                    <p class="fault" id="letter-fault">{ fault }</p>
                }
            </div>
            if let Some(error) = &*error {
                { draw!(ErrorNote { error: error.clone() }) }
            }
        </div>
    };
    let foot = if *doubting {
        doubt(&act, *busy, &doubting)
    } else {
        decide(props, &letter, may, *busy, (fault.is_some(), changed), &act, &doubting)
    };
    html! {
        { draw!(Dialog { title: event_kind(&letter.kind), subtitle: format!("Event {} of its device", letter.seq), wide: true, on_close: props.on_close.clone(), testid: "letter-dialog", children: html! { <>{ body }{ foot }</> } }) }
    }
}

fn reason(letter: &LetterView) -> Html {
    let open = letter.state == LetterState::Open;
    let decided = letter.decided_at.map(|at| date_time(at, browser::offset_min(at)));
    html! {
        <>
            <div class={classes!("note", if open { "bad" } else { "" })} data-testid="letter-reason">
                { draw!(Glyph { icon: if open { Icon::Alert } else { Icon::Info } }) }
                <div>
                    <strong>{ &letter.detail }</strong>
                    <p>
                        <span class="mono">{ letter.code.as_str() }</span>
                        if open { { format!(". {}", letter_advice(letter.code)) } }
                    </p>
                </div>
            </div>
            if let (Some(at), Some(by)) = (decided, &letter.decided_by) {
                <p>{ format!("{} by {by}, {at}.", letter_state(letter.state).0) }</p>
            }
        </>
    }
}

fn decide(
    props: &Props,
    letter: &LetterView,
    may: bool,
    busy: bool,
    (wrong, changed): (bool, Option<Value>),
    act: &Callback<Act>,
    doubting: &UseStateHandle<bool>,
) -> Html {
    let (label, retry) = match &changed {
        Some(_) => ("Save and try again", Act::Retry(changed.clone())),
        None => ("Try again", Act::Retry(None)),
    };
    let ask = {
        let doubting = doubting.clone();
        Callback::from(move |()| doubting.set(true))
    };
    html! {
        <footer class="dialog-foot">
            { draw!(CopyButton { text: body_of(letter), tone: Tone::Ghost }) }
            { draw!(Button { label: "Close", onclick: props.on_close.clone() }) }
            if may {
                { draw!(Button { label: "Discard…", disabled: busy, onclick: ask, testid: "letter-discard" }) }
                { draw!(Button { label, tone: Tone::Primary, busy, disabled: wrong, onclick: act.reform(move |()| retry.clone()), testid: "letter-retry" }) }
            }
        </footer>
    }
}

/// What is discarded never counts; so it is asked.
fn doubt(act: &Callback<Act>, busy: bool, doubting: &UseStateHandle<bool>) -> Html {
    let back = {
        let doubting = doubting.clone();
        Callback::from(move |()| doubting.set(false))
    };
    html! {
        <footer class="dialog-foot doubt" role="alert">
            <p>{ "Discard it? It will not count in sales, stock or payments. This cannot be undone." }</p>
            { draw!(Button { label: "Keep it", onclick: back, disabled: busy }) }
            { draw!(Button { label: "Discard", tone: Tone::Danger, busy, onclick: act.reform(|()| Act::Discard), testid: "letter-discard-confirm" }) }
        </footer>
    }
}
