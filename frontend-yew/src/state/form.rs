//! What a form holds when it is sent, and where its faults belong. Pure.
//! Fields are named by their path in the document (`config.port`), which is how the hub names them too.

use messages::FieldError;

/// Values by field name, as the browser gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormValues(Vec<(String, String)>);

impl FromIterator<(String, String)> for FormValues {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl FormValues {
    /// The text as typed; empty where the field is absent.
    #[must_use]
    pub fn raw(&self, name: &str) -> String {
        self.0.iter().rev().find(|(field, _)| field == name).map(|(_, text)| text.clone()).unwrap_or_default()
    }

    /// With this value in the place of what was typed.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The text without blanks around it, as names and paths want it.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.raw(name).trim().to_owned()
    }

    /// A box is only sent when it is ticked.
    #[must_use]
    pub fn ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// The rows of a list, by what stands behind its name: `prices.3.store` is of row `3` of `prices`. In their order.
    #[must_use]
    pub fn rows(&self, list: &str) -> Vec<&str> {
        let mut rows = Vec::new();
        for (field, _) in &self.0 {
            let inside = field.strip_prefix(list).and_then(|rest| rest.strip_prefix('.'));
            if let Some((row, _)) = inside.and_then(|rest| rest.split_once('.'))
                && !rows.contains(&row)
            {
                rows.push(row);
            }
        }
        rows
    }

    /// A whole number, or the fault to show.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, FieldError> {
        let text = self.text(name);
        text.parse().map_err(|_| {
            fault(name, if text.is_empty() { "must not be empty" } else { "must be a whole number" })
        })
    }

    /// An identifier chosen from a list.
    pub fn choice<T: std::str::FromStr>(&self, name: &str) -> Result<T, FieldError> {
        self.text(name).parse().map_err(|_| fault(name, "must be chosen"))
    }
}

#[must_use]
pub fn fault(name: &str, detail: &str) -> FieldError {
    FieldError { field: name.to_owned(), detail: detail.to_owned() }
}

/// The fault that belongs under a field: its own, or one of something inside it.
#[must_use]
pub fn fault_of<'a>(errors: &'a [FieldError], name: &str) -> Option<&'a str> {
    errors
        .iter()
        .find(|error| {
            error.field == name || error.field.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        })
        .map(|error| error.detail.as_str())
}

/// Faults of fields that the form does not show: they are told above it, or nobody would see them.
#[must_use]
pub fn homeless<'a>(errors: &'a [FieldError], shown: &[&str]) -> Vec<&'a FieldError> {
    errors
        .iter()
        .filter(|error| !shown.iter().any(|name| fault_of(std::slice::from_ref(*error), name).is_some()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> FormValues {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn values_are_read_as_their_kind() {
        let form = values(&[("name", " Till "), ("port", "22"), ("bad", "x"), ("enabled", "on")]);
        assert_eq!((form.text("name"), form.raw("name")), ("Till".into(), " Till ".into()));
        assert_eq!(form.number::<u16>("port"), Ok(22));
        assert_eq!(form.number::<u16>("bad"), Err(fault("bad", "must be a whole number")));
        assert_eq!(form.number::<u16>("none"), Err(fault("none", "must not be empty")));
        assert!(form.ticked("enabled") && !form.ticked("other"));
        assert!(form.choice::<messages::AgentId>("name").is_err());
    }

    #[test]
    fn rows_are_told_apart_by_their_place() {
        let form = values(&[
            ("prices.0.store", "a"),
            ("prices.0.price", "1"),
            ("prices.12.price", ""),
            ("prices", "x"),
            ("pricesx.3.store", "b"),
            ("prices.4", "c"),
            ("prices.2.store", "d"),
        ]);
        assert_eq!(form.rows("prices"), ["0", "12", "2"]);
        assert_eq!(form.rows("other"), [""; 0]);
    }

    #[test]
    fn faults_find_their_field() {
        let errors = [fault("config.port", "p"), fault("source.columns.2.header", "h"), fault("rev", "r")];
        assert_eq!(fault_of(&errors, "config.port"), Some("p"));
        assert_eq!(fault_of(&errors, "config.po"), None);
        assert_eq!(fault_of(&errors, "source.columns"), Some("h"));
        let left: Vec<_> =
            homeless(&errors, &["config.port", "source.columns"]).iter().map(|e| e.field.as_str()).collect();
        assert_eq!(left, ["rev"]);
    }
}
