//! Texts with columns in them: `{brand} {name}`. Pure.

/// A template taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Column(String),
}

impl Template {
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The error is a sentence for whoever wrote it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars().peekable();
        while let Some(letter) = rest.next() {
            match letter {
                '{' | '}' if rest.peek() == Some(&letter) => {
                    rest.next();
                    plain.push(letter);
                }
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some('{') | None => return Err("has a { that is not closed".to_owned()),
                            Some(letter) => name.push(letter),
                        }
                    }
                    if name.trim().is_empty() {
                        return Err("has {} without the name of a column".to_owned());
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Column(name.trim().to_owned()));
                }
                '}' => return Err("has a } that was not opened".to_owned()),
                letter => plain.push(letter),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_braces_and_braces_are_doubled() {
        let parts = |text: &str| Template::parse(text).unwrap().parts;
        assert_eq!(
            parts("{ brand } {name}, {{1}}"),
            [
                Part::Column("brand".into()),
                Part::Text(" ".into()),
                Part::Column("name".into()),
                Part::Text(", {1}".into())
            ]
        );
        assert_eq!(parts(""), []);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("{name", "not closed"),
            ("{na{me}", "not closed"),
            ("name}", "not opened"),
            ("{ }", "without the name"),
        ] {
            assert!(Template::parse(text).unwrap_err().contains(said), "{text}");
        }
    }
}
