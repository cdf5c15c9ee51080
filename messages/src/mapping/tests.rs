//! What mappings do, step by step; and that nothing people or files hold can bring the engine down.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::item::ItemField as F;
use crate::quantity::Decimal;

fn mapping(fields: serde_json::Value) -> Mapping {
    serde_json::from_value(json!({ "fields": fields })).unwrap()
}

/// What a chain of steps makes of a text, in a source that writes a comma.
fn through(steps: serde_json::Value, text: &str) -> Result<Option<String>, String> {
    let mapping = mapping(json!([{
        "field": "name", "from": { "kind": "column", "column": "Text" }, "steps": steps,
    }]));
    mapping.validate().unwrap();
    let prepared = Prepared::new(&mapping, &["text".into()], ',').unwrap();
    let value = prepared.value(F::Name, |_| text).unwrap();
    value.map(|value| value.map(Value::into_text)).map_err(|fault| fault.reason)
}

#[test]
fn each_step_does_what_it_says() {
    let cases = [
        (json!([{ "step": "letters", "to": "upper" }]), "grün", "GRÜN"),
        (json!([{ "step": "letters", "to": "lower" }]), "GRÜN", "grün"),
        (json!([{ "step": "letters", "to": "title" }]), "bio-MILCH o'neill", "Bio-Milch O'neill"),
        (json!([{ "step": "replace", "find": "ß", "with": "ss" }]), "Straße", "Strasse"),
        (json!([{ "step": "replace", "find": ".", "with": "" }]), "1.234.567", "1234567"),
        (json!([{ "step": "cut", "from": 2, "length": 3 }]), "grüner", "rün"),
        (json!([{ "step": "cut", "from": 3 }]), "grüner", "üner"),
        (json!([{ "step": "cut", "from": 9 }, { "step": "if_empty", "text": "-" }]), "kurz", "-"),
        (json!([{ "step": "before", "mark": "(" }]), "Milch (1 l)", "Milch "),
        (json!([{ "step": "before", "mark": "-" }]), "a-b-c", "a"),
        (json!([{ "step": "before", "mark": "(" }]), "Milch", "Milch"),
        (json!([{ "step": "after", "mark": ":" }]), "EAN: 12", " 12"),
        (json!([{ "step": "after", "mark": "-" }]), "a-b-c", "b-c"),
        (json!([{ "step": "after", "mark": ":" }, { "step": "if_empty", "text": "-" }]), "no mark", "-"),
        (json!([{ "step": "digits" }]), "EAN 40-06 381,", "4006381"),
        (json!([{ "step": "pad_start", "length": 5, "with": "0" }]), "42", "00042"),
        (json!([{ "step": "pad_start", "length": 4, "with": "x" }]), "é", "xxxé"),
        (json!([{ "step": "pad_start", "length": 2, "with": "0" }]), "123", "123"),
        (json!([{ "step": "if_empty", "text": "-" }]), "kept", "kept"),
        (json!([{ "step": "lookup", "entries": [{ "from": "obst", "to": "Fruit" }] }]), " OBST ", "Fruit"),
        (json!([{ "step": "lookup", "entries": [{ "from": "a", "to": "b" }] }]), "c", "c"),
        (json!([{ "step": "add", "amount": "0.5" }]), "1,25", "1.75"),
        (json!([{ "step": "multiply", "by": "1.2" }]), "10,00", "12.000"),
        (json!([{ "step": "divide", "by": "3", "decimals": 2 }]), "-10", "-3.33"),
        (json!([{ "step": "divide", "by": "100", "decimals": 2 }]), "1999", "19.99"),
        (json!([{ "step": "percent", "by": "19" }]), "100", "119.00"),
        (json!([{ "step": "percent", "by": "-50" }]), "3", "1.50"),
        (json!([{ "step": "round", "to": "0.05" }]), "1,98", "2.00"),
        (json!([{ "step": "round", "to": "0.05" }]), "1,97", "1.95"),
        (json!([{ "step": "round", "to": "0.05" }]), "1,975", "2.00"),
        (json!([{ "step": "round", "to": "0.05" }]), "-1,975", "-2.00"),
        (json!([{ "step": "round", "to": "0.05", "how": "up" }]), "-1,98", "-1.95"),
        (json!([{ "step": "round", "to": "0.05", "how": "down" }]), "-1,96", "-2.00"),
        (json!([{ "step": "round", "to": "0.05", "how": "down" }]), "1,98", "1.95"),
        (
            json!([{ "step": "round", "to": "1", "how": "up" }, { "step": "add", "amount": "-0.01" }]),
            "4,20",
            "4.99",
        ),
        (json!([{ "step": "at_least", "least": "0" }]), "-3", "0"),
        (json!([{ "step": "at_least", "least": "0" }]), "3", "3"),
        (json!([{ "step": "at_most", "most": "99" }]), "100", "99"),
        (json!([{ "step": "at_most", "most": "99" }]), "3", "3"),
        (json!([{ "step": "convert", "from": "gram", "to": "kilogram" }]), "1500", "1.500000"),
        (json!([{ "step": "convert", "from": "pound", "to": "gram" }]), "2", "907.184740"),
    ];
    for (steps, text, expected) in cases {
        assert_eq!(through(steps.clone(), text), Ok(Some(expected.to_owned())), "{steps} of {text:?}");
    }
}

