//! A store's page: its day so far, what is sold as it is sold, its devices, what was set aside, its stock. Read again
//! whenever the ledger of the retailer has moved.

use messages::http::figures::StoreFigures;
use messages::permission::Permission;
use messages::{ErrorCode, RetailerId, StoreId};
use yew::prelude::*;

use super::missing::refused;
use super::retailer::stores::tiles;
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::layout::{Card, PageHead, RefreshButton};
use crate::hooks::{Fetched, use_console, use_fetch, use_ledger, use_retailer, use_title};
use crate::route::{Route, Tab};
use crate::state::stores::devices;

mod devices;
mod enrolment;
mod letter;
mod letters;
mod sales;
mod stock;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub retailer: RetailerId,
    pub store: StoreId,
}

/// What each part of the page is given.
#[derive(Properties, PartialEq)]
pub(super) struct PartProps {
    pub(super) retailer: RetailerId,
    pub(super) store: StoreId,
    /// Moves when there is something new to read.
    pub(super) moved: u32,
}

part!(pub StorePage(Props) kept by use_store_page);

#[hook]
fn use_store_page(props: &Props) -> Html {
    let console = use_console();
    let (retailer, store) = (props.retailer, props.store);
    let topic = use_retailer(retailer);
    let moved = use_ledger(retailer);
    let api = console.api.clone();
    let fetched = use_fetch(store, moved, move |store| {
        let api = api.clone();
        async move { api.figures(retailer, Some(store)).await }
    });
    let found = fetched.data.as_ref().and_then(|figures| figures.first()).cloned();
    let name = found.as_ref().map(|found| found.name.clone());
    use_title(name.clone().unwrap_or_else(|| "Store".to_owned()));
    let gone = fetched.data.as_ref().is_some_and(|figures| figures.is_empty());
    let unknown = fetched.error.as_ref().and_then(|error| error.code()) == Some(ErrorCode::NotFound);
    if gone || unknown {
        return refused(ErrorCode::NotFound);
    }
    let owner = topic.as_ref().and_then(|topic| topic.retailer()).map(|r| r.spec.name.clone());
    let trail = vec![
        (Route::Retailers, "Retailers".into()),
        (Route::Retailer { id: retailer }, owner.unwrap_or_else(|| "Retailer".to_owned()).into()),
        (Route::RetailerTab { id: retailer, tab: Tab::Stores }, "Stores".into()),
    ];
    let config = console.may(Permission::ConfigRead);
    html! {
        <>
            { head(&fetched, found.as_ref(), trail) }
            { match &found {
                None => html! { { draw!(Card { children: html! { <>{ async_view::view(&fetched, 6, |_| Html::default()) }</> } }) } },
                Some(found) => html! { <>{ async_view::view(&fetched, 6, |_| tiles(std::slice::from_ref(found))) }</> },
            } }
            <div class={if config { "columns store-columns" } else { "" }}>
                { draw!(sales::Sales { retailer, store, moved }) }
                if config {
                    <div>
                        { draw!(devices::Devices { retailer, store, moved }) }
                    </div>
                }
            </div>
            if config {
                { draw!(letters::Letters { retailer, store, moved }) }
            }
            { draw!(stock::Stock { retailer, store, moved }) }
        </>
    }
}

fn head(
    fetched: &Fetched<Vec<StoreFigures>>,
    found: Option<&StoreFigures>,
    trail: Vec<(Route, AttrValue)>,
) -> Html {
    let title = found.map_or_else(|| "Store".to_owned(), |found| found.name.clone());
    let beside = found.map_or_else(Html::default, |found| {
        let (word, hue) = devices(found);
        html! {
            <>
                <span class="mono dim">{ &found.code }</span>
                { draw!(Badge { word, hue, testid: "store-state" }) }
            </>
        }
    });
    let subtitle =
        html! { { found.map_or_else(String::new, |found| format!("{} by the store's clock", found.day)) } };
    let again = html! { <>{ draw!(RefreshButton { onclick: fetched.reload.clone() }) }</> };
    html! {
        { draw!(PageHead { title, subtitle, beside, trail, children: again }) }
    }
}
