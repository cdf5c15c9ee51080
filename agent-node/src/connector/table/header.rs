//! Which column holds which field: found by name, named by paths, or said by the job's mapping. Pure.

use messages::connector::ColumnName;
use messages::item::ItemField;
use messages::mapping::{Mapping, Prepared};

/// What the columns are read for.
#[derive(Debug, Clone, Copy)]
pub enum Want<'m> {
    /// Items, made as this mapping says.
    Items(&'m Mapping),
    /// What stands in them: no field is looked for, so none can be missing.
    Raw,
}

/// The columns of a file.
#[derive(Debug, Clone)]
pub struct Header {
    /// Trimmed, as the file has them.
    pub names: Vec<String>,
    /// Column of each field without a rule, in the order of [`ItemField::ALL`].
    places: [Option<usize>; ItemField::ALL.len()],
    /// Rules and filter, where the job has any.
    mapping: Option<Box<Prepared>>,
    raw: bool,
}

impl Header {
    /// Columns that are looked at and made nothing of.
    #[must_use]
    pub const fn raw(names: Vec<String>) -> Self {
        Self { names, places: [None; ItemField::ALL.len()], mapping: None, raw: true }
    }

    /// A column for each field without a rule, in their order, and one for each that the mapping names: by the paths
    /// under which the source has them, where each item says itself what it has.
    #[must_use]
    pub fn of_paths(wanted: &[ColumnName], mapping: &Mapping, mark: char) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut places = [None; ItemField::ALL.len()];
        for (place, field) in places.iter_mut().zip(ItemField::ALL) {
            if mapping.rule(field).is_none() {
                *place = Some(names.len());
                names.push(wanted_name(field, wanted).to_owned());
            }
        }
        for name in mapping.columns() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        // None of its columns is missing: they have just been put there.
        let mapping = prepared(mapping, &names, mark).unwrap_or_default();
        Self { names, places, mapping, raw: false }
    }

    /// Finds the columns without regard to case and surrounding blanks; the error says all that is wrong. `place` is
    /// where the names stand, `mark` the source's decimal mark.
    pub fn find(
        place: &str,
        names: Vec<String>,
        wanted: &[ColumnName],
        want: Want<'_>,
        mark: char,
    ) -> Result<Self, String> {
        let Want::Items(mapping) = want else { return Ok(Self::raw(names)) };
        let mut places = [None; ItemField::ALL.len()];
        let (mut missing, mut repeated) = (Vec::new(), Vec::new());
        for (column, field) in places.iter_mut().zip(ItemField::ALL) {
            if mapping.rule(field).is_some() {
                continue;
            }
            let asked = wanted.iter().any(|column| column.field == field);
            let name = wanted_name(field, wanted);
            let mut found = names.iter().enumerate().filter(|(_, have)| same(have, name)).map(|(at, _)| at);
            *column = found.next();
            if found.next().is_some() {
                repeated.push(format!("\"{name}\""));
            }
            if column.is_none() && (asked || field.required()) {
                missing.push(format!("\"{name}\" (for {})", field.as_str()));
            }
        }
        repeated.extend(mapping.columns().into_iter().filter(|name| is_ambiguous(&names, name)).map(quoted));
        let mapping = prepared(mapping, &names, mark).unwrap_or_else(|unknown| {
            missing.extend(unknown.into_iter().map(|name| format!("\"{name}\" (for the mapping)")));
            None
        });
        if missing.is_empty() && repeated.is_empty() {
            return Ok(Self { names, places, mapping, raw: false });
        }
        let mut faults = Vec::new();
        if !missing.is_empty() {
            faults.push(format!("has no column {}", missing.join(", ")));
        }
        if !repeated.is_empty() {
            faults.push(format!("has more than one column {}", repeated.join(", ")));
        }
        Err(format!("{place} {}; its columns are {}", faults.join(" and "), listed(&names)))
    }

    /// Rules and filter, where the job has any.
    #[must_use]
    pub fn mapping(&self) -> Option<&Prepared> {
        self.mapping.as_deref()
    }

    /// The column that holds a field as it is, without a rule.
    #[must_use]
    pub fn place(&self, field: ItemField) -> Option<usize> {
        // The fields are declared in the order of `ALL`.
        self.places.get(field as usize).copied().flatten()
    }

    /// The column that a field is read from or made of, when it is one.
    #[must_use]
    pub fn column(&self, field: ItemField) -> Option<usize> {
        self.place(field).or_else(|| self.mapping()?.column(field))
    }

    /// The name of the column that holds a field.
    #[must_use]
    pub fn name(&self, field: ItemField) -> Option<&str> {
        self.column(field).map(|at| self.names[at].as_str())
    }

    /// The field that a column is read into.
    #[must_use]
    pub fn field(&self, column: usize) -> Option<ItemField> {
        ItemField::ALL.into_iter().find(|field| self.column(*field) == Some(column))
    }

    /// Does anybody want to know what stands in this column?
    #[must_use]
    pub fn is_read(&self, column: usize) -> bool {
        self.raw
            || self.places.contains(&Some(column))
            || self.mapping().is_some_and(|mapping| mapping.uses(column))
    }
}

/// Nothing for a mapping that says nothing: then rows are read the short way.
fn prepared(mapping: &Mapping, names: &[String], mark: char) -> Result<Option<Box<Prepared>>, Vec<String>> {
    if mapping.is_empty() {
        return Ok(None);
    }
    Prepared::new(mapping, names, mark).map(|prepared| Some(Box::new(prepared)))
}