/// By their definitions: an ounce is a sixteenth of a pound, and a pound 453.59237 g.
#[test]
fn each_unit_is_converted_into_each_other_of_its_kind() {
    for (from, to, expected) in [
        ("gram", "kilogram", "0.012"),
        ("kilogram", "gram", "12000"),
        ("ounce", "gram", "340.194278"),
        ("gram", "ounce", "0.423288"),
        ("pound", "ounce", "192"),
        ("ounce", "pound", "0.75"),
        ("kilogram", "pound", "26.455471"),
        ("litre", "millilitre", "12000"),
        ("millilitre", "centilitre", "1.2"),
        ("centilitre", "millilitre", "120"),
        ("centilitre", "litre", "0.12"),
        ("dozen", "piece", "144"),
        ("piece", "dozen", "1"),
        ("litre", "litre", "12"),
    ] {
        let converted =
            through(json!([{ "step": "convert", "from": from, "to": to }]), "12").unwrap().unwrap();
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(number(&converted), number(expected), "12 {from} in {to}");
    }
}

#[test]
fn nothing_stays_nothing_and_a_step_that_fails_is_named() {
    let steps = json!([{ "step": "multiply", "by": "2" }, { "step": "letters", "to": "upper" }]);
    assert_eq!(through(steps.clone(), "  "), Ok(None));
    let said = through(steps, "12.50").unwrap_err();
    assert_eq!(said, "step 1 of the mapping: \"12.50\" is not a decimal number such as 12.90");
    let strict =
        json!([{ "step": "lookup", "entries": [{ "from": "a", "to": "b" }], "otherwise": "reject" }]);
    assert_eq!(through(strict, "c").unwrap_err(), "step 1 of the mapping: \"c\" is not in the table");
    let empty = json!([{ "step": "lookup", "entries": [{ "from": "a", "to": "b" }], "otherwise": "empty" }]);
    assert_eq!(through(empty, "c"), Ok(None));
}

#[test]
fn what_people_write_into_a_mapping_has_a_point_whatever_the_source_has() {
    let lookup = json!([
        { "step": "lookup", "entries": [{ "from": "reduced", "to": "5.5" }] },
        { "step": "add", "amount": "0.5" },
    ]);
    assert_eq!(through(lookup, "Reduced"), Ok(Some("6.0".to_owned())));
    let filled = json!([{ "step": "if_empty", "text": "5.5" }, { "step": "add", "amount": "0.5" }]);
    assert_eq!(through(filled.clone(), " "), Ok(Some("6.0".to_owned())));
    assert_eq!(through(filled, "1,5"), Ok(Some("2.0".to_owned())));
    let mapping = mapping(json!([{ "field": "tax_rate", "from": { "kind": "constant", "text": "5.5" } }]));
    let prepared = Prepared::new(&mapping, &[], ',').unwrap();
    let value = prepared.value(F::TaxRate, |_| "").unwrap().unwrap().unwrap();
    assert_eq!(value.into_number(','), Ok(Decimal::new(55, 1)));
}

