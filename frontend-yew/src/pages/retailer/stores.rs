//! The stores of a retailer as they do now: what was sold today, their devices, what waits and what runs out.

use std::rc::Rc;

use messages::RetailerId;
use messages::http::figures::{StockLevels, StoreFigures};
use messages::http::stores::StoreView;
use messages::permission::Permission;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::delete::{DeleteDialog, Doomed};
use super::{Open, TabProps, opener, row_actions};
use crate::api::resource::Store;
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::field::{CheckField, TextField};
use crate::components::form_dialog::FormDialog;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::{Card, Empty};
use crate::components::nav_link::NavLink;
use crate::components::time::{Time, maybe};
use crate::hooks::{json, use_console, use_every, use_fetch, use_ledger, use_save, use_status};
use crate::route::Route;
use crate::state::draft;
use crate::state::form::FormValues;
use crate::state::format::{count, counted};
use crate::state::stores::{devices, is_troubled, receipts, sold, together};
use crate::state::words::Hue;

/// From so many stores on, there is a field to find one.
const SEARCHABLE: usize = 8;
/// Stock is counted by the hub as seldom as this.
const STOCK_MS: u32 = 60_000;

/// Which stores are looked for.
#[derive(Debug, Clone, PartialEq, Default)]
struct Wish {
    text: String,
    troubled: bool,
}

part!(pub(crate) Stores(TabProps) kept by use_stores);

#[hook]
fn use_stores(props: &TabProps) -> Html {
    let console = use_console();
    let open = use_state(Open::<StoreView>::default);
    let wish = use_state_eq(Wish::default);
    let may = console.may(Permission::RetailerWrite);
    let stores = props.topic.stores();
    let moved = use_ledger(props.id);
    let (api, id) = (console.api.clone(), props.id);
    // A store that was made or renamed a moment ago belongs into the list at once.
    let known: Vec<_> = stores.iter().map(|store| (store.id, store.rev)).collect();
    let fetched = use_fetch(known, moved, move |_| {
        let api = api.clone();
        async move { api.figures(id, None).await }
    });
    let levels = use_levels(props.id);
    let new = html! {
        if may {
            { draw!(Button { label: "New store", icon: Icon::Plus, tone: Tone::Primary, small: true, onclick: opener(&open, Open::New), testid: "new-store" }) }
        }
    };
    let actions = |store: &StoreFigures| {
        let view = stores.iter().find(|view| view.id == store.store_id).filter(|_| may);
        view.map_or_else(Html::default, |view| {
            row_actions(
                &store.name,
                opener(&open, Open::Edit((*view).clone())),
                opener(&open, Open::Delete((*view).clone())),
            )
        })
    };
    let list = |figures: Rc<Vec<StoreFigures>>| {
        html! {
            <>
                if figures.len() >= SEARCHABLE {
                    { toolbar(&wish) }
                }
                { table(props.id, &found(&figures, &wish), &levels, actions) }
            </>
        }
    };
    html! {
        <>
            if let Some(figures) = fetched.data.as_ref().filter(|figures| !figures.is_empty()) {
                { tiles(figures) }
            }
            { draw!(Card { title: "Stores", count: stores.len() as u64, actions: new.clone(), children: html! { <>
                if stores.is_empty() {
                    { draw!(Empty { icon: Icon::Shop, title: "No store yet", detail: "A store is one shop of this retailer.", children: html! { <>{ new }</> } }) }
                } else {
                    { async_view::view(&fetched, 5, list) }
                }
            </> } }) }
            { dialogs(props, &open) }
        </>
    }
}

fn toolbar(wish: &UseStateHandle<Wish>) -> Html {
    let oninput = {
        let wish = wish.clone();
        Callback::from(move |event: InputEvent| {
            let text = event.target_unchecked_into::<HtmlInputElement>().value();
            wish.set(Wish { text, ..(*wish).clone() });
        })
    };
    let chip = |troubled: bool, label: &'static str| {
        let onclick = {
            let wish = wish.clone();
            Callback::from(move |_: MouseEvent| wish.set(Wish { troubled, ..(*wish).clone() }))
        };
        html! {
            <button type="button" class="chip" aria-pressed={if wish.troubled == troubled { "true" } else { "false" }} {onclick}>{ label }</button>
        }
    };
    html! {
        <div class="toolbar tight">
            <label class="searchbox">
                { draw!(Glyph { icon: Icon::Search }) }
                <input type="search" aria-label="Search stores" placeholder="Search name or code" value={wish.text.clone()} {oninput} data-testid="search-stores" />
            </label>
            <div class="chips" role="group" aria-label="Show">
                { chip(false, "All") }
                { chip(true, "Need attention") }
            </div>
        </div>
    }
}

