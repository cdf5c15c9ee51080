//! Reports of a retailer: what was sold, by days and hours, what of, how it was paid, and what is in stock. Days are
//! those of the stores' clocks.

use std::rc::Rc;

use messages::edge::Currency;
use messages::http::reports::{Day, SalesReport, SalesSums, Step};
use messages::{RetailerId, StoreId};
use yew::prelude::*;

use super::TabProps;
use crate::api::browser;
use crate::api::stores::Span;
use crate::components::async_view;
use crate::components::button::Button;
use crate::components::chart::{Bar, BarChart};
use crate::components::field::RadioRow;
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::hooks::{use_action, use_console, use_fetch, use_ledger};
use crate::state::format::{count, counted};
use crate::state::money::{figure, money};
use crate::state::period::Period;
use crate::state::sales::{Point, currencies, points, step_of, total};
use crate::state::stores::present_day;

mod inventory;
mod picker;
mod products;

use picker::Picker;

/// What the page is about.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wish {
    store: Option<StoreId>,
    period: Period,
}

part!(pub(crate) Reports(TabProps) kept by use_reports);

#[hook]
fn use_reports(props: &TabProps) -> Html {
    let console = use_console();
    let wish = use_state_eq(|| Wish { store: None, period: Period::Today });
    let moved = use_ledger(props.id);
    let (api, id) = (console.api.clone(), props.id);
    let stores = use_fetch((), moved, move |()| {
        let api = api.clone();
        async move { api.figures(id, None).await }
    });
    let choose = {
        let wish = wish.clone();
        Callback::from(move |wished: Wish| wish.set(wished))
    };
    async_view::view(&stores, 8, |stores| {
        let Some(today) = present_day(&stores, wish.store) else {
            return html! {
                { draw!(Card { children: html! { <>{ draw!(Empty { icon: Icon::Chart, title: "Nothing to report yet", detail: "Reports are made of what the stores sell. Add a store and enrol its device first." }) }</> } }) }
            };
        };
        let (from, to) = wish.period.span(today);
        // What is over does not move any more.
        let moved = if wish.period.is_open(today) { moved } else { 0 };
        let span = Span { store: wish.store, from, to };
        html! {
            <>
                { draw!(Picker { wish: *wish, stores: stores.clone(), today, on_choose: choose }) }
                { draw!(Sales { retailer: id, span, today, moved }) }
                { draw!(products::Products { retailer: id, span, moved }) }
                { draw!(inventory::Inventory { retailer: id, stores: stores.clone() }) }
            </>
        }
    })
}

#[derive(Properties, PartialEq)]
struct SalesProps {
    retailer: RetailerId,
    span: Span,
    today: Day,
    moved: u32,
}

part!(Sales(SalesProps) kept by use_sales);

#[hook]
fn use_sales(props: &SalesProps) -> Html {
    let console = use_console();
    let wanted = use_state_eq(|| None::<Currency>);
    let by_hour = use_state_eq(|| false);
    let (retailer, span) = (props.retailer, props.span);
    let one_day = step_of(span.from, span.to) == Step::Hour;
    let by = if *by_hour && !one_day { Step::HourOfDay } else { step_of(span.from, span.to) };
    let fetched = {
        let api = console.api.clone();
        use_fetch((span, by), props.moved, move |(span, by)| {
            let api = api.clone();
            async move { api.sales_report(retailer, span, by).await }
        })
    };
    let download = {
        let api = console.api.clone();
        use_action(move |()| {
            let api = api.clone();
            async move {
                let csv = api.sales_csv(retailer, span, by).await?;
                browser::download(&format!("sales-{}-{}.csv", span.from, span.to), "text/csv", &csv);
                Ok(())
            }
        })
    };
    let ways = {
        let by_hour = by_hour.clone();
        let choices = vec![("day".into(), "By day".into()), ("hour".into(), "By hour of the day".into())];
        let value = if *by_hour { "hour" } else { "day" };
        let onchange = Callback::from(move |wanted: String| by_hour.set(wanted == "hour"));
        html! { { draw!(RadioRow { name: "step", legend: "Show", choices, value, onchange }) } }
    };
    let choose = {
        let wanted = wanted.clone();
        Callback::from(move |text: String| wanted.set(text.parse().ok()))
    };
    let actions = html! {
        <>
            if !one_day { { ways } }
            { draw!(Button { label: "Download CSV", icon: Icon::Save, small: true, busy: download.busy, onclick: download.run.clone(), testid: "sales-download" }) }
        </>
    };
    let title = if by == Step::Day { "Sales by day" } else { "Sales by hour" };
    html! {
        <>
            { async_view::view(&fetched, 6, |report| {
                let Some(currency) = shown(&report, *wanted) else { return nothing() };
                html! {
                    <>
                        { money_picker(&report, currency, choose) }
                        { tiles(currency, &total(&report, currency)) }
                        { draw!(Card { title, actions, children: curve(&report, currency, (span.from, span.to), props.today, by) }) }
                    </>
                }
            }) }
        </>
    }
}

