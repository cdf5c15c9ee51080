//! How one waits for a machine that was given a command to enrol with: the command, the wait, the token that ran out.

use messages::Timestamp;
use yew::prelude::*;

use super::button::{Button, Tone};
use super::copy::CopyButton;
use super::icon::{Glyph, Icon};
use crate::state::format::within;

#[derive(Properties, PartialEq)]
pub struct CommandProps {
    /// What is to be done, step by step; the command is the last one.
    pub steps: Vec<AttrValue>,
    pub command: AttrValue,
    pub expires_at: Timestamp,
    pub now: Timestamp,
}

part!(pub EnrolCommand(CommandProps) drawn by draw_command);

fn draw_command(props: &CommandProps) -> Html {
    html! {
        <>
            <ol class="how">{ for props.steps.iter().map(|step| html! { <li>{ step }</li> }) }</ol>
            <div class="command">
                <code data-testid="enrol-command" tabindex="0">{ &props.command }</code>
                { draw!(CopyButton { text: props.command.clone(), tone: Tone::Primary, testid: "copy-command" }) }
            </div>
            <p class="hint">{ format!("The token works once and expires {}. It is not shown again; closing and enrolling anew makes another and voids this one.", within(props.expires_at, props.now)) }</p>
        </>
    }
}

#[derive(Properties, PartialEq)]
pub struct WaitProps {
    /// The token is of no use any more.
    pub expired: bool,
    /// Another token is being made.
    pub busy: bool,
    pub again: Callback<()>,
    /// What is waited for.
    pub text: AttrValue,
}

part!(pub EnrolWait(WaitProps) drawn by draw_wait);

fn draw_wait(props: &WaitProps) -> Html {
    html! {
        if props.expired {
            <div class="note" role="alert" data-testid="enrol-expired">
                { draw!(Glyph { icon: Icon::Clock }) }
                <div><strong>{ "The token has expired" }</strong><p>{ "The command above is refused now." }</p></div>
                { draw!(Button { label: "Make a new token", small: true, busy: props.busy, onclick: props.again.clone(), testid: "enrol-again" }) }
            </div>
        } else {
            <div class="waiting" role="status" data-testid="enrol-state">
                <i class="spinner" aria-hidden="true" />
                <span>{ &props.text }</span>
            </div>
        }
    }
}
