//! How one field comes by its value: from where, and step by step. Draws what the draft has and hands back a changed one.

use std::rc::Rc;

use messages::FieldError;
use messages::item::ItemField;
use yew::prelude::*;

use super::inputs::{Entry, fault_at, lines, select, text};
use crate::components::button::{Button, Tone};
use crate::components::icon::Icon;
use crate::state::mapping::kinds::{Input, KINDS, Param};
use crate::state::mapping::{Draft, From, Rule, Step};
use crate::state::words;

/// The list of column names that inputs offer.
pub(super) const COLUMN_LIST: &str = "map-column-names";

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub field: ItemField,
    pub draft: Draft,
    pub faults: Rc<Vec<FieldError>>,
    /// The first row's value before and after, where there is a sample.
    pub example: Option<(String, Result<Option<String>, String>)>,
    pub on_change: Callback<Draft>,
    pub on_close: Callback<()>,
}

part!(pub(super) RuleEditor(Props) drawn by draw_rule_editor);

fn draw_rule_editor(props: &Props) -> Html {
    let field = props.field;
    let rule = props.draft.rule(field);
    let clear = changed(props, move |draft| draft.disconnect(field));
    html! {
        <section class="map-rule" aria-label={format!("Rule for {}", words::item_field(field))} data-testid="map-rule">
            <header class="map-rule-head">
                <h3>{ words::item_field(field) }</h3>
                { example(props) }
                if rule.is_some() {
                    { draw!(Button { label: "Take the rule away", small: true, tone: Tone::Ghost, onclick: clear, testid: "map-clear" }) }
                }
                { draw!(Button { label: "Done", small: true, onclick: props.on_close.clone(), testid: "map-done" }) }
            </header>
            { origin(props, rule) }
            if let Some(rule) = rule {
                <ol class="map-steps">
                    { for rule.steps.iter().enumerate().map(|(at, step)| draw_step(props, rule, at, step)) }
                </ol>
                { new_step(props) }
            }
        </section>
    }
}

/// A callback that changes a copy of the draft.
fn changed(props: &Props, change: impl Fn(&mut Draft) + 'static) -> Callback<()> {
    let told = told(props, move |draft, ()| change(draft));
    Callback::from(move |()| told.emit(()))
}

fn told<T: 'static>(props: &Props, change: impl Fn(&mut Draft, T) + 'static) -> Callback<T> {
    let (draft, on_change) = (props.draft.clone(), props.on_change.clone());
    Callback::from(move |value: T| {
        let mut draft = draft.clone();
        change(&mut draft, value);
        on_change.emit(draft);
    })
}

/// Changes the rule of the field that is edited.
fn ruled<T: 'static>(props: &Props, change: impl Fn(&mut Rule, T) + 'static) -> Callback<T> {
    let field = props.field;
    told(props, move |draft, value| {
        if let Some(rule) = draft.rules.iter_mut().find(|rule| rule.field == field) {
            change(rule, value);
        }
    })
}

fn example(props: &Props) -> Html {
    let Some((before, after)) = &props.example else { return Html::default() };
    html! {
        <p class="map-example" data-testid="map-example" aria-live="polite">
            if !before.is_empty() {
                <span class="dim">{ before }</span><span aria-hidden="true">{ " → " }</span><span class="visually-hidden">{ " becomes " }</span>
            }
            { match after {
                Ok(Some(value)) => html! { <strong>{ value }</strong> },
                Ok(None) => html! { <span class="dim">{ "nothing" }</span> },
                Err(reason) => html! { <span class="fault">{ crate::api::error::sentence(reason) }</span> },
            } }
        </p>
    }
}

