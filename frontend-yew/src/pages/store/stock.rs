//! The stock of a store: found by number or name, what runs out alone if wanted, and as a file.

use messages::edge::Quantity;
use messages::http::figures::LOW_STOCK;
use messages::http::paging::Page;
use messages::http::reports::{InventoryQuery, StockRow};
use yew::prelude::*;

use super::PartProps;
use crate::api::browser;
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::Button;
use crate::components::filter_bar::{Chip, FilterBar};
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::pager::Pager;
use crate::components::time::Time;
use crate::hooks::{use_action, use_console, use_debounced, use_fetch};
use crate::state::format::short_id;
use crate::state::paging::Trail;
use crate::state::words::Hue;

const SIZE: u32 = 25;
const DEBOUNCE_MS: u32 = 250;

/// What is looked for, and the page of it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Wish {
    text: String,
    at_most: Option<Quantity>,
    trail: Trail,
}

part!(pub(super) Stock(PartProps) kept by use_stock);

#[hook]
fn use_stock(props: &PartProps) -> Html {
    let console = use_console();
    let wish = use_state_eq(Wish::default);
    let (retailer, store) = (props.retailer, props.store);
    let query = move |wish: &Wish| InventoryQuery {
        store_id: store,
        q: Some(wish.text.trim().to_owned()).filter(|text| !text.is_empty()),
        at_most: wish.at_most,
        cursor: wish.trail.cursor().cloned(),
        limit: Some(SIZE),
        format: messages::http::reports::Form::Json,
    };
    let api = console.api.clone();
    let fetched = use_fetch((*wish).clone(), props.moved, move |wish| {
        let (api, query) = (api.clone(), query(&wish));
        async move { api.inventory(retailer, &query).await }
    });
    let download = {
        let (api, wished) = (console.api.clone(), query(&wish));
        use_action(move |()| {
            let (api, query) = (api.clone(), InventoryQuery { cursor: None, ..wished.clone() });
            async move {
                let csv = api.inventory_csv(retailer, &query).await?;
                browser::download(&format!("stock-{}.csv", short_id(&store)), "text/csv", &csv);
                Ok(())
            }
        })
    };
    let search = {
        let wish = wish.clone();
        use_debounced(
            DEBOUNCE_MS,
            Callback::from(move |text: String| {
                wish.set(Wish { text, trail: Trail::default(), ..(*wish).clone() });
            }),
        )
    };
    let turn = |to: Trail| {
        let wish = wish.clone();
        Callback::from(move |()| wish.set(Wish { trail: to.clone(), ..(*wish).clone() }))
    };
    let total = fetched.data.as_ref().map(|page| page.total);
    let actions = html! {
        { draw!(Button { label: "Download CSV", icon: Icon::Save, small: true, busy: download.busy, onclick: download.run.clone(), testid: "stock-download" }) }
    };
    html! {
        { draw!(Card { title: "Stock", count: total, actions, children: html! { <>
            { toolbar(&wish, search) }
            { async_view::view(&fetched, 6, |page| {
                if page.items.is_empty() {
                    return nothing(&wish);
                }
                let next = page.next.clone().map(|next| wish.trail.forward(next));
                html! {
                    <>
                        { table(&page) }
                        <footer class="card-foot">
                            { draw!(Pager { page: wish.trail.page(), size: SIZE, shown: page.items.len(), total: page.total, more: next.is_some(), on_back: turn(wish.trail.back()), on_next: turn(next.unwrap_or_default()) }) }
                        </footer>
                    </>
                }
            }) }
        </> } }) }
    }
}

fn toolbar(wish: &UseStateHandle<Wish>, search: Callback<String>) -> Html {
    let chip = |(at_most, label)| {
        let to = wish.clone();
        let press =
            Callback::from(move |()| to.set(Wish { at_most, trail: Trail::default(), ..(*to).clone() }));
        Chip { label, pressed: wish.at_most == at_most, press }
    };
    let chips = [(None, "All"), (Some(LOW_STOCK), "Low or out"), (Some(Quantity::ZERO), "Out")];
    html! {
        { draw!(FilterBar { name: "Search stock", placeholder: "Search number or name", search, chips: chips.map(chip).to_vec(), testid: "search-stock" }) }
    }
}

fn nothing(wish: &Wish) -> Html {
    if wish.text.trim().is_empty() && wish.at_most.is_none() {
        return html! {
            { draw!(Empty { icon: Icon::Box, title: "No stock yet", detail: "An article appears here when it moves in the store for the first time: sold, taken back, counted or delivered." }) }
        };
    }
    html! {
        { draw!(Empty { icon: Icon::Search, title: "No article fits" }) }
    }
}

fn table(page: &Page<StockRow>) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards" data-testid="stock">
                <thead><tr><th>{ "Article" }</th><th class="num">{ "In stock" }</th><th>{ "State" }</th><th class="num">{ "Moved in all" }</th><th>{ "Last moved" }</th></tr></thead>
                <tbody>
                    { for page.items.iter().map(|row| html! {
                        <tr key={row.sku.clone()} data-testid="stock-row">
                            <td data-label="Article">
                                if let Some(name) = &row.name { <span class="strong">{ name }</span> }
                                <small class="mono dim">{ &row.sku }</small>
                            </td>
                            <td data-label="In stock" class="num tabular">{ row.on_hand.to_string() }</td>
                            <td data-label="State">{ level(row.on_hand) }</td>
                            <td data-label="Moved in all" class="num tabular">{ row.moved.to_string() }</td>
                            <td data-label="Last moved">{ draw!(Time { at: row.moved_at }) }</td>
                        </tr>
                    }) }
                </tbody>
            </table>
        </div>
    }
}

fn level(on_hand: Quantity) -> Html {
    let (word, hue) = if on_hand <= Quantity::ZERO {
        ("Out", Hue::Bad)
    } else if on_hand <= LOW_STOCK {
        ("Low", Hue::Warn)
    } else {
        ("Enough", Hue::Good)
    };
    html! {
        { draw!(Badge { word, hue }) }
    }
}
