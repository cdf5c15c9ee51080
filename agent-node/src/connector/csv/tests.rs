//! The CSV source: dialects, encodings, broken rows, files in motion.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use messages::ErrorCode;
use messages::agent::RejectedItem;
use messages::connector::{ColumnName, CsvSource, DecimalMark, PickFiles, SourceConfig, TextEncoding};
use messages::item::{Item, ItemField};
use messages::mapping::Mapping;
use messages::mapping::preview::{Preview, Verdict};
use proptest::prelude::*;

use super::records::{Broken, Records, Row};
use super::*;
use crate::connector::text::TextReader;
use crate::connector::{Batch, Failure, Means, Numbered, PosConnector as _, conformance};

const HEAD: &str = "sku,name,price,stock\n";

fn written(folder: &Path, bytes: &[u8]) -> String {
    let path = folder.join("items.csv");
    fs::write(&path, bytes).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    path.to_str().unwrap().to_owned()
}

type Rows = Vec<Result<Item, RejectedItem>>;

async fn read_with(bytes: &[u8], change: impl Fn(&mut CsvSource)) -> Result<(Rows, Vec<String>), Failure> {
    let folder = tempfile::tempdir().unwrap();
    let mut config = CsvSource { path: written(folder.path(), bytes), ..CsvSource::default() };
    change(&mut config);
    let mut reading = CsvConnector::new(config).open().await?;
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    while let Some(batch) = reading.batches.next().await {
        let Batch { rows: more, notes: said, .. } = batch?;
        rows.extend(more.into_iter().map(|row| row.map(|row| row.item)));
        notes.extend(said);
    }
    Ok((rows, notes))
}

async fn read(text: &str) -> Rows {
    read_with(text.as_bytes(), |_| {}).await.unwrap().0
}

/// Numbers of the items, and line, column and reason of the others.
fn told(rows: &Rows) -> Vec<String> {
    let told = rows.iter().map(|row| match row {
        Ok(item) => item.sku.clone(),
        Err(reject) => {
            format!("{} {}: {}", reject.row, reject.column.as_deref().unwrap_or("-"), reject.reason)
        }
    });
    told.collect()
}

#[tokio::test]
async fn a_dialect_as_a_german_till_writes_it() {
    let text = "Artikelnr;Bezeichnung;VK-Preis;EAN;Bestand\r\n1;\"Käse \"\"Gouda\"\"; jung\";12,90;4006381333931;-3,5\r\n";
    let column = |field, header: &str| ColumnName { field, header: header.into() };
    let (encoded, ..) = encoding_rs::WINDOWS_1252.encode(text);
    let change = |config: &mut CsvSource| {
        config.delimiter = ";".into();
        config.encoding = TextEncoding::Windows1252;
        config.decimal_mark = DecimalMark::Comma;
        config.columns = vec![
            column(ItemField::Sku, "artikelNR"),
            column(ItemField::Name, "Bezeichnung"),
            column(ItemField::Price, "vk-preis"),
            column(ItemField::Barcode, "EAN"),
            column(ItemField::Stock, "Bestand"),
        ];
    };
    let (rows, notes) = read_with(&encoded, change).await.unwrap();
    let item = rows[0].as_ref().unwrap();
    assert_eq!(item.name, "Käse \"Gouda\"; jung");
    assert_eq!((item.price.to_string(), item.stock.unwrap().to_string()), ("12.90".into(), "-3.5".into()));
    assert_eq!((rows.len(), notes.len()), (1, 0));
}

