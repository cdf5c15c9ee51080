//! The dialog in which things are made and changed: fields, faults, a conflict when there is one.

use std::rc::Rc;

use messages::FieldError;
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, FormData, HtmlFormElement};
use yew::prelude::*;

use super::button::{Button, Tone};
use super::conflict::ConflictView;
use super::dialog::Dialog;
use super::field::Faults;
use super::icon::{Glyph, Icon};
use super::layout::ErrorNote;
use crate::api::error::sentence;
use crate::api::{ApiError, browser};
use crate::hooks::Conflict;
use crate::state::form::FormValues;
use crate::state::merge::InWords;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub title: AttrValue,
    #[prop_or_default]
    pub subtitle: AttrValue,
    #[prop_or(AttrValue::Static("Save"))]
    pub action: AttrValue,
    #[prop_or_default]
    pub wide: bool,
    pub busy: bool,
    pub errors: Rc<Vec<FieldError>>,
    #[prop_or_default]
    pub error: Option<ApiError>,
    #[prop_or_default]
    pub conflict: Option<Rc<Conflict>>,
    pub on_submit: Callback<FormValues>,
    /// What the fields are called when there is a conflict: their paths, unless somebody knows better.
    #[prop_or_else(plainly)]
    pub in_words: Callback<(String, Value), InWords>,
    #[prop_or_default]
    pub on_resolve: Callback<Value>,
    pub on_close: Callback<()>,
    pub children: Html,
}

fn plainly() -> Callback<(String, Value), InWords> {
    Callback::from(|(field, value): (String, Value)| InWords::plain(&field, &value))
}

part!(pub FormDialog(Props) kept by use_form_dialog);

#[hook]
fn use_form_dialog(props: &Props) -> Html {
    let typed = use_mut_ref(|| false);
    let asking = use_state_eq(|| false);
    let ontyped = {
        let typed = typed.clone();
        Callback::from(move |_: InputEvent| *typed.borrow_mut() = true)
    };
    // Escape and the cross are easily hit; the button that says "Cancel" is meant.
    let leave = {
        let (asking, on_close) = (asking.clone(), props.on_close.clone());
        Callback::from(move |()| match (*typed.borrow(), *asking) {
            (true, false) => asking.set(true),
            (true, true) => asking.set(false),
            (false, _) => on_close.emit(()),
        })
    };
    let stay = {
        let asking = asking.clone();
        Callback::from(move |()| asking.set(false))
    };
    html! {
        { draw!(Dialog { title: props.title.clone(), subtitle: props.subtitle.clone(), wide: props.wide, on_close: leave, testid: "form-dialog", children: html! {
            <div class="passive" oninput={ontyped}>
                if *asking {
                    { draw!(Discard { stay, discard: props.on_close.clone() }) }
                }
                { form_or_conflict(props) }
            </div>
        } }) }
    }
}

fn form_or_conflict(props: &Props) -> Html {
    match &props.conflict {
        Some(conflict) => html! {
            { draw!(ConflictView { conflict: conflict.clone(), busy: props.busy, in_words: props.in_words.clone(), on_resolve: props.on_resolve.clone(), on_close: props.on_close.clone() }) }
        },
        None => html! {
                    { draw!(Form { errors: props.errors.clone(), error: props.error.clone(), on_submit: props.on_submit.clone(), children: html! { <>
        <div class="dialog-body">
                            { props.children.clone() }
                        </div>
                        <footer class="dialog-foot">
                            { draw!(Button { label: "Cancel", onclick: props.on_close.clone() }) }
                            { draw!(Button { label: props.action.clone(), submit: true, tone: Tone::Primary, busy: props.busy, testid: "form-submit" }) }
                        </footer>
        </> } }) }
                },
    }
}

#[derive(Properties, PartialEq)]
struct DiscardProps {
    stay: Callback<()>,
    discard: Callback<()>,
}

part!(Discard(DiscardProps) kept by use_discard);

