//! Which store and which days a report is about.

use std::rc::Rc;

use messages::http::figures::StoreFigures;
use messages::http::reports::{Day, check_span};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use super::Wish;
use crate::components::field::RadioRow;
use crate::components::layout::Card;
use crate::state::period::{Period, short};

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) wish: Wish,
    pub(super) stores: Rc<Vec<StoreFigures>>,
    pub(super) today: Day,
    pub(super) on_choose: Callback<Wish>,
}

/// The choice that shows the two fields.
const CUSTOM: &str = "custom";

part!(pub(super) Picker(Props) kept by use_picker);

#[hook]
fn use_picker(props: &Props) -> Html {
    let fault = use_state_eq(|| None::<String>);
    let (wish, today) = (props.wish, props.today);
    let span = wish.period.span(today);
    let on_store = {
        let on_choose = props.on_choose.clone();
        Callback::from(move |event: Event| {
            let value = event.target_unchecked_into::<HtmlSelectElement>().value();
            on_choose.emit(Wish { store: value.parse().ok(), ..wish });
        })
    };
    let on_period = {
        let (on_choose, fault) = (props.on_choose.clone(), fault.clone());
        Callback::from(move |value: String| {
            let ready = Period::READY.iter().find(|(_, name, _)| *name == value);
            let custom = Period::Custom { from: span.0, to: span.1 };
            fault.set(None);
            on_choose.emit(Wish { period: ready.map_or(custom, |(period, ..)| *period), ..wish });
        })
    };
    let value =
        Period::READY.iter().find(|(period, ..)| *period == wish.period).map_or(CUSTOM, |(_, name, _)| *name);
    let mut choices: Vec<_> =
        Period::READY.iter().map(|(_, name, label)| ((*name).into(), (*label).into())).collect();
    choices.push((CUSTOM.into(), "Other days".into()));
    html! {
        { draw!(Card { class: "report-picker", children: html! { <div class="toolbar">
            <label class="sort">
                <span>{ "Store" }</span>
                <select onchange={on_store} data-testid="report-store">
                    <option value="" selected={wish.store.is_none()}>{ "All stores" }</option>
                    { for props.stores.iter().map(|store| html! {
                        <option value={store.store_id.to_string()} selected={wish.store == Some(store.store_id)}>{ &store.name }</option>
                    }) }
                </select>
            </label>
            { draw!(RadioRow { name: "period", legend: "Days", choices, value, onchange: on_period }) }
            if value == CUSTOM {
                { fields(props, span, &fault) }
            } else {
                <span class="dim tabular">{ words(span, today) }</span>
            }
        </div> } }) }
    }
}

fn words((from, to): (Day, Day), today: Day) -> String {
    if from == to { short(from, today) } else { format!("{} – {}", short(from, today), short(to, today)) }
}

/// First and last day, by the browser's own pickers.
fn fields(props: &Props, (from, to): (Day, Day), fault: &UseStateHandle<Option<String>>) -> Html {
    let field = |label: &'static str, day: Day, span: fn(Day, (Day, Day)) -> (Day, Day)| {
        let (on_choose, wish, fault) = (props.on_choose.clone(), props.wish, fault.clone());
        let onchange = Callback::from(move |event: Event| {
            let text = event.target_unchecked_into::<HtmlInputElement>().value();
            // An emptied field is no day yet.
            let Ok(day) = text.parse::<Day>() else { return };
            let (from, to) = span(day, (from, to));
            match check_span(from, to) {
                Ok(()) => {
                    fault.set(None);
                    on_choose.emit(Wish { period: Period::Custom { from, to }, ..wish });
                }
                Err(problem) => {
                    let detail = problem.errors.first().map(|error| error.detail.clone());
                    fault.set(Some(format!("The last day {}.", detail.unwrap_or(problem.detail))));
                }
            }
        });
        html! {
            <label class="sort">
                <span>{ label }</span>
                <input type="date" value={day.to_string()} {onchange} />
            </label>
        }
    };
    html! {
        <>
            { field("From", from, |day, (_, to)| (day, to)) }
            { field("To", to, |day, (from, _)| (from, day)) }
            if let Some(fault) = &**fault {
                <p class="fault" role="alert">{ fault }</p>
            }
        </>
    }
}