fn origin(props: &Props, rule: Option<&Rule>) -> Html {
    let field = props.field;
    let from = rule.map_or("", |rule| {
        From::ALL.iter().find(|(from, ..)| *from == rule.from).map_or("", |(_, name, _)| name)
    });
    let choices = rule.is_none().then_some(("", "Its own column, by name"));
    let choices = choices.into_iter().chain(From::ALL.iter().map(|(_, name, label)| (*name, *label)));
    let turn = told(props, move |draft, name: String| {
        if let Some(from) = From::named(&name) {
            draft.turn(field, from);
        }
    });
    let path = props.draft.path(field).unwrap_or_default();
    let (label, key, list) = match rule.map(|rule| rule.from) {
        Some(From::Column) => ("Column", "column", Some(COLUMN_LIST)),
        Some(From::Constant) => ("Text", "text", None),
        _ => ("Text with {column} in it", "template", None),
    };
    let fault = fault_at(&props.faults, &format!("{path}.from.{key}"));
    html! {
        <div class="fields-2">
            { select(&Entry { id: "map-from".into(), label: "Comes from", value: from, fault: None, testid: "map-from" }, choices, turn) }
            if let Some(rule) = rule {
                { text(&Entry { id: "map-text".into(), label, value: &rule.text, fault, testid: "map-text" }, list, ruled(props, |rule, text| rule.text = text)) }
            }
        </div>
    }
}

fn draw_step(props: &Props, rule: &Rule, at: usize, step: &Step) -> Html {
    let Some(kind) = KINDS.get(step.kind) else { return Html::default() };
    let path = format!("{}.steps.{at}", props.draft.path(rule.field).unwrap_or_default());
    let up = ruled(props, move |rule: &mut Rule, ()| rule.steps.swap(at, at - 1));
    let away = ruled(props, move |rule: &mut Rule, ()| drop(rule.steps.remove(at)));
    let params = kind.params.iter().zip(&step.values).enumerate();
    html! {
        <li class="map-step" data-testid="map-step">
            <div class="map-step-head">
                <strong>{ kind.label }</strong>
                if at > 0 {
                    { draw!(Button { label: "↑", small: true, tone: Tone::Ghost, name: format!("Do step {} earlier", at + 1), onclick: up }) }
                }
                { draw!(Button { icon: Icon::Close, small: true, tone: Tone::Ghost, name: format!("Take step {} away: {}", at + 1, kind.label), onclick: away }) }
            </div>
            if !kind.params.is_empty() {
                <div class="fields-2">
                    { for params.map(|(which, (param, value))| draw_param(props, (at, which), param, value, &path)) }
                </div>
            }
        </li>
    }
}

fn draw_param(props: &Props, (at, which): (usize, usize), param: &Param, value: &str, path: &str) -> Html {
    let fault = fault_at(&props.faults, &format!("{path}.{}", param.name));
    // A table's faults stand at its entries.
    let fault = fault.or_else(|| {
        let inside = format!("{path}.{}.", param.name);
        props.faults.iter().find(|fault| fault.field.starts_with(&inside)).map(|fault| fault.detail.as_str())
    });
    let id = format!("map-step-{at}-{}", param.name);
    let entry = Entry { id, label: param.label, value, fault, testid: "map-param" };
    let set = ruled(props, move |rule: &mut Rule, text: String| {
        if let Some(value) = rule.steps.get_mut(at).and_then(|step| step.values.get_mut(which)) {
            *value = text;
        }
    });
    match param.input {
        Input::Choice(all) => select(&entry, all.iter().copied(), set),
        Input::Entries => lines(&entry, set),
        _ => text(&entry, None, set),
    }
}

fn new_step(props: &Props) -> Html {
    let choices = std::iter::once(("", "Choose what is done to it…"))
        .chain(KINDS.iter().map(|kind| (kind.name, kind.label)));
    let add = ruled(props, |rule: &mut Rule, name: String| {
        if let Some(kind) = KINDS.iter().position(|kind| kind.name == name) {
            rule.steps.push(Step::of(kind));
        }
    });
    // A new list for each step, so that none stays chosen in it.
    let key = props.draft.rule(props.field).map_or(0, |rule| rule.steps.len());
    html! {
        <div key={key}>
            { select(&Entry { id: "map-new-step".into(), label: "Add a step", value: "", fault: None, testid: "map-new-step" }, choices, add) }
        </div>
    }
}
