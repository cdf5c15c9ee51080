//! Groceries for the demo's tills: plausible names, prices, tax rates and stock, valid barcodes, and a few
//! rows as broken as real exports have them. The same every time.
//! Pure: a seed in, text out.

use std::fmt::Write;

/// A shelf of goods that differ in brand and size.
struct Shelf {
    category: &'static str,
    unit: &'static str,
    /// Per cent.
    tax: u32,
    goods: &'static [&'static str],
    sizes: &'static [&'static str],
    /// Cheapest and dearest, in hundredths.
    cents: (u64, u64),
}

const BRANDS: &[&str] = &[
    "Harvest Lane",
    "Millbrook",
    "Oak & Barley",
    "Sunny Acre",
    "Riverbank",
    "Copper Kettle",
    "Daisy Hill",
    "Northfold",
    "Little Orchard",
    "Stonebridge",
    "Green Gate",
    "Old Mill",
    "Bluebell",
    "Tall Pines",
];

const SHELVES: &[Shelf] = &[
    Shelf {
        category: "Dairy & Eggs",
        unit: "pcs",
        tax: 0,
        goods: &[
            "Whole Milk",
            "Semi-Skimmed Milk",
            "Natural Yoghurt",
            "Salted Butter",
            "Double Cream",
            "Mature Cheddar",
            "Cottage Cheese",
            "Free-Range Eggs",
        ],
        sizes: &["250 g", "500 g", "1 l", "2 l"],
        cents: (89, 549),
    },
    Shelf {
        category: "Bakery",
        unit: "pcs",
        tax: 0,
        goods: &[
            "Sourdough Loaf",
            "Wholemeal Bread",
            "Butter Croissants",
            "Seeded Rolls",
            "Malt Loaf",
            "Crumpets",
            "Naan",
            "Bagels",
        ],
        sizes: &["2-pack", "4-pack", "400 g", "800 g"],
        cents: (95, 420),
    },
    Shelf {
        category: "Fruit & Vegetables",
        unit: "kg",
        tax: 0,
        goods: &[
            "Gala Apples",
            "Conference Pears",
            "Bananas",
            "Carrots",
            "King Edward Potatoes",
            "Vine Tomatoes",
            "Red Onions",
            "Broccoli",
            "Seedless Grapes",
        ],
        sizes: &["loose", "class I", "organic"],
        cents: (69, 480),
    },
    Shelf {
        category: "Meat & Fish",
        unit: "kg",
        tax: 0,
        goods: &[
            "Chicken Breast",
            "Minced Beef 5%",
            "Pork Sausages",
            "Lamb Chops",
            "Smoked Salmon",
            "Cod Fillet",
            "Back Bacon",
        ],
        sizes: &["counter", "family pack", "organic"],
        cents: (499, 2890),
    },
    Shelf {
        category: "Store Cupboard",
        unit: "pcs",
        tax: 0,
        goods: &[
            "Basmati Rice",
            "Penne",
            "Chopped Tomatoes",
            "Red Lentils",
            "Porridge Oats",
            "Plain Flour",
            "Olive Oil",
            "Tomato Purée",
            "Jalapeño Salsa",
        ],
        sizes: &["250 g", "500 g", "1 kg", "5 kg"],
        cents: (75, 1250),
    },
    Shelf {
        category: "Chilled Desserts",
        unit: "pcs",
        tax: 20,
        goods: &[
            "Crème Brûlée",
            "Chocolate Mousse",
            "Rice Pudding",
            "Lemon Possets",
            "Sticky Toffee Pudding",
        ],
        sizes: &["2-pack", "4-pack", "500 g"],
        cents: (180, 650),
    },
    Shelf {
        category: "Snacks & Sweets",
        unit: "pcs",
        tax: 20,
        goods: &[
            "Sea Salt Crisps",
            "Dark Chocolate 70%",
            "Shortbread Fingers",
            "Salted Peanuts",
            "Fruit Pastilles",
            "Oat Bars",
        ],
        sizes: &["40 g", "100 g", "150 g", "6-pack"],
        cents: (65, 480),
    },
    Shelf {
        category: "Drinks",
        unit: "pcs",
        tax: 20,
        goods: &[
            "Sparkling Water",
            "Orange Juice",
            "Elderflower Cordial",
            "Ginger Beer",
            "Cola",
            "Ground Coffee",
            "Breakfast Tea",
        ],
        sizes: &["250 ml", "500 ml", "1 l", "2 l"],
        cents: (60, 890),
    },
    Shelf {
        category: "Household",
        unit: "pcs",
        tax: 20,
        goods: &[
            "Washing-Up Liquid",
            "Laundry Tablets",
            "Kitchen Towel",
            "Bin Bags",
            "All-Purpose Cleaner",
            "Baking Parchment",
        ],
        sizes: &["small", "regular", "value pack"],
        cents: (99, 1490),
    },
    Shelf {
        category: "Baby & Mobility",
        unit: "pcs",
        tax: 5,
        goods: &["Car Seat Liner", "Booster Cushion", "Grab Rail", "Walking Stick"],
        sizes: &["standard", "deluxe"],
        cents: (990, 4990),
    },
];

