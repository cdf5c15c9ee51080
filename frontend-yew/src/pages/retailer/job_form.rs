//! The form of a job: which agent reads what, where it goes, and when to stop. The source has its fields in
//! `source_fields`.

use std::rc::Rc;

use messages::http::agents::AgentView;
use messages::http::jobs::{JobSpec, JobView, RejectRule};
use messages::inspect::{InspectRequest, Subject};
use messages::plugin::{Plugin, PluginKind};
use messages::{AgentId, DestinationId, FieldError, RetailerId};
use yew::prelude::*;

use super::export_fields::ExportFields;
use super::look::{LookNote, Seen, form_around, use_look};
use super::mapping_editor::MappingEditor;
use super::schedule_fields::ScheduleFields;
use super::source_fields::SourceFields;
use crate::api::resource::Job;
use crate::components::button::Button;
use crate::components::field::{CheckField, Choice, RadioRow, SelectField, TextField};
use crate::components::form_dialog::FormDialog;
use crate::components::icon::Icon;
use crate::hooks::{json, use_save};
use crate::state::draft;
use crate::state::form::{FormValues, fault};
use crate::state::topic::TopicState;
use crate::state::words;

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    pub retailer: RetailerId,
    pub topic: Rc<TopicState>,
    #[prop_or_default]
    pub existing: Option<JobView>,
    /// A new job that begins as this one.
    #[prop_or_default]
    pub template: Option<JobView>,
    pub on_close: Callback<()>,
}

part!(pub(crate) JobForm(Props) kept by use_job_form);

#[hook]
fn use_job_form(props: &Props) -> Html {
    let save = use_save::<Job>(Some(props.retailer), props.existing.clone(), props.on_close.reform(|_| ()));
    let spec = match (&props.existing, &props.template) {
        (Some(view), _) => Some(view.spec.clone()),
        (None, Some(view)) => Some(draft::copy_of(&view.spec)),
        (None, None) => None,
    };
    let agents = agent_choices(&props.topic);
    let stored = props.existing.as_ref().filter(|view| view.has_source_credentials);
    let (stored, before) = (stored.map(|view| view.id), stored.map(|view| view.spec.source.clone()));
    let on_submit = save.submit.reform(move |form: FormValues| json(draft::job(&form, before.as_ref())));
    let (title, action) =
        if props.existing.is_some() { ("Edit job", "Save") } else { ("New job", "Create job") };
    let mapping = spec.as_ref().map(|s| (*s.mapping).clone()).unwrap_or_default();
    let minutes = spec.as_ref().map_or(60, |s| s.timeout_s.div_ceil(60)).to_string();
    html! {
            { draw!(FormDialog { title, action, wide: true, busy: save.busy, errors: save.errors.clone(), error: save.error.clone(), conflict: save.conflict.clone(), on_submit, on_resolve: save.resolve.clone(), on_close: props.on_close.clone(), children: html! { <>
    { draw!(TextField { name: "name", label: "Name", required: true, autofocus: true, value: spec.as_ref().map(|s| s.name.clone()).unwrap_or_default(), placeholder: "Nightly prices", testid: "job-name" }) }
                { draw!(SelectField { name: "agent_id", label: "Agent", choices: agents, value: spec.as_ref().map(|s| s.agent_id.to_string()).unwrap_or_default(), testid: "job-agent" }) }
                { draw!(SourceFields { existing: begins_as(props), taps: plugins(&props.topic, PluginKind::Tap) }) }
                { draw!(MappingEditor { retailer: props.retailer, mapping, source: spec.as_ref().map(|s| s.source.clone()), stored }) }
                { draw!(DestinationFields { retailer: props.retailer, topic: props.topic.clone(), chosen: spec.as_ref().map(|s| s.destination_id) }) }
                { draw!(Rejects { rule: spec.as_ref().map(|s: &JobSpec| s.reject_rule).unwrap_or_default() }) }
                { draw!(ExportFields { rules: spec.as_ref().map(|s: &JobSpec| *s.export) }) }
                { draw!(ScheduleFields { topic: props.topic.clone(), timing: spec.as_ref().map(|s| s.timing.clone()) }) }
                { draw!(TextField { name: "timeout_min", label: "Longest time a run may take, in minutes", required: true, value: minutes, testid: "job-timeout" }) }
                { draw!(CheckField { name: "enabled", label: "Enabled", checked: spec.as_ref().is_none_or(|s| s.enabled), hint: "While disabled, it cannot be run." }) }
    </> } }) }
        }
}

