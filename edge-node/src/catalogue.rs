//! A made-up catalogue of a grocery: a few thousand articles with valid numbers, goods from the scales, several tax
//! rates, prices for several. Pure: the same every time.

use messages::edge::{Amount, Currency, TaxRate};

use crate::checkout::{Article, BundlePrice, barcode};

/// What a currency's shelf looks like: minor units for one unit of the list below (a euro cent), and the two rates.
struct Shelf {
    factor: i64,
    /// Prices end on a multiple of this.
    step: i64,
    food: TaxRate,
    other: TaxRate,
}

fn shelf(currency: Currency) -> Shelf {
    let rates =
        |factor, step, food, other| Shelf { factor, step, food: TaxRate(food), other: TaxRate(other) };
    match currency.as_str() {
        "CHF" => rates(1, 5, 260, 810),
        "VND" => rates(280, 500, 500, 1_000),
        "USD" => rates(1, 1, 0, 825),
        _ => rates(1, 1, 700, 1_900),
    }
}

/// Name, cents, whether food, of goods that come in brands and sizes.
const GOODS: &[(&str, &str, i64, bool)] = &[
    ("Dairy", "Whole milk", 119, true),
    ("Dairy", "Butter", 219, true),
    ("Dairy", "Natural yoghurt", 89, true),
    ("Dairy", "Cream cheese", 169, true),
    ("Dairy", "Mozzarella", 99, true),
    ("Bakery", "Toast bread", 149, true),
    ("Bakery", "Rye bread", 279, true),
    ("Bakery", "Croissants", 199, true),
    ("Pantry", "Spaghetti", 99, true),
    ("Pantry", "Basmati rice", 249, true),
    ("Pantry", "Wheat flour", 79, true),
    ("Pantry", "Sunflower oil", 229, true),
    ("Pantry", "Tomato passata", 89, true),
    ("Pantry", "Chick peas", 99, true),
    ("Pantry", "Fish sauce", 199, true),
    ("Pantry", "Instant noodles", 79, true),
    ("Breakfast", "Oat flakes", 109, true),
    ("Breakfast", "Strawberry jam", 229, true),
    ("Breakfast", "Honey", 449, true),
    ("Breakfast", "Ground coffee", 599, true),
    ("Breakfast", "Green tea", 249, true),
    ("Sweets", "Milk chocolate", 129, true),
    ("Sweets", "Gummy bears", 99, true),
    ("Sweets", "Butter biscuits", 159, true),
    ("Frozen", "Peas", 199, true),
    ("Frozen", "Fish fingers", 349, true),
    ("Frozen", "Pizza Margherita", 279, true),
    ("Frozen", "Vanilla ice cream", 399, true),
    ("Drinks", "Mineral water", 69, false),
    ("Drinks", "Apple juice", 149, false),
    ("Drinks", "Cola", 139, false),
    ("Drinks", "Lager beer", 119, false),
    ("Drinks", "Red wine", 599, false),
    ("Household", "Washing powder", 799, false),
    ("Household", "Dish soap", 149, false),
    ("Household", "Kitchen rolls", 299, false),
    ("Household", "Bin liners", 199, false),
    ("Care", "Toothpaste", 149, false),
    ("Care", "Shampoo", 249, false),
    ("Care", "Hand soap", 99, false),
    ("Care", "Nappies", 899, false),
    ("Pets", "Cat food", 89, false),
    ("Pets", "Dog biscuits", 299, false),
];

const BRANDS: &[&str] =
    &["Alpenhof", "Bella", "Casa Verde", "Daily", "Eden", "Farmhouse", "Gusto", "Harvest", "Our own"];

/// Name and how much of the base price, in hundredths.
const SIZES: &[(&str, i64)] = &[("small", 65), ("", 100), ("large", 180), ("family", 260)];
const KINDS: &[&str] = &["", "organic"];