/// How much runs out in each store, asked now and then.
#[hook]
pub(crate) fn use_levels(retailer: RetailerId) -> Rc<Vec<StockLevels>> {
    let console = use_console();
    let (_, round) = use_status();
    let asked = use_fetch(retailer, round, move |retailer| {
        let api = console.api.clone();
        async move { api.stock_levels(retailer).await }
    });
    use_every(STOCK_MS, asked.reload.clone());
    asked.data.unwrap_or_default()
}

fn found(figures: &[StoreFigures], wish: &Wish) -> Vec<StoreFigures> {
    let wanted = wish.text.trim().to_lowercase();
    let fits = |store: &&StoreFigures| {
        let called =
            store.name.to_lowercase().contains(&wanted) || store.code.to_lowercase().contains(&wanted);
        called && (!wish.troubled || is_troubled(store))
    };
    figures.iter().filter(fits).cloned().collect()
}

pub(crate) fn tile(icon: Icon, name: &'static str, value: Html, note: String, tone: &'static str) -> Html {
    html! {
        <div class={classes!("tile", tone)}>
            <dt>{ name }<span class="tile-icon">{ draw!(Glyph { icon }) }</span></dt>
            <dd class="tabular">{ value }</dd>
            <dd class="tile-note">{ note }</dd>
        </div>
    }
}

/// What came together on this day in all stores.
pub(crate) fn tiles(figures: &[StoreFigures]) -> Html {
    let sums = together(figures);
    let sum = |of: fn(&StoreFigures) -> u64| figures.iter().map(of).sum::<u64>();
    let (all, up) = (sum(|s| s.devices.enrolled.into()), sum(|s| s.devices.online.into()));
    let (backlog, letters) = (sum(|s| s.backlog), sum(|s| s.dead_letters));
    let waiting = figures.iter().filter(|store| store.backlog > 0).count() as u64;
    let online = html! { <>{ count(up) }<span class="of">{ format!(" / {}", count(all)) }</span></> };
    html! {
        <dl class="tiles" data-testid="store-tiles">
            { tile(Icon::Shop, "Sold today", html! { <span class="money">{ sold(&sums) }</span> }, receipts(&sums), "") }
            { tile(Icon::Screen, "Devices online", online, if all == 0 { "none enrolled".to_owned() } else if up == all { "all of them".to_owned() } else { format!("{} not heard of", count(all.saturating_sub(up))) }, if up == all { "good" } else { "warn" }) }
            { tile(Icon::Clock, "Events waiting", html! { count(backlog) }, if backlog == 0 { "everything is here".to_owned() } else { format!("in {}", counted(waiting, "store", "stores")) }, if backlog == 0 { "good" } else { "" }) }
            { tile(Icon::Alert, "Dead letters", html! { count(letters) }, if letters == 0 { "none set aside".to_owned() } else { "waiting for a decision".to_owned() }, if letters == 0 { "good" } else { "bad" }) }
        </dl>
    }
}

fn table(
    retailer: RetailerId,
    figures: &[StoreFigures],
    levels: &[StockLevels],
    actions: impl Fn(&StoreFigures) -> Html,
) -> Html {
    if figures.is_empty() {
        return html! {
            { draw!(Empty { icon: Icon::Search, title: "No store fits" }) }
        };
    }
    html! {
        <div class="table-box">
            <table class="table cards">
                <thead><tr><th>{ "Store" }</th><th class="num">{ "Sold today" }</th><th>{ "Last sale" }</th><th>{ "Devices" }</th><th class="num">{ "Waiting" }</th><th>{ "Stock" }</th><th>{ "Dead letters" }</th><th><span class="visually-hidden">{ "Actions" }</span></th></tr></thead>
                <tbody>
                    { for figures.iter().map(|store| {
                        let (word, hue) = devices(store);
                        let level = levels.iter().find(|level| level.store_id == store.store_id);
                        html! {
                            <tr key={store.store_id.to_string()} data-testid="store-row" class={is_troubled(store).then_some("troubled")}>
                                <td data-label="Store">
                                    { draw!(NavLink { to: Route::Store { id: retailer, store: store.store_id }, class: "strong", testid: "store-link", children: html! { <>{ &store.name }</> } }) }
                                    <small class="mono dim">{ &store.code }</small>
                                    if !store.enabled {
                                        { draw!(Badge { word: "Disabled", hue: Hue::Quiet }) }
                                    }
                                </td>
                                <td data-label="Sold today" class="num tabular" data-testid="sold-today"><span class="strong">{ sold(&store.today) }</span><small class="dim">{ receipts(&store.today) }</small></td>
                                <td data-label="Last sale">{ maybe(store.last_sale_at) }</td>
                                <td data-label="Devices">{ draw!(Badge { word, hue }) }</td>
                                <td data-label="Waiting" class="num tabular">{ waiting(store) }</td>
                                <td data-label="Stock">{ stock(level) }</td>
                                <td data-label="Dead letters">{ letters(store.dead_letters) }</td>
                                <td class="actions">{ actions(store) }</td>
                            </tr>
                        }
                    }) }
                </tbody>
            </table>
        </div>
    }
}

