//! Articles and corrections of stock, from what was typed: prices as people write them, taxes in per cent. Pure.

use std::collections::BTreeMap;

use messages::edge::catalogue::Bundle;
use messages::edge::{Amount, Currency, Quantity, TaxRate};
use messages::http::articles::{ArticleSpec, ArticleState, StockSpec};
use messages::quantity::Decimal;
use messages::{FieldError, StoreId};
use serde_json::Value;

use super::{Draft, checked, with_early};
use crate::state::form::{FormValues, fault};
use crate::state::merge::InWords;

/// `before` is the article that is changed: what the form does not show stays as it is there. Prices of single stores are
/// rows of `prices`, each with its `store` and `price`; faults are told at the rows.
pub fn article(
    form: &FormValues,
    currency: Option<Currency>,
    before: Option<&ArticleSpec>,
) -> Draft<ArticleSpec> {
    let mut early = Vec::new();
    // As the form has shown them: without a currency, in its smallest unit.
    let decimals = currency.map_or(0, Currency::decimals);
    let price = units(form, "price", decimals, &mut early);
    let tax_rate = if form.text("tax_rate").is_empty() { 0 } else { units(form, "tax_rate", 2, &mut early) };
    let tax_rate = u32::try_from(tax_rate).unwrap_or_else(|_| {
        early.push(fault("tax_rate", "must not be below zero"));
        0
    });
    let plu = match form.text("plu") {
        text if text.is_empty() => None,
        _ => form.number("plu").map_err(|wrong| early.push(wrong)).ok(),
    };
    let bundle = bundle(form, decimals, &mut early);
    let (prices, rows) = prices(form, decimals, &mut early);
    let some = |name: &str| Some(form.text(name)).filter(|text| !text.is_empty());
    let first = ArticleSpec::new(&form.text("sku"), "", Amount::ZERO);
    let spec = ArticleSpec {
        name: form.text("name"),
        barcode: some("barcode"),
        category: form.text("category"),
        unit: form.text("unit"),
        price: Amount::new(price),
        tax_rate: TaxRate(tax_rate),
        weighed: form.ticked("weighed"),
        plu,
        blocked: some("blocked"),
        bundle,
        prices,
        state: match form.text("state").as_str() {
            "withdrawn" => ArticleState::Withdrawn,
            _ => ArticleState::Active,
        },
        ..before.cloned().unwrap_or(first)
    };
    with_early(early, checked(spec).map_err(|errors| at_rows(errors, &rows)))
}

/// So many pieces at a price of their own: both fields, or neither.
fn bundle(form: &FormValues, decimals: u8, early: &mut Vec<FieldError>) -> Option<Bundle> {
    if form.text("bundle.pieces").is_empty() && form.text("bundle.price").is_empty() {
        return None;
    }
    // Two, where it is no number: nothing is said of it twice.
    let pieces = form.number("bundle.pieces").unwrap_or_else(|wrong| {
        early.push(wrong);
        2
    });
    Some(Bundle { pieces, price: Amount::new(units(form, "bundle.price", decimals, early)) })
}

/// Prices of single stores, and the row that each comes from.
fn prices(
    form: &FormValues,
    decimals: u8,
    early: &mut Vec<FieldError>,
) -> (BTreeMap<StoreId, Amount>, BTreeMap<StoreId, String>) {
    let (mut prices, mut rows) = (BTreeMap::new(), BTreeMap::new());
    for row in form.rows("prices") {
        let field = format!("prices.{row}.store");
        let store = form.choice::<StoreId>(&field).map_err(|wrong| early.push(wrong)).ok();
        let price = Amount::new(units(form, &format!("prices.{row}.price"), decimals, early));
        let Some(store) = store else { continue };
        if rows.insert(store, row.to_owned()).is_some() {
            early.push(fault(&field, "has a price of its own already"));
        }
        prices.insert(store, price);
    }
    (prices, rows)
}

/// What is wrong with the price of a store is told where it was typed.
fn at_rows(mut errors: Vec<FieldError>, rows: &BTreeMap<StoreId, String>) -> Vec<FieldError> {
    for error in &mut errors {
        let store = error.field.strip_prefix("prices.").and_then(|id| id.parse::<StoreId>().ok());
        if let Some(row) = store.and_then(|store| rows.get(&store)) {
            error.field = format!("prices.{row}.price");
        } else if error.field == "bundle" {
            "bundle.pieces".clone_into(&mut error.field);
        }
    }
    errors
}

/// Where the stock of an article is to be put right, and how.
pub fn correction(form: &FormValues, sku: &str) -> Draft<(StoreId, StockSpec)> {
    let mut early = Vec::new();
    let store = form.choice("store_id").map_err(|wrong| early.push(wrong)).ok();
    let delta = form.text("delta").trim_start_matches('+').parse::<Quantity>();
    let delta = delta.unwrap_or_else(|_| {
        early.push(fault("delta", "must be a number, such as 12, -3 or 0.250"));
        // Not zero, so that nothing is said of it twice.
        Quantity::pieces(1)
    });
    let edge_id = form.text("edge_id").parse().ok();
    let spec = checked(StockSpec { sku: sku.to_owned(), delta, edge_id, note: form.text("note") });
    let spec = with_early(early, spec)?;
    store.map(|store| (store, spec)).ok_or_else(Vec::new)
}

