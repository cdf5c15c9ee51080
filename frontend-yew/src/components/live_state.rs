//! How fresh the page is, always in sight.

use yew::prelude::*;

use crate::api::browser;
use crate::hooks::{use_clock, use_status};
use crate::state::link::Status;

part!(pub LiveState kept by use_live_state);

#[hook]
fn use_live_state() -> Html {
    let (status, _) = use_status();
    // The countdown needs seconds; the words change only with them.
    use_clock(1_000);
    let (class, words, title) = match status {
        Status::Live => ("good", "Live".to_owned(), "Changes appear by themselves."),
        Status::Idle | Status::Connecting => {
            ("busy", "Connecting".to_owned(), "The live connection is being made.")
        }
        Status::Reconnecting => {
            ("warn", "Reconnecting".to_owned(), "The live connection was lost. It comes back by itself.")
        }
        Status::Waiting { until_ms } => {
            #[expect(clippy::cast_possible_truncation, reason = "the back-off ends at half a minute")]
            // Whole numbers, for the program has no other use for writing fractions.
            let seconds = ((until_ms - browser::now_ms()) / 1_000.0).ceil().max(0.0) as i64;
            (
                "warn",
                format!("Reconnecting in {seconds} s"),
                "The live connection was lost. It comes back by itself.",
            )
        }
        Status::Polling => (
            "warn",
            "Polling".to_owned(),
            "The live connection does not come through. The page asks every 15 seconds.",
        ),
        Status::Offline => {
            ("bad", "Offline".to_owned(), "This computer has no network. The page shows what it last knew.")
        }
    };
    html! {
        <span class={classes!("live", class)} {title} role="status" data-testid="live-state">
            <i aria-hidden="true" />
            <span>{ words }</span>
        </span>
    }
}
