//! Buttons: one shape, few tones, busy while their action lasts.

use yew::prelude::*;

use super::icon::{Glyph, Icon};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    Primary,
    #[default]
    Plain,
    Danger,
    /// Without a frame, for places where frames would be noise.
    Ghost,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Plain => "plain",
            Self::Danger => "danger",
            Self::Ghost => "ghost",
        }
    }
}

#[derive(Properties, PartialEq)]
pub struct Props {
    #[prop_or_default]
    pub label: AttrValue,
    #[prop_or_default]
    pub icon: Option<Icon>,
    #[prop_or_default]
    pub tone: Tone,
    #[prop_or_default]
    pub small: bool,
    #[prop_or_default]
    pub submit: bool,
    #[prop_or_default]
    pub busy: bool,
    #[prop_or_default]
    pub disabled: bool,
    /// What a screen reader says, where the label alone does not tell which thing is meant.
    #[prop_or_default]
    pub name: Option<AttrValue>,
    #[prop_or_default]
    pub title: Option<AttrValue>,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
    #[prop_or_default]
    pub pressed: Option<bool>,
    #[prop_or_default]
    pub class: Classes,
    #[prop_or_default]
    pub onclick: Callback<()>,
}

part!(pub Button(Props) drawn by draw_button);

fn draw_button(props: &Props) -> Html {
    let onclick = {
        let (onclick, busy) = (props.onclick.clone(), props.busy);
        Callback::from(move |_: MouseEvent| {
            if !busy {
                onclick.emit(());
            }
        })
    };
    let bare = props.label.is_empty();
    let class = classes!(
        "btn",
        props.tone.class(),
        props.small.then_some("small"),
        bare.then_some("bare"),
        props.busy.then_some("is-busy"),
        props.class.clone()
    );
    html! {
        <button
            type={if props.submit { "submit" } else { "button" }}
            {class}
            {onclick}
            disabled={props.disabled}
            aria-busy={props.busy.then_some("true")}
            aria-label={props.name.clone()}
            aria-pressed={props.pressed.map(|on| if on { "true" } else { "false" })}
            title={props.title.clone()}
            data-testid={props.testid.clone()}
        >
            if let Some(icon) = props.icon {
                { draw!(Glyph { icon }) }
            }
            if !bare {
                <span>{ &props.label }</span>
            }
        </button>
    }
}
