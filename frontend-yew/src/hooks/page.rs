//! What pages need of the application and of the window.

use gloo_timers::callback::Timeout;
use yew::prelude::*;

use crate::api::browser;
use crate::context::Console;

#[hook]
pub fn use_console() -> Console {
    use_context::<Console>().unwrap_or_default()
}

/// Names the page in the window's title.
#[hook]
pub fn use_title(title: impl Into<String>) {
    use_effect_with(title.into(), |title| {
        browser::set_title(&format!("{title} · GrocerySync"));
    });
}

/// Calls `then` with the latest value once it has rested for `ms`.
#[hook]
pub fn use_debounced<T: 'static>(ms: u32, then: Callback<T>) -> Callback<T> {
    let waiting = use_mut_ref(|| None::<Timeout>);
    Callback::from(move |value: T| {
        let then = then.clone();
        // The earlier one is cancelled by being dropped.
        *waiting.borrow_mut() = Some(Timeout::new(ms, move || then.emit(value)));
    })
}
