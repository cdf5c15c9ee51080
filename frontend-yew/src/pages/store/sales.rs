//! The latest sales of a store, as they come in, and one of them line by line.

use messages::http::reports::SaleView;
use yew::prelude::*;

use super::PartProps;
use crate::api::browser;
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::dialog::Dialog;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::time::Time;
use crate::hooks::{use_console, use_fetch};
use crate::state::format::{counted, date_time};
use crate::state::money::{figure, money};
use crate::state::words::Hue;

/// As many as stand beside the devices.
const LATEST: u32 = 12;

part!(pub(super) Sales(PartProps) kept by use_sales);

#[hook]
fn use_sales(props: &PartProps) -> Html {
    let console = use_console();
    let shown = use_state(|| None::<SaleView>);
    let (api, retailer) = (console.api.clone(), props.retailer);
    let fetched = use_fetch(props.store, props.moved, move |store| {
        let api = api.clone();
        async move { api.sales(retailer, store, LATEST).await }
    });
    let show = |sale: Option<SaleView>| {
        let shown = shown.clone();
        Callback::from(move |()| shown.set(sale.clone()))
    };
    html! {
        <>
            { draw!(Card { title: "Latest sales", children: html! { <>{ async_view::view(&fetched, 6, |page| {
                if page.items.is_empty() {
                    html! { { draw!(Empty { icon: Icon::Shop, title: "Nothing sold yet", detail: "Sales appear here within a second of the till's receipt, as long as the store's line is up." }) } }
                } else {
                    table(&page.items, |sale| show(Some(sale.clone())))
                }
            }) }</> } }) }
            if let Some(sale) = &*shown {
                { receipt(sale, show(None)) }
            }
        </>
    }
}

fn state(sale: &SaleView) -> Html {
    let (word, hue) = match (sale.voided_at, sale.refund_of) {
        (Some(_), _) => ("Voided", Hue::Bad),
        (None, Some(_)) => ("Refund", Hue::Warn),
        (None, None) if !sale.returned.is_zero() => ("Partly returned", Hue::Quiet),
        (None, None) => return Html::default(),
    };
    html! {
        { draw!(Badge { word, hue }) }
    }
}

fn table(sales: &[SaleView], show: impl Fn(&SaleView) -> Callback<()>) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards" data-testid="latest-sales">
                <thead><tr><th>{ "Receipt" }</th><th>{ "Till" }</th><th>{ "When" }</th><th class="num">{ "Total" }</th></tr></thead>
                <tbody>
                    { for sales.iter().map(|sale| html! {
                        <tr key={sale.transaction_id.to_string()} data-testid="sale-row">
                            <td data-label="Receipt">
                                { draw!(Button { label: sale.receipt.to_string(), tone: Tone::Ghost, small: true, class: "receipt-number", name: format!("Show receipt {}", sale.receipt), onclick: show(sale) }) }
                                { " " }{ state(sale) }
                            </td>
                            <td data-label="Till">{ sale.terminal_id.as_str() }<small class="dim">{ sale.cashier_id.as_str() }</small></td>
                            <td data-label="When">{ draw!(Time { at: sale.finalised_at }) }</td>
                            <td data-label="Total" class="num tabular"><span class="strong">{ money(sale.currency, sale.totals.total) }</span><small class="dim">{ counted(sale.lines.len() as u64, "line", "lines") }</small></td>
                        </tr>
                    }) }
                </tbody>
            </table>
        </div>
    }
}

/// What the customer holds in hand, as head office has it.
fn receipt(sale: &SaleView, on_close: Callback<()>) -> Html {
    let at = date_time(sale.finalised_at, browser::offset_min(sale.finalised_at));
    let sum = |name: &'static str, text: String| {
        html! {
            <div><dt>{ name }</dt><dd class="tabular">{ text }</dd></div>
        }
    };
    let show = |amount| money(sale.currency, amount);
    html! {
        { draw!(Dialog { title: format!("Receipt {}", sale.receipt), subtitle: format!("{at} · till {} · cashier {}", sale.terminal_id, sale.cashier_id), wide: true, on_close: on_close.clone(), testid: "receipt", children: html! { <>
            <div class="dialog-body">
                { state(sale) }
                <div class="table-box" tabindex="0" role="region" aria-label="Lines">
                    <table class="table">
                        <thead><tr><th>{ "Article" }</th><th class="num">{ "Quantity" }</th><th class="num">{ "Price" }</th><th class="num">{ "Total" }</th></tr></thead>
                        <tbody>
                            { for sale.lines.iter().map(|line| html! {
                                <tr key={line.line}>
                                    <td>{ &line.name }<small class="mono dim">{ &line.sku }</small></td>
                                    <td class="num tabular">{ format!("{} {}", line.quantity, line.unit) }</td>
                                    <td class="num tabular">{ figure(sale.currency, line.unit_price) }</td>
                                    <td class="num tabular">{ figure(sale.currency, line.total) }</td>
                                </tr>
                            }) }
                        </tbody>
                    </table>
                </div>
                <dl class="sums">
                    { sum("Net", show(sale.totals.net)) }
                    { sum("Tax", show(sale.totals.tax)) }
                    if !sale.totals.discount.is_zero() {
                        { sum("Discounts taken off", show(sale.totals.discount)) }
                    }
                    { sum("Total", show(sale.totals.total)) }
                    if !sale.totals.rounding.is_zero() {
                        { sum("Rounding", show(sale.totals.rounding)) }
                    }
                    if !sale.returned.is_zero() {
                        { sum("Given back of it", show(sale.returned)) }
                    }
                </dl>
            </div>
            <footer class="dialog-foot">{ draw!(Button { label: "Close", onclick: on_close }) }</footer>
        </> } }) }
    }
}
