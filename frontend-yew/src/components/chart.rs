//! A chart of bars. The picture has a sentence for whom it tells nothing, and its numbers stand in a table beside it,
//! which the page draws.

use yew::prelude::*;

use crate::state::chart::{HEIGHT, height, label_every, lines, scale};

/// Width of a bar with its gap, and of the bar, in the picture's own units.
const STEP: usize = 10;
const BAR: usize = 7;
/// Labels that stand beside each other on a narrow screen.
const LABELS: usize = 8;

#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub label: String,
    pub value: i64,
    /// The value in words.
    pub shown: String,
}

#[derive(Properties, PartialEq)]
pub struct Props {
    pub bars: Vec<Bar>,
    /// What it is about, and what is to be seen.
    pub summary: AttrValue,
    /// A value on the scale, in words.
    pub on_scale: Callback<i64, String>,
    #[prop_or_default]
    pub testid: Option<AttrValue>,
}

part!(pub BarChart(Props) drawn by draw_bar_chart);

fn draw_bar_chart(props: &Props) -> Html {
    let scale = scale(props.bars.iter().map(|bar| bar.value).max().unwrap_or(0));
    let width = props.bars.len().max(1) * STEP;
    let every = label_every(props.bars.len(), LABELS);
    html! {
        <div class="chart" data-testid={props.testid.clone()}>
            <div class="chart-scale tabular" aria-hidden="true">
                { for lines(scale).into_iter().map(|line| html! { <span>{ props.on_scale.emit(line) }</span> }) }
            </div>
            <svg viewBox={format!("0 0 {width} {HEIGHT}")} preserveAspectRatio="none" role="img" aria-label={props.summary.clone()}>
                { for lines(scale).into_iter().map(|line| {
                    let y = (HEIGHT - height(line, scale)).to_string();
                    html! { <line class="chart-line" x1="0" x2={width.to_string()} y1={y.clone()} y2={y} /> }
                }) }
                { for props.bars.iter().enumerate().map(|(at, bar)| {
                    let high = height(bar.value, scale);
                    html! {
                        <rect
                            key={at} class="chart-bar"
                            x={(at * STEP + (STEP - BAR) / 2).to_string()} y={(HEIGHT - high).to_string()}
                            width={BAR.to_string()} height={high.to_string()}
                        >
                            <title>{ format!("{}: {}", bar.label, bar.shown) }</title>
                        </rect>
                    }
                }) }
            </svg>
            <div class="chart-labels" aria-hidden="true">
                { for props.bars.iter().enumerate().map(|(at, bar)| html! {
                    <span>{ if at % every == 0 { bar.label.as_str() } else { "" } }</span>
                }) }
            </div>
        </div>
    }
}