#[tokio::test]
async fn each_encoding_with_and_without_its_mark() {
    let text = format!("{HEAD}1,Crème brûlée 🍮,1.00,\n");
    let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    for (encoding, bytes) in [
        (TextEncoding::Utf8, text.clone().into_bytes()),
        (TextEncoding::Utf8, marked(&[0xEF, 0xBB, 0xBF], text.as_bytes())),
        (TextEncoding::Utf16Le, wide(u16::to_le_bytes)),
        (TextEncoding::Utf16Le, marked(&[0xFF, 0xFE], &wide(u16::to_le_bytes))),
        (TextEncoding::Utf16Be, wide(u16::to_be_bytes)),
        (TextEncoding::Utf16Be, marked(&[0xFE, 0xFF], &wide(u16::to_be_bytes))),
    ] {
        let (rows, _) = read_with(&bytes, |config| config.encoding = encoding).await.unwrap();
        assert_eq!(rows[0].as_ref().unwrap().name, "Crème brûlée 🍮", "{encoding:?}");
    }
}

#[tokio::test]
async fn a_mark_against_the_setting_is_told() {
    let bytes =
        [&[0xFF, 0xFE][..], &HEAD.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat();
    let failure = read_with(&bytes, |_| {}).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::SourceMalformed);
    assert!(failure.detail.contains("marked as utf16-le"), "{}", failure.detail);
}

#[tokio::test]
async fn each_fault_is_told_with_line_column_and_reason() {
    let rows = read(&format!(
        "{HEAD}1,Milk,1.29,5\n2,Bread,1.2.3,\n,Nameless,1,\n4,,1,\n5,Tea,,\n6,Short,1\n7,Long,1,2,3\n8,Cents,1.2345,\n\n1,Again,9,\n10,Comma,\"1,5\",\n11,Fine,1,\n"
    ))
    .await;
    assert_eq!(
        told(&rows),
        [
            "1",
            "3 price: \"1.2.3\" is not a decimal number such as 12.90",
            "4 sku: is missing",
            "5 name: is missing",
            "6 price: is missing",
            "7 -: the row has 3 columns, the first line 4",
            "8 -: the row has 5 columns, the first line 4",
            "9 price: 1.2345 has more than 3 decimals",
            "11 sku: \"1\" stands in an earlier row already; that one is kept",
            "12 price: \"1,5\" is not a decimal number such as 12.90; the decimal mark is set to \".\"",
            "11",
        ]
    );
    assert_eq!(rows[1].as_ref().unwrap_err().raw, "2,Bread,1.2.3,");
}

#[tokio::test]
async fn barcodes_and_unreadable_characters() {
    let bytes = b"sku,name,price,barcode\n1,A,1,4006381333931\n2,B,1,4006381333932\n3,K\xE4se,1,\n4,D\x00,1,\n5,E,1,\n";
    let (rows, _) = read_with(bytes, |_| {}).await.unwrap();
    assert_eq!(
        told(&rows),
        [
            "1",
            "3 barcode: \"4006381333932\" has a wrong check digit",
            "4 name: holds characters that cannot be read; is the encoding right?",
            "5 name: holds control characters; the file may be damaged",
            "5",
        ]
    );
    // Half a character at the end of a wide file.
    let mut wide: Vec<u8> =
        format!("{HEAD}1,A,1,2\n2,B,1,3").encode_utf16().flat_map(u16::to_le_bytes).collect();
    wide.pop();
    let (rows, _) = read_with(&wide, |config| config.encoding = TextEncoding::Utf16Le).await.unwrap();
    assert_eq!(told(&rows), ["1", "3 stock: holds characters that cannot be read; is the encoding right?"]);
}

#[tokio::test]
async fn a_stray_quote_costs_its_row_and_no_other() {
    let rows =
        read(&format!("{HEAD}1,\"Milk,1.29,5\n2,Bread,1.10,3\n3,\"Tea \"\"x\"\"\",2,1\n4,Salt,1,1\n")).await;
    assert_eq!(told(&rows)[1..], ["2", "3", "4"]);
    let reject = rows[0].as_ref().unwrap_err();
    assert_eq!((reject.row, reject.raw.as_str()), (2, "1,\"Milk,1.29,5"));
    let rows = read(&format!("{HEAD}1,Milk,1,1\n2,\"Bread,1,3\n3,Tea,2,1\n")).await;
    assert_eq!(told(&rows)[0], "1");
    assert!(told(&rows)[1].starts_with("3 -: a quoted value is not closed"), "{:?}", told(&rows));
    assert_eq!(told(&rows)[2], "3");
}

