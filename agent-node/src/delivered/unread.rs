//! Which articles may stand in rows that could not be read. Pure.
//!
//! An article whose row is broken has not vanished from the source, so it must not be sold out at the shop. Which
//! article that is, a broken row does not say for sure; but its number is among its words.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

/// Words that are kept. More of them are a source gone wrong: then no article is taken for vanished.
const MOST: usize = 200_000;

#[derive(Default)]
pub struct Unread {
    hash: RandomState,
    words: HashSet<u64>,
    overfull: bool,
}

impl Unread {
    /// A row that was rejected while reading.
    pub fn note(&mut self, raw: &str) {
        for word in words(raw) {
            if self.words.len() >= MOST {
                self.overfull = true;
                return;
            }
            self.words.insert(self.hash.hash_one(word));
        }
    }

    #[must_use]
    pub fn may_hold(&self, sku: &str) -> bool {
        let known = |word| self.words.contains(&self.hash.hash_one(word));
        self.overfull || (words(sku).next().is_some() && words(sku).all(known))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_looked_for_by_all_the_words_of_its_number() {
        let mut unread = Unread::default();
        assert!(!unread.may_hold("1001"));
        unread.note("1001;\"Butter, salted\";1,2,9");
        unread.note("{\"sku\":\"A-7/2\",\"price\":null}");
        for (sku, may) in [("1001", true), ("100", false), ("A-7/2", true), ("A-7/3", false), ("//", false)] {
            assert_eq!(unread.may_hold(sku), may, "{sku}");
        }
    }

    #[test]
    fn a_source_gone_wrong_has_no_vanished_articles() {
        let mut unread = Unread::default();
        for n in 0..=MOST {
            unread.note(&n.to_string());
        }
        assert!(unread.may_hold("anything"));
    }
}
