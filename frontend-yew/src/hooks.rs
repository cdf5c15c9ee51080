//! One hook a question: what is known of a topic, what did the hub answer, what time is it.

mod action;
mod fetch;
mod ledger;
mod live;
mod page;
mod save;
mod time;

pub use action::{Action, use_action};
pub use fetch::{Fetched, use_fetch};
pub use ledger::use_ledger;
pub use live::{use_retailer, use_status, use_topic};
pub use page::{use_console, use_debounced, use_title};
pub use save::{Conflict, Save, json, use_save};
pub use time::{Now, use_clock, use_every, use_now};
