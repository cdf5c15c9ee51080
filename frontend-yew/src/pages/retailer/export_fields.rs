//! What a job sends, and when a run stops to ask: the part of its form that says so.

use messages::export::{ExportRules, Scope, VanishedRule};
use yew::prelude::*;

use crate::components::field::{Choice, RadioRow, SelectField, TextField};
use crate::state::draft::export::usual;

const VANISHED: [(&str, &str); 2] = [("keep", "Leave them there"), ("zero_stock", "Set their stock to zero")];

#[derive(Properties, PartialEq)]
pub(crate) struct Props {
    /// Of a job that is there already.
    #[prop_or_default]
    pub rules: Option<ExportRules>,
}

part!(pub(crate) ExportFields(Props) kept by use_export_fields);

#[hook]
fn use_export_fields(props: &Props) -> Html {
    let rules = props.rules.unwrap_or_else(usual);
    let scope =
        use_state_eq(|| if rules.scope == Scope::Incremental { "incremental" } else { "full" }.to_owned());
    let ways: Vec<Choice> =
        vec![("full".into(), "Everything".into()), ("incremental".into(), "Changes only".into())];
    let onchange = {
        let scope = scope.clone();
        Callback::from(move |value: String| scope.set(value))
    };
    let vanished = if rules.vanished == VanishedRule::ZeroStock { "zero_stock" } else { "keep" };
    let choices = VANISHED.map(|(value, label)| (value.into(), label.into())).to_vec();
    let hint = if *scope == "incremental" {
        "The agent remembers what it delivered and sends what differs. Into a folder, changes go as a file of their own beside the whole one."
    } else {
        "Every run sends every article. A file is replaced as a whole."
    };
    html! {
        <fieldset class="group">
            <legend>{ "Export" }</legend>
            { draw!(RadioRow { name: "export.scope", legend: "Each run sends", choices: ways, value: (*scope).clone(), onchange }) }
            <p class="hint">{ hint }</p>
            { draw!(SelectField { name: "export.vanished", label: "Articles that are not in the source any more", choices, value: vanished, testid: "job-vanished" }) }
            { guard(&rules) }
        </fieldset>
    }
}

fn guard(rules: &ExportRules) -> Html {
    let share = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
    let field = |name: &'static str, label: &'static str, value: String| {
        html! { { draw!(TextField { name, label, value }) } }
    };
    let guard = &rules.guard;
    html! {
        <details class="more" open={true}>
            <summary>{ "Guard" }</summary>
            <p class="hint">{ "A run that would do more than this stops before it sends anything, and asks. A share left blank is no limit." }</p>
            <div class="fields-3">
                { field("export.guard.vanished_percent", "Vanish, per cent", share(guard.vanished_percent)) }
                { field("export.guard.zeroed_percent", "Sell out, per cent", share(guard.zeroed_percent)) }
                { field("export.guard.repriced_percent", "Change price, per cent", share(guard.repriced_percent)) }
            </div>
            <div class="fields-2">
                { field("export.guard.repriced_by_percent", "A price counts when it changes by more than, per cent", guard.repriced_by_percent.to_string()) }
                { field("export.guard.floor", "Fewer articles than this never stop a run", guard.floor.to_string()) }
            </div>
        </details>
    }
}
