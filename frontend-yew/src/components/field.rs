//! Form fields: label, hint and fault belong to the control and are read with it.
//! A field keeps what is typed by itself; the form reads all of them when it is sent.

use std::rc::Rc;

use messages::FieldError;
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

use super::button::{Button, Tone};
use crate::api::error::sentence;
use crate::state::form::fault_of;

/// Faults of the form around, by field name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults(pub Rc<Vec<FieldError>>);

#[hook]
fn use_fault(name: &str) -> Option<String> {
    let faults = use_context::<Faults>().unwrap_or_default();
    fault_of(&faults.0, name).map(sentence)
}

fn field_id(name: &str) -> String {
    format!("f-{}", name.replace('.', "-"))
}

fn described(id: &str, hint: &Html, has_hint: bool, fault: Option<&String>) -> (Option<String>, Html) {
    let ids: Vec<String> = [has_hint.then(|| format!("{id}-hint")), fault.map(|_| format!("{id}-fault"))]
        .into_iter()
        .flatten()
        .collect();
    let html = html! {
        <>
            if has_hint {
                <p class="hint" id={format!("{id}-hint")}>{ hint.clone() }</p>
            }
            if let Some(fault) = fault {
                <p class="fault" id={format!("{id}-fault")}>{ fault }</p>
            }
        </>
    };
    ((!ids.is_empty()).then(|| ids.join(" ")), html)
}

#[derive(Properties, PartialEq)]
pub struct TextProps {
    pub name: AttrValue,
    pub label: AttrValue,
    #[prop_or_default]
    pub value: AttrValue,
    #[prop_or_default]
    pub hint: Option<Html>,
    /// `text`, `password`, `number`…
    #[prop_or(AttrValue::Static("text"))]
    pub kind: AttrValue,
    #[prop_or_default]
    pub placeholder: AttrValue,
    #[prop_or(AttrValue::Static("off"))]
    pub autocomplete: AttrValue,
    #[prop_or_default]
    pub required: bool,
    #[prop_or_default]
    pub autofocus: bool,
    /// Paths, keys and codes.
    #[prop_or_default]
    pub mono: bool,
    /// More than one line.
    #[prop_or_default]
    pub rows: Option<u32>,
    #[prop_or_default]
    pub list: Option<AttrValue>,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
    #[prop_or_default]
    pub oninput: Callback<String>,
}

part!(pub TextField(TextProps) kept by use_text_field);

#[hook]
fn use_text_field(props: &TextProps) -> Html {
    let typed = use_state_eq(|| props.value.to_string());
    let fault = use_fault(&props.name);
    let revealed = use_state_eq(|| false);
    let id = field_id(&props.name);
    let change = {
        let (typed, told) = (typed.clone(), props.oninput.clone());
        move |text: String| {
            typed.set(text.clone());
            told.emit(text);
        }
    };
    let (described_by, notes) =
        described(&id, &props.hint.clone().unwrap_or_default(), props.hint.is_some(), fault.as_ref());
    let invalid = fault.is_some().then_some("true");
    let class = props.mono.then_some("mono");
    let secret = props.kind == "password";
    let control = if let Some(rows) = props.rows {
        let oninput = Callback::from(move |event: InputEvent| {
            change(event.target_unchecked_into::<HtmlTextAreaElement>().value())
        });
        html! {
            <textarea
                id={id.clone()} name={props.name.clone()} rows={rows.to_string()} value={(*typed).clone()} {oninput} {class}
                placeholder={props.placeholder.clone()} required={props.required} autocomplete={props.autocomplete.clone()}
                aria-invalid={invalid} aria-describedby={described_by} spellcheck="false" data-testid={props.testid.clone()}
            />
        }
    } else {
        let oninput = Callback::from(move |event: InputEvent| {
            change(event.target_unchecked_into::<HtmlInputElement>().value())
        });
        let kind = if *revealed { "text".into() } else { props.kind.clone() };
        html! {
            <input
                id={id.clone()} name={props.name.clone()} type={kind} value={(*typed).clone()} {oninput} {class}
                placeholder={props.placeholder.clone()} aria-required={props.required.then_some("true")}
                autocomplete={props.autocomplete.clone()} autofocus={props.autofocus} list={props.list.clone()}
                aria-invalid={invalid} aria-describedby={described_by} spellcheck="false" data-testid={props.testid.clone()}
            />
        }
    };
    let reveal = {
        let revealed = revealed.clone();
        Callback::from(move |()| revealed.set(!*revealed))
    };
    html! {
        <div class="field">
            <label for={id}>
                { &props.label }
                if !props.required {
                    <span class="optional">{ "optional" }</span>
                }
            </label>
            if secret {
                <div class="with-button">
                    { control }
                    { draw!(Button { label: if *revealed { "Hide" } else { "Show" }, name: format!("{} {}", if *revealed { "Hide" } else { "Show" }, props.label), tone: Tone::Ghost, small: true, onclick: reveal }) }
                </div>
            } else {
                { control }
            }
            { notes }
        </div>
    }
}

