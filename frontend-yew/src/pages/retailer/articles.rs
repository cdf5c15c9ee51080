//! The articles of a retailer at head office: found by name, number or barcode, made, changed and withdrawn; and stock of
//! one put right in a store. Stores get what changes within seconds.

use messages::edge::Currency;
use messages::http::articles::{ArticleQuery, ArticleState, ArticleView};
use messages::http::paging::Page;
use messages::permission::Permission;
use yew::prelude::*;

use self::form::ArticleForm;
use self::stock::StockForm;
use self::withdraw::WithdrawDialog;
use super::TabProps;
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::filter_bar::{Chip, FilterBar};
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::pager::Pager;
use crate::components::time::Time;
use crate::hooks::{use_console, use_debounced, use_fetch, use_ledger};
use crate::state::paging::Trail;
use crate::state::words::Hue;

mod form;
mod prices;
mod stock;
mod withdraw;

const SIZE: u32 = 50;
const DEBOUNCE_MS: u32 = 250;

/// What is looked for, and the page of it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Wish {
    text: String,
    state: Option<ArticleState>,
    trail: Trail,
}

/// Which dialog is open, and over what.
#[derive(Debug, Clone, PartialEq, Default)]
enum Open {
    #[default]
    Nothing,
    New,
    Edit(Box<ArticleView>),
    Stock(Box<ArticleView>),
    Withdraw(Box<ArticleView>),
}

part!(pub(super) Articles(TabProps) kept by use_articles);

#[hook]
fn use_articles(props: &TabProps) -> Html {
    let console = use_console();
    let wish = use_state_eq(Wish::default);
    let open = use_state(Open::default);
    let may = console.may(Permission::ConfigWrite);
    let retailer = props.id;
    let moved = use_ledger(retailer);
    let api = console.api.clone();
    let fetched = use_fetch((*wish).clone(), moved, move |wish| {
        let (api, query) = (api.clone(), query(&wish));
        async move { api.articles(retailer, &query).await }
    });
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
    let new = html! {
        if may {
            { draw!(Button { label: "New article", icon: Icon::Plus, tone: Tone::Primary, small: true, onclick: opener(&open, Open::New), testid: "new-article" }) }
        }
    };
    let currency = props.topic.retailer().and_then(|it| it.spec.currency.parse::<Currency>().ok());
    let total = fetched.data.as_ref().map(|page| page.total);
    html! {
        <>
            { draw!(Card { title: "Articles", count: total, actions: new.clone(), children: html! { <>
                { toolbar(&wish, search) }
                { async_view::view(&fetched, 8, |page| {
                    if page.items.is_empty() {
                        return nothing(&wish, new);
                    }
                    let next = page.next.clone().map(|next| wish.trail.forward(next));
                    html! {
                        <>
                            { table(&page, currency, |view| actions(&open, view, may)) }
                            <footer class="card-foot">
                                { draw!(Pager { page: wish.trail.page(), size: SIZE, shown: page.items.len(), total: page.total, more: next.is_some(), on_back: turn(wish.trail.back()), on_next: turn(next.unwrap_or_default()) }) }
                            </footer>
                        </>
                    }
                }) }
            </> } }) }
            { dialog(props, currency, &open, &fetched.reload) }
        </>
    }
}

fn query(wish: &Wish) -> ArticleQuery {
    ArticleQuery {
        q: Some(wish.text.trim().to_owned()).filter(|text| !text.is_empty()),
        state: wish.state,
        cursor: wish.trail.cursor().cloned(),
        limit: Some(SIZE),
        ..ArticleQuery::default()
    }
}

fn opener(open: &UseStateHandle<Open>, what: Open) -> Callback<()> {
    let open = open.clone();
    Callback::from(move |()| open.set(what.clone()))
}

fn toolbar(wish: &UseStateHandle<Wish>, search: Callback<String>) -> Html {
    let chip = |(state, label)| {
        let to = wish.clone();
        let press =
            Callback::from(move |()| to.set(Wish { state, trail: Trail::default(), ..(*to).clone() }));
        Chip { label, pressed: wish.state == state, press }
    };
    let chips =
        [(None, "All"), (Some(ArticleState::Active), "Sold"), (Some(ArticleState::Withdrawn), "Withdrawn")];
    html! {
        { draw!(FilterBar { name: "Search articles", placeholder: "Search name, number or barcode", search, chips: chips.map(chip).to_vec(), testid: "search-articles" }) }
    }
}

fn nothing(wish: &Wish, new: Html) -> Html {
    if wish.text.trim().is_empty() && wish.state.is_none() {
        return html! {
            { draw!(Empty { icon: Icon::Box, title: "No article yet", detail: "What is made here comes down to every store of the retailer within seconds.", children: new }) }
        };
    }
    html! {
        { draw!(Empty { icon: Icon::Search, title: "No article fits" }) }
    }
}

