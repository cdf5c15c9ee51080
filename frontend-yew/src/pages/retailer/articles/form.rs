//! Making an article, or changing one.

use std::rc::Rc;

use messages::RetailerId;
use messages::edge::Currency;
use messages::http::articles::{ArticleSpec, ArticleState, ArticleView};
use serde_json::Value;
use yew::prelude::*;

use super::prices::{StorePrices, store_name};
use crate::api::resource::Article;
use crate::components::field::{CheckField, SelectField, TextField};
use crate::components::form_dialog::FormDialog;
use crate::hooks::{json, use_save};
use crate::state::draft::{self, typed};
use crate::state::form::FormValues;
use crate::state::topic::TopicState;

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub(super) retailer: RetailerId,
    pub(super) currency: Option<Currency>,
    /// Which stores there are.
    pub(super) topic: Rc<TopicState>,
    #[prop_or_default]
    pub(super) existing: Option<ArticleView>,
    pub(super) on_close: Callback<()>,
    /// It is saved.
    pub(super) on_done: Callback<()>,
}

part!(pub(super) ArticleForm(Props) kept by use_article_form);

#[hook]
fn use_article_form(props: &Props) -> Html {
    let save =
        use_save::<Article>(Some(props.retailer), props.existing.clone(), props.on_done.reform(|_| ()));
    // As it was when the form was opened.
    let before = use_memo((), |()| props.existing.as_ref().map(|view| view.spec.clone()));
    let currency = props.currency;
    let on_submit = {
        let before = before.clone();
        save.submit
            .reform(move |form: FormValues| json(draft::article(&form, currency, before.as_ref().as_ref())))
    };
    let in_words = {
        let topic = props.topic.clone();
        Callback::from(move |(path, value): (String, Value)| {
            draft::in_words(&path, &value, currency, |id| store_name(&topic, id))
        })
    };
    let spec = before.as_ref().as_ref();
    let (title, action) =
        if spec.is_some() { ("Edit article", "Save") } else { ("New article", "Create article") };
    let subtitle = spec.map(|spec| format!("Number {}", spec.sku)).unwrap_or_default();
    html! {
        { draw!(FormDialog { title, subtitle, action, busy: save.busy, errors: save.errors.clone(), error: save.error.clone(), conflict: save.conflict.clone(), in_words, on_submit, on_resolve: save.resolve.clone(), on_close: props.on_close.clone(), children: html! { <>
            { fields(spec, currency) }
            { bundle(spec, currency) }
            { draw!(StorePrices { topic: props.topic.clone(), currency, prices: spec.map(|spec| spec.prices.clone()).unwrap_or_default() }) }
            { state(spec) }
        </> } }) }
    }
}

fn fields(spec: Option<&ArticleSpec>, currency: Option<Currency>) -> Html {
    let text = |of: fn(&ArticleSpec) -> String| spec.map(of).unwrap_or_default();
    let price = spec.map(|spec| typed(spec.price, currency));
    let tax = spec.map(|spec| spec.tax_rate.to_string().replace(" %", ""));
    let money = currency.map(|currency| format!("Price in {currency}")).unwrap_or_else(|| "Price".to_owned());
    html! {
        <>
            if spec.is_none() {
                { draw!(TextField { name: "sku", label: "Number", required: true, autofocus: true, mono: true, hint: html! { "The retailer's own; it never changes." } }) }
            }
            { draw!(TextField { name: "name", label: "Name", required: true, autofocus: spec.is_some(), value: text(|s| s.name.clone()) }) }
            { draw!(TextField { name: "price", label: money, required: true, value: price.unwrap_or_default(), hint: html! { "Of one unit, tax included, where a store has no price of its own." } }) }
            { draw!(TextField { name: "tax_rate", label: "Tax in per cent", value: tax.unwrap_or_default() }) }
            { draw!(TextField { name: "unit", label: "Unit", required: true, value: spec.map_or_else(|| "pcs".to_owned(), |s| s.unit.clone()), hint: html! { "pcs, kg, l" } }) }
            { draw!(TextField { name: "barcode", label: "Barcode", mono: true, value: text(|s| s.barcode.clone().unwrap_or_default()), hint: html! { "GTIN, EAN or UPC." } }) }
            { draw!(TextField { name: "category", label: "Category", value: text(|s| s.category.clone()) }) }
            { draw!(TextField { name: "plu", label: "PLU", mono: true, value: text(|s| s.plu.map(|plu| plu.to_string()).unwrap_or_default()), hint: html! { "The short number that scales and cashiers know it by." } }) }
            { draw!(CheckField { name: "weighed", label: "Sold by weight", checked: spec.is_some_and(|s| s.weighed) }) }
            { draw!(TextField { name: "blocked", label: "Must not be sold because", value: text(|s| s.blocked.clone().unwrap_or_default()), hint: html! { "Tills refuse it and show this reason; empty, it is sold." } }) }
        </>
    }
}

fn bundle(spec: Option<&ArticleSpec>, currency: Option<Currency>) -> Html {
    let bundle = spec.and_then(|spec| spec.bundle);
    let pieces = bundle.map(|bundle| bundle.pieces.to_string()).unwrap_or_default();
    let price = bundle.map(|bundle| typed(bundle.price, currency)).unwrap_or_default();
    html! {
        <fieldset class="group">
            <legend>{ "Several at once" }</legend>
            <p class="hint">{ "So many pieces in one basket cost this together, in every store. Both blank, each piece has its price." }</p>
            <div class="fields-2">
                { draw!(TextField { name: "bundle.pieces", label: "Pieces", value: pieces }) }
                { draw!(TextField { name: "bundle.price", label: "Together", value: price }) }
            </div>
        </fieldset>
    }
}

/// A new article is sold.
fn state(spec: Option<&ArticleSpec>) -> Html {
    let Some(spec) = spec else { return Html::default() };
    let label = |state| if state == ArticleState::Active { "Sold" } else { "Withdrawn" };
    let choices = ArticleState::ALL.map(|state| (state.as_str().into(), label(state).into())).to_vec();
    html! { { draw!(SelectField { name: "state", label: "State", value: spec.state.as_str(), choices }) } }
}
