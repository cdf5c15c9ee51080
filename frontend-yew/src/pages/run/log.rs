//! The live log of a run: follows the end, looks back by pages, narrows by level and text.

use std::cell::RefCell;
use std::rc::Rc;

use messages::http::paging::Page;
use messages::http::runs::{LogOrder, LogQuery};
use messages::run::LogLine;
use messages::{RetailerId, RunId};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::api::{Api, ApiError, browser};
use crate::components::button::{Button, Tone};
use crate::components::copy::CopyButton;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::Card;
use crate::hooks::use_console;
use crate::state::format::{clock, count, short_id};
use crate::state::log::{LogBook, LogFilter, MAX_DRAWN, level_of};
use crate::state::topic::TopicState;

/// Lines fetched at once when looking back.
const PAGE: u32 = 1_000;
/// Pages of one look back: as many lines as are held at most.
const MAX_PAGES: usize = 20;

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub retailer: RetailerId,
    pub run: RunId,
    pub topic: Rc<TopicState>,
}

/// Lines that the topic begins with: with fewer of them at hand, there are no older ones.
const FIRST: usize = 500;

/// How far back the reader has gone, and in which stretch of the book: of another one it says nothing.
#[derive(Debug, Clone, PartialEq, Default)]
struct Back {
    stretch: u32,
    older: Older,
}

#[derive(Debug, Clone, PartialEq, Default)]
enum Older {
    /// Not asked yet: there may be more.
    #[default]
    Unknown,
    Loading,
    /// Cursor of the next older page.
    At(String),
    End,
}

part!(pub(crate) RunLog(Props) kept by use_run_log);

#[hook]
fn use_run_log(props: &Props) -> Html {
    let book = use_mut_ref(LogBook::default);
    let update = use_force_update();
    let filter = use_state_eq(LogFilter::default);
    let follow = use_state_eq(|| true);
    let back = use_state_eq(Back::default);
    let pane = use_node_ref();
    // Added while drawing, so that a line is never drawn a beat late; adding is idempotent.
    book.borrow_mut().follow(props.topic.log().cloned());
    let (lines, total) = book.borrow().shown(&filter);
    let (held, full) = (book.borrow().len(), book.borrow().is_full());
    let older = if back.stretch == book.borrow().stretch() { back.older.clone() } else { Older::Unknown };
    {
        let pane = pane.clone();
        use_effect_with((lines.last().map(|line| line.seq), *follow), move |(_, follow)| {
            if let Some(pane) = pane.cast::<Element>().filter(|_| *follow) {
                browser::scroll_to_end(&pane);
            }
        });
    }
    let load = use_older(props, &back, &book, update);
    let onscroll = {
        let (pane, follow) = (pane.clone(), follow.clone());
        Callback::from(move |_: Event| {
            if let Some(pane) = pane.cast::<Element>() {
                follow.set(browser::at_end(&pane));
            }
        })
    };
    let jump = {
        let follow = follow.clone();
        Callback::from(move |()| follow.set(true))
    };
    let text = book.borrow().as_text(&filter);
    html! {
            { draw!(Card { title: "Log", count: held as u64, actions: actions(props.run, &text), class: "log-card", children: html! { <>
    { toolbar(&filter, &follow) }
                <div class="log" ref={pane} {onscroll} tabindex="0" role="log" aria-label="Log of the run" aria-live="off">
                    if full {
                        <p class="log-note">{ format!("The page holds {} lines. Older ones stay at the hub.", count(held as u64)) }</p>
                    } else if older != Older::End && held >= FIRST {
                        <div class="log-older">
                            { draw!(Button { label: "Load older lines", small: true, tone: Tone::Ghost, busy: older == Older::Loading, onclick: load, testid: "log-older" }) }
                        </div>
                    }
                    if total > MAX_DRAWN {
                        <p class="log-note">{ format!("Showing the newest {} of {} lines. Narrow by level or text to see others.", count(MAX_DRAWN as u64), count(total as u64)) }</p>
                    }
                    { for lines.iter().map(|line| html! { { draw!(key = line.seq; Line { line: line.clone() }) } }) }
                    if lines.is_empty() {
                        <p class="log-note">{ if held == 0 { "Nothing has been logged yet." } else { "No line has this level and text." } }</p>
                    }
                </div>
                if !*follow && held > 0 {
                    <div class="log-jump">{ draw!(Button { label: "Jump to newest", icon: Icon::Down, small: true, tone: Tone::Primary, onclick: jump, testid: "log-jump" }) }</div>
                }
    </> } }) }
        }
}

#[derive(Properties, PartialEq)]
struct LineProps {
    line: Rc<LogLine>,
}

// Kept although it has no state: the host draws a line again only when it has changed.
part!(Line(LineProps) kept by use_line);

