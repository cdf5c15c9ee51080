//! What is broken now, and what runs, over all retailers.

use messages::http::retailers::RetailerSummary;
use messages::live::{LatestRun, Topic, Totals};
use messages::permission::Permission;
use yew::prelude::*;

use super::later::{Later, Page};
use super::missing::refused;
use super::retailers::CreateRetailer;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::{Card, Empty, PageHead, Skeleton};
use crate::components::nav_link::NavLink;
use crate::components::time::{Time, maybe};
use crate::hooks::{use_console, use_title, use_topic};
use crate::route::{Route, Tab};
use crate::state::format::{count, counted};
use crate::state::words;

part!(pub Dashboard kept by use_dashboard);

#[hook]
fn use_dashboard() -> Html {
    use_title("Dashboard");
    let topic = use_topic(Some(Topic::Dashboard));
    if let Some((code, _)) = topic.as_ref().and_then(|topic| topic.refused.clone()) {
        return refused(code);
    }
    let totals = topic.as_ref().and_then(|topic| topic.totals());
    let subtitle = html! { "Every retailer in your care, as of this second." };
    html! {
        <>
            { draw!(PageHead { title: "Dashboard", subtitle }) }
            { match totals {
                None => html! { { draw!(Card { children: html! { <>{ draw!(Skeleton { rows: 6 }) }</> } }) } },
                Some(totals) if totals.retailers == 0 => html! { { draw!(FirstSteps) } },
                Some(totals) => overview(totals),
            } }
        </>
    }
}

fn overview(totals: &Totals) -> Html {
    let attention = &totals.attention;
    html! {
            <>
                { tiles(totals) }
                { draw!(Later { page: Page::StoresToday }) }
                <div class="columns">
                    { draw!(Card { title: "Needs attention", count: attention.len() as u64, children: html! { <>
    if attention.is_empty() {
                            { draw!(Empty { icon: Icon::Check, title: "Nothing is broken", detail: "All agents answer and the latest run of every job went well." }) }
                        } else {
                            <ul class="list" data-testid="attention">
                                { for attention.iter().map(needy) }
                            </ul>
                        }
    </> } }) }
                    { draw!(Card { title: "Latest runs", children: html! { <>
    if totals.latest.is_empty() {
                            { draw!(Empty { icon: Icon::Play, title: "No run yet", detail: "Runs of all retailers appear here as they happen." }) }
                        } else {
                            <ul class="list">
                                { for totals.latest.iter().map(latest) }
                            </ul>
                        }
    </> } }) }
                </div>
            </>
        }
}

fn tiles(totals: &Totals) -> Html {
    let down = totals.agents_total.saturating_sub(totals.agents_online);
    let tile = |icon: Icon, name: &'static str, value: Html, note: String, tone: &'static str| {
        html! {
            <div class={classes!("tile", tone)}>
                <dt>{ name }<span class="tile-icon">{ draw!(Glyph { icon }) }</span></dt>
                <dd class="tabular">{ value }</dd>
                <dd class="tile-note">{ note }</dd>
            </div>
        }
    };
    let online = html! { <>{ count(totals.agents_online) }<span class="of">{ format!(" / {}", count(totals.agents_total)) }</span></> };
    html! {
        <dl class="tiles">
            { tile(Icon::Shop, "Retailers", html! { count(totals.retailers) }, format!("{} need attention", totals.attention.len()), "") }
            { tile(Icon::Agent, "Agents online", online, if down == 0 { "all reachable".to_owned() } else { format!("{} not reachable", count(down)) }, if down == 0 { "good" } else { "warn" }) }
            { tile(Icon::Bolt, "Running now", html! { count(totals.runs_active) }, "live".to_owned(), "busy") }
            { tile(Icon::Play, "Runs today", html! { count(totals.runs_today) }, "since midnight UTC".to_owned(), "") }
            { tile(Icon::Alert, "Failed today", html! { count(totals.failed_today) }, share(totals.failed_today, totals.runs_today), if totals.failed_today == 0 { "good" } else { "bad" }) }
            { tile(Icon::Box, "Items sent today", html! { count(totals.items_today) }, "to all destinations".to_owned(), "") }
        </dl>
    }
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "no runs yet".to_owned();
    }
    let permille = u128::from(part) * 1_000 / u128::from(whole);
    format!("{}.{} % of runs", permille / 10, permille % 10)
}