fn shown(report: &SalesReport, wanted: Option<Currency>) -> Option<Currency> {
    let all = currencies(report);
    wanted.filter(|currency| all.contains(currency)).or_else(|| all.first().copied())
}

fn nothing() -> Html {
    html! {
        { draw!(Card { title: "Sales", children: html! { <>{ draw!(Empty { icon: Icon::Chart, title: "Nothing was sold", detail: "There are no sales of these days. What the stores have not sent yet comes in as soon as their line is up." }) }</> } }) }
    }
}

/// Only where there is more than one: amounts of two currencies are never added.
fn money_picker(report: &SalesReport, currency: Currency, choose: Callback<String>) -> Html {
    let all = currencies(report);
    if all.len() < 2 {
        return Html::default();
    }
    let choices = all.iter().map(|it| (it.to_string().into(), it.to_string().into())).collect::<Vec<_>>();
    html! {
        { draw!(RadioRow { name: "currency", legend: "Currency", choices, value: currency.to_string(), onchange: choose }) }
    }
}

fn tiles(currency: Currency, sums: &SalesSums) -> Html {
    use super::stores::tile;
    let money = |amount| html! { <span class="money">{ money(currency, amount) }</span> };
    let many = |n: i64, one, many| counted(u64::try_from(n).unwrap_or(0), one, many);
    let of = |amount| figure(currency, amount);
    html! {
        <dl class="tiles" data-testid="report-tiles">
            { tile(Icon::Shop, "Sold", money(sums.total), format!("{}, {}, {}", many(sums.sales, "sale", "sales"), many(sums.refunds, "refund", "refunds"), many(sums.voids, "voided", "voided")), "") }
            { tile(Icon::File, "Tax in it", money(sums.tax), format!("{} without tax", of(sums.net)), "") }
            { tile(Icon::Bolt, "Discounts", money(sums.discount), format!("off {}", of(sums.gross)), "") }
            { tile(Icon::Refresh, "Given back", money(sums.refunded), format!("rounding {}", of(sums.rounding)), "") }
            { tile(Icon::Box, "Paid", money(sums.cash + sums.card + sums.qr), format!("cash {}, card {}, QR {}", of(sums.cash), of(sums.card), of(sums.qr)), "") }
        </dl>
    }
}

fn curve(report: &Rc<SalesReport>, currency: Currency, span: (Day, Day), today: Day, by: Step) -> Html {
    let points = points(report, currency, span, today, by);
    let bar = |point: &Point| Bar {
        label: point.label.clone(),
        value: point.sums.total.minor(),
        shown: money(currency, point.sums.total),
    };
    let best = points.iter().max_by_key(|point| point.sums.total);
    let summary = best.map_or_else(String::new, |best| {
        let all = total(report, currency);
        format!(
            "Sales: {} in all. The most was sold {} {}: {}.",
            money(currency, all.total),
            if by == Step::Day { "on" } else { "in the hour from" },
            best.label,
            money(currency, best.sums.total)
        )
    });
    let on_scale = Callback::from(move |value: i64| figure(currency, messages::edge::Amount::new(value)));
    html! {
        <div class="card-pad">
            { draw!(BarChart { bars: points.iter().map(bar).collect::<Vec<_>>(), summary, on_scale, testid: "sales-chart" }) }
            <details class="as-table">
                <summary>{ "The same as a table" }</summary>
                { rows(&points, currency, by) }
            </details>
        </div>
    }
}

fn rows(points: &[Point], currency: Currency, by: Step) -> Html {
    let number = |n: i64| count(u64::try_from(n).unwrap_or(0));
    html! {
        <div class="table-box">
            <table class="table cards" data-testid="sales-table">
                <thead><tr><th>{ if by == Step::Day { "Day" } else { "Hour" } }</th><th class="num">{ "Sales" }</th><th class="num">{ "Refunds" }</th><th class="num">{ "Net" }</th><th class="num">{ "Tax" }</th><th class="num">{ "Total" }</th></tr></thead>
                <tbody>
                    { for points.iter().map(|point| html! {
                        <tr key={point.label.clone()}>
                            <td data-label="When">{ &point.label }</td>
                            <td data-label="Sales" class="num tabular">{ number(point.sums.sales) }</td>
                            <td data-label="Refunds" class="num tabular">{ number(point.sums.refunds) }</td>
                            <td data-label="Net" class="num tabular">{ figure(currency, point.sums.net) }</td>
                            <td data-label="Tax" class="num tabular">{ figure(currency, point.sums.tax) }</td>
                            <td data-label="Total" class="num tabular strong">{ figure(currency, point.sums.total) }</td>
                        </tr>
                    }) }
                </tbody>
            </table>
        </div>
    }
}
