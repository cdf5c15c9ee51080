//! Small inputs of the editor. They have no name, so that the form around does not take them for its own: what they hold
//! is in the mapping.

use messages::FieldError;
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

use crate::api::error::sentence;

/// What an input is called and holds.
pub(super) struct Entry<'e> {
    pub id: String,
    pub label: &'e str,
    pub value: &'e str,
    pub fault: Option<&'e str>,
    pub testid: &'static str,
}

/// The fault at exactly this place.
pub(super) fn fault_at<'f>(faults: &'f [FieldError], path: &str) -> Option<&'f str> {
    faults.iter().find(|fault| fault.field == path).map(|fault| fault.detail.as_str())
}

fn field(entry: &Entry<'_>, control: Html) -> Html {
    html! {
        <div class="field">
            <label for={entry.id.clone()}>{ entry.label }</label>
            { control }
            if let Some(fault) = entry.fault {
                <p class="fault" id={format!("{}-fault", entry.id)}>{ sentence(fault) }</p>
            }
        </div>
    }
}

fn described(entry: &Entry<'_>) -> Option<String> {
    entry.fault.map(|_| format!("{}-fault", entry.id))
}

pub(super) fn text(entry: &Entry<'_>, list: Option<&'static str>, told: Callback<String>) -> Html {
    let oninput = Callback::from(move |event: InputEvent| {
        told.emit(event.target_unchecked_into::<HtmlInputElement>().value());
    });
    field(
        entry,
        html! {
            <input
                id={entry.id.clone()} value={entry.value.to_owned()} {list} {oninput} autocomplete="off"
                aria-invalid={entry.fault.is_some().then_some("true")} aria-describedby={described(entry)}
                data-testid={entry.testid}
            />
        },
    )
}

pub(super) fn lines(entry: &Entry<'_>, told: Callback<String>) -> Html {
    let oninput = Callback::from(move |event: InputEvent| {
        told.emit(event.target_unchecked_into::<HtmlTextAreaElement>().value());
    });
    field(
        entry,
        html! {
            <textarea
                id={entry.id.clone()} value={entry.value.to_owned()} {oninput} rows="4" class="mono"
                aria-invalid={entry.fault.is_some().then_some("true")} aria-describedby={described(entry)}
                data-testid={entry.testid}
            />
        },
    )
}

pub(super) fn select<'c>(
    entry: &Entry<'_>,
    choices: impl Iterator<Item = (&'c str, &'c str)>,
    told: Callback<String>,
) -> Html {
    let onchange = Callback::from(move |event: Event| {
        told.emit(event.target_unchecked_into::<HtmlSelectElement>().value());
    });
    let options = choices.map(|(value, label)| {
        html! { <option value={value.to_owned()} selected={value == entry.value}>{ label }</option> }
    });
    field(
        entry,
        html! {
            <select id={entry.id.clone()} {onchange} data-testid={entry.testid}>{ for options }</select>
        },
    )
}

pub(super) fn tick(label: &'static str, checked: bool, told: Callback<bool>) -> Html {
    let onchange = Callback::from(move |event: Event| {
        told.emit(event.target_unchecked_into::<HtmlInputElement>().checked());
    });
    html! {
        <label class="check inline"><input type="checkbox" {checked} {onchange} /><span>{ label }</span></label>
    }
}
