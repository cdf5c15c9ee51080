//! Pages for what is not there, or not for this person.

use messages::ErrorCode;
use yew::prelude::*;

use crate::components::icon::Icon;
use crate::components::layout::Empty;
use crate::components::nav_link::NavLink;
use crate::hooks::use_title;
use crate::route::Route;

part!(pub NotFound kept by use_not_found);

#[hook]
fn use_not_found() -> Html {
    use_title("Not found");
    html! {
        { draw!(Empty { icon: Icon::Search, alone: true, title: "There is no such page", detail: "It may have been deleted, or the address is mistyped.", children: html! { <>{ draw!(NavLink { to: Route::Dashboard, class: "btn primary", children: html! { <>{ "Go to the dashboard" }</> } }) }</> } }) }
    }
}

part!(pub Forbidden kept by use_forbidden);

#[hook]
fn use_forbidden() -> Html {
    use_title("Not allowed");
    html! {
        { draw!(Empty { icon: Icon::Lock, alone: true, title: "You may not see this", detail: "Your role does not include it. An administrator can change that.", children: html! { <>{ draw!(NavLink { to: Route::Dashboard, class: "btn primary", children: html! { <>{ "Go to the dashboard" }</> } }) }</> } }) }
    }
}

/// The page for a topic that was refused.
pub fn refused(code: ErrorCode) -> Html {
    if code == ErrorCode::Forbidden {
        html! {
            { draw!(Forbidden) }
        }
    } else {
        html! {
            { draw!(NotFound) }
        }
    }
}
