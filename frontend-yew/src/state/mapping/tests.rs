//! Drafts of mappings: there and back, faults at their places, lines where they belong.

use messages::connector::ColumnName;
use serde_json::json;

use super::kinds::TESTS;
use super::lines::{Line, known_columns, lines, path};
use super::*;

/// One of each kind of step, with settings that are good.
fn every_step() -> Vec<Value> {
    let good = |param: &Param| match param.input {
        Input::Text => json!("a b"),
        Input::Decimal => json!("2.50"),
        Input::Letter => json!("0"),
        Input::Count | Input::MaybeCount => json!(2),
        Input::Choice(all) => json!(all[0].0),
        Input::Entries => json!([{ "from": "1", "to": "Fruit" }, { "from": "2", "to": "" }]),
    };
    let step = |kind: &kinds::Kind| {
        let mut step = Map::new();
        step.insert("step".into(), json!(kind.name));
        kind.params.iter().for_each(|param| drop(step.insert(param.name.into(), good(param))));
        Value::Object(step)
    };
    KINDS.iter().map(step).collect()
}

#[test]
fn every_kind_of_step_goes_there_and_back() {
    let fields = json!([
        { "field": "sku", "from": { "kind": "column", "column": "NR" }, "steps": every_step() },
        { "field": "name", "from": { "kind": "template", "template": "{a} {b}" } },
        { "field": "unit", "from": { "kind": "constant", "text": "pcs" } },
    ]);
    let conditions: Vec<_> = TESTS
        .iter()
        .map(|(test, _)| {
            let value = if *test == "empty" { "" } else { "1" };
            json!({ "column": "x", "test": test, "value": value, "not": true })
        })
        .collect();
    let filter = json!({ "need": "any", "conditions": conditions });
    let mapping: Mapping = serde_json::from_value(json!({ "fields": fields, "filter": filter })).unwrap();
    mapping.validate().unwrap();
    let draft = Draft::of(&mapping);
    assert_eq!(draft.rules[0].steps.len(), KINDS.len());
    assert_eq!(draft.mapping(), Ok(mapping.clone()));
    assert_eq!(serde_json::from_str::<Mapping>(&draft.text()).unwrap(), mapping);
    assert_eq!(Draft::default().text(), "");
}

#[test]
fn a_new_step_says_what_is_missing_at_its_place() {
    let mut draft = Draft::default();
    draft.connect("p", ItemField::Price);
    draft.connect("n", ItemField::Name);
    let kind = |name| KINDS.iter().position(|kind| kind.name == name).unwrap();
    draft.rules[1].steps = vec![Step::of(kind("percent")), Step::of(kind("round"))];
    let faults = |draft: &Draft| -> Vec<String> {
        draft.mapping().unwrap_err().into_iter().map(|fault| fault.field).collect()
    };
    assert_eq!(faults(&draft), ["mapping.fields.1.steps.0.by"]);
    assert_eq!(
        (draft.path(ItemField::Price).as_deref(), draft.text().as_str()),
        (Some("mapping.fields.1"), "faulty")
    );
    let places = [
        "mapping.fields.1.steps.0.by",
        "mapping.fields.0.from.column",
        "mapping.filter.conditions.1.value",
        "mapping",
    ];
    assert_eq!(places.map(|path| draft.place(path)), ["Price, step 1", "Name", "Condition 2", "Mapping"]);
    draft.rules[1].steps[0].values[0] = " 19 ".into();
    assert!(draft.mapping().is_ok());
    draft.rules[1].steps[1].values[0] = "0".into();
    assert_eq!(faults(&draft), ["mapping.fields.1.steps.1.to"], "as the engine has it");
    draft.rules[1].steps =
        vec![Step { kind: kind("lookup"), values: vec!["a = b\n\nc".into(), "keep".into()] }];
    assert_eq!(faults(&draft), ["mapping.fields.1.steps.0.entries"]);
    draft.rules[0].text.clear();
    draft.rules[1].steps.clear();
    draft.conditions = vec![Condition { column: "x".into(), test: "above".into(), ..Condition::default() }];
    assert_eq!(faults(&draft), ["mapping.fields.0.from.column", "mapping.filter.conditions.0.value"]);
}

#[test]
fn lines_are_drawn_and_taken_away() {
    let columns: Vec<String> = ["SKU", "Titel", "Marke", "price"].map(str::to_owned).into();
    let named = [ColumnName { field: ItemField::Name, header: "titel".into() }];
    let mut draft = Draft::default();
    let by_name = |column, field| Line { column, field, drawn: false };
    assert_eq!(lines(&draft, &named, &columns), [by_name(0, 0), by_name(1, 1), by_name(3, 3)]);
    draft.connect("Titel", ItemField::Name);
    draft.turn(ItemField::Name, From::Template);
    draft.connect("Marke", ItemField::Name);
    assert_eq!(draft.rule(ItemField::Name).unwrap().text, "{Titel} {Marke}");
    let drawn = |column, field| Line { column, field, drawn: true };
    assert_eq!(lines(&draft, &named, &columns)[1..3], [drawn(1, 1), drawn(2, 1)]);
    draft.turn(ItemField::Name, From::Column);
    assert_eq!(draft.rule(ItemField::Name).unwrap().text, "Titel");
    draft.turn(ItemField::Unit, From::Constant);
    draft.disconnect(ItemField::Name);
    assert_eq!(draft.rules.len(), 1);
    draft.conditions = vec![Condition { column: "Aktiv".into(), ..Condition::default() }];
    assert_eq!(known_columns(&draft, &named), ["titel", "Aktiv"]);
    assert_eq!(path(drawn(1, 0)), "M400,66 C500,66 500,22 600,22");
}
