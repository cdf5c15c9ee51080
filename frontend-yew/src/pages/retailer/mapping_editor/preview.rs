//! The shop's own first rows, and what the mapping makes of them: the engine is the one that agents run.

use std::rc::Rc;

use messages::item::ItemField;
use messages::mapping::preview::{Preview, Shown, Verdict};
use yew::prelude::*;

use crate::api::error::sentence;
use crate::components::badge::Badge;
use crate::state::words::{self, Hue};

/// Rows of the table; the sample has some more, and they count.
const ROWS: usize = 10;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub rows: Rc<Vec<Vec<String>>>,
    /// Each row as it comes out.
    pub shown: Rc<Vec<Shown>>,
    /// The column of each field, where it is just one.
    pub columns: Rc<Vec<Option<usize>>>,
}

/// What all rows come to.
pub(super) fn shown(preview: &Preview, rows: &[Vec<String>]) -> (Vec<Shown>, Vec<Option<usize>>) {
    let columns = ItemField::ALL.into_iter().map(|field| preview.column(field)).collect();
    (rows.iter().map(|row| preview.row(row)).collect(), columns)
}

part!(pub(super) PreviewTable(Props) drawn by draw_preview_table);

fn draw_preview_table(props: &Props) -> Html {
    // Fields that nothing comes into are of no interest.
    let fields: Vec<ItemField> = ItemField::ALL
        .into_iter()
        .filter(|field| {
            field.required() || props.shown.iter().any(|row| row.fields[*field as usize] != Ok(None))
        })
        .collect();
    let count = |wanted: fn(&Verdict) -> bool| props.shown.iter().filter(|row| wanted(&row.verdict)).count();
    let sent = count(|verdict| *verdict == Verdict::Item);
    let left_out = count(|verdict| *verdict == Verdict::LeftOut);
    let rejected = props.shown.len() - sent - left_out;
    html! {
        <section aria-label="Preview" data-testid="map-preview">
            <p class="map-counts" aria-live="polite" data-testid="map-counts">
                { format!("Of the first {} rows: {sent} sent, {rejected} rejected, {left_out} left out.", props.shown.len()) }
            </p>
            <div class="table-box map-preview" tabindex="0" role="region" aria-label="Rows before and after">
                <table class="table">
                    <thead><tr>
                        <th><span class="visually-hidden">{ "What becomes of it" }</span></th>
                        { for fields.iter().map(|field| html! { <th>{ words::item_field(*field) }</th> }) }
                    </tr></thead>
                    <tbody>
                        { for props.shown.iter().zip(props.rows.iter()).take(ROWS).map(|(row, raw)| draw_row(props, &fields, row, raw)) }
                    </tbody>
                </table>
            </div>
        </section>
    }
}

fn draw_row(props: &Props, fields: &[ItemField], row: &Shown, raw: &[String]) -> Html {
    let (word, hue) = match &row.verdict {
        Verdict::Item => ("Sent", Hue::Good),
        Verdict::LeftOut => ("Left out", Hue::Quiet),
        Verdict::Rejected { .. } => ("Rejected", Hue::Bad),
    };
    html! {
        <tr data-testid="map-preview-row">
            <td>{ draw!(Badge { word, hue }) }</td>
            { for fields.iter().map(|field| {
                let before = props.columns[*field as usize].and_then(|at| raw.get(at)).map(|text| text.trim());
                draw_cell(*field, before.unwrap_or_default(), row)
            }) }
        </tr>
    }
}

/// Before in small letters, where it is another.
fn draw_cell(field: ItemField, before: &str, row: &Shown) -> Html {
    let at_fault = match &row.verdict {
        Verdict::Rejected { field: at, reason } if *at == field => Some(reason.as_str()),
        _ => None,
    };
    let after = row.fields[field as usize].as_ref().ok().and_then(Option::as_deref).unwrap_or_default();
    let left_out = row.verdict == Verdict::LeftOut;
    html! {
        <td class={classes!(at_fault.is_some().then_some("map-wrong"))}>
            if left_out || (!before.is_empty() && before != after) {
                <span class="map-before">{ before }</span>
            }
            if !left_out {
                <span>{ after }</span>
            }
            if let Some(reason) = at_fault {
                <span class="fault">{ sentence(reason) }</span>
            }
        </td>
    }
}
