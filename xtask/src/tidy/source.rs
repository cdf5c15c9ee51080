//! A file as the rules see it: its lines, which of them are tests, which are comments.
//! Pure: text in, answers out.

/// One text file of the checkout.
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    /// Index of the first line that belongs to an inline test module.
    tests_from: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        let whole_file_is_test =
            path.contains("/tests/") || path.ends_with("tests.rs") || path.contains("/testkit");
        let tests_from = if whole_file_is_test { 0 } else { inline_tests(text) };
        Self { path, text, tests_from }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// This tool's own rules name what they forbid.
    pub(super) fn states_rules(&self) -> bool {
        self.path.starts_with("xtask/src/tidy")
    }

    /// Lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Lines that are not tests.
    pub(super) fn body(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let end = self.tests_from;
        self.lines().filter(move |(number, _)| *number <= end)
    }

    /// Lines that are tests.
    pub(super) fn tests(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let end = self.tests_from;
        self.lines().filter(move |(number, _)| *number > end)
    }
}

/// The number of lines before an inline `#[cfg(test)] mod … {`; a `mod tests;` in another file ends nothing.
fn inline_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    (0..lines.len())
        .find(|&at| {
            lines[at].starts_with("#[cfg(test)]")
                && lines[at..]
                    .iter()
                    .take(4)
                    .find(|line| line.contains("mod "))
                    .is_some_and(|line| line.trim_end().ends_with('{'))
        })
        .unwrap_or(lines.len())
}

/// The line without what a comment at its end says; a whole comment line becomes empty.
/// Good enough for rules: a `//` inside a string cuts the line short, after which nothing is looked for.
pub(super) fn without_comment(line: &str) -> &str {
    match line.find("//") {
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    }
}

/// Whether `word` stands in `line` with no letter, digit or underscore directly before it.
pub(super) fn mentions(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_tests_are_told_from_the_body() {
        let text = "//! x\n#[cfg(test)]\nmod tests;\nfn a() {}\n\n#[cfg(test)]\nmod table {\n}\n";
        let source = Source::new("actors/src/a.rs", text);
        assert_eq!(source.body().count(), 5);
        assert_eq!(source.tests().count(), 3);
        let elsewhere = Source::new("actors/src/a/tests.rs", text);
        assert_eq!(elsewhere.body().count(), 0);
    }

    #[test]
    fn comments_are_cut_and_addresses_are_not() {
        assert_eq!(without_comment("let a = 1; // tokio::"), "let a = 1; ");
        assert_eq!(without_comment("    /// tokio::"), "    ");
        assert_eq!(without_comment("\"http://x\""), "\"http://x\"");
    }

    #[test]
    fn a_mention_is_a_whole_word_at_its_start() {
        assert!(mentions("use tokio::net", "tokio::"));
        assert!(!mentions("use my_tokio::net", "tokio::"));
    }
}