/// Is there more than one such column, and none that is written exactly so?
fn is_ambiguous(names: &[String], name: &str) -> bool {
    let exact = names.iter().filter(|have| *have == name).count();
    exact > 1 || (exact == 0 && names.iter().filter(|have| same(have, name)).count() > 1)
}

fn quoted(name: String) -> String {
    format!("\"{name}\"")
}

/// The name under which a field is looked for: its own, unless another is set.
fn wanted_name(field: ItemField, wanted: &[ColumnName]) -> &str {
    wanted.iter().find(|column| column.field == field).map_or(field.as_str(), |column| column.header.trim())
}

fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// At most twenty names, each cut: the line may be anything but a header.
pub fn listed(names: &[String]) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(20)
        .map(|name| format!("\"{}\"", name.chars().take(40).collect::<String>().escape_debug()))
        .collect();
    let more = if names.len() > 20 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(',').map(|name| name.trim().to_owned()).collect()
    }

    fn find(place: &str, have: &str, wanted: &[ColumnName]) -> Result<Header, String> {
        Header::find(place, names(have), wanted, Want::Items(&Mapping::default()), '.')
    }

    fn mapping(json: serde_json::Value) -> Mapping {
        serde_json::from_value(json).unwrap()
    }

    fn column(field: ItemField, header: &str) -> ColumnName {
        ColumnName { field, header: header.into() }
    }

    #[test]
    fn own_names_and_mapped_names_in_any_case() {
        let wanted = [column(ItemField::Sku, " artikelnr "), column(ItemField::Price, "ÜBER-Preis")];
        let header = find("the first line", "Über-preis, ArtikelNr ,NAME,other", &wanted).unwrap();
        assert_eq!(header.column(ItemField::Sku), Some(1));
        assert_eq!(header.column(ItemField::Price), Some(0));
        assert_eq!(header.column(ItemField::Stock), None);
        assert_eq!((header.field(2), header.field(3)), (Some(ItemField::Name), None));
    }

    #[test]
    fn paths_have_a_column_for_each_field() {
        let header =
            Header::of_paths(&[column(ItemField::Price, " prices.retail ")], &Mapping::default(), '.');
        assert_eq!(
            (header.name(ItemField::Sku), header.name(ItemField::Price)),
            (Some("sku"), Some("prices.retail"))
        );
        assert_eq!(header.column(ItemField::Description), Some(8));
    }

    #[test]
    fn fields_are_declared_in_their_order() {
        let places: Vec<_> = ItemField::ALL.iter().map(|field| *field as usize).collect();
        assert_eq!(places, (0..ItemField::ALL.len()).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_missing_is_told_with_what_was_found() {
        let error = find("the first line", "sku;name;price", &[]).unwrap_err();
        assert_eq!(
            error,
            "the first line has no column \"sku\" (for sku), \"name\" (for name), \"price\" (for price); its columns are \"sku;name;price\""
        );
    }

    #[test]
    fn a_mapped_column_must_be_there_and_no_column_twice() {
        let error = find("row 3", "sku,name,price,SKU", &[column(ItemField::Unit, "Einheit")]).unwrap_err();
        assert!(error.starts_with("row 3 has no column \"Einheit\" (for unit)"), "{error}");
        assert!(error.contains("more than one column \"sku\""), "{error}");
    }

    #[test]
    fn a_field_with_a_rule_needs_no_column_of_its_own() {
        let mapping = mapping(serde_json::json!({
            "fields": [
                { "field": "sku", "from": { "kind": "column", "column": "ARTIKEL" } },
                { "field": "name", "from": { "kind": "template", "template": "{Marke} {text}" } },
            ],
            "filter": { "conditions": [{ "column": "aktiv", "test": "equals", "value": "1" }] },
        }));
        let header = |have: &str| Header::find("row 1", names(have), &[], Want::Items(&mapping), '.');
        let found = header("Artikel,marke,Text,price,Aktiv,rest").unwrap();
        assert_eq!((found.name(ItemField::Sku), found.field(0)), (Some("Artikel"), Some(ItemField::Sku)));
        assert_eq!((found.place(ItemField::Sku), found.name(ItemField::Name)), (None, None));
        assert_eq!([0, 1, 2, 3, 4, 5].map(|at| found.is_read(at)), [true, true, true, true, true, false]);
        let error = header("artikel,text,Text").unwrap_err();
        assert!(error.contains("\"price\" (for price), \"Marke\" (for the mapping), \"aktiv\""), "{error}");
        let error = header("ARTIKEL,marke,Text,TEXT,price,aktiv").unwrap_err();
        assert!(error.contains("has more than one column \"text\""), "{error}");
    }

    #[test]
    fn a_path_that_no_field_needs_is_not_read() {
        let mapping = mapping(serde_json::json!({ "fields": [
            { "field": "price", "from": { "kind": "column", "column": "price.retail" } },
            { "field": "unit", "from": { "kind": "constant", "text": "pcs" } },
        ] }));
        let header = Header::of_paths(&[], &mapping, '.');
        let expected =
            ["sku", "name", "barcode", "tax_rate", "stock", "category", "description", "price.retail"];
        assert_eq!(header.names, expected);
        assert_eq!(
            (header.name(ItemField::Price), header.name(ItemField::Stock)),
            (Some("price.retail"), Some("stock"))
        );
    }

    #[test]
    fn a_look_misses_nothing() {
        let header = Header::find("row 1", names("a,b,a"), &[], Want::Raw, '.').unwrap();
        assert!((0..3).all(|at| header.is_read(at) && header.field(at).is_none()));
    }
}
