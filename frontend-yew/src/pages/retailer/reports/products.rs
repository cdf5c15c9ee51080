//! What was sold best, or least.

use messages::RetailerId;
use messages::http::reports::{ProductOrder, ProductReport};
use yew::prelude::*;

use crate::api::browser;
use crate::api::stores::{PRODUCTS, Span};
use crate::components::async_view;
use crate::components::button::Button;
use crate::components::field::RadioRow;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::hooks::{use_action, use_console, use_fetch};
use crate::state::money::money;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) retailer: RetailerId,
    pub(super) span: Span,
    pub(super) moved: u32,
}

part!(pub(super) Products(Props) kept by use_products);

#[hook]
fn use_products(props: &Props) -> Html {
    let console = use_console();
    let order = use_state_eq(|| ProductOrder::Best);
    let (retailer, span, chosen) = (props.retailer, props.span, *order);
    let fetched = {
        let api = console.api.clone();
        use_fetch((span, chosen), props.moved, move |(span, order)| {
            let api = api.clone();
            async move { api.product_report(retailer, span, order).await }
        })
    };
    let download = {
        let api = console.api.clone();
        use_action(move |()| {
            let api = api.clone();
            async move {
                let csv = api.product_csv(retailer, span, chosen).await?;
                browser::download(&format!("products-{}-{}.csv", span.from, span.to), "text/csv", &csv);
                Ok(())
            }
        })
    };
    let onchange = {
        let order = order.clone();
        Callback::from(move |wanted: String| {
            order.set(if wanted == "least" { ProductOrder::Least } else { ProductOrder::Best });
        })
    };
    let choices = vec![("best".into(), "Sold best".into()), ("least".into(), "Sold least".into())];
    let value = if chosen == ProductOrder::Best { "best" } else { "least" };
    let actions = html! {
        <>
            { draw!(RadioRow { name: "order", legend: "Order", choices, value, onchange }) }
            { draw!(Button { label: "Download CSV", icon: Icon::Save, small: true, busy: download.busy, onclick: download.run.clone(), testid: "products-download" }) }
        </>
    };
    html! {
        { draw!(Card { title: "Products", actions, children: html! { <>{ async_view::view(&fetched, 6, |report| table(&report)) }</> } }) }
    }
}

fn table(report: &ProductReport) -> Html {
    if report.rows.is_empty() {
        return html! {
            { draw!(Empty { icon: Icon::Box, title: "Nothing was sold", detail: "There are no sales of these days." }) }
        };
    }
    html! {
        <>
            <div class="table-box">
                <table class="table cards" data-testid="products">
                    <thead><tr><th>{ "Product" }</th><th class="num">{ "Quantity" }</th><th class="num">{ "Net" }</th><th class="num">{ "Tax" }</th><th class="num">{ "Total" }</th></tr></thead>
                    <tbody>
                        { for report.rows.iter().map(|row| html! {
                            <tr key={format!("{} {}", row.sku, row.currency)}>
                                <td data-label="Product"><span class="strong">{ &row.name }</span><small class="mono dim">{ &row.sku }</small></td>
                                <td data-label="Quantity" class="num tabular">{ format!("{} {}", row.quantity, row.unit) }</td>
                                <td data-label="Net" class="num tabular">{ money(row.currency, row.net) }</td>
                                <td data-label="Tax" class="num tabular">{ money(row.currency, row.tax) }</td>
                                <td data-label="Total" class="num tabular strong">{ money(row.currency, row.total) }</td>
                            </tr>
                        }) }
                    </tbody>
                </table>
            </div>
            if report.rows.len() >= PRODUCTS as usize {
                <p class="log-note">{ format!("The first {PRODUCTS}; the file has up to a thousand.") }</p>
            }
        </>
    }
}