/// Value and label.
pub type Choice = (AttrValue, AttrValue);

#[derive(Properties, PartialEq)]
pub struct SelectProps {
    pub name: AttrValue,
    pub label: AttrValue,
    pub choices: Vec<Choice>,
    #[prop_or_default]
    pub value: AttrValue,
    #[prop_or_default]
    pub hint: Option<Html>,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
    #[prop_or_default]
    pub onchange: Callback<String>,
}

part!(pub SelectField(SelectProps) kept by use_select_field);

#[hook]
fn use_select_field(props: &SelectProps) -> Html {
    let chosen = use_state_eq(|| props.value.to_string());
    let fault = use_fault(&props.name);
    let id = field_id(&props.name);
    let (described_by, notes) =
        described(&id, &props.hint.clone().unwrap_or_default(), props.hint.is_some(), fault.as_ref());
    let onchange = {
        let (chosen, told) = (chosen.clone(), props.onchange.clone());
        Callback::from(move |event: Event| {
            let value = event.target_unchecked_into::<HtmlSelectElement>().value();
            chosen.set(value.clone());
            told.emit(value);
        })
    };
    html! {
        <div class="field">
            <label for={id.clone()}>{ &props.label }</label>
            <select
                {id} name={props.name.clone()} {onchange} aria-invalid={fault.is_some().then_some("true")}
                aria-describedby={described_by} data-testid={props.testid.clone()}
            >
                { for props.choices.iter().map(|(value, label)| html! {
                    <option value={value.clone()} selected={**value == *chosen}>{ label }</option>
                }) }
            </select>
            { notes }
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct CheckProps {
    pub name: AttrValue,
    pub label: AttrValue,
    #[prop_or_default]
    pub checked: bool,
    #[prop_or_default]
    pub hint: AttrValue,
}

part!(pub CheckField(CheckProps) kept by use_check_field);

#[hook]
fn use_check_field(props: &CheckProps) -> Html {
    let on = use_state_eq(|| props.checked);
    let onchange = {
        let on = on.clone();
        Callback::from(move |event: Event| {
            on.set(event.target_unchecked_into::<HtmlInputElement>().checked())
        })
    };
    html! {
        <label class="check">
            <input type="checkbox" name={props.name.clone()} checked={*on} {onchange} />
            <span>
                { &props.label }
                if !props.hint.is_empty() {
                    <small>{ &props.hint }</small>
                }
            </span>
        </label>
    }
}

#[derive(Properties, PartialEq)]
pub struct RadioProps {
    pub name: AttrValue,
    pub legend: AttrValue,
    pub choices: Vec<Choice>,
    pub value: AttrValue,
    pub onchange: Callback<String>,
}

part!(pub RadioRow(RadioProps) drawn by draw_radio_row);

/// A few ways, of which one holds, drawn as a row of segments.
fn draw_radio_row(props: &RadioProps) -> Html {
    html! {
        <fieldset class="segments">
            <legend>{ &props.legend }</legend>
            <div class="segments-row">
                { for props.choices.iter().map(|(value, label)| {
                    let onchange = {
                        let (told, value) = (props.onchange.clone(), value.to_string());
                        Callback::from(move |_: Event| told.emit(value.clone()))
                    };
                    html! {
                        <label>
                            <input type="radio" name={props.name.clone()} value={value.clone()} checked={*value == props.value} {onchange} />
                            <span>{ label }</span>
                        </label>
                    }
                }) }
            </div>
        </fieldset>
    }
}
