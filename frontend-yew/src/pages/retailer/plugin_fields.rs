//! The fields of a plugin: which one, and its settings, drawn from what the agents tell of it.

use messages::plugin::{Plugin, Setting, SettingForm, Settings};
use yew::prelude::*;

use super::destination_form::kept;
use crate::components::field::{Choice, SelectField, TextField};
use crate::state::draft::plugin::{DRAWN, Drawn, MORE, MORE_SECRETS, shown, spoken};

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    /// Of the fields' names: `source` or `config`.
    pub prefix: &'static str,
    /// Of the secret ones.
    pub apart: &'static str,
    /// Those that there are.
    pub plugins: Vec<Plugin>,
    /// What is stored: the plugin, its settings, the names of its secret settings.
    pub plugin: String,
    pub settings: Settings,
    pub secrets: Vec<String>,
}

part!(pub(super) PluginFields(Props) kept by use_plugin_fields);

#[hook]
fn use_plugin_fields(props: &Props) -> Html {
    let Props { prefix, apart, plugins, .. } = props;
    let first = || plugins.first().map(|plugin| plugin.name.clone()).unwrap_or_default();
    let chosen = use_state_eq(|| if props.plugin.is_empty() { first() } else { props.plugin.clone() });
    let on_plugin = {
        let chosen = chosen.clone();
        Callback::from(move |name: String| chosen.set(name))
    };
    let mut choices: Vec<Choice> = plugins.iter().map(choice).collect();
    if !props.plugin.is_empty() && !plugins.iter().any(|plugin| plugin.name == props.plugin) {
        choices.push((props.plugin.clone().into(), format!("{} (no agent has it)", props.plugin).into()));
    }
    if choices.is_empty() {
        return html! {
            <p class="hint">
                { "No agent of this retailer tells of such a plugin. Start one with " }<code>{ "--plugins" }</code>
                { " and a folder of them; docs/operations.md says how." }
            </p>
        };
    }
    let plugin = plugins.iter().find(|plugin| plugin.name == *chosen).cloned();
    // Values and secrets of another plugin are of no use.
    let own = *chosen == props.plugin;
    let settings = if own { props.settings.clone() } else { Settings::new() };
    let stored = if own { props.secrets.clone() } else { Vec::new() };
    let drawn = Drawn { plugin: plugin.clone(), stored: stored.clone() };
    let drawn = serde_json::to_string(&drawn).unwrap_or_default();
    let about = plugin.as_ref().map(|plugin| plugin.about.clone()).filter(|about| !about.is_empty());
    let fields = plugin.as_ref().map_or(&[] as &[Setting], |plugin| &plugin.settings).iter();
    html! {
        <>
            { draw!(SelectField { name: format!("{prefix}.plugin"), label: "Plugin", choices, value: (*chosen).clone(), hint: about.map(|about| html! { about }), onchange: on_plugin, testid: "plugin" }) }
            <input type="hidden" name={format!("{prefix}.{DRAWN}")} value={drawn} />
            <div key={(*chosen).clone()} class="stack">
                { for fields.map(|setting| field(prefix, apart, setting, &settings, &stored)) }
                { more(prefix, apart, plugin.as_ref(), &settings, &stored) }
            </div>
        </>
    }
}

fn choice(plugin: &Plugin) -> Choice {
    let label = if plugin.version.is_empty() {
        plugin.name.clone()
    } else {
        format!("{} {}", plugin.name, plugin.version)
    };
    (plugin.name.clone().into(), label.into())
}

fn field(prefix: &str, apart: &str, setting: &Setting, settings: &Settings, stored: &[String]) -> Html {
    let Setting { name, form, title, help, required, usual } = setting;
    let label = if title.is_empty() { spoken(name) } else { title.clone() };
    let value = settings.get(name).map(shown).unwrap_or_default();
    let placeholder = usual.as_ref().map(shown).unwrap_or_default();
    let hint = (!help.is_empty()).then(|| html! { help });
    let (required, testid) = (*required, format!("setting-{name}"));
    let full = format!("{prefix}.settings.{name}");
    match form {
        SettingForm::Secret => {
            let kept = kept(stored.contains(name));
            let required = required && !stored.contains(name);
            let hint = html! { <>{ help }{ " " }{ kept }</> };
            draw!(TextField {
                name: format!("{apart}.settings.{name}"),
                label,
                kind: "password",
                autocomplete: "new-password",
                required,
                hint,
                testid
            })
        }
        SettingForm::Flag => {
            let choices = vec![("true".into(), "Yes".into()), ("false".into(), "No".into())];
            draw!(SelectField {
                name: full,
                label,
                choices: or_usual(choices, required, &placeholder),
                value,
                hint,
                testid
            })
        }
        SettingForm::Choice { options } => {
            let choices = options.iter().map(|o| (o.clone().into(), o.clone().into())).collect();
            draw!(SelectField {
                name: full,
                label,
                choices: or_usual(choices, required, &placeholder),
                value,
                hint,
                testid
            })
        }
        SettingForm::Json => {
            draw!(TextField {
                name: full,
                label: format!("{label} (JSON)"),
                mono: true,
                rows: 3,
                required,
                value,
                placeholder,
                hint,
                testid
            })
        }
        SettingForm::Text | SettingForm::Integer | SettingForm::Number => {
            draw!(TextField { name: full, label, mono: true, required, value, placeholder, hint, testid })
        }
    }
}

/// What need not be chosen can be left to the plugin.
fn or_usual(mut choices: Vec<Choice>, required: bool, usual: &str) -> Vec<Choice> {
    if !required {
        let label = if usual.is_empty() {
            "As the plugin has it".to_owned()
        } else {
            format!("As the plugin has it ({usual})")
        };
        choices.insert(0, ("".into(), label.into()));
    }
    choices
}

/// Settings that the plugin has not told of: as JSON, for whoever has read its manual.
fn more(prefix: &str, apart: &str, plugin: Option<&Plugin>, settings: &Settings, stored: &[String]) -> Html {
    let listed = |name: &str| plugin.is_some_and(|plugin| plugin.setting(name).is_some());
    let rest: Settings =
        settings.iter().filter(|(name, _)| !listed(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let sealed: Vec<_> = stored.iter().filter(|name| !listed(name)).cloned().collect();
    if plugin.is_some_and(|plugin| !plugin.open) && rest.is_empty() {
        return Html::default();
    }
    let text =
        if rest.is_empty() { String::new() } else { serde_json::to_string_pretty(&rest).unwrap_or_default() };
    let known = plugin.is_some_and(|plugin| !plugin.settings.is_empty());
    let names = if sealed.is_empty() { String::new() } else { format!("Stored: {}. ", sealed.join(", ")) };
    let secret_hint = html! { <>{ names }{ kept(!sealed.is_empty()) }</> };
    html! {
        <details class="more" open={!rest.is_empty() || !known}>
            <summary>{ if known { "Further settings" } else { "Settings" } }</summary>
            <div class="fields-2 tight">
                { draw!(TextField { name: format!("{prefix}.{MORE}"), label: "Settings (JSON)", mono: true, rows: 4, value: text, placeholder: "{\"start_date\": \"2026-01-01\"}", hint: html! { "As the plugin's manual says. No secrets here." }, testid: "more-settings" }) }
                { draw!(TextField { name: format!("{apart}.{MORE_SECRETS}"), label: "Secret settings (JSON)", mono: true, rows: 4, placeholder: "{\"password\": \"…\"}", hint: secret_hint, testid: "more-secrets" }) }
            </div>
        </details>
    }
}
