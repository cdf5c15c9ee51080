//! One article as the destination has it, in as few bytes as tell whether it has changed and what that would harm.
//! Pure: bytes in, records out.

use std::io::{self, BufRead, Read as _, Write};

use messages::item::Item;
use messages::quantity::Decimal;
use sha2::{Digest as _, Sha256};

/// What tells two states of an article apart: 128 bits of a SHA-256.
pub type Print = [u8; 16];

/// The print of an article of which it is not known how the destination has it. No article has it.
pub const IN_DOUBT: Print = [0; 16];

/// What is known of an article's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stock {
    Unknown,
    None,
    Some,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub sku: Box<str>,
    pub name: Box<str>,
    pub print: Print,
    /// In units of a thousandth, [`Item::PRICE_DECIMALS`].
    pub price: i64,
    pub stock: Stock,
}

/// A record, and the place of its item in the order in which items were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub record: Record,
    pub place: u64,
}

impl Record {
    /// `room` is used again and again, for there are millions.
    pub fn of(item: &Item, room: &mut Vec<u8>) -> io::Result<Self> {
        room.clear();
        serde_json::to_writer(&mut *room, item)?;
        let digest = Sha256::digest(&*room);
        let mut print = IN_DOUBT;
        print.copy_from_slice(&digest[..16]);
        let stock = match item.stock {
            None => Stock::Unknown,
            Some(stock) if stock == Decimal::ZERO || stock.is_negative() => Stock::None,
            Some(_) => Stock::Some,
        };
        // An item was checked before; what a source lets through beyond that is a price like no other.
        let price = item.price.to_units(Item::PRICE_DECIMALS).unwrap_or(i64::MAX);
        Ok(Self { sku: item.sku.as_str().into(), name: item.name.as_str().into(), print, price, stock })
    }

    /// The item that says that there is none of it any more.
    #[must_use]
    pub fn without_stock(&self) -> Item {
        Item {
            sku: self.sku.to_string(),
            name: self.name.to_string(),
            barcode: None,
            price: Decimal::new(self.price, Item::PRICE_DECIMALS),
            tax_rate: None,
            stock: Some(Decimal::ZERO),
            unit: None,
            category: None,
            description: None,
        }
    }

    /// The price for people, with two decimals where that is all there is.
    #[must_use]
    pub fn shown_price(&self) -> String {
        let (digits, scale) = if self.price % 10 == 0 { (self.price / 10, 2) } else { (self.price, 3) };
        Decimal::new(digits, scale).to_string()
    }

    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let stock = match self.stock {
            Stock::Unknown => 0_u8,
            Stock::None => 1,
            Stock::Some => 2,
        };
        out.write_all(&[stock])?;
        write_text(out, &self.sku)?;
        write_text(out, &self.name)?;
        out.write_all(&self.price.to_le_bytes())?;
        out.write_all(&self.print)
    }

    /// The next record; none where the bytes end.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        if from.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let stock = match read_bytes::<1>(from)? {
            [0] => Stock::Unknown,
            [1] => Stock::None,
            [2] => Stock::Some,
            _ => return Err(damaged("there is no such stock")),
        };
        let (sku, name) = (read_text(from)?, read_text(from)?);
        let price = i64::from_le_bytes(read_bytes(from)?);
        Ok(Some(Self { sku, name, price, stock, print: read_bytes(from)? }))
    }
}

impl Entry {
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.record.write(out)?;
        out.write_all(&self.place.to_le_bytes())
    }

    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(record) = Record::read(from)? else { return Ok(None) };
        Ok(Some(Self { record, place: u64::from_le_bytes(read_bytes(from)?) }))
    }
}

fn write_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    let length = u16::try_from(text.len()).map_err(|_| io::Error::other("a text is too long to be kept"))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(text.as_bytes())
}

fn read_text(from: &mut impl BufRead) -> io::Result<Box<str>> {
    let length = u64::from(u16::from_le_bytes(read_bytes(from)?));
    let mut text = String::new();
    let read = from.take(length).read_to_string(&mut text)?;
    if read as u64 == length { Ok(text.into()) } else { Err(damaged("a text ends too early")) }
}

fn read_bytes<const N: usize>(from: &mut impl BufRead) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
pub(super) use tests::item as sample;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn item(sku: &str, price: &str, stock: Option<&str>) -> Item {
        let mut item = Record {
            sku: sku.into(),
            name: format!("Article {sku}").into(),
            print: IN_DOUBT,
            price: 0,
            stock: Stock::Unknown,
        }
        .without_stock();
        item.price = price.parse().unwrap();
        item.stock = stock.map(|stock| stock.parse().unwrap());
        item
    }

    fn record(item: &Item) -> Record {
        Record::of(item, &mut Vec::new()).unwrap()
    }

    #[test]
    fn any_change_of_an_item_changes_its_print() {
        let before = item("1", "1.29", Some("3"));
        let changes: [fn(&mut Item); 6] = [
            |item| item.name.push('x'),
            |item| item.price = "1.30".parse().unwrap(),
            |item| item.stock = None,
            |item| item.stock = Some("2".parse().unwrap()),
            |item| item.description = Some(String::new()),
            |item| item.category = Some("dairy".into()),
        ];
        let mut prints = vec![record(&before).print];
        for change in changes {
            let mut after = before.clone();
            change(&mut after);
            prints.push(record(&after).print);
        }
        assert_eq!(record(&before.clone()).print, prints[0]);
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), 7);
    }

    #[test]
    fn stock_counts_when_there_is_any() {
        for (stock, kept) in [
            (None, Stock::Unknown),
            (Some("0"), Stock::None),
            (Some("0.000"), Stock::None),
            (Some("-3"), Stock::None),
            (Some("0.5"), Stock::Some),
        ] {
            assert_eq!(record(&item("1", "1", stock)).stock, kept, "{stock:?}");
        }
    }

    #[test]
    fn prices_are_shown_as_people_write_them() {
        for (price, shown) in [("1.29", "1.29"), ("1.290", "1.29"), ("2", "2.00"), ("0.125", "0.125")] {
            assert_eq!(record(&item("1", price, None)).shown_price(), shown);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            sku in "[a-zA-Zü0-9]{1,20}", units in 0_i64..1_000_000, place: u64, cut in 1_usize..30
        ) {
            let price = Decimal::new(units, 3).to_string();
            let entry = Entry { record: record(&item(&sku, &price, Some("1"))), place };
            let mut bytes = Vec::new();
            entry.write(&mut bytes).unwrap();
            let mut from = bytes.as_slice();
            prop_assert_eq!(Entry::read(&mut from).unwrap(), Some(entry));
            prop_assert_eq!(Entry::read(&mut from).unwrap(), None);
            let short = &bytes[..bytes.len() - cut.min(bytes.len() - 1)];
            prop_assert!(Entry::read(&mut &*short).is_err());
        }
    }
}
