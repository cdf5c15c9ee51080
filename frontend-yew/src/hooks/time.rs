//! The passing of time, for everything that says "5 min ago".

use gloo_timers::callback::Interval;
use messages::Timestamp;
use yew::prelude::*;

use crate::api::browser;

/// Time as of the last beat; one clock for all words on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now(pub Timestamp);

/// A clock that beats every `ms`.
#[hook]
pub fn use_clock(ms: u32) -> Timestamp {
    let now = use_state_eq(browser::now);
    {
        let now = now.setter();
        use_effect_with(ms, move |ms| {
            let beat = Interval::new(*ms, move || now.set(browser::now()));
            move || drop(beat)
        });
    }
    *now
}

/// Calls the latest `then` every `ms` while the page can be seen: nobody looks at a hidden one.
#[hook]
pub fn use_every(ms: u32, then: Callback<()>) {
    let latest = use_mut_ref(|| None::<Callback<()>>);
    *latest.borrow_mut() = Some(then);
    use_effect_with(ms, move |ms| {
        let beat = Interval::new(*ms, move || {
            let then = latest.borrow().clone();
            if let Some(then) = then.filter(|_| browser::is_seen()) {
                then.emit(());
            }
        });
        move || drop(beat)
    });
}

/// The page's own clock.
#[hook]
pub fn use_now() -> Timestamp {
    use_context::<Now>().map_or_else(browser::now, |now| now.0)
}