#[tokio::test]
async fn half_a_last_line_is_rejected_and_a_missing_line_end_is_told() {
    let (rows, notes) = read_with(format!("{HEAD}1,Milk,1,1\n2,Bre").as_bytes(), |_| {}).await.unwrap();
    assert_eq!(
        told(&rows),
        ["1", "3 -: the row has 2 columns, the first line 4; it is the last one and may have been cut off"]
    );
    assert_eq!(notes.len(), 1);
    let (rows, notes) = read_with(format!("{HEAD}1,Milk,1,1").as_bytes(), |_| {}).await.unwrap();
    assert_eq!((told(&rows), notes.len()), (vec!["1".to_owned()], 1));
    assert!(notes[0].contains("line break"), "{notes:?}");
}

#[tokio::test]
async fn lines_are_counted_as_an_editor_does() {
    let text = "sku,name,price,stock\r\n\r\n1,\"two\r\nlines\",1,1\r\n\r\nx,y\r\n3,c,1,1\r\n4,d,x,1\r\n";
    assert_eq!(
        told(&read(text).await),
        [
            "1",
            "6 -: the row has 2 columns, the first line 4",
            "3",
            "8 price: \"x\" is not a decimal number such as 12.90"
        ]
    );
    let old_mac = "sku,name,price,stock\r1,a,1,1\r2,b,x,1\r";
    assert_eq!(told(&read(old_mac).await), ["1", "3 price: \"x\" is not a decimal number such as 12.90"]);
}

#[tokio::test]
async fn rows_of_empty_fields_are_passed_over() {
    assert_eq!(told(&read(&format!("{HEAD}1,a,1,1\n,,,\n , ,,\n;\n")).await).len(), 2);
}

#[tokio::test]
async fn a_file_without_its_header_is_malformed() {
    for (text, part) in [
        ("", "the file is empty"),
        ("1,Milk,1.29\n", "no column \"sku\" (for sku)"),
        ("sku;name;price\n", "its columns are \"sku;name;price\""),
        ("sku,name,price,\"open\n", "first line cannot be read"),
    ] {
        let failure = read_with(text.as_bytes(), |_| {}).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::SourceMalformed, "{text}");
        assert!(failure.detail.contains(part), "{}", failure.detail);
    }
}

#[tokio::test]
async fn missing_files_and_folders() {
    for (path, code) in [("/nowhere/items.csv", ErrorCode::SourceMissing), ("/", ErrorCode::SourceUnreadable)]
    {
        let failure = CsvConnector::new(CsvSource { path: path.into(), ..CsvSource::default() }).open().await;
        assert_eq!(failure.err().unwrap().code, code);
    }
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let many: String = (0..50_000).map(|n| format!("{n},a,1,1\n")).collect();
    let path = written(folder.path(), format!("{HEAD}{many}").as_bytes());
    let config = CsvSource { path: path.clone(), ..CsvSource::default() };
    let mut reading = CsvConnector::new(config).open().await.unwrap();
    reading.batches.next().await.unwrap().unwrap();
    std::io::Write::write_all(&mut fs::File::options().append(true).open(&path).unwrap(), b"x,late,1,1\n")
        .unwrap();
    let mut last = None;
    while let Some(batch) = reading.batches.next().await {
        last = Some(batch);
    }
    assert_eq!(last.unwrap().unwrap_err().code, ErrorCode::SourceChanging);
}

#[tokio::test]
async fn a_fresh_file_is_watched_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.csv");
    fs::write(&path, HEAD).unwrap();
    let config = CsvSource { path: path.to_str().unwrap().into(), ..CsvSource::default() };
    let connector = CsvConnector::new(config);
    let (opened, ()) = tokio::join!(connector.open(), async {
        // Polled first, the connector has taken the size and waits by now; either way the size differs.
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(50)).await; // poll: nothing tells when it has looked
        }
        fs::write(&path, format!("{HEAD}1,a,1,1\n")).unwrap();
    });
    assert_eq!(opened.err().unwrap().code, ErrorCode::SourceChanging);
}