#[test]
fn templates_take_several_columns() {
    let mapping = mapping(json!([
        { "field": "name", "from": { "kind": "template", "template": "{Brand} {Artikel}" } },
    ]));
    let columns = ["artikel".to_owned(), " BRAND ".to_owned()];
    let prepared = Prepared::new(&mapping, &columns, '.').unwrap();
    let row = ["Milch", "Alm"];
    let name = |row: [&'static str; 2]| prepared.value(F::Name, move |at| row[at]).unwrap().unwrap();
    assert_eq!(name(row).map(Value::into_text), Some("Alm Milch".to_owned()));
    assert_eq!(name(["Milch", ""]).map(Value::into_text), Some("Milch".to_owned()));
    assert_eq!(name([" Milch ", " Alm "]).map(Value::into_text), Some("Alm Milch".to_owned()));
    assert_eq!(name(["", " "]), None, "nothing but the blank between them");
    assert_eq!((prepared.has(F::Name), prepared.has(F::Sku), prepared.column(F::Name)), (true, false, None));
}

#[test]
fn of_two_columns_that_differ_in_case_alone_the_one_that_is_named_counts() {
    let mapping = mapping(json!([
        { "field": "name", "from": { "kind": "column", "column": "name" } },
        { "field": "unit", "from": { "kind": "column", "column": "Name" } },
        { "field": "category", "from": { "kind": "column", "column": "NAME" } },
    ]));
    let prepared = Prepared::new(&mapping, &["Name".into(), "name".into()], '.').unwrap();
    let of = |field| prepared.column(field);
    assert_eq!((of(F::Name), of(F::Unit), of(F::Category)), (Some(1), Some(0), Some(0)));
}

#[test]
fn columns_that_are_not_there_are_all_named_once() {
    let mapping: Mapping = serde_json::from_value(json!({
        "fields": [
            { "field": "name", "from": { "kind": "template", "template": "{brand} {name}" } },
            { "field": "category", "from": { "kind": "column", "column": "Brand" } },
        ],
        "filter": { "conditions": [{ "column": "active", "test": "equals", "value": "1" }] },
    }))
    .unwrap();
    assert_eq!(Prepared::new(&mapping, &["name".into()], '.').unwrap_err(), ["brand", "active"]);
}

#[test]
fn rows_are_left_out_by_their_columns() {
    let filter = |need: &str, conditions: serde_json::Value| -> Mapping {
        serde_json::from_value(json!({ "filter": { "need": need, "conditions": conditions } })).unwrap()
    };
    let active = json!({ "column": "active", "test": "equals", "value": "ja" });
    let cheap = json!({ "column": "price", "test": "below", "value": "10.5" });
    let named = json!({ "column": "active", "test": "empty", "not": true });
    for (need, conditions, counts) in [
        ("all", json!([]), [true, true, true]),
        ("any", json!([]), [true, true, true]),
        ("all", json!([active]), [true, false, false]),
        ("all", json!([active, cheap]), [true, false, false]),
        ("any", json!([active, cheap]), [true, true, false]),
        ("all", json!([named]), [true, true, false]),
        ("all", json!([{ "column": "price", "test": "equals", "value": "9.90" }]), [false, true, false]),
        ("all", json!([{ "column": "price", "test": "above", "value": "9" }]), [true, true, false]),
        ("all", json!([{ "column": "price", "test": "above", "value": "9.90" }]), [true, false, false]),
        ("all", json!([{ "column": "price", "test": "below", "value": "10.49" }]), [false, true, false]),
        ("all", json!([{ "column": "active", "test": "starts_with", "value": "N" }]), [false, true, false]),
        ("all", json!([{ "column": "active", "test": "starts_with", "value": "a" }]), [false, false, false]),
        ("all", json!([{ "column": "active", "test": "contains", "value": "E" }]), [false, true, false]),
    ] {
        let mapping = filter(need, conditions.clone());
        mapping.validate().unwrap();
        let prepared = Prepared::new(&mapping, &["active".into(), "price".into()], ',').unwrap();
        let rows = [["JA", "10,49"], ["nein", "9,9"], [" ", "nothing"]];
        assert_eq!(rows.map(|row| prepared.counts(|at| row[at])), counts, "{need} {conditions}");
    }
}

#[test]
fn wrong_settings_are_told_with_their_place() {
    for (fields, place) in [
        (json!([{ "field": "sku", "from": { "kind": "column", "column": " " } }]), "fields.0.from.column"),
        (
            json!([{ "field": "sku", "from": { "kind": "template", "template": "{a" } }]),
            "fields.0.from.template",
        ),
        (
            json!([
                { "field": "sku", "from": { "kind": "constant", "text": "1" } },
                { "field": "sku", "from": { "kind": "constant", "text": "2" } },
            ]),
            "fields.1.field",
        ),
    ] {
        let problem = mapping(fields).validate().unwrap_err();
        assert_eq!(problem.errors[0].field, place);
    }
    for (step, place) in [
        (json!({ "step": "replace", "find": "", "with": "x" }), "find"),
        (json!({ "step": "cut", "from": 0 }), "from"),
        (json!({ "step": "divide", "by": "0.00", "decimals": 2 }), "by"),
        (json!({ "step": "round", "to": "0" }), "to"),
        (json!({ "step": "percent", "by": "-100" }), "by"),
        (json!({ "step": "convert", "from": "gram", "to": "litre" }), "to"),
        (json!({ "step": "lookup", "entries": [] }), "entries"),
        (json!({ "step": "pad_start", "length": 65, "with": "0" }), "length"),
    ] {
        let field =
            json!([{ "field": "price", "from": { "kind": "column", "column": "p" }, "steps": [step] }]);
        let problem = mapping(field).validate().unwrap_err();
        assert_eq!(problem.errors[0].field, format!("fields.0.steps.0.{place}"), "{step}");
    }
    let long = "x".repeat(MAX_TEXT);
    let steps: Vec<_> =
        (0..MAX_STEPS).map(|_| json!({ "step": "replace", "find": long, "with": long })).collect();
    let fields: Vec<_> = ["sku", "name", "unit"]
        .map(|field| json!({ "field": field, "from": { "kind": "constant", "text": "1" }, "steps": steps }))
        .to_vec();
    let problem = mapping(json!(fields)).validate().unwrap_err();
    assert!(problem.errors[0].detail.contains("bytes of text"), "{problem:?}");
}

proptest! {
    #[test]
    fn no_row_and_no_step_panics(
        text in ".{0,40}",
        by in -999_999_999_999_999_999_i64..=999_999_999_999_999_999,
        scale in 0_u8..=18,
        decimals in 0_u8..=6,
    ) {
        let number = Decimal::new(by, scale);
        let steps = [
            Step::Add { amount: number },
            Step::Multiply { by: number },
            Step::Divide { by: number, decimals },
            Step::Percent { by: number },
            Step::Round { to: number, how: crate::quantity::Rounding::Up },
            Step::Convert { from: Unit::Pound, to: Unit::Ounce },
            Step::Letters { to: LetterCase::Title },
            Step::Cut { from: 3, length: Some(4) },
        ];
        for step in steps {
            for value in [Value::Text(text.clone()), Value::Number(number), Value::Number(Decimal::new(-by, 18 - scale))] {
                drop(step.apply(value, ','));
            }
        }
    }

    #[test]
    fn templates_never_panic(text in ".{0,40}") {
        drop(template::Template::parse(&text));
    }
}
