//! The fields of destinations that are spoken to over HTTP: webhook, WooCommerce, Shopify.

use messages::connector::{DestinationConfig, NewProducts, UpdateFields};
use messages::http::destinations::DestinationView;
use yew::prelude::*;

use super::destination_form::{choices, chosen, kept};
use crate::components::field::{SelectField, TextField};
use crate::state::words::{NEW_PRODUCTS, UPDATES};

#[derive(Properties, PartialEq)]
pub(super) struct Props {
    pub kind: String,
    pub existing: Option<DestinationView>,
}

part!(pub(super) PlatformFields(Props) drawn by draw_platform_fields);

/// What the form begins with: the stored values, if they are of this kind.
#[derive(Default)]
struct Values {
    url: String,
    batch_items: Option<u32>,
    location_id: String,
    new_products: NewProducts,
    update: UpdateFields,
}

fn values(config: Option<&DestinationConfig>) -> Values {
    match config.cloned() {
        Some(DestinationConfig::Webhook(to)) => {
            Values { url: to.url, batch_items: Some(to.batch_items), ..Values::default() }
        }
        Some(DestinationConfig::WooCommerce(to)) => {
            Values { url: to.url, new_products: to.new_products, update: to.update, ..Values::default() }
        }
        Some(DestinationConfig::Shopify(to)) => Values {
            url: to.url,
            location_id: to.location_id,
            new_products: to.new_products,
            update: to.update,
            batch_items: None,
        },
        _ => Values::default(),
    }
}

fn secret(name: &'static str, label: &'static str, stored: bool, hint: &'static str) -> Html {
    draw!(TextField {
        name,
        label,
        kind: "password",
        autocomplete: "new-password",
        required: !stored,
        hint: html! { <>{ hint }{ " " }{ kept(stored) }</> },
        testid: name
    })
}

fn draw_platform_fields(props: &Props) -> Html {
    let existing = props.existing.as_ref().filter(|view| view.config.kind() == props.kind);
    let stored = existing.is_some_and(|view| view.has_credentials);
    let now = values(existing.map(|view| &view.config));
    let (label, example, said) = match props.kind.as_str() {
        "webhook" => (
            "Address",
            "https://shop.example/import",
            "Batches of items are posted here as JSON. docs/protocol.md says how they are signed.",
        ),
        "shopify" => (
            "Address of the shop",
            "https://my-shop.myshopify.com",
            "Its own name at Shopify, not the one customers see.",
        ),
        _ => (
            "Address of the shop",
            "https://shop.example",
            "Where its WordPress lies. Products are found by their SKU.",
        ),
    };
    html! {
        <>
            { draw!(TextField { name: "config.url", label, required: true, mono: true, value: now.url.clone(), placeholder: example, hint: html! { said }, testid: "platform-url" }) }
            if props.kind == "webhook" {
                { draw!(TextField { name: "config.batch_items", label: "Items of a batch at most", required: true, value: now.batch_items.unwrap_or(500).to_string() }) }
                { secret("credentials.token", "Signing secret", stored, "At least 16 characters; the receiver checks each batch with it.") }
            } else {
                if props.kind == "shopify" {
                    { secret("credentials.token", "Access token", stored, "Of a custom app that may read and write products and inventory.") }
                    { draw!(TextField { name: "config.location_id", label: "Location whose stock is set", mono: true, value: now.location_id.clone(), placeholder: "124656943", hint: html! { "The number at the end of its address in Shopify's settings. Blank leaves stock alone." } }) }
                } else {
                    <div class="fields-2">
                        { secret("credentials.key", "Consumer key", stored, "Begins with ck_; needs read and write.") }
                        { secret("credentials.secret", "Consumer secret", stored, "Begins with cs_.") }
                    </div>
                }
                <div class="fields-2">
                    { draw!(SelectField { name: "config.new_products", label: "New articles", choices: choices(&NEW_PRODUCTS), value: chosen(&NEW_PRODUCTS, &now.new_products) }) }
                    { draw!(SelectField { name: "config.update", label: "Known articles get", choices: choices(&UPDATES), value: chosen(&UPDATES, &now.update) }) }
                </div>
            }
        </>
    }
}
