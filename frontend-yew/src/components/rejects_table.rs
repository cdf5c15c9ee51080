//! Rejected items: where in the source, why, and what stood there.

use messages::run::Reject;
use yew::prelude::*;

use crate::api::error::sentence;
use crate::state::format::count;
use crate::state::words;

#[derive(Properties, PartialEq)]
pub struct Props {
    pub rejects: Vec<Reject>,
}

part!(pub RejectsTable(Props) drawn by draw_rejects_table);

fn draw_rejects_table(props: &Props) -> Html {
    html! {
        <div class="table-box">
            <table class="table cards">
                <thead>
                    <tr>
                        <th class="num">{ "Line" }</th>
                        <th>{ "Field" }</th>
                        <th>{ "Column" }</th>
                        <th>{ "Reason" }</th>
                        <th>{ "As read" }</th>
                    </tr>
                </thead>
                <tbody>
                    { for props.rejects.iter().map(|reject| html! {
                        <tr data-testid="reject-row">
                            <td data-label="Line" class="num">{ count(reject.row) }</td>
                            <td data-label="Field">{ reject.field.map_or("—", words::item_field) }</td>
                            <td data-label="Column" class="mono">{ reject.column.as_deref().unwrap_or("—") }</td>
                            <td data-label="Reason">{ sentence(&reject.reason) }</td>
                            <td data-label="As read" class="mono raw" title={reject.raw.clone()}>{ &reject.raw }</td>
                        </tr>
                    }) }
                </tbody>
            </table>
        </div>
    }
}