#[hook]
fn use_line(props: &LineProps) -> Html {
    let line = &props.line;
    html! {
        <div class={classes!("log-line", line.level.as_str())} data-testid="log-line">
            <time title={line.at.to_string()}>{ clock(line.at, browser::offset_min(line.at)) }</time>
            <span class="log-level">{ line.level.as_str() }</span>
            <span class="log-text">{ &line.text }</span>
        </div>
    }
}

/// Fetches what is before the lines at hand.
#[hook]
fn use_older(
    props: &Props,
    back: &UseStateHandle<Back>,
    book: &Rc<RefCell<LogBook>>,
    update: UseForceUpdateHandle,
) -> Callback<()> {
    let console = use_console();
    let (retailer, run) = (props.retailer, props.run);
    let (back, book) = (back.clone(), book.clone());
    Callback::from(move |()| {
        let stretch = book.borrow().stretch();
        let before = if back.stretch == stretch { back.older.clone() } else { Older::Unknown };
        let cursor = match &before {
            Older::Loading | Older::End => return,
            Older::Unknown => None,
            Older::At(cursor) => Some(cursor.clone()),
        };
        back.set(Back { stretch, older: Older::Loading });
        let (console, back, book, update) = (console.clone(), back.clone(), book.clone(), update.clone());
        spawn_local(async move {
            let older = look_back(&console.api, (retailer, run), cursor, (&book, stretch)).await;
            let older = older.unwrap_or_else(|error| {
                console.failed(&error);
                before
            });
            back.set(Back { stretch, older });
            update.force_update();
        });
    })
}

/// Goes back page by page until there is something older to read. Each page begins where the one before ended, and the
/// first at the newest line: so no line is left out.
async fn look_back(
    api: &Api,
    (retailer, run): (RetailerId, RunId),
    mut cursor: Option<String>,
    (book, stretch): (&RefCell<LogBook>, u32),
) -> Result<Older, ApiError> {
    for _ in 0..MAX_PAGES {
        let query =
            LogQuery { order: Some(LogOrder::Newest), cursor, limit: Some(PAGE), ..LogQuery::default() };
        let Page { items, next, .. } = api.log(retailer, run, &query).await?;
        let mut book = book.borrow_mut();
        if book.stretch() != stretch {
            // What these lines belong to has given way meanwhile.
            return Ok(Older::Unknown);
        }
        let reached = book.look_back(items.into_iter().map(Rc::new));
        match next {
            None => return Ok(Older::End),
            Some(next) if reached => return Ok(Older::At(next)),
            Some(next) => cursor = Some(next),
        }
    }
    Ok(Older::Unknown)
}

fn actions(run: RunId, text: &str) -> Html {
    let download = {
        let (name, text) = (format!("run-{}.log", short_id(&run)), text.to_owned());
        Callback::from(move |()| {
            browser::download(&name, "text/plain", &text);
        })
    };
    html! {
        <>
            { draw!(CopyButton { text: text.to_owned() }) }
            { draw!(Button { label: "Download", icon: Icon::Save, small: true, onclick: download, testid: "log-download" }) }
        </>
    }
}

fn toolbar(filter: &UseStateHandle<LogFilter>, follow: &UseStateHandle<bool>) -> Html {
    let onlevel = {
        let filter = filter.clone();
        Callback::from(move |event: Event| {
            let level = level_of(&event.target_unchecked_into::<HtmlSelectElement>().value());
            filter.set(LogFilter { level, ..(*filter).clone() });
        })
    };
    let ontext = {
        let filter = filter.clone();
        Callback::from(move |event: InputEvent| {
            let text = event.target_unchecked_into::<HtmlInputElement>().value();
            filter.set(LogFilter { text, ..(*filter).clone() });
        })
    };
    let onfollow = {
        let follow = follow.clone();
        Callback::from(move |event: Event| {
            follow.set(event.target_unchecked_into::<HtmlInputElement>().checked())
        })
    };
    html! {
        <div class="toolbar tight">
            <select aria-label="Level" onchange={onlevel} data-testid="log-level">
                { for [("debug", "All levels"), ("info", "Info and above"), ("warn", "Warnings and errors"), ("error", "Errors only")].map(|(value, label)| html! {
                    <option {value} selected={filter.level == level_of(value)}>{ label }</option>
                }) }
            </select>
            <label class="searchbox">
                { draw!(Glyph { icon: Icon::Search }) }
                <input type="search" aria-label="Search the log" placeholder="Search the log" value={filter.text.clone()} oninput={ontext} data-testid="log-search" />
            </label>
            <label class="check inline">
                <input type="checkbox" checked={**follow} onchange={onfollow} data-testid="log-follow" />
                <span>{ "Follow" }</span>
            </label>
        </div>
    }
}
