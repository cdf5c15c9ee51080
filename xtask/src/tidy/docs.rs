//! Rules about the pages.
//! Pure: text in, findings out; whether a file is there is asked through a function.

use super::Finding;
use super::source::Source;

/// A page whose links lead nowhere has stopped being true.
pub(super) fn links_lead_somewhere(source: &Source<'_>, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_code = false;
    for (number, line) in source.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for link in links(line) {
            let target = link.split(['#', '?']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            match resolved(source.path, target) {
                Some(path) if exists(&path) => {}
                _ => findings.push(Finding::new(
                    source.path,
                    number,
                    format!("the link to {target} leads nowhere"),
                )),
            }
        }
    }
    findings
}

/// The targets of `[text](target)` and `![text](target "title")`, outside of inline code.
fn links(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for (index, part) in line.split('`').enumerate() {
        if index % 2 == 1 {
            continue;
        }
        for (at, _) in part.match_indices("](") {
            let rest = &part[at + 2..];
            if let Some(end) = rest.find(')') {
                targets.push(rest[..end].split_whitespace().next().unwrap_or_default());
            }
        }
    }
    targets
}

/// The target as a path from the top of the checkout; `None` when it leaves the checkout.
fn resolved(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => page.split('/').collect(),
    };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_from_their_page() {
        let text = "[a](adr/0001.md#why) ![p](../look.png \"title\") [b](missing.md) [c](https://example.org/x)\n```\n[d](no.md)\n```\n`[e](no.md)` [f](../../out.md) [g](#here)\n";
        let there = |path: &str| ["docs/adr/0001.md", "look.png"].contains(&path);
        let findings = links_lead_somewhere(&Source::new("docs/index.md", text), there);
        let lines: Vec<(usize, &str)> =
            findings.iter().map(|found| (found.line, found.why.as_str())).collect();
        assert_eq!(
            lines,
            [(1, "the link to missing.md leads nowhere"), (5, "the link to ../../out.md leads nowhere")]
        );
    }
}