#[tokio::test]
async fn it_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let many: String =
        (0..3_000).map(|n| format!("{n},a,{},1\n", if n % 10 == 0 { "x" } else { "1" })).collect();
    let path = written(folder.path(), format!("{HEAD}{many}").as_bytes());
    let config = CsvSource { path, ..CsvSource::default() };
    let connector = CsvConnector::new(config.clone());
    assert_eq!(conformance::source(&connector, 2_700, 300).await, [""; 0]);
    let mapped = conformance::mapped(&SourceConfig::Csv(config), None, &Means::default()).await.unwrap();
    assert_eq!(mapped, [""; 0]);
}

#[tokio::test]
async fn a_mapping_rejects_by_column_and_leaves_out_what_nobody_wants() {
    let text = "nr;marke;text;netto;aktiv\n1;Alm;milch;1,00;ja\n2;;brot;x;JA\n3;Bio;tee;2,00;nein\n4;A;b\u{1};1;ja\n";
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), text.as_bytes());
    let config =
        CsvSource { path, delimiter: ";".into(), decimal_mark: DecimalMark::Comma, ..CsvSource::default() };
    let mapping = serde_json::from_value(serde_json::json!({
        "fields": [
            { "field": "sku", "from": { "kind": "column", "column": "NR" },
              "steps": [{ "step": "pad_start", "length": 4, "with": "0" }] },
            { "field": "name", "from": { "kind": "template", "template": "{marke} {text}" },
              "steps": [{ "step": "letters", "to": "title" }] },
            { "field": "price", "from": { "kind": "column", "column": "netto" },
              "steps": [{ "step": "percent", "by": "19" }, { "step": "round", "to": "0.01" }] },
        ],
        "filter": { "conditions": [{ "column": "aktiv", "test": "equals", "value": "ja" }] },
    }));
    let mut reading = CsvConnector::new(config).mapped(mapping.unwrap()).open().await.unwrap();
    let batch = reading.batches.next().await.unwrap().unwrap();
    let item = &batch.rows[0].as_ref().unwrap().item;
    assert_eq!(
        (item.sku.as_str(), item.name.as_str(), item.price.to_string()),
        ("0001", "Alm Milch", "1.19".into())
    );
    let rejects: Vec<_> = batch.rows[1..].iter().map(|row| row.as_ref().unwrap_err()).collect();
    let (first, second) = (rejects[0], rejects[1]);
    assert_eq!((first.row, first.column.as_deref(), first.field), (3, Some("netto"), Some(ItemField::Price)));
    assert!(first.reason.starts_with("step 1 of the mapping: \"x\" is not"), "{}", first.reason);
    assert_eq!((second.column.as_deref(), second.field), (Some("text"), Some(ItemField::Name)));
    assert_eq!((rejects.len(), batch.left_out), (2, 1));
}