fn table(
    page: &Page<ArticleView>,
    currency: Option<Currency>,
    actions: impl Fn(&ArticleView) -> Html,
) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards" data-testid="articles">
                <thead><tr><th>{ "Article" }</th><th>{ "Barcode" }</th><th>{ "Category" }</th><th class="num">{ "Price" }</th><th class="num">{ "Tax" }</th><th>{ "State" }</th><th>{ "Changed" }</th><th><span class="visually-hidden">{ "Actions" }</span></th></tr></thead>
                <tbody>
                    { for page.items.iter().map(|view| html! {
                        <tr key={view.spec.sku.clone()} data-testid="article-row">
                            <td data-label="Article"><span class="strong">{ &view.spec.name }</span><small class="mono dim">{ &view.spec.sku }</small></td>
                            <td data-label="Barcode" class="mono">{ view.spec.barcode.as_deref().unwrap_or("—") }</td>
                            <td data-label="Category">{ or_dash(&view.spec.category) }</td>
                            <td data-label="Price" class="num tabular">{ price(view, currency) }</td>
                            <td data-label="Tax" class="num tabular">{ view.spec.tax_rate.to_string() }</td>
                            <td data-label="State">{ state(view) }</td>
                            <td data-label="Changed">{ draw!(Time { at: view.updated_at }) }<small class="dim">{ format!("by {}", view.updated_by) }</small></td>
                            <td class="actions">{ actions(view) }</td>
                        </tr>
                    }) }
                </tbody>
            </table>
        </div>
    }
}

fn or_dash(text: &str) -> Html {
    if text.is_empty() {
        html! { <span class="dim">{ "—" }</span> }
    } else {
        html! { text }
    }
}

fn price(view: &ArticleView, currency: Option<Currency>) -> Html {
    let amount = currency.map_or_else(
        || view.spec.price.minor().to_string(),
        |currency| format!("{} {currency}", currency.show(view.spec.price)),
    );
    html! {
        <>
            <span class="strong">{ amount }</span>
            <small class="dim">
                { format!("a {}", view.spec.unit) }
                if !view.spec.prices.is_empty() { { format!(", other in {}", crate::state::format::counted(view.spec.prices.len() as u64, "store", "stores")) } }
            </small>
        </>
    }
}

fn state(view: &ArticleView) -> Html {
    let (word, hue, title) = match (view.spec.state, &view.spec.blocked) {
        (ArticleState::Withdrawn, _) => {
            ("Withdrawn", Hue::Quiet, "Stores do not sell it any more.".to_owned())
        }
        (_, Some(reason)) => ("Blocked", Hue::Warn, reason.clone()),
        _ => ("Sold", Hue::Good, String::new()),
    };
    html! {
        { draw!(Badge { word, hue, title }) }
    }
}

fn actions(open: &UseStateHandle<Open>, view: &ArticleView, may: bool) -> Html {
    if !may {
        return Html::default();
    }
    let name = &view.spec.name;
    let of = || Box::new(view.clone());
    html! {
        <>
            { draw!(Button { icon: Icon::Box, tone: Tone::Ghost, small: true, name: format!("Put the stock of {name} right"), title: "Stock", onclick: opener(open, Open::Stock(of())), testid: "article-stock" }) }
            { draw!(Button { icon: Icon::Edit, tone: Tone::Ghost, small: true, name: format!("Edit {name}"), title: "Edit", onclick: opener(open, Open::Edit(of())), testid: "edit-article" }) }
            if view.spec.state == ArticleState::Active {
                { draw!(Button { icon: Icon::Trash, tone: Tone::Ghost, small: true, name: format!("Withdraw {name}"), title: "Withdraw", onclick: opener(open, Open::Withdraw(of())), testid: "withdraw-article" }) }
            }
        </>
    }
}

fn dialog(
    props: &TabProps,
    currency: Option<Currency>,
    open: &UseStateHandle<Open>,
    reload: &Callback<()>,
) -> Html {
    let (retailer, on_close) = (props.id, opener(open, Open::Nothing));
    let topic = || props.topic.clone();
    let on_done = {
        let (close, reload) = (on_close.clone(), reload.clone());
        Callback::from(move |()| {
            close.emit(());
            reload.emit(());
        })
    };
    match &**open {
        Open::Nothing => Html::default(),
        Open::New => {
            html! { { draw!(ArticleForm { retailer, currency, topic: topic(), on_close, on_done }) } }
        }
        Open::Edit(view) => {
            html! { { draw!(ArticleForm { retailer, currency, topic: topic(), existing: (**view).clone(), on_close, on_done }) } }
        }
        Open::Stock(view) => {
            html! { { draw!(StockForm { retailer, topic: topic(), article: (**view).clone(), on_close }) } }
        }
        Open::Withdraw(view) => {
            html! { { draw!(WithdrawDialog { retailer, article: (**view).clone(), on_close, on_done }) } }
        }
    }
}
