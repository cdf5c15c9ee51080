//! Rules for any text file.
//! Pure: text in, findings out.

use super::Finding;
use super::source::Source;

/// Endings of files whose white space is ours to choose. Test data may hold what it likes.
const OURS: &[&str] = &[
    ".rs",
    ".toml",
    ".md",
    ".css",
    ".html",
    ".js",
    ".mjs",
    ".json",
    ".yml",
    ".yaml",
    ".sh",
    ".py",
    ".proto",
    ".svg",
    ".txt",
    "run",
    ".gitignore",
];

fn ours(source: &Source<'_>) -> bool {
    OURS.iter().any(|ending| source.path.ends_with(ending)) && !source.path.contains("/samples/")
}

/// A difference that nobody can see is noise in every later change.
pub(super) fn no_tabs_or_trailing_space(source: &Source<'_>) -> Vec<Finding> {
    if !ours(source) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in source.lines() {
        if line.contains('\t') {
            findings.push(Finding::new(source.path, number, "a tab; use spaces"));
        }
        if line.ends_with([' ', '\r']) {
            findings.push(Finding::new(source.path, number, "white space at the end of the line"));
        }
    }
    findings
}

/// So that adding a line changes one line.
pub(super) fn ends_with_newline(source: &Source<'_>) -> Vec<Finding> {
    if !ours(source)
        || source.text.is_empty()
        || (source.text.ends_with('\n') && !source.text.ends_with("\n\n"))
    {
        return Vec::new();
    }
    vec![Finding::new(source.path, source.text.lines().count(), "the file must end with one newline")]
}

/// The project speaks of itself alone: a path of the machine it was written on means nothing elsewhere.
/// Put together from halves, so that this file does not break its own rule.
const PRIVATE_PLACES: &[&str] = &[concat!("/wo", "rk/"), concat!(".lib", "rary"), concat!("/tmp/", "brief")];

pub(super) fn names_no_private_place(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.lines() {
        for place in PRIVATE_PLACES {
            if line.contains(place) {
                findings.push(Finding::new(
                    source.path,
                    number,
                    format!("names {place}, a place outside the project"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rule: fn(&Source<'_>) -> Vec<Finding>, path: &str, text: &str) -> usize {
        rule(&Source::new(path, text)).len()
    }

    #[test]
    fn white_space() {
        assert_eq!(count(no_tabs_or_trailing_space, "a.md", "a\n  b\n"), 0);
        assert_eq!(count(no_tabs_or_trailing_space, "a.md", "a \n\tb\n"), 2);
        assert_eq!(
            count(no_tabs_or_trailing_space, "a.md", "a\r\n"),
            0,
            "`lines` takes the carriage return away"
        );
        assert_eq!(count(no_tabs_or_trailing_space, "data/goods.csv", "a\tb \n"), 0);
    }

    #[test]
    fn the_end_of_a_file() {
        assert_eq!(count(ends_with_newline, "a.rs", "a\n"), 0);
        assert_eq!(count(ends_with_newline, "a.rs", ""), 0);
        assert_eq!(count(ends_with_newline, "a.rs", "a"), 1);
        assert_eq!(count(ends_with_newline, "a.rs", "a\n\n"), 1);
    }

    #[test]
    fn private_places() {
        assert_eq!(count(names_no_private_place, "a.md", concat!("see docs/wo", "rk/plan.md")), 1);
        assert_eq!(count(names_no_private_place, "a.md", "the work is done"), 0);
    }
}
