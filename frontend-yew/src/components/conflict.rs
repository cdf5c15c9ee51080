//! Two versions side by side, field by field: mine or theirs.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::button::{Button, Tone};
use super::icon::{Glyph, Icon};
use crate::hooks::Conflict;
use crate::state::merge::{self, Difference, InWords, Side, differences, merged};

#[derive(Properties, PartialEq)]
pub struct Props {
    pub conflict: Rc<Conflict>,
    pub busy: bool,
    /// A field by its path, and a value of it.
    pub in_words: Callback<(String, Value), InWords>,
    pub on_resolve: Callback<Value>,
    pub on_close: Callback<()>,
}

part!(pub ConflictView(Props) kept by use_conflict_view);

#[hook]
fn use_conflict_view(props: &Props) -> Html {
    let choices = use_state(Vec::<(String, Side)>::new);
    let conflict = &props.conflict;
    let found = differences(&conflict.base, &conflict.mine, &conflict.theirs);
    let all = |side: Side| {
        let (choices, fields) =
            (choices.clone(), found.iter().map(|d| (d.field.clone(), side)).collect::<Vec<_>>());
        Callback::from(move |()| choices.set(fields.clone()))
    };
    let save = {
        let (mine, found, choices) = (conflict.mine.clone(), found.clone(), choices.clone());
        let resolve = props.on_resolve.clone();
        Callback::from(move |()| resolve.emit(merged(&mine, &found, &choices)))
    };
    html! {
        <>
            <div class="dialog-body" data-testid="conflict">
                <div class="note warn" role="alert">
                    { draw!(Glyph { icon: Icon::Alert }) }
                    <p>{ "Somebody else saved this while you were editing. Nothing of theirs has been overwritten: choose what to keep." }</p>
                </div>
                if found.is_empty() {
                    <p>{ "Both versions hold the same values." }</p>
                } else {
                    <div class="table-box">
                        <table class="table conflict">
                            <thead>
                                <tr><th>{ "Field" }</th><th>{ "Mine" }</th><th>{ "Theirs" }</th></tr>
                            </thead>
                            <tbody>
                                { for found.iter().map(|difference| row(difference, props, &choices)) }
                            </tbody>
                        </table>
                    </div>
                    <div class="row">
                        { draw!(Button { label: "All mine", small: true, onclick: all(Side::Mine) }) }
                        { draw!(Button { label: "All theirs", small: true, onclick: all(Side::Theirs) }) }
                    </div>
                }
            </div>
            <footer class="dialog-foot">
                { draw!(Button { label: "Discard my changes", onclick: props.on_close.clone() }) }
                { draw!(Button { label: "Save this choice", tone: Tone::Primary, busy: props.busy, onclick: save, testid: "conflict-save" }) }
            </footer>
        </>
    }
}

fn row(difference: &Difference, props: &Props, choices: &UseStateHandle<Vec<(String, Side)>>) -> Html {
    let field = &difference.field;
    let in_words = |value: &Value| props.in_words.emit((field.clone(), value.clone()));
    let chosen = merge::chosen(choices, difference);
    let cell = |side: Side, value: &Value| {
        let onchange = {
            let (choices, field) = (choices.clone(), field.clone());
            Callback::from(move |_: Event| {
                let mut all = (*choices).clone();
                all.push((field.clone(), side));
                choices.set(all);
            })
        };
        html! {
            <td>
                <label class="choice">
                    <input type="radio" name={format!("conflict-{field}")} checked={chosen == side} {onchange} />
                    <span>{ in_words(value).value }</span>
                </label>
            </td>
        }
    };
    html! {
        <tr key={field.clone()}>
            <th scope="row">{ in_words(&difference.mine).field }</th>
            { cell(Side::Mine, &difference.mine) }
            { cell(Side::Theirs, &difference.theirs) }
        </tr>
    }
}
