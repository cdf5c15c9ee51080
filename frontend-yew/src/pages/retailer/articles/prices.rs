//! Prices that single stores have of an article: a row each, added and taken away. The store of a row that was there stays;
//! of a new one it is chosen among those that have none. What the rows hold is read by `state::draft::article`.

use std::collections::BTreeMap;
use std::rc::Rc;

use messages::StoreId;
use messages::edge::{Amount, Currency};
use yew::prelude::*;

use crate::components::button::{Button, Tone};
use crate::components::field::{Choice, SelectField, TextField};
use crate::components::hidden_field::HiddenField;
use crate::components::icon::Icon;
use crate::state::draft::typed;
use crate::state::topic::TopicState;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) topic: Rc<TopicState>,
    pub(super) currency: Option<Currency>,
    /// As they were when the form was opened.
    pub(super) prices: BTreeMap<StoreId, Amount>,
}

/// Its number never changes, so that each keeps what is typed in it when another goes.
#[derive(Clone, PartialEq)]
struct Row {
    number: usize,
    /// Absent in a new one.
    of: Option<(StoreId, Amount)>,
}

#[derive(Clone, PartialEq)]
struct Rows {
    rows: Vec<Row>,
    next: usize,
}

part!(pub(super) StorePrices(Props) kept by use_store_prices);

#[hook]
fn use_store_prices(props: &Props) -> Html {
    let rows = use_state_eq(|| first(&props.topic, &props.prices));
    let stores = props.topic.stores();
    let taken: Vec<StoreId> = rows.rows.iter().filter_map(|row| row.of.map(|(store, _)| store)).collect();
    let free = stores.iter().filter(|store| !taken.contains(&store.id));
    let choices: Vec<Choice> =
        free.map(|store| (store.id.to_string().into(), store.spec.name.clone().into())).collect();
    let add = {
        let rows = rows.clone();
        Callback::from(move |()| {
            let mut more = (*rows).clone();
            more.rows.push(Row { number: more.next, of: None });
            more.next += 1;
            rows.set(more);
        })
    };
    let more = rows.rows.len() - taken.len() < choices.len();
    let held: Vec<String> = rows.rows.iter().map(|row| row.number.to_string()).collect();
    let legend = props.currency.map_or_else(
        || "Prices of single stores".to_owned(),
        |currency| format!("Prices of single stores in {currency}"),
    );
    html! {
        <fieldset class="group" data-testid="store-prices">
            <legend>{ legend }</legend>
            { draw!(HiddenField { name: "price_rows", value: held.join(",") }) }
            if rows.rows.is_empty() {
                <p class="hint">{ "All stores sell it at the price above." }</p>
            }
            <ul class="price-rows">
                { for rows.rows.iter().map(|row| draw_row(props, &rows, row, &choices)) }
            </ul>
            if more {
                <div>{ draw!(Button { label: "Add a store", icon: Icon::Plus, small: true, onclick: add, testid: "add-price" }) }</div>
            }
        </fieldset>
    }
}

/// By the names of the stores, as people look for them; one that is gone comes last.
fn first(topic: &TopicState, prices: &BTreeMap<StoreId, Amount>) -> Rows {
    let known: Vec<StoreId> = topic.stores().iter().map(|store| store.id).collect();
    let mut of: Vec<(StoreId, Amount)> = prices.iter().map(|(store, price)| (*store, *price)).collect();
    of.sort_by_key(|(store, _)| known.iter().position(|id| id == store).unwrap_or(usize::MAX));
    let rows: Vec<Row> =
        of.into_iter().enumerate().map(|(number, of)| Row { number, of: Some(of) }).collect();
    Rows { next: rows.len(), rows }
}

/// What the store is called, also when there is none any more.
pub(super) fn store_name(topic: &TopicState, id: StoreId) -> String {
    let stores = topic.stores();
    let known = stores.iter().find(|store| store.id == id);
    known.map_or_else(|| "Deleted store".to_owned(), |store| store.spec.name.clone())
}

fn draw_row(props: &Props, rows: &UseStateHandle<Rows>, row: &Row, choices: &[Choice]) -> Html {
    let number = row.number;
    let away = {
        let rows = rows.clone();
        Callback::from(move |()| {
            let mut fewer = (*rows).clone();
            fewer.rows.retain(|row| row.number != number);
            rows.set(fewer);
        })
    };
    let (store, price) = (format!("prices.{number}.store"), format!("prices.{number}.price"));
    let named = row.of.map(|(id, amount)| (id, store_name(&props.topic, id), typed(amount, props.currency)));
    html! {
        <li class="price-row" key={number} data-testid="price-row">
            if let Some((id, name, amount)) = &named {
                <input type="hidden" name={store} value={id.to_string()} />
                { draw!(TextField { name: price, label: name.clone(), required: true, value: amount.clone(), testid: "price-of-store" }) }
            } else {
                { draw!(SelectField { name: store, label: "Store", choices: chosen_first(choices), testid: "price-store" }) }
                { draw!(TextField { name: price, label: "Price", required: true, testid: "price-of-store" }) }
            }
            { draw!(Button { icon: Icon::Close, small: true, tone: Tone::Ghost, name: named.map_or_else(|| "Take the new row away".to_owned(), |(_, name, _)| format!("Take the price of {name} away")), onclick: away, testid: "remove-price" }) }
        </li>
    }
}

/// Nobody sets a price for a store that was not chosen.
fn chosen_first(choices: &[Choice]) -> Vec<Choice> {
    let none = (AttrValue::Static(""), AttrValue::Static("Choose a store…"));
    std::iter::once(none).chain(choices.iter().cloned()).collect()
}