#[derive(Properties, PartialEq)]
struct DestinationProps {
    retailer: RetailerId,
    topic: Rc<TopicState>,
    chosen: Option<DestinationId>,
}

part!(DestinationFields(DestinationProps) kept by use_destination_fields);

/// Where the items go, and whether the job's agent gets there.
#[hook]
fn use_destination_fields(props: &DestinationProps) -> Html {
    let node = use_node_ref();
    let look = use_look(props.retailer, Callback::noop());
    let choices: Vec<Choice> =
        props.topic.destinations().iter().map(|d| (d.id.to_string().into(), d.name.clone().into())).collect();
    let onclick = {
        let (node, topic, ask) = (node.clone(), props.topic.clone(), look.ask.clone());
        Callback::from(move |()| ask.emit(tried(&form_around(&node), &topic)))
    };
    html! {
        <fieldset class="group" ref={node}>
            <legend>{ "Destination" }</legend>
            <div class="with-test">
                { draw!(SelectField { name: "destination_id", label: "Send to", choices, value: props.chosen.map(|id| id.to_string()).unwrap_or_default(), testid: "job-destination" }) }
                { draw!(Button { label: "Test from the shop", icon: Icon::Bolt, small: true, busy: look.seen == Seen::Busy, onclick, testid: "test-destination" }) }
            </div>
            { draw!(LookNote { seen: look.seen }) }
        </fieldset>
    }
}

/// The chosen destination, with what is stored for it.
fn tried(form: &FormValues, topic: &TopicState) -> Result<(AgentId, InspectRequest), Vec<FieldError>> {
    let agent = form.choice("agent_id").map_err(|fault| vec![fault])?;
    let id: DestinationId = form.choice("destination_id").map_err(|fault| vec![fault])?;
    let known = topic.destinations().into_iter().find(|destination| destination.id == id);
    let destination = known.map(|known| known.config.clone());
    let gone = || vec![fault("destination_id", "has been deleted; choose another")];
    let subject = Subject::Destination { destination: destination.ok_or_else(gone)? };
    Ok((agent, InspectRequest { subject, credentials: None, job_id: None, destination_id: Some(id) }))
}

/// A copy begins as the job does, without the secret of its source: nobody can read that back.
fn begins_as(props: &Props) -> Option<JobView> {
    let copied = |view: &JobView| JobView { has_source_credentials: false, ..view.clone() };
    props.existing.clone().or_else(|| props.template.as_ref().map(copied))
}

/// The plugins of all agents that do this.
pub(super) fn plugins(topic: &TopicState, kind: PluginKind) -> Vec<Plugin> {
    let agents = topic.agents();
    let machines = agents.iter().filter_map(|agent| agent.machine.as_ref());
    draft::plugin::each_once(machines.flat_map(|machine| &machine.plugins), kind)
}

/// The agents to choose from, and how they are.
pub(super) fn agent_choices(topic: &TopicState) -> Vec<Choice> {
    let label = |agent: &AgentView| agent_label(&agent.spec.name, words::presence(agent.presence).0);
    topic.agents().iter().map(|agent| (agent.id.to_string().into(), label(agent))).collect()
}

fn agent_label(name: &str, presence: &str) -> AttrValue {
    format!("{name} ({})", presence.to_lowercase()).into()
}

#[derive(Properties, PartialEq)]
struct RejectProps {
    rule: RejectRule,
}

part!(Rejects(RejectProps) kept by use_rejects);

#[hook]
fn use_rejects(props: &RejectProps) -> Html {
    let rule = use_state_eq(|| {
        if props.rule == RejectRule::Continue { "continue" } else { "stop_above" }.to_owned()
    });
    let limit = if let RejectRule::StopAbove { items } = props.rule { items } else { 100 };
    let ways: Vec<Choice> =
        vec![("continue".into(), "Send the rest".into()), ("stop_above".into(), "Stop above a limit".into())];
    let onchange = {
        let rule = rule.clone();
        Callback::from(move |value: String| rule.set(value))
    };
    html! {
        <>
            { draw!(RadioRow { name: "reject_rule", legend: "When items are not sound", choices: ways, value: (*rule).clone(), onchange }) }
            if *rule == "stop_above" {
                { draw!(TextField { name: "reject_rule.items", label: "Rejected items allowed", required: true, value: limit.to_string(), hint: html! { "With more of them the run stops before anything is sent." } }) }
            } else {
                <p class="hint">{ "Rejected items are kept with their reason and can be downloaded." }</p>
            }
        </>
    }
}