/// What people call the fields of an article.
const NAMES: [(&str, &str); 13] = [
    ("sku", "Number"),
    ("name", "Name"),
    ("price", "Price"),
    ("tax_rate", "Tax"),
    ("unit", "Unit"),
    ("barcode", "Barcode"),
    ("category", "Category"),
    ("plu", "PLU"),
    ("weighed", "Sold by weight"),
    ("blocked", "Must not be sold because"),
    ("bundle.pieces", "Several at once: pieces"),
    ("bundle.price", "Several at once: together"),
    ("state", "State"),
];

/// A field of an article and a value of it, for a conflict.
pub fn in_words(
    path: &str,
    value: &Value,
    currency: Option<Currency>,
    store: impl Fn(StoreId) -> String,
) -> InWords {
    let plain = InWords::plain(path, value);
    let of_store = path.strip_prefix("prices.").and_then(|id| id.parse().ok()).map(store);
    let known = NAMES.iter().find(|(known, _)| *known == path).map(|(_, name)| (*name).to_owned());
    let in_value = match path {
        "tax_rate" => {
            value.as_u64().and_then(|rate| u32::try_from(rate).ok()).map(|rate| TaxRate(rate).to_string())
        }
        "price" | "bundle.price" => value.as_i64().map(|minor| typed(Amount::new(minor), currency)),
        _ if of_store.is_some() => value.as_i64().map(|minor| typed(Amount::new(minor), currency)),
        _ => None,
    };
    InWords {
        field: of_store.map(|store| format!("Price in {store}")).or(known).unwrap_or(plain.field),
        value: in_value.unwrap_or(plain.value),
    }
}

/// An amount as people write it; without a currency, in its smallest unit.
pub fn typed(amount: Amount, currency: Option<Currency>) -> String {
    currency.map_or_else(|| amount.minor().to_string(), |currency| currency.show(amount))
}

