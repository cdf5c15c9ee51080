//! The list of retailers: searched, filtered, sorted and paged by the hub, its rows live. The address holds it all.

use messages::http::paging::{ListQuery, Page};
use messages::http::retailers::{RetailerSummary, RetailerView};
use messages::live::Topic;
use messages::permission::Permission;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;
use yew_router::prelude::*;

use super::later::{Later, Page as LaterPage};
use crate::components::async_view;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::{Card, Empty, PageHead};
use crate::components::nav_link::NavLink;
use crate::components::pager::{Pager, SIZES};
use crate::components::time::Time;
use crate::hooks::{use_console, use_debounced, use_fetch, use_status, use_title, use_topic};
use crate::route::Route;
use crate::state::format::count;
use crate::state::paging::Trail;
use crate::state::words::{self, Hue};

const DEBOUNCE_MS: u32 = 250;
const STATES: [(&str, &str); 5] = [
    ("", "All"),
    ("failing", "Failing"),
    ("agent_down", "Agent down"),
    ("enabled", "Enabled"),
    ("disabled", "Disabled"),
];

part!(pub Retailers kept by use_retailers);

#[hook]
fn use_retailers() -> Html {
    use_title("Retailers");
    let console = use_console();
    let (_, round) = use_status();
    let query = use_location().and_then(|location| location.query::<ListQuery>().ok()).unwrap_or_default();
    let trail = Trail::from_text(query.cursor.as_deref());
    let making = use_state_eq(|| false);
    let go = use_go();
    let fetched = {
        let api = console.api.clone();
        let asked = ListQuery { cursor: trail.cursor().cloned(), limit: Some(size(&query)), ..query.clone() };
        use_fetch(asked, round, move |asked: ListQuery| {
            let api = api.clone();
            async move { api.summaries(&asked).await }
        })
    };
    let toggle = |on: bool| {
        let making = making.clone();
        Callback::from(move |()| making.set(on))
    };
    let may_write = console.may(Permission::RetailerWrite);
    let subtitle = html! { "Search, filter and sort over all of them; rows change as things happen." };
    html! {
            <>
                { draw!(PageHead { title: "Retailers", subtitle, children: html! { <>
    if may_write {
                        { draw!(Button { label: "New retailer", icon: Icon::Plus, tone: Tone::Primary, onclick: toggle(true), testid: "new-retailer" }) }
                    }
    </> } }) }
                { draw!(Card { class: classes!("list-card", (fetched.loading && fetched.data.is_some()).then_some("is-loading")), children: html! { <>
    { draw!(Toolbar { query: query.clone(), go: go.clone() }) }
                    { async_view::view(&fetched, 12, |page| table(&page, &query, &trail, &go, may_write.then(|| toggle(true)))) }
    </> } }) }
                if *making {
                    { draw!(CreateRetailer { on_close: toggle(false) }) }
                }
            </>
        }
}

/// Goes to another view of the list; a new search or filter begins on its first page.
#[hook]
fn use_go() -> Callback<ListQuery> {
    let navigator = use_navigator();
    Callback::from(move |query: ListQuery| {
        if let Some(navigator) = &navigator {
            // The query consists of plain text and numbers, which always encode.
            navigator.push_with_query(&Route::Retailers, query).ok();
        }
    })
}

fn size(query: &ListQuery) -> u32 {
    query.limit.filter(|size| SIZES.contains(size)).unwrap_or(SIZES[1])
}

fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[derive(Properties, PartialEq)]
struct ToolbarProps {
    query: ListQuery,
    go: Callback<ListQuery>,
}

part!(Toolbar(ToolbarProps) kept by use_toolbar);

