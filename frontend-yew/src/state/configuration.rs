//! What the console has to know of a configuration's file: enough to say what it is, and to give it another name. Pure.

use messages::FieldError;
use messages::http::configuration::{FORMAT, ImportOutcome, ImportReport};
use serde_json::Value;

use super::format::counted;

/// The lists of a file, with what one and many of them are called.
const LISTS: [(&str, &str, &str); 4] = [
    ("stores", "store", "stores"),
    ("agents", "agent", "agents"),
    ("destinations", "destination", "destinations"),
    ("jobs", "job", "jobs"),
];

/// Reads a file that somebody chose.
pub fn read(text: &str) -> Result<Value, String> {
    let file: Value = serde_json::from_str(text).map_err(|error| {
        format!("The file is no JSON (line {}, column {}).", error.line(), error.column())
    })?;
    if file["format"] == FORMAT {
        Ok(file)
    } else {
        Err("The file is no configuration that was exported here.".to_owned())
    }
}

/// `2 stores, 1 agent`.
#[must_use]
pub fn content(file: &Value) -> String {
    let parts: Vec<String> = LISTS
        .iter()
        .map(|(list, one, many)| (file[*list].as_array().map_or(0, Vec::len) as u64, one, many))
        .filter(|(n, ..)| *n > 0)
        .map(|(n, one, many)| counted(n, one, many))
        .collect();
    if parts.is_empty() { "nothing beside the retailer itself".to_owned() } else { parts.join(", ") }
}

/// The same for a retailer of another name.
#[must_use]
pub fn renamed(file: &Value, name: &str, code: &str) -> Value {
    let mut file = file.clone();
    file["retailer"]["name"] = name.into();
    file["retailer"]["code"] = code.into();
    file
}

/// Faults of the retailer's own fields, as its form knows them.
#[must_use]
pub fn faults(errors: &[FieldError]) -> Vec<FieldError> {
    let own = |error: &FieldError| {
        let field = error.field.strip_prefix("retailer.").unwrap_or(&error.field).to_owned();
        FieldError { field, detail: error.detail.clone() }
    };
    errors.iter().map(own).collect()
}

/// What came of an import, and what is left to do.
#[must_use]
pub fn told(report: &ImportReport) -> String {
    let kept = report.count(ImportOutcome::Kept) as u64;
    let needy = report.things.iter().filter(|thing| thing.needs_credentials).count() as u64;
    let mut text = format!("{} made", counted(report.count(ImportOutcome::Made) as u64, "thing", "things"));
    if kept > 0 {
        text.push_str(&format!(", {kept} there already"));
    }
    text.push_str(". Jobs come in disabled.");
    if needy > 0 {
        let (noun, verb) = if needy == 1 { ("thing", "needs") } else { ("things", "need") };
        text.push_str(&format!(" {needy} {noun} still {verb} a password or key."));
    }
    text
}

#[cfg(test)]
mod tests {
    use messages::RetailerId;
    use messages::http::configuration::Imported;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_says_what_it_is() {
        let file = read(r#"{"format": "grocerysync-retailer", "stores": [{}, {}], "jobs": [{}]}"#).unwrap();
        assert_eq!(content(&file), "2 stores, 1 job");
        assert_eq!(content(&json!({})), "nothing beside the retailer itself");
        assert_eq!(read("{\n x").unwrap_err(), "The file is no JSON (line 2, column 2).");
        assert!(read("{}").unwrap_err().contains("no configuration"));
    }

    #[test]
    fn another_name_leaves_the_rest() {
        let file = json!({ "retailer": { "name": "A", "code": "a", "currency": "EUR" } });
        let expected = json!({ "retailer": { "name": "B", "code": "b", "currency": "EUR" } });
        assert_eq!(renamed(&file, "B", "b"), expected);
        let errors = [FieldError { field: "retailer.code".into(), detail: "is in use".into() }];
        assert_eq!(faults(&errors)[0].field, "code");
    }

    #[test]
    fn a_report_says_what_is_left_to_do() {
        let thing = |outcome, needs_credentials| Imported {
            kind: "destination".into(),
            name: "Server".into(),
            outcome,
            needs_credentials,
        };
        let mut report = ImportReport {
            retailer_id: RetailerId::new(),
            dry_run: false,
            things: vec![thing(ImportOutcome::Made, true)],
        };
        assert_eq!(
            told(&report),
            "1 thing made. Jobs come in disabled. 1 thing still needs a password or key."
        );
        report.things = vec![thing(ImportOutcome::Kept, false); 2];
        assert_eq!(told(&report), "0 things made, 2 there already. Jobs come in disabled.");
    }
}
