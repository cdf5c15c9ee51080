//! The board: columns on the left, fields on the right, lines between them. A line is drawn by pulling it from a column to
//! a field, or by choosing first the one and then the other, by mouse or keys. On a phone each field has a list
//! of the columns instead.

use std::rc::Rc;

use messages::connector::ColumnName;
use messages::item::ItemField;
use web_sys::{Element, HtmlInputElement};
use yew::prelude::*;

use super::inputs::{Entry, select};
use crate::state::mapping::lines::{self, ROW, WIDTH};
use crate::state::mapping::{Draft, From};
use crate::state::words;

/// More columns than this, and one wants to search among them.
const MANY: usize = 15;

/// What the columns are.
#[derive(PartialEq, Clone)]
pub(super) struct Columns {
    pub names: Rc<Vec<String>>,
    /// What the first row has there.
    pub first: Rc<Vec<String>>,
}

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub columns: Columns,
    pub named: Rc<Vec<ColumnName>>,
    pub draft: Draft,
    pub selected: Option<ItemField>,
    pub on_connect: Callback<(String, ItemField)>,
    pub on_select: Callback<ItemField>,
    pub on_clear: Callback<ItemField>,
}

/// A line that is being drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pulled {
    /// Place in the list that is shown.
    column: usize,
    /// The button is held down: where the pointer is, in shares of the board.
    to: Option<(f64, f64)>,
    held: bool,
    /// Chosen by the press that is still under way: its click must not undo that.
    fresh: bool,
}

part!(pub(super) Board(Props) kept by use_board);

#[hook]
fn use_board(props: &Props) -> Html {
    let pulled = use_state_eq(|| None::<Pulled>);
    let wanted = use_state_eq(String::new);
    let node = use_node_ref();
    let folded = wanted.trim().to_lowercase();
    let shown: Vec<usize> = (0..props.columns.names.len())
        .filter(|at| folded.is_empty() || props.columns.names[*at].to_lowercase().contains(&folded))
        .collect();
    let names: Vec<String> = shown.iter().map(|at| props.columns.names[*at].clone()).collect();
    let rows = names.len().max(ItemField::ALL.len());
    let onpointermove = {
        let (pulled, node) = (pulled.clone(), node.clone());
        Callback::from(move |event: PointerEvent| {
            if let (Some(line), Some(board)) = (*pulled, node.cast::<Element>())
                && line.held
            {
                pulled.set(Some(Pulled { to: Some(share(&event, &board)), ..line }));
            }
        })
    };
    let let_go = {
        let pulled = pulled.clone();
        Callback::from(move |_: PointerEvent| {
            // What was only pressed stays chosen, for the second press.
            if let Some(line) = *pulled {
                pulled.set(line.to.is_none().then_some(Pulled { held: false, ..line }));
            }
        })
    };
    let onkeydown = {
        let pulled = pulled.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" && pulled.is_some() {
                event.prevent_default();
                pulled.set(None);
            }
        })
    };
    let fields = ItemField::ALL.into_iter().map(|field| draw_field(props, field, &names, &pulled));
    html! {
        <>
            if props.columns.names.len() > MANY {
                { search(&wanted, &pulled) }
            }
            <div class="map-board" ref={node} {onpointermove} onpointerup={let_go.clone()} onpointerleave={let_go} {onkeydown} data-testid="map-board">
                <ul class="map-columns" aria-label="Columns of the source">
                    { for names.iter().enumerate().map(|(at, name)| {
                        let first = props.columns.first.get(shown[at]).map(String::as_str).unwrap_or_default();
                        draw_column(at, name, first, &pulled)
                    }) }
                </ul>
                { picture(props, &names, rows, *pulled) }
                <ul class="map-fields" aria-label="Fields of an article">{ for fields }</ul>
            </div>
            <p class="visually-hidden" aria-live="polite">
                if let Some(line) = *pulled {
                    { format!("{} is chosen. Choose the field it goes to, or press Escape.", names.get(line.column).map_or("", String::as_str)) }
                }
            </p>
        </>
    }
}

fn share(event: &PointerEvent, board: &Element) -> (f64, f64) {
    let place = board.get_bounding_client_rect();
    let of = |at: f64, from: f64, whole: f64| if whole > 0.0 { (at - from) / whole } else { 0.0 };
    (
        of(f64::from(event.client_x()), place.left(), place.width()),
        of(f64::from(event.client_y()), place.top(), place.height()),
    )
}

fn search(wanted: &UseStateHandle<String>, pulled: &UseStateHandle<Option<Pulled>>) -> Html {
    let oninput = {
        let (wanted, pulled) = (wanted.clone(), pulled.clone());
        Callback::from(move |event: InputEvent| {
            // Places in the list change with it.
            pulled.set(None);
            wanted.set(event.target_unchecked_into::<HtmlInputElement>().value());
        })
    };
    html! {
        <div class="field"><input type="search" value={(**wanted).clone()} {oninput} placeholder="Find a column" aria-label="Find a column" /></div>
    }
}