#[hook]
fn use_toolbar(props: &ToolbarProps) -> Html {
    let typed = use_state_eq(|| props.query.q.clone().unwrap_or_default());
    {
        // Back and forward in the browser change the address, and the field follows.
        let typed = typed.setter();
        use_effect_with(props.query.q.clone(), move |q| typed.set(q.clone().unwrap_or_default()));
    }
    let (query, go) = (props.query.clone(), props.go.clone());
    let search = use_debounced(DEBOUNCE_MS, {
        let (query, go) = (query.clone(), go.clone());
        Callback::from(move |text: String| {
            if some(&text) != query.q {
                go.emit(ListQuery { q: some(&text), cursor: None, ..query.clone() });
            }
        })
    });
    let oninput = {
        let typed = typed.clone();
        Callback::from(move |event: InputEvent| {
            let text = event.target_unchecked_into::<HtmlInputElement>().value();
            typed.set(text.clone());
            search.emit(text);
        })
    };
    let onsort = {
        let (query, go) = (query.clone(), go.clone());
        Callback::from(move |event: Event| {
            let sort = some(&event.target_unchecked_into::<HtmlSelectElement>().value());
            go.emit(ListQuery { sort, cursor: None, ..query.clone() });
        })
    };
    let state = query.state.clone().unwrap_or_default();
    let sort = query.sort.clone().unwrap_or_else(|| "name".to_owned());
    html! {
        <div class="toolbar">
            <label class="searchbox">
                { draw!(Glyph { icon: Icon::Search }) }
                <input type="search" aria-label="Search retailers" placeholder="Search name or code" value={(*typed).clone()} {oninput} data-testid="search" />
            </label>
            <div class="chips" role="group" aria-label="Show">
                { for STATES.map(|(value, label)| {
                    let onclick = {
                        let (query, go) = (query.clone(), go.clone());
                        Callback::from(move |_: MouseEvent| go.emit(ListQuery { state: some(value), cursor: None, ..query.clone() }))
                    };
                    html! {
                        <button type="button" class="chip" aria-pressed={if state == value { "true" } else { "false" }} {onclick}>{ label }</button>
                    }
                }) }
            </div>
            <label class="sort">
                <span>{ "Sort" }</span>
                <select onchange={onsort}>
                    { for [("name", "Name"), ("-name", "Name, descending"), ("code", "Code"), ("-last_run", "Latest run first"), ("last_run", "Oldest run first")].map(|(value, label)| html! {
                        <option {value} selected={sort == value}>{ label }</option>
                    }) }
                </select>
            </label>
        </div>
    }
}

fn table(
    page: &Page<RetailerSummary>,
    query: &ListQuery,
    trail: &Trail,
    go: &Callback<ListQuery>,
    make: Option<Callback<()>>,
) -> Html {
    if page.items.is_empty() {
        return nothing(query, go, make);
    }
    let to = |cursor: Option<String>| {
        let (query, go) = (query.clone(), go.clone());
        Callback::from(move |()| go.emit(ListQuery { cursor: cursor.clone(), ..query.clone() }))
    };
    let next = page.next.clone().and_then(|next| trail.forward(next).to_text());
    let on_size = {
        let (query, go) = (query.clone(), go.clone());
        Callback::from(move |size: u32| {
            go.emit(ListQuery { limit: Some(size), cursor: None, ..query.clone() })
        })
    };
    html! {
        <>
            <div class="table-box">
                <table class="table cards">
                    <thead>
                        <tr>
                            <th>{ "Retailer" }</th>
                            <th>{ "State" }</th>
                            <th class="num">{ "Stores" }</th>
                            <th>{ "Agents online" }</th>
                            <th class="num">{ "Jobs" }</th>
                            <th class="num">{ "Running" }</th>
                            <th>{ "Latest run" }</th>
                            <th class="num">{ "Sent" }</th>
                        </tr>
                    </thead>
                    <tbody>
                        { for page.items.iter().map(|summary| html! {
                            { draw!(key = summary.id.to_string(); SummaryRow { summary: summary.clone() }) }
                        }) }
                    </tbody>
                </table>
            </div>
            <footer class="card-foot">
                { draw!(Pager { page: trail.page(), size: size(query), shown: page.items.len(), total: page.total, more: next.is_some(), on_back: to(trail.back().to_text()), on_next: to(next), on_size }) }
            </footer>
        </>
    }
}

