//! Price files as a till writes them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Writes `sound` good rows and three bad ones among them. Returns how many rows there are.
pub(super) fn write(path: &Path, sound: usize) -> usize {
    let mut text = String::from("sku,name,barcode,price,tax_rate,stock,unit,category\n");
    for row in 0..sound {
        let body = format!("400{row:09}");
        writeln!(
            text,
            "A{row},Article {row},{body}{},{}.{:02},10,{},pcs,Pantry",
            check(&body),
            row % 90 + 1,
            row % 100,
            row % 50
        )
        .unwrap();
        if row == sound / 2 {
            text.push_str("BAD1,Wrong price,,abc,10,1,pcs,Pantry\n");
            text.push_str("BAD2,Wrong barcode,4006381333932,1.00,10,1,pcs,Pantry\n");
            text.push_str("BAD3,,,1.00,10,1,pcs,Pantry\n");
        }
    }
    fs::write(path, text).unwrap();
    sound + 3
}

fn check(body: &str) -> u32 {
    let sum: u32 =
        body.bytes().enumerate().map(|(at, b)| u32::from(b - b'0') * if at % 2 == 0 { 1 } else { 3 }).sum();
    (10 - sum % 10) % 10
}
