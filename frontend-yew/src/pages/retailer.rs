//! A retailer's page: one live topic feeds the tabs of its configuration; what its stores sell has one of its own.

use messages::RetailerId;
use messages::permission::Permission;
use yew::prelude::*;

use super::missing::refused;
use crate::components::badge::Badge;
use crate::components::button::Button;
use crate::components::icon::Icon;
use crate::components::layout::{Card, PageHead, Skeleton};
use crate::components::tabs::{TabItem, Tabs};
use crate::hooks::{use_console, use_retailer, use_title};
use crate::route::{Route, Tab};
use crate::state::topic::TopicState;
use crate::state::words::Hue;

mod agents;
mod articles;
mod configuration;
pub(crate) mod delete;
mod destination_form;
mod destinations;
mod driver_fields;
pub mod edit_retailer;
mod enrolment;
mod export_fields;
mod job_form;
mod jobs;
mod look;
mod mapping_editor;
mod overview;
mod platform_fields;
mod plugin_fields;
mod queue;
mod reports;
mod runs;
mod schedule_fields;
mod server_fields;
mod source_fields;
pub(crate) mod stores;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub id: RetailerId,
    pub tab: Tab,
}

part!(pub RetailerPage(Props) kept by use_retailer_page);

#[hook]
fn use_retailer_page(props: &Props) -> Html {
    let console = use_console();
    let topic = use_retailer(props.id);
    let editing = use_state_eq(|| false);
    let name = topic.as_ref().and_then(|t| t.retailer()).map(|r| r.spec.name.clone());
    use_title(format!("{} · {}", name.clone().unwrap_or_else(|| "Retailer".to_owned()), props.tab.label()));
    if let Some((code, _)) = topic.as_ref().and_then(|topic| topic.refused.clone()) {
        return refused(code);
    }
    let Some((topic, retailer)) = topic.as_ref().and_then(|topic| Some((topic, topic.retailer()?.clone())))
    else {
        return html! {
            { draw!(Card { children: html! { <>{ draw!(Skeleton { rows: 8 }) }</> } }) }
        };
    };
    let edit = |on: bool| {
        let editing = editing.clone();
        Callback::from(move |()| editing.set(on))
    };
    let beside = html! {
        <>
            <span class="mono dim">{ &retailer.spec.code }</span>
            if !retailer.spec.enabled {
                { draw!(Badge { word: "Disabled", hue: Hue::Quiet, title: "While disabled, no run starts." }) }
            }
        </>
    };
    let subtitle = html! { format!("{} · {}", retailer.spec.currency, retailer.spec.time_zone) };
    html! {
            <>
                { draw!(PageHead { title: retailer.spec.name.clone(), subtitle, beside, trail: vec![(Route::Retailers, "Retailers".into())], children: html! { <>
    if console.may(Permission::RetailerWrite) {
                        { draw!(Button { label: "Edit", icon: Icon::Edit, onclick: edit(true), testid: "edit-retailer" }) }
                    }
    </> } }) }
                { draw!(Tabs { label: "Parts of the retailer", selected: props.tab.slug(), tabs: tabs(props.id, topic, console.may(Permission::ConfigRead)) }) }
                <div id="tab-panel" role="tabpanel" aria-labelledby={format!("tab-{}", props.tab.slug())} tabindex="-1">
                    { panel(props, topic) }
                </div>
                if *editing {
                    { draw!(edit_retailer::RetailerForm { existing: retailer, on_close: edit(false), on_done: edit(false).reform(|_| ()) }) }
                }
            </>
        }
}

fn tabs(id: RetailerId, topic: &TopicState, config: bool) -> Vec<TabItem> {
    let count = |tab: Tab| match tab {
        Tab::Overview | Tab::Articles | Tab::Runs | Tab::Reports => None,
        Tab::Stores => Some(topic.stores().len()),
        Tab::Agents => Some(topic.agents().len()),
        Tab::Destinations => Some(topic.destinations().len()),
        Tab::Jobs => Some(topic.jobs().len()),
    };
    Tab::ALL
        .into_iter()
        .filter(|tab| config || !matches!(tab, Tab::Agents | Tab::Destinations | Tab::Jobs))
        .map(|tab| TabItem {
            slug: tab.slug(),
            label: tab.label(),
            count: count(tab),
            to: if tab == Tab::Overview { Route::Retailer { id } } else { Route::RetailerTab { id, tab } },
        })
        .collect()
}

fn panel(props: &Props, topic: &std::rc::Rc<TopicState>) -> Html {
    let (id, topic) = (props.id, topic.clone());
    match props.tab {
        Tab::Overview => html! { { draw!(overview::Overview { id, topic }) } },
        Tab::Stores => html! { { draw!(stores::Stores { id, topic }) } },
        Tab::Articles => html! { { draw!(articles::Articles { id, topic }) } },
        Tab::Agents => html! { { draw!(agents::Agents { id, topic }) } },
        Tab::Destinations => html! { { draw!(destinations::Destinations { id, topic }) } },
        Tab::Jobs => html! { { draw!(jobs::Jobs { id, topic }) } },
        Tab::Runs => html! {
            <>
                { draw!(queue::Queue { id, topic: topic.clone() }) }
                { draw!(runs::Runs { id, topic }) }
            </>
        },
        Tab::Reports => html! { { draw!(reports::Reports { id, topic }) } },
    }
}

/// What each tab is given.
#[derive(Properties, PartialEq)]
pub struct TabProps {
    pub id: RetailerId,
    pub topic: std::rc::Rc<TopicState>,
}

/// Which dialog of a tab is open, and over what.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Open<T> {
    #[default]
    Nothing,
    New,
    Edit(T),
    Delete(T),
}

/// Opens one of a tab's dialogs.
pub(crate) fn opener<T: Clone + 'static>(state: &UseStateHandle<Open<T>>, what: Open<T>) -> Callback<()> {
    let state = state.clone();
    Callback::from(move |()| state.set(what.clone()))
}

/// "Edit" and "Delete" at the end of a row.
pub(crate) fn row_actions(name: &str, edit: Callback<()>, delete: Callback<()>) -> Html {
    use crate::components::button::Tone;
    html! {
        <>
            { draw!(Button { icon: Icon::Edit, tone: Tone::Ghost, small: true, name: format!("Edit {name}"), title: "Edit", onclick: edit }) }
            { draw!(Button { icon: Icon::Trash, tone: Tone::Ghost, small: true, name: format!("Delete {name}"), title: "Delete", onclick: delete }) }
        </>
    }
}

/// "Enabled" or "Disabled".
pub(crate) fn enabled_badge(enabled: bool) -> Html {
    let (word, hue) = if enabled { ("Enabled", Hue::Good) } else { ("Disabled", Hue::Quiet) };
    html! {
        { draw!(Badge { word, hue }) }
    }
}