fn waiting(store: &StoreFigures) -> Html {
    html! {
        <>
            { count(store.backlog) }
            if let Some(at) = store.oldest_unsent_at.filter(|_| store.backlog > 0) {
                <small class="dim">{ "since " }{ draw!(Time { at }) }</small>
            }
        </>
    }
}

fn stock(level: Option<&StockLevels>) -> Html {
    let Some(level) = level else { return html! { <span class="dim">{ "—" }</span> } };
    html! {
        <span class="badges">
            if level.out > 0 {
                { draw!(Badge { word: format!("{} out", count(level.out)), hue: Hue::Bad }) }
            }
            if level.low > 0 {
                { draw!(Badge { word: format!("{} low", count(level.low)), hue: Hue::Warn }) }
            }
            if level.out + level.low == 0 {
                { draw!(Badge { word: "Enough", hue: Hue::Good }) }
            }
        </span>
    }
}

fn letters(count_of: u64) -> Html {
    if count_of == 0 {
        return html! { <span class="dim">{ "—" }</span> };
    }
    html! {
        { draw!(Badge { word: count(count_of), hue: Hue::Bad }) }
    }
}

fn dialogs(props: &TabProps, open: &UseStateHandle<Open<StoreView>>) -> Html {
    let close = opener(open, Open::Nothing);
    let zone = props.topic.retailer().map(|r| r.spec.time_zone.clone()).unwrap_or_default();
    match &**open {
        Open::Nothing => Html::default(),
        Open::New => html! { { draw!(StoreForm { retailer: props.id, zone, on_close: close }) } },
        Open::Edit(view) => {
            html! { { draw!(StoreForm { retailer: props.id, zone, existing: view.clone(), on_close: close }) } }
        }
        Open::Delete(view) => html! {
            { draw!(DeleteDialog { doomed: Doomed::new::<Store>(Some(props.id), view), on_close: close, consequence: "Agents that stand there lose their place, and its devices are turned away. What it sold stays. This cannot be undone." }) }
        },
    }
}

#[derive(Properties, PartialEq)]
struct FormProps {
    retailer: RetailerId,
    zone: String,
    #[prop_or_default]
    existing: Option<StoreView>,
    on_close: Callback<()>,
}

part!(StoreForm(FormProps) kept by use_store_form);

#[hook]
fn use_store_form(props: &FormProps) -> Html {
    let save = use_save::<Store>(Some(props.retailer), props.existing.clone(), props.on_close.reform(|_| ()));
    let spec = props.existing.as_ref().map(|view| &view.spec);
    let on_submit = save.submit.reform(|form: FormValues| json(draft::store(&form)));
    let (title, action) = if spec.is_some() { ("Edit store", "Save") } else { ("New store", "Create store") };
    html! {
            { draw!(FormDialog { title, action, busy: save.busy, errors: save.errors.clone(), error: save.error.clone(), conflict: save.conflict.clone(), on_submit, on_resolve: save.resolve.clone(), on_close: props.on_close.clone(), children: html! { <>
    { draw!(TextField { name: "name", label: "Name", required: true, autofocus: true, value: spec.map(|s| s.name.clone()).unwrap_or_default() }) }
                { draw!(TextField { name: "code", label: "Code", required: true, mono: true, value: spec.map(|s| s.code.clone()).unwrap_or_default(), hint: html! { "Short handle in lower case, unique within the retailer." } }) }
                { draw!(TextField { name: "address", label: "Address", rows: 2, value: spec.map(|s| s.address.clone()).unwrap_or_default() }) }
                { draw!(TextField { name: "time_zone", label: "Time zone", required: true, value: spec.map_or_else(|| props.zone.clone(), |s| s.time_zone.clone()) }) }
                { draw!(CheckField { name: "enabled", label: "Enabled", checked: spec.is_none_or(|s| s.enabled) }) }
    </> } }) }
        }
}