/// Name, cents a kilogram, short number.
const SCALES: &[(&str, &str, i64, u32)] = &[
    ("Fruit", "Bananas", 179, 4_011),
    ("Fruit", "Apples Gala", 299, 4_133),
    ("Fruit", "Pears", 329, 4_409),
    ("Fruit", "Oranges", 219, 4_012),
    ("Fruit", "Grapes white", 449, 4_498),
    ("Fruit", "Mangos", 499, 4_051),
    ("Vegetables", "Tomatoes", 349, 4_064),
    ("Vegetables", "Carrots", 149, 4_562),
    ("Vegetables", "Potatoes", 129, 4_083),
    ("Vegetables", "Onions", 139, 4_093),
    ("Vegetables", "Peppers red", 479, 4_088),
    ("Vegetables", "Courgettes", 299, 4_067),
    ("Vegetables", "Ginger", 699, 4_612),
    ("Deli", "Boiled ham", 1_899, 20_101),
    ("Deli", "Salami", 2_299, 20_102),
    ("Deli", "Gouda", 1_290, 20_103),
    ("Deli", "Emmental", 1_590, 20_104),
    ("Deli", "Olives", 1_490, 20_105),
    ("Meat", "Minced beef", 1_199, 20_201),
    ("Meat", "Chicken breast", 1_349, 20_202),
    ("Meat", "Pork chops", 999, 20_203),
    ("Fish", "Salmon fillet", 2_890, 20_301),
    ("Fish", "Shrimps", 2_490, 20_302),
];

/// The catalogue in a currency: about three thousand articles.
#[must_use]
pub fn sample(currency: Currency) -> Vec<Article> {
    let shelf = shelf(currency);
    let price = |cents: i64| {
        let exact = cents * shelf.factor;
        Amount::new(((exact + shelf.step / 2) / shelf.step * shelf.step).max(shelf.step))
    };
    let mut articles = Vec::new();
    for (at, &(category, good, cents, food)) in GOODS.iter().enumerate() {
        for (which, brand) in BRANDS.iter().enumerate() {
            for (size, &(size_name, share)) in SIZES.iter().enumerate() {
                for (kind, kind_name) in KINDS.iter().enumerate() {
                    let number = ((at * BRANDS.len() + which) * SIZES.len() + size) * KINDS.len() + kind;
                    // Brands differ by a tenth and organic goods cost half as much again.
                    let brand_share = 90 + i64::try_from(which).unwrap_or(0) * 5;
                    let kind_share = if kind == 0 { 100 } else { 150 };
                    let cents = cents * share * brand_share * kind_share / 1_000_000;
                    let parts = [*brand, *kind_name, good, size_name];
                    let name: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                    let tax_rate = if food { shelf.food } else { shelf.other };
                    let bundle =
                        (number % 12 == 5).then(|| BundlePrice { pieces: 3, price: price(cents * 5 / 2) });
                    articles.push(Article {
                        sku: format!("A{number:05}"),
                        name: name.join(" "),
                        barcode: Some(ean13(number)),
                        category: category.to_owned(),
                        unit: "pcs".to_owned(),
                        price: price(cents),
                        tax_rate,
                        weighed: false,
                        plu: None,
                        blocked: (number % 997 == 499).then(|| "recalled by the maker".to_owned()),
                        bundle,
                    });
                }
            }
        }
    }
    articles.extend(SCALES.iter().map(|&(category, name, cents, plu)| Article {
        sku: format!("W{plu:05}"),
        name: name.to_owned(),
        barcode: None,
        category: category.to_owned(),
        unit: "kg".to_owned(),
        price: price(cents),
        tax_rate: shelf.food,
        weighed: true,
        plu: Some(plu),
        blocked: None,
        bundle: None,
    }));
    articles
}

fn ean13(number: usize) -> String {
    // 590 is a country's prefix like others; the twelve digits are spread so that neighbours look unlike.
    let body = format!("590{:09}", (number * 7_919 + 1_234_567) % 1_000_000_000);
    let digit = barcode::check_digit(&body);
    format!("{body}{digit}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn articles_are_many_distinct_and_well_numbered() {
        for currency in [Currency::EUR, Currency::CHF, Currency::VND] {
            let articles = sample(currency);
            assert!(articles.len() > 3_000, "{}", articles.len());
            let skus: BTreeSet<_> = articles.iter().map(|article| &article.sku).collect();
            let barcodes: Vec<_> = articles.iter().filter_map(|article| article.barcode.as_ref()).collect();
            assert_eq!(skus.len(), articles.len());
            assert_eq!(barcodes.iter().collect::<BTreeSet<_>>().len(), barcodes.len());
            assert!(barcodes.iter().all(|number| number.len() == 13 && barcode::check_digit_holds(number)));
            assert!(articles.iter().all(|article| article.price > Amount::ZERO));
            let rates: BTreeSet<_> = articles.iter().map(|article| article.tax_rate).collect();
            assert!(rates.len() >= 2);
            assert!(articles.iter().any(|article| article.blocked.is_some()));
            assert!(articles.iter().any(|article| article.bundle.is_some()));
        }
        assert!(sample(Currency::VND).iter().all(|article| article.price.minor() % 500 == 0));
    }
}