const SUPPLIERS: &[&str] = &[
    "Ashdown",
    "Birchwood",
    "Calder",
    "Dunmore",
    "Eastgate",
    "Fenwick",
    "Glenroy",
    "Hartley",
    "Inglewood",
    "Jarrow",
    "Kelso",
    "Langley",
    "Marlow",
    "Newbury",
    "Otley",
    "Penrith",
    "Quorn",
    "Ripley",
    "Selby",
    "Thirsk",
    "Ulverston",
    "Verwood",
    "Whitby",
    "Yarm",
    "Alston",
    "Bourne",
    "Crewe",
    "Diss",
    "Ely",
    "Frome",
    "Goole",
    "Hexham",
    "Ilkley",
    "Kendal",
    "Ludlow",
    "Malton",
    "Neston",
    "Olney",
];

/// How a till writes its export.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// Sku, name, barcode, price, tax rate, stock, unit, category.
    pub(crate) headers: [&'static str; 8],
    pub(crate) delimiter: char,
    pub(crate) decimal_mark: char,
}

/// The fields in the order of `Dialect::headers`, as the hub's interface calls them.
pub(crate) const FIELDS: [&str; 8] =
    ["sku", "name", "barcode", "price", "tax_rate", "stock", "unit", "category"];

/// A till that writes what the hub expects without being told.
pub(crate) const PLAIN: Dialect = Dialect { headers: FIELDS, delimiter: ',', decimal_mark: '.' };

/// A file of `count` sound rows, with the broken ones strewn in between; gives how many those are.
pub(crate) fn export(dialect: Dialect, count: usize, seed: u64) -> (String, usize) {
    let mut chance = Chance(seed);
    let mut text = row(dialect, dialect.headers.map(str::to_owned));
    let broken_every = (count / (BREAKS.len() + 1)).max(1);
    let mut breaks = BREAKS.iter();
    let mut broken = 0;
    for place in 0..count {
        let good = good(place, &mut chance, dialect.decimal_mark);
        text.push_str(&row(dialect, good.clone()));
        if place % broken_every == broken_every / 2
            && let Some(spoil) = breaks.next()
        {
            let mut spoiled = good;
            spoiled[0] = format!("{}9", spoiled[0]);
            spoil(&mut spoiled);
            text.push_str(&row(dialect, spoiled));
            broken += 1;
        }
    }
    (text, broken)
}

/// What is wrong with real exports.
const BREAKS: &[fn(&mut [String; 8])] = &[
    |row| row[3] = "n/a".to_owned(),
    |row| row[2] = wrong_check_digit(&row[2]),
    |row| row[1].clear(),
    |row| row[3].insert(0, '-'),
    |row| row[0].clear(),
    |row| row[4] = "200".to_owned(),
    |row| row[2] = "SEE LABEL".to_owned(),
    |row| row[3].clear(),
];

