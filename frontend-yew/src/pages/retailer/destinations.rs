//! The destinations of a retailer.

use messages::http::destinations::DestinationView;
use messages::permission::Permission;
use messages::plugin::PluginKind;
use yew::prelude::*;

use super::delete::{DeleteDialog, Doomed};
use super::destination_form::DestinationForm;
use super::job_form::{agent_choices, plugins};
use super::{Open, TabProps, enabled_badge, opener, row_actions};
use crate::api::resource::Destination;
use crate::components::badge::Badge;
use crate::components::button::{Button, Tone};
use crate::components::icon::Icon;
use crate::components::layout::{Card, Empty};
use crate::components::time::Time;
use crate::hooks::use_console;
use crate::state::words::{DESTINATIONS, Hue};

part!(pub(crate) Destinations(TabProps) kept by use_destinations);

#[hook]
fn use_destinations(props: &TabProps) -> Html {
    let console = use_console();
    let open = use_state(Open::<DestinationView>::default);
    let may = console.may(Permission::ConfigWrite);
    let all = props.topic.destinations();
    let new = html! {
        if may {
            { draw!(Button { label: "New destination", icon: Icon::Plus, tone: Tone::Primary, small: true, onclick: opener(&open, Open::New), testid: "new-destination" }) }
        }
    };
    let close = opener(&open, Open::Nothing);
    let actions = |view: &DestinationView| {
        html! {
            if may {
                { row_actions(&view.name, opener(&open, Open::Edit(view.clone())), opener(&open, Open::Delete(view.clone()))) }
            }
        }
    };
    html! {
            { draw!(Card { title: "Destinations", count: all.len() as u64, actions: new.clone(), children: html! { <>
    if all.is_empty() {
                    { draw!(Empty { icon: Icon::Send, title: "No destination yet", detail: "A destination is where items are sent: an SFTP server, or a file on the agent's machine.", children: html! { <>{ new }</> } }) }
                } else {
                    <div class="table-box">
                        <table class="table cards">
                            <thead><tr><th>{ "Name" }</th><th>{ "Kind" }</th><th>{ "Goes to" }</th><th>{ "Credentials" }</th><th>{ "State" }</th><th>{ "Changed" }</th><th><span class="visually-hidden">{ "Actions" }</span></th></tr></thead>
                            <tbody>{ for all.iter().map(|view| row(view, actions(view))) }</tbody>
                        </table>
                    </div>
                }
                { match &*open {
                    Open::Nothing => Html::default(),
                    Open::New => html! { { draw!(DestinationForm { retailer: props.id, targets: plugins(&props.topic, PluginKind::Target), agents: agent_choices(&props.topic), on_close: close }) } },
                    Open::Edit(view) => html! { { draw!(DestinationForm { retailer: props.id, existing: view.clone(), targets: plugins(&props.topic, PluginKind::Target), agents: agent_choices(&props.topic), on_close: close }) } },
                    Open::Delete(view) => html! {
                        { draw!(DeleteDialog { doomed: Doomed::new::<Destination>(Some(props.id), view), on_close: close, consequence: "Its stored credentials are deleted too. This cannot be undone." }) }
                    },
                } }
    </> } }) }
        }
}

fn row(view: &DestinationView, actions: Html) -> Html {
    let kind =
        DESTINATIONS.iter().find(|(kind, _)| *kind == view.config.kind()).map_or("", |(_, word)| *word);
    let credentials = match (view.config.needs_credentials(), view.has_credentials) {
        (false, _) => html! { <span class="dim">{ "not needed" }</span> },
        (true, true) => {
            html! { { draw!(Badge { word: "Stored", hue: Hue::Good, title: "Sealed at rest; nobody can read them back." }) } }
        }
        (true, false) => {
            html! { { draw!(Badge { word: "Missing", hue: Hue::Bad, title: "Edit the destination and enter them." }) } }
        }
    };
    html! {
        <tr key={view.id.to_string()} data-testid="destination-row">
            <td data-label="Name" class="strong">{ &view.name }</td>
            <td data-label="Kind">{ kind }</td>
            <td data-label="Goes to" class="mono clip" title={view.config.summary()}>{ view.config.summary() }</td>
            <td data-label="Credentials">{ credentials }</td>
            <td data-label="State">{ enabled_badge(view.enabled) }</td>
            <td data-label="Changed">{ draw!(Time { at: view.updated_at }) }</td>
            <td class="actions">{ actions }</td>
        </tr>
    }
}
