//! Pages for what is not there, or not for this person.

use messages::ErrorCode;
use yew::prelude::*;

use crate::components::icon::Icon;
use crate::components::layout::Empty;
use crate::components::nav_link::NavLink;
use crate::hooks::use_title;
use crate::route::Route;

#[component]
pub fn NotFound() -> Html {
    use_title("Not found");
    html! {
        <Empty icon={Icon::Search} alone=true title="There is no such page" detail="It may have been deleted, or the address is mistyped.">
            <NavLink to={Route::Dashboard} class="btn primary">{ "Go to the dashboard" }</NavLink>
        </Empty>
    }
}

#[component]
pub fn Forbidden() -> Html {
    use_title("Not allowed");
    html! {
        <Empty icon={Icon::Lock} alone=true title="You may not see this" detail="Your role does not include it. An administrator can change that.">
            <NavLink to={Route::Dashboard} class="btn primary">{ "Go to the dashboard" }</NavLink>
        </Empty>
    }
}

/// The page for a topic that was refused.
pub fn refused(code: ErrorCode) -> Html {
    if code == ErrorCode::Forbidden {
        html! {
            <Forbidden />
        }
    } else {
        html! {
            <NotFound />
        }
    }
}