/// The console shows what a run will do; both must come to the same.
#[tokio::test]
async fn what_a_preview_shows_is_what_is_read() {
    let text = "nr;name;netto;ean;bestand;aktiv\n\
        1;milch;1,00;4006381333931;3;ja\n2;;1,00;;;ja\n3;brot;frei;;;ja\n4;tee;1.00;;;ja\n5;reis;-1;;;ja\n\
        6;kekse;2,50;123;;ja\n7;bier;9,99;;-2,5;nein\n8; wein ;0;;1,5;JA\n;eis;1;;;ja\n9;salz;0,999;;x;ja\n";
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), text.as_bytes());
    let column = |field, header: &str| ColumnName { field, header: header.into() };
    let config = CsvSource {
        path,
        delimiter: ";".into(),
        decimal_mark: DecimalMark::Comma,
        columns: vec![column(ItemField::Sku, "NR"), column(ItemField::Barcode, "ean")],
        ..CsvSource::default()
    };
    let mapping: Mapping = serde_json::from_value(serde_json::json!({
        "fields": [
            { "field": "name", "from": { "kind": "template", "template": "{name} ({nr})" },
              "steps": [{ "step": "letters", "to": "title" }, { "step": "before", "mark": "(2" }] },
            { "field": "price", "from": { "kind": "column", "column": "netto" },
              "steps": [{ "step": "percent", "by": "20" }, { "step": "round", "to": "0.01" }] },
            { "field": "stock", "from": { "kind": "column", "column": "bestand" } },
            { "field": "unit", "from": { "kind": "constant", "text": " pcs " } },
        ],
        "filter": { "conditions": [{ "column": "aktiv", "test": "equals", "value": "ja" }] },
    }))
    .unwrap();
    let connector = CsvConnector::new(config.clone()).mapped(mapping.clone());
    let looked = connector.look().await.unwrap();
    let preview = Preview::new(&mapping, &config.columns, ',', &looked.columns).unwrap();
    let shown: Vec<_> = looked.sample.into_rows().iter().map(|row| preview.row(row)).collect();
    let batch = connector.open().await.unwrap().batches.next().await.unwrap().unwrap();
    let left_out = shown.iter().filter(|row| row.verdict == Verdict::LeftOut).count();
    assert_eq!((shown.len(), left_out as u64), (10, batch.left_out));
    let told = shown.iter().filter(|row| row.verdict != Verdict::LeftOut).map(|row| match &row.verdict {
        Verdict::Rejected { field, reason } => format!("{}: {reason}", field.as_str()),
        _ => {
            let texts = row.fields.iter().map(|field| field.clone().unwrap().unwrap_or_default());
            texts.collect::<Vec<_>>().join("|")
        }
    });
    let number =
        |number: Option<messages::quantity::Decimal>| number.map(|n| n.to_string()).unwrap_or_default();
    let read = batch.rows.iter().map(|row| match row {
        Err(reject) => {
            // The agent adds a hint about the mark.
            let reason = reject.reason.split("; the decimal mark").next().unwrap_or_default();
            format!("{}: {reason}", reject.field.unwrap().as_str())
        }
        Ok(Numbered { item, .. }) => [
            item.sku.clone(),
            item.name.clone(),
            item.barcode.clone().unwrap_or_default(),
            item.price.to_string(),
            number(item.tax_rate),
            number(item.stock),
            item.unit.clone().unwrap_or_default(),
            item.category.clone().unwrap_or_default(),
            item.description.clone().unwrap_or_default(),
        ]
        .join("|"),
    });
    assert_eq!(told.collect::<Vec<_>>(), read.collect::<Vec<_>>());
}

#[test]
fn rows_are_bounded() {
    let long = format!("a,b\n1,{}\n2,x\n", "y".repeat(200_000));
    let mut records = Records::new(long.as_bytes(), b',');
    let mut seen = Vec::new();
    while let Some(row) = records.advance().unwrap() {
        seen.push((row.line, row.broken));
        assert!(seen.len() < 20);
    }
    assert_eq!(seen[0], (1, None));
    assert_eq!(seen[1..], [(2, Some(Broken::TooLong)), (3, None)]);
    let wide = format!("a,b\n{}\n2,x\n", ",".repeat(600));
    let mut records = Records::new(wide.as_bytes(), b',');
    let mut broken = Vec::new();
    while let Some(row) = records.advance().unwrap() {
        broken.push(row.broken);
    }
    assert_eq!(broken, [None, Some(Broken::TooWide), None]);
}

