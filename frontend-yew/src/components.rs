//! What pages are built of. Components draw what they are given and never fetch.

pub mod async_view;
pub mod badge;
pub mod button;
pub mod chart;
pub mod confirm;
pub mod conflict;
pub mod copy;
pub mod dialog;
pub mod enrolment;
pub mod field;
pub mod file_field;
pub mod filter_bar;
pub mod form_dialog;
pub mod icon;
pub mod layout;
pub mod live_state;
pub mod nav_link;
pub mod pager;
pub mod progress;
pub mod rejects_table;
pub mod run_table;
pub mod stepper;
pub mod tabs;
pub mod theme;
pub mod time;
pub mod toasts;