fn needy(summary: &RetailerSummary) -> Html {
    let down = summary.agents_total.saturating_sub(summary.agents_online);
    let tab = if summary.jobs_failing > 0 { Tab::Jobs } else { Tab::Agents };
    let hue = if summary.jobs_failing > 0 { "bad" } else { "warn" };
    html! {
            <li key={summary.id.to_string()}>
                { draw!(NavLink { to: Route::RetailerTab { id: summary.id, tab }, class: "list-row", children: html! { <>
    <span class={classes!("bar-mark", hue)} aria-hidden="true" />
                    <span class="grow">
                        <strong>{ &summary.name }</strong>
                        <small class="reasons">
                            if summary.jobs_failing > 0 {
                                <span class="bad-text">{ format!("{} failing", counted(summary.jobs_failing.into(), "job", "jobs")) }</span>
                            }
                            if down > 0 {
                                <span class="warn-text">{ format!("{} not reachable", counted(down.into(), "agent", "agents")) }</span>
                            }
                        </small>
                    </span>
                    <span class="dim">{ maybe(summary.last_run.as_ref().map(|run| run.at)) }</span>
                    { draw!(Glyph { icon: Icon::Right, class: "small dim" }) }
    </> } }) }
            </li>
        }
}

fn latest(run: &LatestRun) -> Html {
    let (word, hue) = words::run_state(run.state);
    html! {
            <li key={run.run_id.to_string()}>
                { draw!(NavLink { to: Route::Run { id: run.retailer_id, run: run.run_id }, class: "list-row", children: html! { <>
    <span class="list-state">{ draw!(Badge { word, hue }) }</span>
                    <span class="grow">
                        <strong>{ &run.job_name }</strong>
                        <small>{ &run.retailer_name }</small>
                    </span>
                    <span class="num dim">
                        { format!("{} sent", count(run.sent)) }
                        if run.rejected > 0 {
                            <span class="warn-text">{ format!(" · {} rejected", count(run.rejected)) }</span>
                        }
                    </span>
                    <span class="dim list-time">{ draw!(Time { at: run.at }) }</span>
    </> } }) }
            </li>
        }
}

part!(FirstSteps kept by use_first_steps);

/// A system without retailers: what to do first.
#[hook]
fn use_first_steps() -> Html {
    let console = use_console();
    let making = use_state_eq(|| false);
    let toggle = |on: bool| {
        let making = making.clone();
        Callback::from(move |()| making.set(on))
    };
    html! {
            { draw!(Card { class: "welcome", children: html! { <>
    { draw!(Empty { icon: Icon::Shop, title: "Begin with your first retailer", detail: "Then enrol an agent at its shop, add a destination, and define a job that brings the two together.", children: html! { <>
    if console.may(Permission::RetailerWrite) {
                        { draw!(Button { label: "New retailer", icon: Icon::Plus, tone: Tone::Primary, onclick: toggle(true), testid: "new-retailer" }) }
                    }
    </> } }) }
                <ol class="first-steps">
                    <li>{ draw!(Glyph { icon: Icon::Shop }) }<strong>{ "Retailer" }</strong><span>{ "The company whose shops you look after" }</span></li>
                    <li>{ draw!(Glyph { icon: Icon::Agent }) }<strong>{ "Agent" }</strong><span>{ "Runs at the shop, reads the point of sale" }</span></li>
                    <li>{ draw!(Glyph { icon: Icon::Send }) }<strong>{ "Destination" }</strong><span>{ "Where the items go" }</span></li>
                    <li>{ draw!(Glyph { icon: Icon::Play }) }<strong>{ "Job" }</strong><span>{ "Brings them there, live before your eyes" }</span></li>
                </ol>
                if *making {
                    { draw!(CreateRetailer { on_close: toggle(false) }) }
                }
    </> } }) }
        }
}