/// Line, end, fault and fields of every row; `quoted` reads each the careful way.
fn all_rows(text: &[u8], delimiter: u8, quoted: bool) -> Vec<(Row, Vec<Vec<u8>>, Vec<u8>)> {
    let mut records = Records::new(text, delimiter);
    records.only_carefully = quoted;
    let mut rows = Vec::new();
    while let Some(row) = records.advance().unwrap() {
        let fields = (0..row.columns).map(|at| records.field(at).to_vec()).collect();
        rows.push((row, fields, records.raw().to_vec()));
        if rows.len() % 3 == 0 {
            records.keep_first_line_only();
        }
    }
    rows
}

proptest! {
    #[test]
    fn both_ways_to_read_a_row_agree(text in "(\u{feff}|[a-c]|;|,|\"|\r\n|\n|\r|ü| ){0,300}", delimiter in prop::sample::select(vec![b',', b';', b' '])) {
        prop_assert_eq!(all_rows(text.as_bytes(), delimiter, false), all_rows(text.as_bytes(), delimiter, true));
    }

    #[test]
    fn rows_read_back_as_written(rows in prop::collection::vec(prop::collection::vec("[a-z,;\"\n ü]{0,12}", 3), 1..30)) {
        let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let text: String = rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n").collect();
        let mut records = Records::new(text.as_bytes(), b',');
        let mut line = 1;
        for row in &rows {
            let found = records.advance().unwrap().unwrap();
            prop_assert_eq!((found.line, found.columns, found.broken), (line, 3, None));
            for (at, field) in row.iter().enumerate() {
                prop_assert_eq!(records.field(at), field.as_bytes());
            }
            line += 1 + row.iter().map(|field| field.matches('\n').count() as u64).sum::<u64>();
        }
        prop_assert!(records.advance().unwrap().is_none());
    }

    #[test]
    fn any_bytes_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..4_000), encoding in 0..4) {
        let encoding = [TextEncoding::Utf8, TextEncoding::Utf16Le, TextEncoding::Utf16Be, TextEncoding::Windows1252][encoding as usize];
        let mut records = Records::new(TextReader::new(&bytes[..], encoding), b';');
        let mut rows = 0;
        while let Some(row) = records.advance().unwrap() {
            rows += 1;
            prop_assert!(rows <= 8_000);
            let _fields: usize = (0..row.columns).map(|at| records.field(at).len()).sum();
        }
        prop_assert_eq!(records.input().bytes_read(), bytes.len() as u64);
    }

    #[test]
    fn text_is_decoded_the_same_in_any_pieces(text in "\\PC{0,200}", piece in 1_usize..7) {
        struct Pieces<'a>(&'a [u8], usize);
        impl std::io::Read for Pieces<'_> {
            fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
                let length = self.1.min(out.len()).min(self.0.len());
                out[..length].copy_from_slice(&self.0[..length]);
                self.0 = &self.0[length..];
                Ok(length)
            }
        }
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let mut reader = TextReader::new(Pieces(&bytes, piece), TextEncoding::Utf16Be);
        let (mut decoded, mut out) = (Vec::new(), [0; 19]);
        loop {
            let length = reader.read(&mut out).unwrap();
            if length == 0 {
                break;
            }
            decoded.extend_from_slice(&out[..length]);
        }
        let decoded = String::from_utf8(decoded).unwrap();
        prop_assert_eq!(decoded, text.strip_prefix('\u{FEFF}').unwrap_or(&text).to_owned());
    }
}

