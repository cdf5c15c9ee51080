//! The frame of pages: heading with its way back, notes, and what stands where nothing is.

use yew::prelude::*;

use super::button::{Button, Tone};
use super::icon::{Glyph, Icon};
use super::nav_link::NavLink;
use crate::api::ApiError;
use crate::route::Route;

#[derive(Properties, PartialEq)]
pub struct HeadProps {
    pub title: AttrValue,
    #[prop_or_default]
    pub subtitle: Html,
    /// The way back, from the top.
    #[prop_or_default]
    pub trail: Vec<(Route, AttrValue)>,
    /// Beside the title: its state.
    #[prop_or_default]
    pub beside: Html,
    /// On the right: what can be done.
    #[prop_or_default]
    pub children: Html,
}

part!(pub PageHead(HeadProps) drawn by draw_page_head);

fn draw_page_head(props: &HeadProps) -> Html {
    html! {
        <>
            if !props.trail.is_empty() {
                <nav class="crumbs" aria-label="Breadcrumbs">
                    <ol>
                        { for props.trail.iter().map(|(to, label)| html! {
                            <li>{ draw!(NavLink { to: to.clone(), children: html! { <>{ label }</> } }) }</li>
                        }) }
                        <li aria-current="page">{ &props.title }</li>
                    </ol>
                </nav>
            }
            <header class="page-head">
                <div class="page-title">
                    <div class="row">
                        <h1 id="page-title" tabindex="-1">{ &props.title }</h1>
                        { props.beside.clone() }
                    </div>
                    <div class="subtitle">{ props.subtitle.clone() }</div>
                </div>
                <div class="row page-actions">{ props.children.clone() }</div>
            </header>
        </>
    }
}

#[derive(Properties, PartialEq)]
pub struct ErrorProps {
    pub error: ApiError,
    #[prop_or_default]
    pub retry: Option<Callback<()>>,
}

part!(pub ErrorNote(ErrorProps) drawn by draw_error_note);

/// What went wrong, and what to do, where it went wrong.
fn draw_error_note(props: &ErrorProps) -> Html {
    html! {
        <div class="note bad" role="alert" data-testid="error">
            { draw!(Glyph { icon: Icon::Alert }) }
            <div>
                <strong>{ props.error.title() }</strong>
                <p>{ props.error.detail() }</p>
            </div>
            if let Some(retry) = &props.retry {
                { draw!(Button { label: "Try again", icon: Icon::Refresh, small: true, onclick: retry.clone() }) }
            }
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct EmptyProps {
    pub icon: Icon,
    pub title: AttrValue,
    #[prop_or_default]
    pub detail: AttrValue,
    /// It is all that the page has.
    #[prop_or_default]
    pub alone: bool,
    #[prop_or_default]
    pub children: Html,
}

part!(pub Empty(EmptyProps) drawn by draw_empty);

/// What stands where nothing is yet: why, and the next step.
fn draw_empty(props: &EmptyProps) -> Html {
    html! {
        <div class="empty">
            <span class="empty-icon">{ draw!(Glyph { icon: props.icon }) }</span>
            if props.alone {
                <h1>{ &props.title }</h1>
            } else {
                <strong class="empty-title">{ &props.title }</strong>
            }
            if !props.detail.is_empty() {
                <p>{ &props.detail }</p>
            }
            <div class="row">{ props.children.clone() }</div>
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct SkeletonProps {
    #[prop_or(8)]
    pub rows: u32,
}

part!(pub Skeleton(SkeletonProps) drawn by draw_skeleton);

/// Grey lines where rows will be.
fn draw_skeleton(props: &SkeletonProps) -> Html {
    html! {
        <div class="skeleton" role="status">
            <span class="visually-hidden">{ "Loading" }</span>
            { for (0..props.rows).map(|_| html! { <div class="skeleton-row"><i /><i /><i /></div> }) }
        </div>
    }
}

#[derive(Properties, PartialEq)]
pub struct CardProps {
    #[prop_or_default]
    pub title: AttrValue,
    #[prop_or_default]
    pub count: Option<u64>,
    #[prop_or_default]
    pub actions: Html,
    #[prop_or_default]
    pub class: Classes,
    pub children: Html,
}

part!(pub Card(CardProps) drawn by draw_card);

fn draw_card(props: &CardProps) -> Html {
    html! {
        <section class={classes!("card", props.class.clone())}>
            if !props.title.is_empty() {
                <header class="card-head">
                    <h2>
                        { &props.title }
                        if let Some(count) = props.count {
                            <span class="count">{ count }</span>
                        }
                    </h2>
                    <div class="row">{ props.actions.clone() }</div>
                </header>
            }
            { props.children.clone() }
        </section>
    }
}

#[derive(Properties, PartialEq)]
pub struct RefreshProps {
    pub onclick: Callback<()>,
    #[prop_or_default]
    pub busy: bool,
}

part!(pub RefreshButton(RefreshProps) drawn by draw_refresh_button);

fn draw_refresh_button(props: &RefreshProps) -> Html {
    html! {
        { draw!(Button { icon: Icon::Refresh, name: "Refresh", title: "Refresh", tone: Tone::Plain, busy: props.busy, onclick: props.onclick.clone(), testid: "refresh" }) }
    }
}
