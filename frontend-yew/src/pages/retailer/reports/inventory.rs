//! How much is in stock in each store, and the whole of it as a file.

use std::rc::Rc;

use messages::http::figures::{StockLevels, StoreFigures};
use messages::http::reports::{Form, InventoryQuery};
use messages::{RetailerId, StoreId};
use yew::prelude::*;

use super::super::stores::use_levels;
use crate::api::browser;
use crate::components::button::Button;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::nav_link::NavLink;
use crate::hooks::{use_action, use_console};
use crate::route::Route;
use crate::state::format::count;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) retailer: RetailerId,
    pub(super) stores: Rc<Vec<StoreFigures>>,
}

part!(pub(super) Inventory(Props) kept by use_inventory);

#[hook]
fn use_inventory(props: &Props) -> Html {
    let console = use_console();
    let retailer = props.retailer;
    let levels = use_levels(retailer);
    let download = {
        let api = console.api.clone();
        use_action(move |(store_id, code): (StoreId, String)| {
            let api = api.clone();
            async move {
                let query = InventoryQuery {
                    store_id,
                    q: None,
                    at_most: None,
                    cursor: None,
                    limit: None,
                    format: Form::Csv,
                };
                let csv = api.inventory_csv(retailer, &query).await?;
                browser::download(&format!("stock-{code}.csv"), "text/csv", &csv);
                Ok(())
            }
        })
    };
    let file = |store: &StoreFigures| {
        let (run, wanted) = (download.run.clone(), (store.store_id, store.code.clone()));
        let onclick = Callback::from(move |()| run.emit(wanted.clone()));
        html! {
            { draw!(Button { label: "CSV", icon: Icon::Save, small: true, busy: download.busy, name: format!("Download the stock of {} as CSV", store.name), onclick }) }
        }
    };
    html! {
        { draw!(Card { title: "Inventory", children: table(props, &levels, file) }) }
    }
}

fn table(props: &Props, levels: &[StockLevels], file: impl Fn(&StoreFigures) -> Html) -> Html {
    if levels.is_empty() {
        return html! {
            { draw!(Empty { icon: Icon::Box, title: "No stock yet", detail: "Articles appear when they move in a store for the first time." }) }
        };
    }
    html! {
        <div class="table-box">
            <table class="table cards" data-testid="inventory">
                <thead><tr><th>{ "Store" }</th><th class="num">{ "Articles" }</th><th class="num">{ "Running low" }</th><th class="num">{ "Out" }</th><th><span class="visually-hidden">{ "Actions" }</span></th></tr></thead>
                <tbody>
                    { for levels.iter().filter_map(|level| {
                        let store = props.stores.iter().find(|store| store.store_id == level.store_id)?;
                        Some(html! {
                            <tr key={store.store_id.to_string()}>
                                <td data-label="Store">{ draw!(NavLink { to: Route::Store { id: props.retailer, store: store.store_id }, class: "strong", children: html! { <>{ &store.name }</> } }) }</td>
                                <td data-label="Articles" class="num tabular">{ count(level.articles) }</td>
                                <td data-label="Running low" class="num tabular">{ count(level.low) }</td>
                                <td data-label="Out" class="num tabular">{ count(level.out) }</td>
                                <td class="actions">{ file(store) }</td>
                            </tr>
                        })
                    }) }
                </tbody>
            </table>
        </div>
    }
}
