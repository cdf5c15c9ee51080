//! Which rows count: conditions on columns.

use std::rc::Rc;

use messages::FieldError;
use yew::prelude::*;

use super::inputs::{Entry, fault_at, select, text, tick};
use super::rule::COLUMN_LIST;
use crate::components::button::{Button, Tone};
use crate::components::icon::Icon;
use crate::state::mapping::kinds::TESTS;
use crate::state::mapping::{Condition, Draft};

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub draft: Draft,
    pub faults: Rc<Vec<FieldError>>,
    pub on_change: Callback<Draft>,
}

part!(pub(super) FilterEditor(Props) drawn by draw_filter_editor);

fn told<T: 'static>(props: &Props, change: impl Fn(&mut Draft, T) + 'static) -> Callback<T> {
    let (draft, on_change) = (props.draft.clone(), props.on_change.clone());
    Callback::from(move |value: T| {
        let mut draft = draft.clone();
        change(&mut draft, value);
        on_change.emit(draft);
    })
}

fn draw_filter_editor(props: &Props) -> Html {
    let conditions = &props.draft.conditions;
    let add = told(props, |draft, ()| {
        draft.conditions.push(Condition { test: "equals".to_owned(), ..Condition::default() });
    });
    let need = if props.draft.any { "any" } else { "all" };
    let set_need = told(props, |draft, name: String| draft.any = name == "any");
    let needs = [("all", "all of these hold"), ("any", "one of these holds")];
    html! {
        <details class="more" open={!conditions.is_empty()} data-testid="map-filter">
            <summary>{ "Which rows are sent" }</summary>
            if conditions.is_empty() {
                <p class="hint">{ "All of them. Rows that do not count are left out; they are not reported as rejected." }</p>
            } else if conditions.len() > 1 {
                { select(&Entry { id: "map-need".into(), label: "Rows of which", value: need, fault: None, testid: "map-need" }, needs.into_iter(), set_need) }
            }
            <ul class="map-conditions">
                { for conditions.iter().enumerate().map(|(at, condition)| draw_condition(props, at, condition)) }
            </ul>
            { draw!(Button { label: "Add a condition", icon: Icon::Plus, small: true, onclick: add, testid: "map-add-condition" }) }
        </details>
    }
}

fn draw_condition(props: &Props, at: usize, condition: &Condition) -> Html {
    let set = |change: fn(&mut Condition, String)| {
        told(props, move |draft, text: String| {
            if let Some(condition) = draft.conditions.get_mut(at) {
                change(condition, text);
            }
        })
    };
    let not = told(props, move |draft, not: bool| {
        if let Some(condition) = draft.conditions.get_mut(at) {
            condition.not = not;
        }
    });
    let away = told(props, move |draft, ()| drop(draft.conditions.remove(at)));
    let fault = |name: &str| fault_at(&props.faults, &format!("mapping.filter.conditions.{at}.{name}"));
    let id = |name: &str| format!("map-condition-{at}-{name}");
    html! {
        <li class="map-condition" data-testid="map-condition">
            { text(&Entry { id: id("column"), label: "Column", value: &condition.column, fault: fault("column"), testid: "map-condition-column" }, Some(COLUMN_LIST), set(|condition, text| condition.column = text)) }
            { select(&Entry { id: id("test"), label: "Test", value: &condition.test, fault: fault("test"), testid: "map-condition-test" }, TESTS.into_iter(), set(|condition, text| condition.test = text)) }
            if condition.test != "empty" {
                { text(&Entry { id: id("value"), label: "Value", value: &condition.value, fault: fault("value"), testid: "map-condition-value" }, None, set(|condition, text| condition.value = text)) }
            }
            <div class="row">
                { tick("not", condition.not, not) }
                { draw!(Button { icon: Icon::Close, small: true, tone: Tone::Ghost, name: format!("Take condition {} away", at + 1), onclick: away }) }
            </div>
        </li>
    }
}
