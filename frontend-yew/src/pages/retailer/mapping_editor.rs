//! The mapping of a job's form: look at the source, draw lines from its columns to the fields of an article, say what
//! happens on the way, see it on the shop's own rows.
//!
//! What is edited is a draft (`state::mapping`); the form sends it as JSON in a hidden field. `board` draws lines, `rule`
//! edits one field, `filter` says which rows count, `preview` shows rows before and after.

mod board;
mod filter;
mod inputs;
mod preview;
mod rule;

use std::rc::Rc;

use messages::connector::{ColumnName, SourceConfig};
use messages::inspect::{Finding, InspectRequest, Subject};
use messages::item::ItemField;
use messages::mapping::Mapping;
use messages::mapping::preview::{Preview, Shown};
use messages::{AgentId, FieldError, JobId, RetailerId};
use yew::prelude::*;

use self::board::{Board, Columns};
use self::filter::FilterEditor;
use self::preview::{PreviewTable, shown};
use self::rule::{COLUMN_LIST, RuleEditor};
use super::look::{LookNote, Seen, form_around, use_look};
use crate::api::error::sentence;
use crate::components::button::Button;
use crate::components::field::Faults;
use crate::components::hidden_field::HiddenField;
use crate::components::icon::Icon;
use crate::state::draft;
use crate::state::mapping::{Draft, lines};

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub retailer: RetailerId,
    pub mapping: Mapping,
    /// The source as it is stored, and the job whose secret opens it, where there is one.
    pub source: Option<SourceConfig>,
    pub stored: Option<JobId>,
}

/// What a look has shown, and the settings it was looked at with.
#[derive(Clone, PartialEq)]
struct Sample {
    source: Rc<SourceConfig>,
    columns: Rc<Vec<String>>,
    rows: Rc<Vec<Vec<String>>>,
}

part!(pub(super) MappingEditor(Props) kept by use_mapping_editor);

#[hook]
fn use_mapping_editor(props: &Props) -> Html {
    let draft = use_state_eq(|| Draft::of(&props.mapping));
    let selected = use_state_eq(|| None::<ItemField>);
    let sample = use_state_eq(|| None::<Sample>);
    let asked = use_mut_ref(|| None::<Rc<SourceConfig>>);
    let node = use_node_ref();
    let change = changer(&draft);
    let look = {
        let (sample, asked) = (sample.clone(), asked.clone());
        let found = Callback::from(move |finding: Rc<Finding>| {
            if let (Finding::Source { columns, rows, .. }, Some(source)) = (&*finding, asked.borrow().clone())
            {
                let (columns, rows) = (Rc::new(columns.clone()), Rc::new(rows.clone()));
                sample.set(Some(Sample { source, columns, rows }));
            }
        });
        use_look(props.retailer, found)
    };
    let on_look = {
        let (node, ask) = (node.clone(), look.ask.clone());
        let (stored, before) = (props.stored, props.source.clone());
        Callback::from(move |()| {
            let wanted = wanted(&node, stored, before.as_ref());
            *asked.borrow_mut() = wanted.as_ref().ok().and_then(|(_, request)| match &request.subject {
                Subject::Source { source } => Some(Rc::new(source.clone())),
                Subject::Destination { .. } => None,
            });
            ask.emit(wanted);
        })
    };
    let (columns, named) = columns(&draft, sample.as_ref(), props.source.as_ref());
    let told = use_context::<Faults>().unwrap_or_default();
    let (mapping, faults) = match draft.mapping() {
        Ok(mapping) => (Some(mapping), told.0.clone()),
        Err(faults) => (None, Rc::new(faults)),
    };
    let result =
        sample.as_ref().zip(mapping.as_ref()).map(|(sample, mapping)| outcome(sample, mapping, &named));
    html! {
        <fieldset class="group map" ref={node} data-testid="mapping">
            <legend>{ "Columns to fields" }</legend>
            { draw!(HiddenField { name: "mapping", value: draft.text() }) }
            <div class="map-head">
                <p class="hint">{ "Draw a line from a column to a field: pull it, or choose first the one, then the other. Without a line a field is read from the column of its name." }</p>
                { draw!(Button { label: "Look at the source", icon: Icon::Search, small: true, busy: look.seen == Seen::Busy, onclick: on_look, testid: "look-source" }) }
            </div>
            { draw!(LookNote { seen: look.seen.clone() }) }
            <datalist id={COLUMN_LIST}>{ for columns.names.iter().map(|name| html! { <option value={name.clone()} /> }) }</datalist>
            { board(&draft, &selected, &change, columns, &named) }
            if let Some(field) = *selected {
                { draw!(key = field.as_str(); RuleEditor { field, draft: (*draft).clone(), faults: faults.clone(), example: example(field, sample.as_ref(), result.as_ref()), on_change: change.clone(), on_close: close(&selected) }) }
            }
            { draw!(FilterEditor { draft: (*draft).clone(), faults: faults.clone(), on_change: change.clone() }) }
            { wrong(&draft, &faults) }
            { outcome_shown(sample.as_ref(), result) }
        </fieldset>
    }
}

