//! A state in a word and a colour.

use yew::prelude::*;

use crate::state::words::Hue;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub word: AttrValue,
    pub hue: Hue,
    #[prop_or_default]
    pub title: Option<AttrValue>,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
}

part!(pub Badge(Props) drawn by draw_badge);

fn draw_badge(props: &Props) -> Html {
    html! {
        <span class={classes!("badge", props.hue.class())} title={props.title.clone()} data-testid={props.testid.clone()}>
            { &props.word }
        </span>
    }
}
