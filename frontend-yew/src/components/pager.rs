//! One page back, one page on, and how many rows a page has.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::button::{Button, Tone};
use super::icon::Icon;
use crate::state::paging::range;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub page: usize,
    pub size: u32,
    pub shown: usize,
    pub total: u64,
    pub more: bool,
    pub on_back: Callback<()>,
    pub on_next: Callback<()>,
    /// Offered only where the size can be chosen.
    #[prop_or_default]
    pub on_size: Option<Callback<u32>>,
}

/// Sizes on offer: more than a hundred live rows fill the socket's topics.
pub const SIZES: [u32; 3] = [25, 50, 100];

part!(pub Pager(Props) drawn by draw_pager);

fn draw_pager(props: &Props) -> Html {
    let words = range(props.page, props.size as usize, props.shown, props.total);
    html! {
        <div class="pager">
            if let Some(on_size) = &props.on_size {
                <label class="pager-size">
                    { "Rows" }
                    <select onchange={size_change(on_size.clone())}>
                        { for SIZES.map(|size| html! {
                            <option value={size.to_string()} selected={size == props.size}>{ size }</option>
                        }) }
                    </select>
                </label>
            }
            <span class="tabular" data-testid="page-range">{ words }</span>
            { draw!(Button { icon: Icon::Left, name: "Previous page", tone: Tone::Ghost, disabled: props.page == 0, onclick: props.on_back.clone() }) }
            { draw!(Button { icon: Icon::Right, name: "Next page", tone: Tone::Ghost, disabled: !props.more, onclick: props.on_next.clone(), testid: "next-page" }) }
        </div>
    }
}

fn size_change(told: Callback<u32>) -> Callback<Event> {
    Callback::from(move |event: Event| {
        if let Ok(size) = event.target_unchecked_into::<HtmlSelectElement>().value().parse() {
            told.emit(size);
        }
    })
}
