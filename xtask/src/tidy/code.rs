//! Rules about Rust and test code.
//! Pure: text in, findings out.

use super::Finding;
use super::source::{Source, mentions, without_comment};

/// Longest file before its tests.
const LONGEST_FILE: usize = 500;

/// A reader who opens the file learns first what it is, where it stands and what it may not do.
pub(super) fn opens_with_its_purpose(source: &Source<'_>) -> Vec<Finding> {
    let opens = source.text.lines().next().is_some_and(|line| line.starts_with("//! "));
    if !source.is_rust() || opens {
        return Vec::new();
    }
    vec![Finding::new(
        source.path,
        1,
        "open the file with `//!`: what it is, where it stands, what it may not do",
    )]
}

/// A longer file holds two things that would be clearer apart.
pub(super) fn not_too_long(source: &Source<'_>) -> Vec<Finding> {
    let length = source.body().count();
    if !source.is_rust() || length <= LONGEST_FILE {
        return Vec::new();
    }
    vec![Finding::new(
        source.path,
        LONGEST_FILE + 1,
        format!("{length} lines before tests; split it (limit {LONGEST_FILE})"),
    )]
}

/// A test that is not run is a promise nobody keeps; one that may panic anywhere passes for the wrong reason.
pub(super) fn no_skipped_tests(source: &Source<'_>) -> Vec<Finding> {
    if !source.is_rust() {
        return Vec::new();
    }
    let skips = ["#[ignore", "#[should_panic"];
    source
        .lines()
        .filter(|(_, line)| skips.iter().any(|attribute| line.trim_start().starts_with(attribute)))
        .map(|(number, _)| {
            Finding::new(source.path, number, "repair or delete the test; assert the error it expects")
        })
        .collect()
}

/// An `allow` outlives its cause; an `expect` complains when there is nothing left to excuse.
pub(super) fn exceptions_are_expected(source: &Source<'_>) -> Vec<Finding> {
    if !source.is_rust() || source.states_rules() {
        return Vec::new();
    }
    source
        .lines()
        .filter(|(_, line)| {
            ["#[allow(", "#![allow("].iter().any(|start| line.trim_start().starts_with(start))
        })
        .map(|(number, _)| Finding::new(source.path, number, "write `#[expect(…, reason = \"…\")]`"))
        .collect()
}

/// A fixed sleep is too short on a busy machine and too long on every other. On a paused clock it costs
/// nothing and is exact. Elsewhere the line says with its reason that it polls a condition (`poll:`) or
/// stands for something slow (`slow:`).
pub(super) fn tests_wait_for_conditions(source: &Source<'_>) -> Vec<Finding> {
    if source.states_rules() {
        return Vec::new();
    }
    let in_tests_folder = source.path.contains("/tests/");
    let sleeps: &[&str] = match source.path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("rs") => &["sleep(", "sleep_ms("],
        Some("mjs" | "js" | "ts") if in_tests_folder => &["waitForTimeout("],
        Some("py") if in_tests_folder => &["time.sleep(", "asyncio.sleep("],
        _ => return Vec::new(),
    };
    let mut clock = Clock::default();
    source
        .tests()
        .filter(|(_, line)| !clock.is_paused_at(line))
        .filter(|(_, line)| !line.contains("poll:") && !line.contains("slow:"))
        .filter(|(_, line)| sleeps.iter().any(|sleep| mentions(without_comment(line), sleep)))
        .map(|(number, _)| {
            Finding::new(
                source.path,
                number,
                "wait for a condition; a helper that polls says `// poll: why` here",
            )
        })
        .collect()
}

/// Follows, line by line, whether the test one is in has stopped the clock.
#[derive(Default)]
struct Clock {
    /// What the attribute above the next function says.
    announced: bool,
    paused: bool,
}

impl Clock {
    fn is_paused_at(&mut self, line: &str) -> bool {
        let line = line.trim_start();
        if line.starts_with("#[tokio::test") || line.starts_with("#[test") {
            self.announced = line.contains("start_paused = true");
        } else if ["fn ", "async fn ", "pub"].iter().any(|start| line.starts_with(start))
            && line.contains("fn ")
        {
            self.paused = std::mem::take(&mut self.announced);
        }
        self.paused
    }
}

const MONEY_WORDS: &[&str] = &["price", "money", "amount", "total", "tax"];

/// Binary fractions cannot hold a cent. Where a figure is no money, the line says `not money`.
pub(super) fn no_float_money(source: &Source<'_>) -> Vec<Finding> {
    if !source.is_rust() || source.states_rules() {
        return Vec::new();
    }
    source
        .body()
        .filter(|(_, line)| !line.contains("not money"))
        .filter(|(_, line)| {
            let code = without_comment(line);
            let lower = code.to_lowercase();
            (mentions(code, "f64") || mentions(code, "f32"))
                && MONEY_WORDS.iter().any(|word| lower.contains(word))
        })
        .map(|(number, _)| {
            Finding::new(source.path, number, "no float near money; use `Money`, or say `// not money: why`")
        })
        .collect()
}

