//! The technicians' console: what runs in the browser.
//!
//! Four floors, each seeing only those below: `pages` (one a route) → `components` (draw, never fetch) →
//! `hooks` (one a question) → `api` (REST and the live socket). Beside them `state`, which is pure and decides.
//! Speaks only `messages::http` and `messages::live`.

#[macro_use]
mod part;

pub mod api;
pub mod app;
pub mod components;
pub mod context;
pub mod hooks;
pub mod pages;
pub mod route;
pub mod state;

/// Mounts the console.
pub fn run() {
    app::show_panics();
    components::theme::restore();
    yew::Renderer::<app::App>::new().render();
}
