//! Which column holds which field. Pure.

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
    /// Finds the columns without regard to case and surrounding blanks; the error says all that is wrong.
    pub fn find(names: Vec<String>, wanted: &[ColumnName]) -> Result<Self, String> {
        let mut places = [None; ItemField::ALL.len()];
        let (mut missing, mut repeated) = (Vec::new(), Vec::new());
        for (place, field) in places.iter_mut().zip(ItemField::ALL) {
            let asked = wanted.iter().find(|column| column.field == field);
            let name = asked.map_or(field.as_str(), |column| column.header.trim());
            let mut found = names.iter().enumerate().filter(|(_, have)| same(have, name)).map(|(at, _)| at);
            *place = found.next();
            if found.next().is_some() {
                repeated.push(format!("\"{name}\""));
            }
            if place.is_none() && (asked.is_some() || field.required()) {
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
        Err(format!("the first line {}; its columns are {}", faults.join(" and "), listed(&names)))
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

fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// At most twenty names, each cut: the line may be anything but a header.
fn listed(names: &[String]) -> String {
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
        let header = Header::find(names("Über-preis, ArtikelNr ,NAME,other"), &wanted).unwrap();
        assert_eq!(header.column(ItemField::Sku), Some(1));
        assert_eq!(header.column(ItemField::Price), Some(0));
        assert_eq!(header.column(ItemField::Stock), None);
        assert_eq!((header.field(2), header.field(3)), (Some(ItemField::Name), None));
    }

    #[test]
    fn fields_are_declared_in_their_order() {
        let places: Vec<_> = ItemField::ALL.iter().map(|field| *field as usize).collect();
        assert_eq!(places, (0..ItemField::ALL.len()).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_missing_is_told_with_what_was_found() {
        let error = Header::find(names("sku;name;price"), &[]).unwrap_err();
        assert_eq!(
            error,
            "the first line has no column \"sku\" (for sku), \"name\" (for name), \"price\" (for price); its columns are \"sku;name;price\""
        );
    }

    #[test]
    fn a_mapped_column_must_be_there_and_no_column_twice() {
        let error =
            Header::find(names("sku,name,price,SKU"), &[column(ItemField::Unit, "Einheit")]).unwrap_err();
        assert!(error.contains("no column \"Einheit\" (for unit)"), "{error}");
        assert!(error.contains("more than one column \"sku\""), "{error}");
    }
}
