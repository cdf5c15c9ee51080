//! A hint at how good a password is while it is typed. Pure. The hub decides; this only advises.

use messages::http::access::PASSWORD_MIN;

/// From nothing to strong, for the meter of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    TooShort,
    Weak,
    Fair,
    Strong,
}

impl Strength {
    #[must_use]
    pub fn level(self) -> u8 {
        self as u8 + 1
    }

    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::TooShort => "Too short: at least 10 characters. A few words in a row are good.",
            Self::Weak => "Weak: avoid names, repeats and rows of keys. Add another word.",
            Self::Fair => "Fair: another word or a few more characters make it strong.",
            Self::Strong => "Strong.",
        }
    }
}

/// Rows that people type first.
const COMMON: [&str; 9] =
    ["password", "qwerty", "123456", "abcdef", "letmein", "admin", "grocery", "welcome", "matkhau"];

/// Judges by length, by the number of different characters, and by what everybody tries.
/// `about` holds the person's own words: name, login.
#[must_use]
pub fn strength(password: &str, about: &[&str]) -> Strength {
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return Strength::TooShort;
    }
    let lower = password.to_lowercase();
    let letters =
        lower.chars().enumerate().filter(|(at, c)| lower.chars().take(*at).all(|other| other != *c)).count();
    let own = about
        .iter()
        .map(|word| word.trim().to_lowercase())
        .any(|word| word.len() >= 3 && lower.contains(&word));
    let common = COMMON.iter().any(|word| lower.contains(word));
    let penalty = if own || common { 6 } else { 0 };
    match (length.saturating_sub(penalty), letters) {
        (_, 0..5) | (0..10, _) => Strength::Weak,
        (16.., 8..) => Strength::Strong,
        _ => Strength::Fair,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_what_is_said_of_them() {
        for (password, expected) in [
            ("", Strength::TooShort),
            ("ninechars", Strength::TooShort),
            ("aaaaaaaaaaaaaaaaaaaa", Strength::Weak),
            ("password12", Strength::Weak),
            ("annanovak2024", Strength::Weak),
            ("tea kettle 9", Strength::Fair),
            ("copper lantern drifts home", Strength::Strong),
            ("mưa rơi trên phố cũ", Strength::Strong),
        ] {
            assert_eq!(strength(password, &["Annanovak", "an"]), expected, "{password}");
        }
    }

    #[test]
    fn own_words_count_from_three_letters_on() {
        assert_eq!(strength("tea kettle 9", &["te"]), Strength::Fair);
        assert_eq!(strength("tea kettle 9", &["tea"]), Strength::Weak);
    }

    #[test]
    fn the_meter_fills_step_by_step() {
        let levels =
            [Strength::TooShort, Strength::Weak, Strength::Fair, Strength::Strong].map(Strength::level);
        assert_eq!(levels, [1, 2, 3, 4]);
    }
}