/// A number with at most so many digits behind the mark, counted in the last of them.
fn units(form: &FormValues, name: &str, decimals: u8, early: &mut Vec<FieldError>) -> i64 {
    let text = form.text(name).trim_end_matches('%').trim().replace(',', ".");
    let found = text.parse::<Decimal>().ok().and_then(|decimal| decimal.to_units(decimals).ok());
    found.unwrap_or_else(|| {
        let detail = match (text.is_empty(), decimals) {
            (true, _) => "must not be empty".to_owned(),
            (_, 0) => "must be a whole number".to_owned(),
            _ => format!("must be a number with at most {decimals} digits behind the point"),
        };
        early.push(fault(name, &detail));
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> FormValues {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn fields(errors: Vec<FieldError>) -> Vec<String> {
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn an_article_is_made_of_what_people_type() {
        let typed = form(&[
            ("sku", " M1 "),
            ("name", "Milk"),
            ("price", "1,65"),
            ("tax_rate", "2.5 %"),
            ("unit", "l"),
            ("plu", "17"),
            ("barcode", ""),
            ("weighed", "on"),
        ]);
        let made = article(&typed, Some(Currency::EUR), None).unwrap();
        assert_eq!((made.sku.as_str(), made.price, made.tax_rate), ("M1", Amount::new(165), TaxRate(250)));
        assert_eq!((made.plu, made.barcode, made.weighed), (Some(17), None, true));
        let dong = form(&[("sku", "M1"), ("name", "Sữa"), ("unit", "l"), ("price", "25000")]);
        assert_eq!(article(&dong, Some(Currency::VND), None).unwrap().price, Amount::new(25_000));
    }

    #[test]
    fn what_the_form_does_not_show_stays() {
        let prices = BTreeMap::from([(StoreId::new(), Amount::new(99))]);
        let before = ArticleSpec { prices, ..ArticleSpec::new("M1", "Milk", Amount::new(165)) };
        let typed = form(&[("name", "Milk"), ("unit", "pcs"), ("price", "1.70"), ("state", "withdrawn")]);
        let after = article(&typed, Some(Currency::EUR), Some(&before)).unwrap();
        assert_eq!((&after.sku, after.price), (&before.sku, Amount::new(170)));
        assert_eq!(after.state, ArticleState::Withdrawn);
        assert!(after.prices.is_empty(), "its only row was taken away");
    }

    #[test]
    fn amounts_without_a_currency_are_read_as_they_are_shown() {
        let typed = form(&[("sku", "M1"), ("name", "Milk"), ("unit", "l"), ("price", "165")]);
        assert_eq!(article(&typed, None, None).unwrap().price, Amount::new(165));
    }

    /// An article with these fields besides what each needs.
    fn with(pairs: &[(&str, &str)]) -> Draft<ArticleSpec> {
        let usual = [("sku", "M1"), ("name", "Milk"), ("unit", "l"), ("price", "1.65")];
        article(&form(&[&usual, pairs].concat()), Some(Currency::EUR), None)
    }

    #[test]
    fn several_pieces_have_a_price_of_their_own() {
        let bundle = |pieces: &str, price: &str| {
            let made = with(&[("bundle.pieces", pieces), ("bundle.price", price)]);
            made.map(|spec| spec.bundle).map_err(fields)
        };
        assert_eq!(bundle("", " "), Ok(None));
        assert_eq!(bundle("3", "4,50"), Ok(Some(Bundle { pieces: 3, price: Amount::new(450) })));
        for (pieces, price, wrong) in [
            ("3", "", "bundle.price"),
            ("", "4.50", "bundle.pieces"),
            ("a few", "4.50", "bundle.pieces"),
            ("1", "4.50", "bundle.pieces"),
            ("3", "4.505", "bundle.price"),
            ("3", "-1", "bundle.price"),
        ] {
            assert_eq!(bundle(pieces, price), Err(vec![wrong.to_owned()]), "{pieces} for {price}");
        }
        let weighed = with(&[("bundle.pieces", "3"), ("bundle.price", "4.50"), ("weighed", "on")]);
        assert_eq!(fields(weighed.unwrap_err()), ["bundle.pieces"]);
    }

    #[test]
    fn single_stores_have_prices_of_their_own() {
        let (one, other) = (StoreId::new(), StoreId::new());
        let (here, there) = (one.to_string(), other.to_string());
        let made = with(&[
            ("prices.0.store", &here),
            ("prices.0.price", "1,60"),
            ("prices.7.store", &there),
            ("prices.7.price", "0"),
        ]);
        assert_eq!(made.unwrap().prices, BTreeMap::from([(one, Amount::new(160)), (other, Amount::ZERO)]));
        for (store, price, wrong) in [
            (there.as_str(), "", "prices.7.price"),
            (&there, "1.605", "prices.7.price"),
            (&there, "-0.01", "prices.7.price"),
            (&there, "100000000000000", "prices.7.price"),
            ("", "1", "prices.7.store"),
            (&here, "1", "prices.7.store"),
        ] {
            let made = with(&[
                ("prices.0.store", &here),
                ("prices.0.price", "1"),
                ("prices.7.store", store),
                ("prices.7.price", price),
            ]);
            assert_eq!(fields(made.unwrap_err()), [wrong], "{store} {price}");
        }
    }

    #[test]
    fn every_fault_is_told_at_its_field() {
        let typed =
            form(&[("sku", "M1"), ("price", "1.655"), ("tax_rate", "-1"), ("plu", "x"), ("unit", "")]);
        let faults = fields(article(&typed, Some(Currency::EUR), None).unwrap_err());
        assert_eq!(faults, ["price", "tax_rate", "plu", "name", "unit"]);
    }

    #[test]
    fn a_correction_has_a_store_and_a_difference() {
        let store = StoreId::new();
        let id = store.to_string();
        let (found, spec) =
            correction(&form(&[("store_id", &id), ("delta", "+12"), ("note", "counted")]), "M1").unwrap();
        assert_eq!((found, spec.delta, spec.edge_id), (store, Quantity::pieces(12), None));
        for (delta, wrong) in [("", "delta"), ("0", "delta"), ("a few", "delta")] {
            let faults = fields(correction(&form(&[("store_id", &id), ("delta", delta)]), "M1").unwrap_err());
            assert_eq!(faults, [wrong], "{delta}");
        }
        assert_eq!(fields(correction(&form(&[("delta", "1")]), "M1").unwrap_err()), ["store_id"]);
    }

    #[test]
    fn a_conflict_tells_of_an_article_in_the_words_of_its_form() {
        let shop = StoreId::new();
        let told = |path: &str, value: Value| {
            let told = in_words(path, &value, Some(Currency::EUR), |id| {
                if id == shop { "Main Street".to_owned() } else { "Deleted store".to_owned() }
            });
            (told.field, told.value)
        };
        let pair = |field: &str, value: &str| (field.to_owned(), value.to_owned());
        assert_eq!(told("price", 165.into()), pair("Price", "1.65"));
        assert_eq!(told(&format!("prices.{shop}"), 149.into()), pair("Price in Main Street", "1.49"));
        assert_eq!(told(&format!("prices.{shop}"), Value::Null), pair("Price in Main Street", "(nothing)"));
        let gone = format!("prices.{}", StoreId::new());
        assert_eq!(told(&gone, 149.into()), pair("Price in Deleted store", "1.49"));
        assert_eq!(told("tax_rate", 750.into()), pair("Tax", "7.5 %"));
        assert_eq!(told("weighed", true.into()), pair("Sold by weight", "yes"));
        assert_eq!(told("new_field", "x".into()), pair("new_field", "x"));
    }
}