fn draw_column(at: usize, name: &str, first: &str, pulled: &UseStateHandle<Option<Pulled>>) -> Html {
    let chosen = pulled.is_some_and(|line| line.column == at);
    let onpointerdown = {
        let pulled = pulled.clone();
        Callback::from(move |event: PointerEvent| {
            // Fingers scroll; they choose by pressing.
            if event.pointer_type() == "mouse" {
                pulled.set(Some(Pulled { column: at, to: None, held: true, fresh: !chosen }));
            }
        })
    };
    let onclick = {
        let pulled = pulled.clone();
        Callback::from(move |_: MouseEvent| {
            let undo = pulled.is_some_and(|line| line.column == at && !line.fresh);
            pulled.set((!undo).then_some(Pulled { column: at, to: None, held: false, fresh: false }));
        })
    };
    html! {
        <li>
            <button type="button" class="map-port" aria-pressed={chosen.to_string()} {onpointerdown} {onclick} title={format!("{name}: {first}")} data-testid="map-column">
                <span class="map-name">{ name }</span>
                <span class="map-sample">{ first }</span>
            </button>
        </li>
    }
}

fn draw_field(
    props: &Props,
    field: ItemField,
    names: &[String],
    pulled: &UseStateHandle<Option<Pulled>>,
) -> Html {
    let connect = |held: bool| {
        let (pulled, told, names) = (pulled.clone(), props.on_connect.clone(), names.to_vec());
        move || {
            let line = pulled.filter(|line| !held || (line.held && line.to.is_some()));
            let column = line.and_then(|line| names.get(line.column)).cloned();
            if let Some(column) = &column {
                pulled.set(None);
                told.emit((column.clone(), field));
            }
            column.is_some()
        }
    };
    let onpointerup = {
        let connect = connect(true);
        Callback::from(move |event: PointerEvent| {
            if connect() {
                event.stop_propagation();
            }
        })
    };
    let onclick = {
        let (connect, select) = (connect(false), props.on_select.clone());
        Callback::from(move |_: MouseEvent| {
            if !connect() {
                select.emit(field);
            }
        })
    };
    let rule = props.draft.rule(field);
    let steps = rule.map_or(0, |rule| rule.steps.len());
    let what = match rule {
        Some(rule) if rule.from == From::Constant => format!("“{}”", rule.text),
        Some(rule) => rule.text.clone(),
        None => {
            let there = lines::lines(&props.draft, &props.named, &props.columns.names);
            let line = there.into_iter().find(|line| ItemField::ALL.get(line.field) == Some(&field));
            line.map_or_else(String::new, |line| props.columns.names[line.column].clone())
        }
    };
    let open = props.selected == Some(field);
    html! {
        <li class={classes!("map-field", open.then_some("open"))}>
            <button type="button" class="map-port" aria-expanded={open.to_string()} {onpointerup} {onclick} data-testid={format!("map-field-{}", field.as_str())}>
                <span class="map-name">{ words::item_field(field) }if field.required() { <span class="map-needed" title="needed">{ "*" }</span> }</span>
                <span class="map-sample">{ what }if steps > 0 { <span class="count">{ steps }</span> }</span>
            </button>
            <div class="map-phone">{ phone_choice(props, field) }</div>
        </li>
    }
}

/// Where lines cannot be drawn.
fn phone_choice(props: &Props, field: ItemField) -> Html {
    let rule = props.draft.rule(field);
    let value = rule.filter(|rule| rule.from == From::Column).map_or("", |rule| rule.text.as_str());
    let other = rule.is_some_and(|rule| rule.from != From::Column);
    let first = if other { "(made up below)" } else { "(by its name)" };
    let missing = Some(value)
        .filter(|value| !value.is_empty() && !props.columns.names.iter().any(|name| name == value));
    let choices = std::iter::once(("", first))
        .chain(missing.map(|name| (name, name)))
        .chain(props.columns.names.iter().map(|name| (name.as_str(), name.as_str())));
    let told = {
        let (connect, clear) = (props.on_connect.clone(), props.on_clear.clone());
        Callback::from(
            move |column: String| {
                if column.is_empty() { clear.emit(field) } else { connect.emit((column, field)) }
            },
        )
    };
    let label = format!("Column for {}", words::item_field(field));
    let id = format!("map-phone-{}", field.as_str());
    select(&Entry { id, label: &label, value, fault: None, testid: "map-phone" }, choices, told)
}

fn picture(props: &Props, names: &[String], rows: usize, pulled: Option<Pulled>) -> Html {
    let height = u32::try_from(rows).unwrap_or(1) * ROW;
    let drawn = lines::lines(&props.draft, &props.named, names);
    html! {
        <svg class="map-lines" viewBox={format!("0 0 {WIDTH} {height}")} preserveAspectRatio="none" aria-hidden="true">
            { for drawn.into_iter().map(|line| {
                let chosen = props.selected.is_some_and(|field| ItemField::ALL.get(line.field) == Some(&field));
                let class = classes!((!line.drawn).then_some("by-name"), chosen.then_some("chosen"));
                html! { <path {class} d={lines::path(line)} data-testid="map-line" /> }
            }) }
            if let Some(Pulled { column, to: Some(to), .. }) = pulled {
                <path class="loose" d={lines::loose(column, to, rows)} />
            }
        </svg>
    }
}