fn nothing(query: &ListQuery, go: &Callback<ListQuery>, make: Option<Callback<()>>) -> Html {
    if query.q.is_none() && query.state.is_none() {
        return html! {
                    { draw!(Empty { icon: Icon::Shop, title: "No retailer yet", detail: "A retailer is a company whose shops you look after. Make the first one to begin.", children: html! { <>
        if let Some(make) = make {
                            { draw!(Button { label: "New retailer", icon: Icon::Plus, tone: Tone::Primary, onclick: make }) }
                        }
        </> } }) }
                };
    }
    let clear = {
        let go = go.clone();
        Callback::from(move |()| go.emit(ListQuery::default()))
    };
    html! {
        { draw!(Empty { icon: Icon::Search, title: "Nothing matches", detail: "No retailer has this name or code in this state.", children: html! { <>{ draw!(Button { label: "Clear search and filter", onclick: clear, testid: "clear-search" }) }</> } }) }
    }
}

#[derive(Properties, PartialEq)]
struct RowProps {
    summary: RetailerSummary,
}

part!(SummaryRow(RowProps) kept by use_summary_row);

/// A row that follows its retailer live, from what the list told at first.
#[hook]
fn use_summary_row(props: &RowProps) -> Html {
    let topic = use_topic(Some(Topic::Summary(props.summary.id)));
    let live = topic.as_ref().and_then(|topic| topic.summary());
    let s = live.unwrap_or(&props.summary);
    let (word, hue) = state_of(s);
    html! {
            <tr data-testid="retailer-row">
                <td data-label="Retailer">
                    { draw!(NavLink { to: Route::Retailer { id: s.id }, class: "strong", children: html! { <>{ &s.name }</> } }) }
                    <small class="mono dim">{ &s.code }</small>
                </td>
                <td data-label="State">{ draw!(Badge { word, hue }) }</td>
                <td data-label="Stores" class="num">{ s.stores }</td>
                <td data-label="Agents online">
                    <span class={classes!("agents", agents_hue(s).class())}><i aria-hidden="true" />{ format!("{} / {}", s.agents_online, s.agents_total) }</span>
                </td>
                <td data-label="Jobs" class="num">{ s.jobs }</td>
                <td data-label="Running" class="num">{ if s.runs_active > 0 { s.runs_active.to_string() } else { "—".to_owned() } }</td>
                <td data-label="Latest run">
                    if let Some(run) = &s.last_run {
                        { draw!(NavLink { to: Route::Run { id: s.id, run: run.id }, class: "run-brief", children: html! { <>
    <span class={classes!("dot", words::run_state(run.state).1.class())} aria-hidden="true" />
                            { words::run_state(run.state).0 }{ " " }{ draw!(Time { at: run.at }) }
    </> } }) }
                    } else {
                        <span class="dim">{ "never" }</span>
                    }
                </td>
                <td data-label="Sent" class="num">{ s.last_run.as_ref().map_or_else(|| "—".to_owned(), |run| count(run.sent)) }</td>
            </tr>
        }
}

/// The one word that tells how a retailer does.
pub(super) fn state_of(s: &RetailerSummary) -> (String, Hue) {
    match s {
        s if !s.enabled => ("Disabled".to_owned(), Hue::Quiet),
        s if s.jobs_failing > 0 => (format!("{} failing", s.jobs_failing), Hue::Bad),
        s if s.agents_online < s.agents_total => ("Agent down".to_owned(), Hue::Warn),
        s if s.runs_active > 0 => ("Running".to_owned(), Hue::Busy),
        s if s.jobs == 0 => ("Not set up".to_owned(), Hue::Quiet),
        _ => ("Healthy".to_owned(), Hue::Good),
    }
}

fn agents_hue(s: &RetailerSummary) -> Hue {
    match (s.agents_online, s.agents_total) {
        (_, 0) => Hue::Quiet,
        (online, total) if online == total => Hue::Good,
        (0, _) => Hue::Bad,
        _ => Hue::Warn,
    }
}

#[derive(Properties, PartialEq)]
pub struct CreateProps {
    pub on_close: Callback<()>,
}

part!(pub CreateRetailer(CreateProps) kept by use_create_retailer);

/// Makes a retailer and goes to its page.
#[hook]
fn use_create_retailer(props: &CreateProps) -> Html {
    let navigator = use_navigator();
    let on_done = Callback::from(move |view: RetailerView| {
        if let Some(navigator) = &navigator {
            navigator.push(&Route::Retailer { id: view.id });
        }
    });
    html! {
        { draw!(Later { page: LaterPage::NewRetailer { on_close: props.on_close.clone(), on_done } }) }
    }
}
