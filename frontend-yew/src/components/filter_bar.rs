//! Above a list: a field to search in it, and chips of which one is pressed.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::icon::{Glyph, Icon};

#[derive(Properties, PartialEq)]
pub struct Props {
    /// What is searched, for those who hear the page.
    pub name: AttrValue,
    pub placeholder: AttrValue,
    pub search: Callback<String>,
    pub chips: Vec<Chip>,
    pub testid: AttrValue,
}

#[derive(Clone, PartialEq)]
pub struct Chip {
    pub label: &'static str,
    pub pressed: bool,
    pub press: Callback<()>,
}

part!(pub FilterBar(Props) drawn by draw_filter_bar);

fn draw_filter_bar(props: &Props) -> Html {
    let search = props.search.clone();
    let oninput = Callback::from(move |event: InputEvent| {
        search.emit(event.target_unchecked_into::<HtmlInputElement>().value());
    });
    html! {
        <div class="toolbar tight">
            <label class="searchbox">
                { draw!(Glyph { icon: Icon::Search }) }
                <input type="search" aria-label={props.name.clone()} placeholder={props.placeholder.clone()} {oninput} data-testid={props.testid.clone()} />
            </label>
            <div class="chips" role="group" aria-label="Show">
                { for props.chips.iter().map(|chip| {
                    let onclick = chip.press.reform(|_: MouseEvent| ());
                    html! {
                        <button type="button" class="chip" aria-pressed={if chip.pressed { "true" } else { "false" }} {onclick}>{ chip.label }</button>
                    }
                }) }
            </div>
        </div>
    }
}
