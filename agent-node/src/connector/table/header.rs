//! Which column holds which field: found by name, or named by paths. Pure.

use messages::connector::ColumnName;
use messages::item::ItemField;

/// The columns of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Trimmed, as the file has them.
    pub names: Vec<String>,
    /// Column of each field, in the order of [`ItemField::ALL`].
    places: [Option<usize>; ItemField::ALL.len()],
}

impl Header {
    /// A column for each field, in their order, named by the path under which the source has it: where each item says
    /// itself what it has.
    #[must_use]
    pub fn of_paths(wanted: &[ColumnName]) -> Self {
        let names = ItemField::ALL.into_iter().map(|field| wanted_name(field, wanted).to_owned()).collect();
        Self { names, places: std::array::from_fn(Some) }
    }

    /// Finds the columns without regard to case and surrounding blanks; the error says all that is wrong. `place` is
    /// where the names stand.
    pub fn find(place: &str, names: Vec<String>, wanted: &[ColumnName]) -> Result<Self, String> {
        let mut places = [None; ItemField::ALL.len()];
        let (mut missing, mut repeated) = (Vec::new(), Vec::new());
        for (column, field) in places.iter_mut().zip(ItemField::ALL) {
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
        if missing.is_empty() && repeated.is_empty() {
            return Ok(Self { names, places });
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

    #[must_use]
    pub fn column(&self, field: ItemField) -> Option<usize> {
        // The fields are declared in the order of `ALL`.
        self.places.get(field as usize).copied().flatten()
    }

    /// The name of the column that holds a field.
    #[must_use]
    pub fn name(&self, field: ItemField) -> Option<&str> {
        self.column(field).map(|at| self.names[at].as_str())
    }

    /// The field that a column is read into.
    #[must_use]
    pub fn field(&self, column: usize) -> Option<ItemField> {
        let at = self.places.iter().position(|place| *place == Some(column))?;
        ItemField::ALL.get(at).copied()
    }
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

    fn column(field: ItemField, header: &str) -> ColumnName {
        ColumnName { field, header: header.into() }
    }

    #[test]
    fn own_names_and_mapped_names_in_any_case() {
        let wanted = [column(ItemField::Sku, " artikelnr "), column(ItemField::Price, "ÜBER-Preis")];
        let header =
            Header::find("the first line", names("Über-preis, ArtikelNr ,NAME,other"), &wanted).unwrap();
        assert_eq!(header.column(ItemField::Sku), Some(1));
        assert_eq!(header.column(ItemField::Price), Some(0));
        assert_eq!(header.column(ItemField::Stock), None);
        assert_eq!((header.field(2), header.field(3)), (Some(ItemField::Name), None));
    }

    #[test]
    fn paths_have_a_column_for_each_field() {
        let header = Header::of_paths(&[column(ItemField::Price, " prices.retail ")]);
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
        let error = Header::find("the first line", names("sku;name;price"), &[]).unwrap_err();
        assert_eq!(
            error,
            "the first line has no column \"sku\" (for sku), \"name\" (for name), \"price\" (for price); its columns are \"sku;name;price\""
        );
    }

    #[test]
    fn a_mapped_column_must_be_there_and_no_column_twice() {
        let error = Header::find("row 3", names("sku,name,price,SKU"), &[column(ItemField::Unit, "Einheit")])
            .unwrap_err();
        assert!(error.starts_with("row 3 has no column \"Einheit\" (for unit)"), "{error}");
        assert!(error.contains("more than one column \"sku\""), "{error}");
    }
}
