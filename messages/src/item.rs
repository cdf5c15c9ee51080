//! The item: what a point of sale sells and a shop platform shows. The connectors speak it to each other.

use serde::{Deserialize, Serialize};

use crate::quantity::Decimal;

/// One sellable article as read from a point of sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Item {
    /// The retailer's own number; unique within the retailer.
    pub sku: String,
    pub name: String,
    /// EAN-13, EAN-8 or UPC-A, check digit verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    /// Sales price with tax, in the retailer's currency.
    pub price: Decimal,
    /// Per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<Decimal>,
    /// In [`Item::unit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Decimal>,
    /// `pcs`, `kg`, `l`; what price and stock are counted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The fields of an [`Item`], in the order in which they are written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ItemField {
    Sku,
    Name,
    Barcode,
    Price,
    TaxRate,
    Stock,
    Unit,
    Category,
    Description,
}

impl ItemField {
    pub const ALL: [Self; 9] = [
        Self::Sku,
        Self::Name,
        Self::Barcode,
        Self::Price,
        Self::TaxRate,
        Self::Stock,
        Self::Unit,
        Self::Category,
        Self::Description,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sku => "sku",
            Self::Name => "name",
            Self::Barcode => "barcode",
            Self::Price => "price",
            Self::TaxRate => "tax_rate",
            Self::Stock => "stock",
            Self::Unit => "unit",
            Self::Category => "category",
            Self::Description => "description",
        }
    }

    /// A source without these yields no items.
    #[must_use]
    pub const fn required(self) -> bool {
        matches!(self, Self::Sku | Self::Name | Self::Price)
    }
}

/// Why an item cannot be accepted: the field, and a sentence that says what was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", field.as_str())]
pub struct ItemFault {
    pub field: ItemField,
    pub detail: String,
}

impl Item {
    /// Long enough for any real article, short enough that a million stay small.
    pub const MAX_SKU: usize = 64;
    pub const MAX_NAME: usize = 255;
    pub const MAX_DESCRIPTION: usize = 4_000;
    /// Prices are kept to the hundredth or, in some currencies, the thousandth.
    pub const PRICE_DECIMALS: u8 = 3;
    /// Some countries tax by the thousandth of a per cent.
    pub const TAX_DECIMALS: u8 = 3;
    const TAX_MOST: i64 = 100_000;

    /// The first fault, in field order.
    pub fn check(&self) -> Result<(), ItemFault> {
        use ItemField as F;
        let fault = |field, detail: String| Err(ItemFault { field, detail });
        if self.sku.is_empty() || self.sku.len() > Self::MAX_SKU {
            return fault(F::Sku, format!("must have 1 to {} bytes", Self::MAX_SKU));
        }
        if self.name.is_empty() || is_longer(&self.name, Self::MAX_NAME) {
            return fault(F::Name, format!("must have 1 to {} characters", Self::MAX_NAME));
        }
        if let Some(barcode) = &self.barcode
            && let Err(detail) = check_barcode(barcode)
        {
            return fault(F::Barcode, detail);
        }
        if self.price.is_negative() {
            return fault(F::Price, format!("{} is below zero", self.price));
        }
        if let Err(error) = self.price.to_units(Self::PRICE_DECIMALS) {
            return fault(F::Price, error.to_string());
        }
        if let Some(rate) = self.tax_rate
            && (rate.is_negative()
                || rate.to_units(Self::TAX_DECIMALS).is_err()
                || rate.to_units(Self::TAX_DECIMALS).is_ok_and(|units| units > Self::TAX_MOST))
        {
            let decimals = Self::TAX_DECIMALS;
            return fault(
                F::TaxRate,
                format!("{rate} is not a percentage between 0 and 100 with at most {decimals} decimals"),
            );
        }
        if let Some(description) = &self.description
            && is_longer(description, Self::MAX_DESCRIPTION)
        {
            return fault(F::Description, format!("has more than {} characters", Self::MAX_DESCRIPTION));
        }
        Ok(())
    }
}

/// Characters are only counted where the bytes leave a doubt.
fn is_longer(text: &str, most: usize) -> bool {
    text.len() > most && text.chars().count() > most
}

/// EAN-13, EAN-8, UPC-A and ITF-14 share one check digit rule: weights 3 and 1 from the right.
fn check_barcode(code: &str) -> Result<(), String> {
    if !matches!(code.len(), 8 | 12 | 13 | 14) || !code.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("\"{code}\" is not 8, 12, 13 or 14 digits"));
    }
    let sum: u32 = code
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| u32::from(digit - b'0') * if place % 2 == 1 { 3 } else { 1 })
        .sum();
    if sum.is_multiple_of(10) { Ok(()) } else { Err(format!("\"{code}\" has a wrong check digit")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milk() -> Item {
        Item {
            sku: "1001".into(),
            name: "Whole milk 1 l".into(),
            barcode: Some("4006381333931".into()),
            price: "1.29".parse().unwrap(),
            tax_rate: Some("5".parse().unwrap()),
            stock: Some("-3".parse().unwrap()),
            unit: Some("pcs".into()),
            category: None,
            description: None,
        }
    }

    #[test]
    fn a_sound_item_passes_even_with_stock_below_zero() {
        assert_eq!(milk().check(), Ok(()));
    }

    #[test]
    fn the_fault_names_the_field() {
        let cases: [(ItemField, fn(&mut Item)); 7] = [
            (ItemField::Sku, |i| i.sku.clear()),
            (ItemField::Name, |i| i.name = "x".repeat(256)),
            (ItemField::Barcode, |i| i.barcode = Some("4006381333932".into())),
            (ItemField::Barcode, |i| i.barcode = Some("12AB".into())),
            (ItemField::Price, |i| i.price = Decimal::new(-1, 2)),
            (ItemField::TaxRate, |i| i.tax_rate = Some(Decimal::new(101, 0))),
            (ItemField::TaxRate, |i| i.tax_rate = Some(Decimal::new(2_501_234, 4))),
        ];
        for (field, spoil) in cases {
            let mut item = milk();
            spoil(&mut item);
            assert_eq!(item.check().unwrap_err().field, field);
        }
    }

    #[test]
    fn barcodes_of_each_length() {
        for (code, sound) in [
            ("96385074", true),
            ("036000291452", true),
            ("4006381333931", true),
            ("10614141000415", true),
            ("96385075", false),
        ] {
            assert_eq!(check_barcode(code).is_ok(), sound, "{code}");
        }
    }
}
