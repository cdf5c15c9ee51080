//! Looks into the shop from a form: an agent is asked what it finds, and the answer is shown beside the fields.

use std::rc::Rc;

use messages::inspect::{Finding, InspectRequest};
use messages::{AgentId, FieldError, RetailerId};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, HtmlFormElement};
use yew::prelude::*;

use crate::api::error::sentence;
use crate::api::{ApiError, Call};
use crate::components::form_dialog::values;
use crate::components::icon::{Glyph, Icon};
use crate::components::layout::ErrorNote;
use crate::hooks::use_console;
use crate::state::form::FormValues;

/// The agent's patience, and the way there and back.
const WITHIN_MS: u32 = 30_000;

/// How a look stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Seen {
    #[default]
    Nothing,
    Busy,
    /// What was typed is not enough to look.
    Faulty(Rc<Vec<FieldError>>),
    Found(Rc<Finding>),
    Failed(ApiError),
}

/// What is known, and the way to ask: an agent and what it is to look at, or what is missing for that.
#[derive(Clone, PartialEq)]
pub(super) struct Look {
    pub seen: Seen,
    pub ask: Callback<Result<(AgentId, InspectRequest), Vec<FieldError>>>,
}

/// `found` hears of each answer.
#[hook]
pub(super) fn use_look(retailer: RetailerId, found: Callback<Rc<Finding>>) -> Look {
    let console = use_console();
    let seen = use_state_eq(Seen::default);
    // Answers to earlier questions, and those that come after the form has gone, are void.
    let asked = use_mut_ref(|| 0_u32);
    {
        let asked = asked.clone();
        use_effect_with((), move |()| move || *asked.borrow_mut() += 1);
    }
    let ask = {
        let seen = seen.clone();
        Callback::from(move |wanted: Result<(AgentId, InspectRequest), Vec<FieldError>>| {
            let (agent, request) = match wanted {
                Ok(wanted) => wanted,
                Err(faults) => return seen.set(Seen::Faulty(Rc::new(faults))),
            };
            *asked.borrow_mut() += 1;
            let this = *asked.borrow();
            seen.set(Seen::Busy);
            let (api, seen, asked, found) = (console.api.clone(), seen.clone(), asked.clone(), found.clone());
            spawn_local(async move {
                let call = Call::post(format!("/retailers/{retailer}/agents/{agent}/inspect"));
                let answer = api.fetch::<Finding>(call.json(&request).within(WITHIN_MS)).await;
                if *asked.borrow() != this {
                    return;
                }
                match answer {
                    Ok(finding) => {
                        let finding = Rc::new(finding);
                        seen.set(Seen::Found(finding.clone()));
                        found.emit(finding);
                    }
                    Err(error) => seen.set(Seen::Failed(error)),
                }
            });
        })
    };
    Look { seen: (*seen).clone(), ask }
}

/// What stands in the form around a node.
pub(super) fn form_around(node: &NodeRef) -> FormValues {
    let form = node.cast::<Element>().and_then(|element| element.closest("form").ok().flatten());
    form.and_then(|form| form.dyn_into::<HtmlFormElement>().ok())
        .map(|form| values(&form))
        .unwrap_or_default()
}

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub seen: Seen,
}

part!(pub(super) LookNote(Props) drawn by draw_look_note);

/// What came of the look, for everybody to hear.
fn draw_look_note(props: &Props) -> Html {
    let note = |class: &'static str, icon: Icon, title: AttrValue, detail: AttrValue| {
        html! {
            <div class={classes!("note", class)} data-testid="look-note">
                { draw!(Glyph { icon }) }
                <div><strong>{ title }</strong><p>{ detail }</p></div>
            </div>
        }
    };
    let said = match &props.seen {
        Seen::Nothing => Html::default(),
        Seen::Busy => html! { <p class="hint" data-testid="look-busy">{ "The agent is looking…" }</p> },
        Seen::Faulty(faults) => {
            let first = faults.first().map(|fault| format!("{}: {}", fault.field, sentence(&fault.detail)));
            note("warn", Icon::Alert, "Something is missing".into(), first.unwrap_or_default().into())
        }
        Seen::Found(finding) => match &**finding {
            Finding::Source { summary, .. } | Finding::Destination { summary } => {
                note("good", Icon::Check, "The agent has been there".into(), sentence(summary).into())
            }
            Finding::Failed { code, detail } => {
                note("bad", Icon::Alert, code.title().into(), sentence(detail).into())
            }
        },
        Seen::Failed(error) => html! { { draw!(ErrorNote { error: error.clone() }) } },
    };
    html! { <div aria-live="polite">{ said }</div> }
}