/// The question before something typed is lost. The focus goes to the answer that loses nothing, and back.
#[hook]
fn use_discard(props: &DiscardProps) -> Html {
    let node = use_node_ref();
    // Held from the first drawing on, for the question moves the focus.
    let before = use_memo((), |()| browser::focused());
    {
        let node = node.clone();
        use_effect_with((), move |()| {
            let first = node.cast::<Element>().and_then(|note| note.query_selector("button").ok().flatten());
            if let Some(first) = first {
                browser::focus_element(&first);
            }
            move || {
                if let Some(before) = before.as_ref().as_ref().filter(|element| element.is_connected()) {
                    browser::focus_element(before);
                }
            }
        });
    }
    html! {
        <div ref={node} class="note warn" role="alertdialog" aria-labelledby="discard-title" data-testid="discard">
            { draw!(Glyph { icon: Icon::Alert }) }
            <div><strong id="discard-title">{ "Discard what you typed?" }</strong></div>
            <div class="row">
                { draw!(Button { label: "Go on typing", small: true, onclick: props.stay.clone(), testid: "discard-stay" }) }
                { draw!(Button { label: "Discard", small: true, tone: Tone::Danger, onclick: props.discard.clone(), testid: "discard-leave" }) }
            </div>
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct FormProps {
    pub errors: Rc<Vec<FieldError>>,
    #[prop_or_default]
    pub error: Option<ApiError>,
    pub on_submit: Callback<FormValues>,
    #[prop_or_default]
    pub class: Classes,
    pub children: Html,
}

part!(pub Form(FormProps) kept by use_form);

/// A form that hands over its values by name, and moves to the first field with a fault.
#[hook]
fn use_form(props: &FormProps) -> Html {
    let node = use_node_ref();
    let homeless = use_state_eq(Vec::<FieldError>::new);
    {
        let (node, homeless) = (node.clone(), homeless.clone());
        use_effect_with(props.errors.clone(), move |errors| {
            if let Some(form) = node.cast::<Element>() {
                homeless.set(without_field(&form, errors));
                if let Ok(Some(first)) = form.query_selector("[aria-invalid=true]") {
                    browser::focus_element(&first);
                }
            }
        });
    }
    let onsubmit = {
        let told = props.on_submit.clone();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if let Some(form) = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok()) {
                told.emit(values(&form));
            }
        })
    };
    html! {
        <form ref={node} {onsubmit} novalidate=true class={props.class.clone()}>
            <ContextProvider<Faults> context={Faults(props.errors.clone())}>
                if let Some(error) = props.error.as_ref().filter(|_| props.errors.is_empty()) {
                    { draw!(ErrorNote { error: error.clone() }) }
                }
                if !homeless.is_empty() {
                    <ul class="note bad" role="alert">
                        { for homeless.iter().map(|fault| html! {
                            <li>{ format!("{}: {}", fault.field, sentence(&fault.detail)) }</li>
                        }) }
                    </ul>
                }
                { props.children.clone() }
            </ContextProvider<Faults>>
        </form>
    }
}

/// Faults that no field of the form shows.
fn without_field(form: &Element, errors: &[FieldError]) -> Vec<FieldError> {
    let Ok(fields) = form.query_selector_all("[name]") else { return errors.to_vec() };
    let names: Vec<String> = (0..fields.length())
        .filter_map(|at| fields.get(at)?.dyn_into::<Element>().ok()?.get_attribute("name"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    crate::state::form::homeless(errors, &names).into_iter().cloned().collect()
}

/// What the fields of a form hold now.
pub fn values(form: &HtmlFormElement) -> FormValues {
    let Ok(data) = FormData::new_with_form(form) else { return FormValues::default() };
    let entries = js_sys::try_iter(&data).ok().flatten();
    let pair = |entry: JsValue| {
        let entry = js_sys::Array::from(&entry);
        Some((entry.get(0).as_string()?, entry.get(1).as_string()?))
    };
    entries.into_iter().flatten().filter_map(|entry| pair(entry.ok()?)).collect()
}
