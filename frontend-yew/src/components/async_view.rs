//! The one renderer of what was asked for: loading, failed, or there (and possibly stale).

use std::rc::Rc;

use yew::prelude::*;

use super::layout::{ErrorNote, Skeleton};
use crate::hooks::Fetched;

/// Draws `ready` with the data once there is some; an error above stale data, alone otherwise.
pub fn view<T>(fetched: &Fetched<T>, rows: u32, ready: impl FnOnce(Rc<T>) -> Html) -> Html {
    let error = fetched.error.as_ref().map(|error| {
        html! {
            { draw!(ErrorNote { error: error.clone(), retry: fetched.reload.clone() }) }
        }
    });
    match (&fetched.data, error) {
        (Some(data), error) => html! {
            <>{ error.unwrap_or_default() }{ ready(data.clone()) }</>
        },
        (None, Some(error)) => html! {
            <div class="card-pad">{ error }</div>
        },
        (None, None) => html! {
            { draw!(Skeleton { rows }) }
        },
    }
}