/// Files with their age in minutes, and what is read of them.
async fn read_folder(
    files: &[(&str, u64, &str)],
    change: impl Fn(&mut CsvSource),
) -> (tempfile::TempDir, Result<(Rows, Vec<String>), Failure>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, minutes, rows) in files {
        let path = folder.path().join(name);
        fs::write(&path, format!("{HEAD}{rows}")).unwrap();
        let then = SystemTime::now() - Duration::from_secs(60 * minutes);
        fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    }
    let path = folder.path().join("items-*.csv").to_str().unwrap().to_owned();
    let mut config = CsvSource { path, ..CsvSource::default() };
    change(&mut config);
    let read = async {
        let mut reading = CsvConnector::new(config).open().await?;
        let (mut rows, mut notes) = (Vec::new(), Vec::new());
        while let Some(batch) = reading.batches.next().await {
            let batch = batch?;
            rows.extend(batch.rows.into_iter().map(|row| row.map(|row| row.item)));
            notes.extend(batch.notes);
        }
        if let Some(afterwards) = reading.afterwards {
            notes.extend(afterwards.succeeded().await);
        }
        Ok((rows, notes))
    };
    let read = read.await;
    (folder, read)
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const SEVERAL: [(&str, u64, &str); 4] = [
    ("items-1.csv", 30, "1,Old milk,1,1\n2,Bread,x,1\n3,Tea,1,1\n"),
    ("items-2.csv", 10, "1,Milk,2,1\n4,Jam,1,1\n4,Jam,1,1\n"),
    ("items-3.csv.tmp", 1, "9,Half,1,1\n"),
    ("other.csv", 1, "8,Other,1,1\n"),
];

#[tokio::test]
async fn the_newest_file_that_fits_is_read() {
    let (_folder, read) = read_folder(&SEVERAL, |_| {}).await;
    assert_eq!(
        told(&read.unwrap().0),
        ["1", "4", "4 sku: \"4\" stands in an earlier row already; that one is kept"]
    );
    let (_folder, read) = read_folder(&SEVERAL, |config| config.path.push('x')).await;
    let failure = read.unwrap_err();
    assert_eq!(failure.code, ErrorCode::SourceMissing);
    assert!(failure.detail.contains("no file fits"), "{}", failure.detail);
}

#[tokio::test]
async fn of_all_files_the_newest_counts_and_places_name_their_file() {
    let (_folder, read) = read_folder(&SEVERAL, |config| config.pick = PickFiles::All).await;
    let (rows, notes) = read.unwrap();
    assert_eq!(rows[0].as_ref().unwrap().name, "Milk");
    let told = told(&rows);
    assert_eq!((told.len(), told[0].as_str(), told[1].as_str(), told[4].as_str()), (5, "1", "4", "3"));
    assert!(told[2].contains("items-2.csv: ") && told[3].starts_with("3 price: items-1.csv: "), "{told:?}");
    assert_eq!(notes, ["1 rows of older files were left out: a newer one has the article, too"]);
}

#[tokio::test]
async fn files_that_were_sent_are_put_away_and_none_is_lost() {
    let (folder, read) = read_folder(&SEVERAL, |config| {
        config.pick = PickFiles::All;
        config.archive = "done".into();
        let done = Path::new(&config.path).with_file_name("done");
        fs::create_dir(&done).unwrap();
        fs::write(done.join("items-1.csv"), "of yesterday").unwrap();
    })
    .await;
    read.unwrap();
    assert_eq!(names_in(folder.path()), ["done", "items-3.csv.tmp", "other.csv"]);
    let done = names_in(&folder.path().join("done"));
    assert_eq!(done.len(), 3, "{done:?}");
    assert_eq!(fs::read_to_string(folder.path().join("done/items-1.csv")).unwrap(), "of yesterday");
    // A folder that cannot be is told, and the file stays.
    let (folder, read) = read_folder(&SEVERAL[..1], |config| config.archive = "items-1.csv".into()).await;
    let notes = read.unwrap().1;
    assert!(notes[0].contains("could not be moved"), "{notes:?}");
    assert_eq!(names_in(folder.path()), ["items-1.csv"]);
}

#[tokio::test]
async fn a_file_has_to_stand_still_for_as_long_as_was_set() {
    let (_folder, read) = read_folder(&SEVERAL[..1], |config| config.settled_s = 3_600).await;
    assert_eq!(read.unwrap_err().code, ErrorCode::SourceChanging);
    let (_folder, read) = read_folder(&SEVERAL[..1], |config| config.settled_s = 1_700).await;
    assert_eq!(read.unwrap().0.len(), 3);
}