/// Takes a changed draft.
fn changer(draft: &UseStateHandle<Draft>) -> Callback<Draft> {
    let draft = draft.setter();
    Callback::from(move |changed: Draft| draft.set(changed))
}

fn close(selected: &UseStateHandle<Option<ItemField>>) -> Callback<()> {
    let selected = selected.setter();
    Callback::from(move |()| selected.set(None))
}

/// What is to be looked at, as the form around has it.
fn wanted(
    node: &NodeRef,
    stored: Option<JobId>,
    before: Option<&SourceConfig>,
) -> Result<(AgentId, InspectRequest), Vec<FieldError>> {
    let form = form_around(node);
    let agent = form.choice("agent_id").map_err(|fault| vec![fault])?;
    let before = before.filter(|_| stored.is_some());
    let (source, credentials) = draft::look(&form, before)?;
    let subject = Subject::Source { source };
    Ok((agent, InspectRequest { subject, credentials, job_id: stored, destination_id: None }))
}

/// The columns that are known, and the names that the source gives to some.
fn columns(
    draft: &Draft,
    sample: Option<&Sample>,
    source: Option<&SourceConfig>,
) -> (Columns, Rc<Vec<ColumnName>>) {
    let source = sample.map(|sample| &*sample.source).or(source);
    let named = Rc::new(source.map(|source| source.columns().to_vec()).unwrap_or_default());
    let columns = match sample {
        Some(sample) => {
            let first = sample.rows.first().cloned().unwrap_or_default();
            Columns { names: sample.columns.clone(), first: Rc::new(first) }
        }
        None => Columns { names: Rc::new(lines::known_columns(draft, &named)), first: Rc::default() },
    };
    (columns, named)
}

fn board(
    draft: &UseStateHandle<Draft>,
    selected: &UseStateHandle<Option<ItemField>>,
    change: &Callback<Draft>,
    columns: Columns,
    named: &Rc<Vec<ColumnName>>,
) -> Html {
    let on_connect = {
        let (draft, change, selected) = (draft.clone(), change.clone(), selected.setter());
        Callback::from(move |(column, field): (String, ItemField)| {
            let mut changed = (*draft).clone();
            changed.connect(&column, field);
            change.emit(changed);
            selected.set(Some(field));
        })
    };
    let on_clear = {
        let (draft, change) = (draft.clone(), change.clone());
        Callback::from(move |field: ItemField| {
            let mut changed = (*draft).clone();
            changed.disconnect(field);
            change.emit(changed);
        })
    };
    let on_select = {
        let selected = selected.clone();
        Callback::from(move |field: ItemField| {
            selected.set(Some(field).filter(|field| *selected != Some(*field)))
        })
    };
    html! {
        { draw!(Board { columns, named: named.clone(), draft: (**draft).clone(), selected: **selected, on_connect, on_select, on_clear }) }
    }
}

/// What the mapping makes of the sample, or the columns that it does not have.
type Outcome = Result<(Rc<Vec<Shown>>, Rc<Vec<Option<usize>>>), Vec<String>>;

fn outcome(sample: &Sample, mapping: &Mapping, named: &[ColumnName]) -> Outcome {
    let preview = Preview::new(mapping, named, sample.source.decimal_mark().as_char(), &sample.columns)?;
    let (rows, columns) = shown(&preview, &sample.rows);
    Ok((Rc::new(rows), Rc::new(columns)))
}

type Example = (String, Result<Option<String>, String>);

fn example(field: ItemField, sample: Option<&Sample>, outcome: Option<&Outcome>) -> Option<Example> {
    let (rows, columns) = outcome?.as_ref().ok()?;
    // A row that is left out shows nothing.
    let at = rows.iter().position(|row| row.fields.iter().any(|value| *value != Ok(None)))?;
    let before = columns[field as usize].and_then(|column| sample?.rows.get(at)?.get(column).cloned());
    Some((before.unwrap_or_default(), rows.get(at)?.fields[field as usize].clone()))
}

fn outcome_shown(sample: Option<&Sample>, outcome: Option<Outcome>) -> Html {
    match (sample, outcome) {
        (Some(sample), Some(Ok((shown, columns)))) => html! {
            { draw!(PreviewTable { rows: sample.rows.clone(), shown, columns }) }
        },
        (_, Some(Err(missing))) => html! {
            <p class="fault" role="alert" data-testid="map-missing">{ format!("The source has no column {}.", missing.join(", ")) }</p>
        },
        _ => Html::default(),
    }
}

/// Faults of the mapping, wherever they stand: the rule they belong to may not be open.
fn wrong(draft: &Draft, faults: &[FieldError]) -> Html {
    let ours: Vec<_> = faults.iter().filter(|fault| fault.field.starts_with("mapping")).collect();
    html! {
        if !ours.is_empty() {
            <ul class="map-faults" data-testid="map-faults">
                { for ours.iter().map(|fault| html! { <li class="fault">{ format!("{}: {}", draft.place(&fault.field), sentence(&fault.detail)) }</li> }) }
            </ul>
        }
    }
}