/// One sound row. Every combination of good, brand and size comes once before a supplier's name is
/// needed to tell them apart.
fn good(place: usize, chance: &mut Chance, decimal_mark: char) -> [String; 8] {
    let combinations: usize = SHELVES.iter().map(Shelf::combinations).sum();
    // A stride without a common factor walks through all combinations in a mixed order.
    let mut index = (place * 1_009) % combinations;
    let mut shelf = &SHELVES[0];
    for candidate in SHELVES {
        shelf = candidate;
        if index < candidate.combinations() {
            break;
        }
        index -= candidate.combinations();
    }
    let brand = BRANDS[index % BRANDS.len()];
    let good = shelf.goods[(index / BRANDS.len()) % shelf.goods.len()];
    let size = shelf.sizes[index / BRANDS.len() / shelf.goods.len()];
    let supplier = match place / combinations {
        0 => String::new(),
        round => format!(" ({})", SUPPLIERS[(round - 1) % SUPPLIERS.len()]),
    };
    // Prices end in 9, as they do on shelves.
    let cents = chance.between(shelf.cents.0, shelf.cents.1) / 10 * 10 + 9;
    let stock = if shelf.unit == "kg" {
        format!("{}{decimal_mark}{:03}", chance.between(0, 180), chance.between(0, 999))
    } else {
        chance.between(0, 320).to_string()
    };
    [
        (100_000 + place).to_string(),
        format!("{brand} {good} {size}{supplier}"),
        ean13(chance.between(0, 9_999_999_999)),
        format!("{}{decimal_mark}{:02}", cents / 100, cents % 100),
        shelf.tax.to_string(),
        stock,
        shelf.unit.to_owned(),
        shelf.category.to_owned(),
    ]
}

impl Shelf {
    fn combinations(&self) -> usize {
        self.goods.len() * self.sizes.len() * BRANDS.len()
    }
}

fn row(dialect: Dialect, fields: [String; 8]) -> String {
    let mut line = String::with_capacity(100);
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            line.push(dialect.delimiter);
        }
        if field.contains([dialect.delimiter, '"']) {
            let _infallible = write!(line, "\"{}\"", field.replace('"', "\"\""));
        } else {
            line.push_str(field);
        }
    }
    line.push('\n');
    line
}

/// A barcode under the United Kingdom's prefix, with its check digit.
fn ean13(number: u64) -> String {
    let body = format!("50{number:010}");
    let sum: u32 = body
        .bytes()
        .enumerate()
        .map(|(place, digit)| u32::from(digit - b'0') * if place % 2 == 1 { 3 } else { 1 })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn wrong_check_digit(code: &str) -> String {
    let (body, last) = code.split_at(code.len() - 1);
    let wrong = last.parse::<u32>().map_or(0, |digit| (digit + 1) % 10);
    format!("{body}{wrong}")
}

/// Bytes as Windows writes Western European text; what does not fit becomes a question mark.
pub(super) fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

/// A small generator of numbers that look random and are the same every time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_export_has_its_rows_and_is_always_the_same() {
        let (text, broken) = export(PLAIN, 1_200, 7);
        assert_eq!(broken, BREAKS.len());
        assert_eq!(text.lines().count(), 1 + 1_200 + broken);
        assert_eq!(export(PLAIN, 1_200, 7).0, text);
        assert_ne!(export(PLAIN, 1_200, 8).0, text);
    }

    #[test]
    fn sound_rows_have_names_and_numbers_of_their_own_and_right_check_digits() {
        let mut chance = Chance(1);
        let rows: Vec<_> = (0..20_000).map(|place| good(place, &mut chance, '.')).collect();
        let names: BTreeSet<_> = rows.iter().map(|row| &row[1]).collect();
        assert_eq!(names.len(), rows.len());
        for row in &rows {
            let sum: u32 = row[2]
                .bytes()
                .rev()
                .enumerate()
                .map(|(place, digit)| u32::from(digit - b'0') * if place % 2 == 1 { 3 } else { 1 })
                .sum();
            assert!(row[2].len() == 13 && sum.is_multiple_of(10), "{row:?}");
            assert!(row[3].ends_with('9'), "{row:?}");
        }
    }

    #[test]
    fn the_dialect_is_kept() {
        let dialect = Dialect { headers: FIELDS, delimiter: ';', decimal_mark: ',' };
        let (text, _) = export(dialect, 50, 3);
        let row: Vec<&str> = text.lines().nth(1).unwrap().split(';').collect();
        assert_eq!(row.len(), 8);
        assert!(row[3].contains(','), "{row:?}");
    }

    #[test]
    fn every_break_changes_a_row() {
        let sound = good(3, &mut Chance(2), '.');
        for spoil in BREAKS {
            let mut spoiled = sound.clone();
            spoil(&mut spoiled);
            assert_ne!(spoiled, sound);
        }
    }

    #[test]
    fn western_letters_are_single_bytes() {
        assert_eq!(windows_1252("Purée ☕"), b"Pur\xe9e ?");
    }
}
