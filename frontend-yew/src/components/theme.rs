//! Light, dark, or as the system has it. Remembered in this browser.

use yew::prelude::*;

use super::button::{Button, Tone};
use super::icon::Icon;
use crate::api::browser;

const KEY: &str = "grocerysync-theme";

/// Applies what was chosen earlier; called before anything is drawn.
pub fn restore() {
    browser::set_theme(browser::remembered(KEY).as_deref());
}

part!(pub ThemeSwitch kept by use_theme_switch);

#[hook]
fn use_theme_switch() -> Html {
    let theme = use_state_eq(|| browser::remembered(KEY));
    let (icon, name, next) = match theme.as_deref() {
        None => (Icon::Screen, "Theme: as the system. Switch to light.", Some("light")),
        Some("light") => (Icon::Sun, "Theme: light. Switch to dark.", Some("dark")),
        Some(_) => (Icon::Moon, "Theme: dark. Switch to the system's.", None),
    };
    let onclick = Callback::from(move |()| {
        browser::remember(KEY, next);
        browser::set_theme(next);
        theme.set(next.map(str::to_owned));
    });
    html! {
        { draw!(Button { icon, name, title: name, tone: Tone::Ghost, onclick, testid: "theme" }) }
    }
}
