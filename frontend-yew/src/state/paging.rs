//! Where a reader stands in a list of pages that knows only "next": the cursors of the pages before. Pure.

/// Cursors of the pages walked through; the first page has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trail {
    cursors: Vec<String>,
}

impl Trail {
    /// Cursor of the page shown now.
    #[must_use]
    pub fn cursor(&self) -> Option<&String> {
        self.cursors.last()
    }

    /// Counted from zero.
    #[must_use]
    pub fn page(&self) -> usize {
        self.cursors.len()
    }

    #[must_use]
    pub fn forward(&self, next: String) -> Self {
        let mut cursors = self.cursors.clone();
        cursors.push(next);
        Self { cursors }
    }

    #[must_use]
    pub fn back(&self) -> Self {
        let mut cursors = self.cursors.clone();
        cursors.pop();
        Self { cursors }
    }

    /// As it stands in an address: cursors do not hold this mark.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        (!self.cursors.is_empty()).then(|| self.cursors.join("~"))
    }

    #[must_use]
    pub fn from_text(text: Option<&str>) -> Self {
        let cursors =
            text.filter(|text| !text.is_empty()).map(|text| text.split('~').map(str::to_owned).collect());
        Self { cursors: cursors.unwrap_or_default() }
    }
}

/// "51–100 of 500".
#[must_use]
pub fn range(page: usize, size: usize, shown: usize, total: u64) -> String {
    if shown == 0 {
        return "0 of 0".to_owned();
    }
    let first = page * size + 1;
    format!("{first}–{} of {}", first + shown - 1, super::format::count(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_and_back_through_an_address() {
        let trail = Trail::default().forward("a".into()).forward("b=".into());
        assert_eq!((trail.cursor().map(String::as_str), trail.page()), (Some("b="), 2));
        assert_eq!(Trail::from_text(trail.to_text().as_deref()), trail);
        assert_eq!(trail.back().cursor().map(String::as_str), Some("a"));
        assert_eq!(trail.back().back().back(), Trail::default());
        assert_eq!(Trail::default().to_text(), None);
        assert_eq!(Trail::from_text(Some("")), Trail::default());
    }

    #[test]
    fn the_range_is_counted_from_one() {
        assert_eq!(range(0, 50, 50, 1_500), "1–50 of 1,500");
        assert_eq!(range(2, 50, 7, 107), "101–107 of 107");
        assert_eq!(range(0, 50, 0, 0), "0 of 0");
    }
}
