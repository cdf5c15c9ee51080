//! Configuration of the destinations that are spoken to over HTTP: webhook, WooCommerce, Shopify. Pure; what is done
//! with it stands in the agent.

use serde::{Deserialize, Serialize};

use crate::validate::{Check, Validate};

/// Items as signed JSON, posted in batches to an address of the receiver's choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookDestination {
    /// `https://…`; plain `http://` only to the agent's own machine.
    pub url: String,
    /// Items of a batch at most; a batch also ends at 1 MiB.
    #[serde(default = "webhook_batch")]
    pub batch_items: u32,
}

const fn webhook_batch() -> u32 {
    500
}

/// Products of a WooCommerce shop, matched by SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WooCommerceDestination {
    /// Address of the shop, with the folder in which its WordPress lies, if any: `https://shop.example`.
    pub url: String,
    #[serde(default)]
    pub new_products: NewProducts,
    #[serde(default)]
    pub update: UpdateFields,
}

/// Products of a Shopify shop, matched by SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ShopifyDestination {
    /// `https://<shop>.myshopify.com`.
    pub url: String,
    /// Number of the location whose stock is set; empty leaves stock alone.
    #[serde(default)]
    pub location_id: String,
    #[serde(default)]
    pub new_products: NewProducts,
    #[serde(default)]
    pub update: UpdateFields,
}

/// How an article that the shop does not have yet is made there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NewProducts {
    /// Hidden until somebody has looked at it.
    #[default]
    Draft,
    /// For sale at once.
    Published,
}

/// What is written to a product that the shop has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UpdateFields {
    #[default]
    Everything,
    /// Names and descriptions stay as they were written for the shop.
    PriceAndStock,
}

/// Longer addresses are refused by proxies and servers.
const MAX_URL: usize = 2_000;

/// Scheme, host and port: to whom a request goes. None where the text is no address that may be used.
#[must_use]
pub fn origin(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let sound = !authority.is_empty()
        && !url.contains(['@', '#', '\\'])
        && url.bytes().all(|byte| byte.is_ascii_graphic());
    let host = authority
        .strip_prefix('[')
        .and_then(|v6| v6.split_once(']'))
        .map_or_else(|| authority.split(':').next().unwrap_or_default(), |(address, _)| address);
    let here = matches!(host, "localhost" | "127.0.0.1" | "::1");
    let private = scheme == "https" || (scheme == "http" && here);
    (sound && private && !host.is_empty()).then(|| &url[..scheme.len() + 3 + authority.len()])
}

/// Would both addresses be answered by the same server?
#[must_use]
pub fn same_origin(one: &str, other: &str) -> bool {
    origin(one).is_some_and(|origin_of_one| {
        origin(other).is_some_and(|origin_of_other| origin_of_one.eq_ignore_ascii_case(origin_of_other))
    })
}

fn address(check: &mut Check, url: &str, query: bool) {
    check.ensure(url.len() <= MAX_URL, "url", "must have at most 2000 bytes");
    check.ensure(
        origin(url).is_some(),
        "url",
        "must be an address that begins with https:// (http:// only for the agent's own machine)",
    );
    check.ensure(query || !url.contains('?'), "url", "must be the address of the shop, without \"?\"");
}

impl Validate for WebhookDestination {
    fn check(&self, check: &mut Check) {
        address(check, &self.url, true);
        check.range("batch_items", &self.batch_items, &1, &1_000);
    }
}

impl Validate for WooCommerceDestination {
    fn check(&self, check: &mut Check) {
        address(check, &self.url, false);
    }
}

impl ShopifyDestination {
    /// The location as Shopify's interface names it.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let number = self.location_id.strip_prefix("gid://shopify/Location/").unwrap_or(&self.location_id);
        (!number.is_empty()).then(|| format!("gid://shopify/Location/{number}"))
    }
}

impl Validate for ShopifyDestination {
    fn check(&self, check: &mut Check) {
        address(check, &self.url, false);
        let path = self.url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        check.ensure(
            path.is_none_or(|(_, path)| path.is_empty()),
            "url",
            "must be the address of the shop alone, such as https://my-shop.myshopify.com",
        );
        let number = self.location_id.strip_prefix("gid://shopify/Location/").unwrap_or(&self.location_id);
        check.ensure(
            number.len() <= 20 && number.bytes().all(|byte| byte.is_ascii_digit()),
            "location_id",
            "must be the number of a location, as the end of its address in Shopify's settings shows it",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_keep_what_is_sent_private() {
        for (url, expected) in [
            ("https://shop.example", Some("https://shop.example")),
            ("https://shop.example:8443/a/b?c=d", Some("https://shop.example:8443")),
            ("http://127.0.0.1:8080/x", Some("http://127.0.0.1:8080")),
            ("http://localhost", Some("http://localhost")),
            ("http://[::1]:80/x", Some("http://[::1]:80")),
            ("http://shop.example", None),
            ("http://localhost.evil.example", None),
            ("https://user@shop.example", None),
            ("https://", None),
            ("https://:80", None),
            ("https://shop.example/#x", None),
            ("https://shop.example/a b", None),
            ("ftp://shop.example", None),
            ("shop.example", None),
        ] {
            assert_eq!(origin(url), expected, "{url}");
        }
        assert!(same_origin("https://Shop.example/a", "https://shop.example/b"));
        assert!(!same_origin("https://shop.example", "https://shop.example:444"));
        assert!(!same_origin("nonsense", "nonsense"));
    }

    #[test]
    fn each_wrong_field_is_told() {
        let fields = |wrong: crate::Problem| -> Vec<String> {
            wrong.errors.into_iter().map(|error| error.field).collect()
        };
        let hook = WebhookDestination { url: "http://shop.example".into(), batch_items: 0 };
        assert_eq!(fields(hook.validate().unwrap_err()), ["url", "batch_items"]);
        let shop: ShopifyDestination =
            serde_json::from_str(r#"{"url":"https://x.myshopify.com/admin","location_id":"here"}"#).unwrap();
        assert_eq!(fields(shop.validate().unwrap_err()), ["url", "location_id"]);
        let woo: WooCommerceDestination =
            serde_json::from_str(r#"{"url":"https://shop.example/?x=1"}"#).unwrap();
        assert_eq!(fields(woo.validate().unwrap_err()), ["url"]);
    }

    #[test]
    fn a_location_is_given_by_number_or_by_name() {
        for text in ["124656943", "gid://shopify/Location/124656943"] {
            let shop = ShopifyDestination {
                url: "https://x.myshopify.com".into(),
                location_id: text.into(),
                new_products: NewProducts::Draft,
                update: UpdateFields::Everything,
            };
            shop.validate().unwrap();
            assert_eq!(shop.location().as_deref(), Some("gid://shopify/Location/124656943"));
        }
    }
}