/// Children are one list of specs that drives start, health, stop and drain: whoever also handles
/// their ends elsewhere supervises some of them twice and others not at all.
pub(super) fn child_events_in_one_place(source: &Source<'_>) -> Vec<Finding> {
    if !source.is_rust() || source.states_rules() || source.path.starts_with("actors/src/supervis") {
        return Vec::new();
    }
    source
        .lines()
        .filter(|(_, line)| without_comment(line).contains("handle_supervisor_evt"))
        .map(|(number, _)| {
            Finding::new(source.path, number, "only actors/src/supervise handles the ends of children")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&Source<'_>) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        rule(&Source::new(path, text)).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_file_says_what_it_is() {
        assert!(lines(opens_with_its_purpose, "a/src/a.rs", "//! A thing.\n").is_empty());
        assert_eq!(lines(opens_with_its_purpose, "a/src/a.rs", "use std::fs;\n//! A thing.\n"), [1]);
        assert_eq!(lines(opens_with_its_purpose, "a/src/a.rs", ""), [1]);
        assert!(lines(opens_with_its_purpose, "a/style.css", "a{}\n").is_empty());
    }

    #[test]
    fn length_counts_up_to_the_tests() {
        let body = "//! x\n".to_owned() + &"fn a() {}\n".repeat(499);
        assert!(lines(not_too_long, "a/src/a.rs", &body).is_empty());
        assert!(
            lines(not_too_long, "a/src/a.rs", &format!("{body}#[cfg(test)]\nmod tests {{\n}}\n")).is_empty()
        );
        assert_eq!(lines(not_too_long, "a/src/a.rs", &format!("{body}fn b() {{}}\n")), [501]);
        assert!(lines(not_too_long, "a/tests/it/a.rs", &body.repeat(3)).is_empty());
    }

    #[test]
    fn skipped_tests() {
        assert_eq!(
            lines(no_skipped_tests, "a/src/a.rs", "#[test]\n    #[ignore = \"later\"]\n#[should_panic]\n"),
            [2, 3]
        );
        assert!(lines(no_skipped_tests, "a/src/a.rs", "// no #[ignore] here\n").is_empty());
    }

    #[test]
    fn exceptions() {
        let text = "#[allow(dead_code)]\n    #![allow(x)]\n#[expect(x, reason = \"y\")]\n";
        assert_eq!(lines(exceptions_are_expected, "a/src/a.rs", text), [1, 2]);
    }

    #[test]
    fn sleeping_tests() {
        let text = "fn f() { sleep(A) }\n#[cfg(test)]\nmod tests {\n tokio::time::sleep(A).await;\n std::thread::sleep(B); // poll: no event to wait for\n nosleep(1);\n}\n";
        assert_eq!(lines(tests_wait_for_conditions, "a/src/a.rs", text), [4]);
        assert_eq!(
            lines(tests_wait_for_conditions, "a/tests/browser/s.mjs", "await page.waitForTimeout(5)\n"),
            [1]
        );
        assert_eq!(
            lines(
                tests_wait_for_conditions,
                "a/tests/third_party/s.py",
                "time.sleep(1)\ntime.sleep(1)  # poll: x\n"
            ),
            [1]
        );
    }

    #[test]
    fn sleeping_on_a_paused_clock_is_exact() {
        let text = "#[tokio::test(start_paused = true)]\nasync fn a() {\n    sleep(A).await;\n}\n\nasync fn helper() {\n    sleep(A).await;\n}\n\n#[tokio::test]\nasync fn b() {\n    sleep(A).await;\n    sleep(B).await; // slow: stands for a bad line\n}\n";
        assert_eq!(lines(tests_wait_for_conditions, "a/src/a/tests.rs", text), [7, 12]);
    }

    #[test]
    fn float_money() {
        let text = "let price: f64 = 1.0;\nlet ratio: f64 = 1.0;\nlet total = n as f32; // not money: bytes\n// a price as f64\n";
        assert_eq!(lines(no_float_money, "a/src/a.rs", text), [1]);
        assert_eq!(lines(no_float_money, "a/src/a.rs", "fn total_tax() -> f32;\n"), [1]);
        assert!(lines(no_float_money, "a/tests/it/a.rs", text).is_empty());
    }

    #[test]
    fn supervision_has_one_home() {
        let text = "async fn handle_supervisor_evt() {}\n";
        assert_eq!(lines(child_events_in_one_place, "hub-node/src/a.rs", text), [1]);
        assert!(lines(child_events_in_one_place, "actors/src/supervise/actor.rs", text).is_empty());
    }
}
