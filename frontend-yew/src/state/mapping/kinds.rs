//! Kinds of steps as a form draws them: what they are called, and what is typed for each. A test holds them to the
//! engine's. Pure.

/// One kind of step.
#[derive(Debug)]
pub struct Kind {
    /// As on the wire.
    pub name: &'static str,
    pub label: &'static str,
    pub params: &'static [Param],
}

/// One of its settings.
#[derive(Debug)]
pub struct Param {
    pub name: &'static str,
    pub label: &'static str,
    pub input: Input,
    pub usual: &'static str,
}

/// How a setting is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Text,
    Decimal,
    Letter,
    Count,
    /// Blank: left out.
    MaybeCount,
    Choice(&'static [(&'static str, &'static str)]),
    /// Lines of `from = to`.
    Entries,
}

const fn param(name: &'static str, label: &'static str, input: Input, usual: &'static str) -> Param {
    Param { name, label, input, usual }
}

const fn kind(name: &'static str, label: &'static str, params: &'static [Param]) -> Kind {
    Kind { name, label, params }
}

const UNITS: Input = Input::Choice(&[
    ("gram", "g"),
    ("kilogram", "kg"),
    ("ounce", "oz"),
    ("pound", "lb"),
    ("millilitre", "ml"),
    ("centilitre", "cl"),
    ("litre", "l"),
    ("piece", "pieces"),
    ("dozen", "dozens"),
]);

pub const KINDS: [Kind; 17] = [
    kind(
        "letters",
        "Change capitals",
        &[param(
            "to",
            "To",
            Input::Choice(&[
                ("upper", "ALL CAPITALS"),
                ("lower", "all small"),
                ("title", "First Of Each Word"),
            ]),
            "title",
        )],
    ),
    kind(
        "replace",
        "Replace text",
        &[param("find", "Find", Input::Text, ""), param("with", "Put in its place", Input::Text, "")],
    ),
    kind(
        "cut",
        "Cut out a part",
        &[
            param("from", "From character", Input::Count, "1"),
            param("length", "Characters", Input::MaybeCount, ""),
        ],
    ),
    kind("before", "Take what stands before", &[param("mark", "This", Input::Text, "")]),
    kind("after", "Take what stands after", &[param("mark", "This", Input::Text, "")]),
    kind("digits", "Keep digits only", &[]),
    kind(
        "pad_start",
        "Fill up in front",
        &[
            param("length", "To this many characters", Input::Count, "8"),
            param("with", "With", Input::Letter, "0"),
        ],
    ),
    kind("if_empty", "If there is nothing", &[param("text", "Take", Input::Text, "")]),
    kind(
        "lookup",
        "Look up in a table",
        &[
            param("entries", "Table, a line for each: from = to", Input::Entries, ""),
            param(
                "otherwise",
                "What is not in it",
                Input::Choice(&[
                    ("keep", "stays as it is"),
                    ("empty", "becomes empty"),
                    ("reject", "rejects the row"),
                ]),
                "keep",
            ),
        ],
    ),
    kind("add", "Add", &[param("amount", "Amount", Input::Decimal, "")]),
    kind("multiply", "Multiply", &[param("by", "By", Input::Decimal, "")]),
    kind(
        "divide",
        "Divide",
        &[param("by", "By", Input::Decimal, "100"), param("decimals", "Decimals kept", Input::Count, "2")],
    ),
    kind("percent", "Add per cent", &[param("by", "Per cent, or less with a -", Input::Decimal, "")]),
    kind(
        "round",
        "Round",
        &[
            param("to", "To a multiple of", Input::Decimal, "0.01"),
            param(
                "how",
                "Way",
                Input::Choice(&[("nearest", "to the nearest"), ("up", "up"), ("down", "down")]),
                "nearest",
            ),
        ],
    ),
    kind("at_least", "Not below", &[param("least", "Least", Input::Decimal, "0")]),
    kind("at_most", "Not above", &[param("most", "Most", Input::Decimal, "")]),
    kind(
        "convert",
        "Convert a unit",
        &[param("from", "From", UNITS, "gram"), param("to", "To", UNITS, "kilogram")],
    ),
];

/// Ways to ask about a column.
pub const TESTS: [(&str, &str); 6] = [
    ("equals", "is"),
    ("contains", "contains"),
    ("starts_with", "begins with"),
    ("empty", "is empty"),
    ("above", "is above"),
    ("below", "is below"),
];
