//! Files as other programs write them: DBF tables, XML documents.

use std::fs;
use std::path::PathBuf;

use agent_node::connector::dbf::{Dbf, DbfConnector};
use agent_node::connector::xml::{Xml, XmlConnector};
use agent_node::connector::{Means, PosConnector};
use messages::ErrorCode;
use messages::connector::{
    ColumnName, DbfSource, DecimalMark, PickFiles, SourceConfig, TextEncoding, XmlSource,
};
use messages::item::ItemField;
use tempfile::TempDir;

use super::read;
use crate::conformance;
use crate::support::{settle, shown};

/// A folder of files that nobody is writing any more.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        shown(&self.0.path().join(name))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        settle(&path);
        path
    }
}

fn column(field: ItemField, header: &str) -> ColumnName {
    ColumnName { field, header: header.into() }
}

/// A table as dBase writes it: columns by name, type and length, and records of bytes.
fn dbf(version: u8, language: u8, columns: &[(&str, u8, u8)], records: &[&[u8]]) -> Vec<u8> {
    let head = 32 + 32 * columns.len() + 1;
    let record: usize = 1 + columns.iter().map(|(.., length)| usize::from(*length)).sum::<usize>();
    let mut bytes = vec![0_u8; 32];
    bytes[0] = version;
    bytes[1..4].copy_from_slice(&[126, 11, 21]);
    bytes[4..8].copy_from_slice(&u32::try_from(records.len()).unwrap().to_le_bytes());
    bytes[8..10].copy_from_slice(&u16::try_from(head).unwrap().to_le_bytes());
    bytes[10..12].copy_from_slice(&u16::try_from(record).unwrap().to_le_bytes());
    bytes[29] = language;
    for (name, kind, length) in columns {
        let mut descriptor = [0_u8; 32];
        descriptor[..name.len()].copy_from_slice(name.as_bytes());
        (descriptor[11], descriptor[16]) = (*kind, *length);
        bytes.extend(descriptor);
    }
    bytes.push(0x0D);
    for content in records {
        assert_eq!(content.len(), record, "a record of the test");
        bytes.extend(*content);
    }
    bytes.push(0x1A);
    bytes
}

const COLUMNS: [(&str, u8, u8); 4] =
    [("ARTNO", b'C', 6), ("NAME", b'C', 10), ("PRICE", b'N', 9), ("NOTE", b'M', 10)];

fn table(path: String) -> DbfSource {
    let columns = vec![column(ItemField::Sku, "artno"), column(ItemField::Description, "note")];
    DbfSource { path, columns, ..DbfSource::default() }
}

#[tokio::test]
async fn a_table_of_dbase_with_its_memos() {
    let folder = Folder::new();
    let record = |flag: char, sku: &str, name: &[u8], price: &str, memo: &str| {
        let mut bytes = vec![u8::try_from(flag).unwrap()];
        bytes.extend(format!("{sku:<6}").bytes());
        bytes.extend(name);
        bytes.resize(17, b' ');
        bytes.extend(format!("{price:>9}").bytes());
        bytes.extend(format!("{memo:>10}").bytes());
        bytes
    };
    let rows = [
        record(' ', "001001", b"K\x84se", "12.90", "1"),
        record('*', "001002", b"Deleted", "1.00", ""),
        record(' ', "001003", b"Tea", "*********", ""),
        record(' ', "001004", b"Rice", "0.5", ""),
        record(' ', "001001", b"Again", "1", ""),
    ];
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    folder.write("ARTICLES.DBF", &dbf(0x83, 0x02, &COLUMNS, &rows));
    let mut memo = vec![0_u8; 512];
    memo.extend(b"From the \x81ber-farm\x1A\x1A");
    memo.resize(1_024, 0);
    folder.write("articles.dbt", &memo);
    let source = DbfConnector::new(Dbf(table(folder.path("ARTICLES.DBF"))));
    assert!(source.check().await.unwrap().ends_with("has 5 records and 4 columns"));
    let all = read(&source).await.unwrap();
    let items: Vec<_> = all
        .items
        .iter()
        .map(|item| (item.sku.as_str(), item.name.as_str(), item.price.to_string()))
        .collect();
    assert_eq!(items, [("001001", "Käse", "12.90".to_owned()), ("001004", "Rice", "0.5".to_owned())]);
    assert_eq!(all.items[0].description.as_deref(), Some("From the über-farm"));
    assert_eq!(
        all.rejects,
        [
            "3 PRICE: was too large for its column; the program that wrote it kept asterisks only",
            "5 ARTNO: \"001001\" stands in an earlier row already; that one is kept"
        ]
    );

    let whole = dbf(0x03, 0, &COLUMNS, &rows);
    folder.write("cut.dbf", &whole[..whole.len() - 30]);
    let encoding = Some(TextEncoding::Cp850);
    let cut = DbfSource {
        encoding,
        columns: vec![column(ItemField::Sku, "ARTNO")],
        ..table(folder.path("cut.dbf"))
    };
    let cut = read(&DbfConnector::new(Dbf(cut))).await.unwrap();
    assert_eq!((cut.items.len(), cut.notes.len()), (2, 0));
    assert!(cut.rejects[1].starts_with("5 -: the file ends here, but the table says that it has 5 records"));
    let unsaid =
        DbfSource { columns: vec![column(ItemField::Sku, "ARTNO")], ..table(folder.path("cut.dbf")) };
    assert!(read(&DbfConnector::new(Dbf(unsaid))).await.unwrap().notes[0].contains("Windows-1252 is taken"));
}

#[tokio::test]
async fn dbf_conforms() {
    let folder = Folder::new();
    let columns = [("SKU", b'C', 8), ("NAME", b'C', 12), ("PRICE", b'N', 8)];
    let mut rows: Vec<_> = (0..2_000)
        .map(|n| {
            format!(" {n:<8}{:<12}{:>8}", format!("Article {n}"), format!("{}.{:02}", n % 90, n % 100))
                .into_bytes()
        })
        .collect();
    rows.push(format!(" {:<8}{:<12}{:>8}", "x", "", "1").into_bytes());
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    folder.write("items-1.dbf", &dbf(3, 0x57, &columns, &rows));
    folder.write("broken.dbf", b"sku;name;price\n1;Milk;1.29\n2;Tea;2.00\n");
    let connector = |name: &str| {
        DbfConnector::new(Dbf(DbfSource {
            path: folder.path(name),
            pick: PickFiles::All,
            ..DbfSource::default()
        }))
    };
    for name in ["items-1.dbf", "items-?.dbf"] {
        let (nowhere, malformed) = (connector("none-*.dbf"), connector("broken.dbf"));
        let breaches = conformance::source(&connector(name), (2_000, 1), &nowhere, &malformed).await;
        assert_eq!(breaches, [""; 0]);
        let config = DbfSource { path: folder.path(name), ..DbfSource::default() };
        assert_eq!(conformance::mapped(SourceConfig::Dbf(config), None, &Means::default()).await, [""; 0]);
    }
}

fn document(path: String) -> XmlSource {
    XmlSource { path, item: "catalogue/article".into(), ..XmlSource::default() }
}

#[tokio::test]
async fn xml_in_its_own_encoding_and_form() {
    let folder = Folder::new();
    let text = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<catalogue><shop>7</shop>\
        <article id=\"1\"><name>K\u{e4}se &amp; Brot</name><prices><retail>1,29</retail></prices></article>\
        <article id=\"2\"><name>Tea</name><prices><retail>1.29</retail></prices></article>\
        <article><name>No number</name><prices><retail>1</retail></prices></article></catalogue>";
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    folder.write("latin.xml", &latin);
    let wide: Vec<u8> =
        text.replace("ISO-8859-1", "UTF-16").encode_utf16().flat_map(u16::to_be_bytes).collect();
    folder.write("wide.xml", &[&[0xFE, 0xFF], wide.as_slice()].concat());
    for name in ["latin.xml", "wide.xml"] {
        let source = XmlSource {
            decimal_mark: DecimalMark::Comma,
            columns: vec![column(ItemField::Sku, "@id"), column(ItemField::Price, "prices/retail")],
            ..document(folder.path(name))
        };
        let source = XmlConnector::new(Xml(source));
        let found: Vec<_> =
            source.discover().await.unwrap().into_iter().map(|column| column.header).collect();
        assert_eq!(found, ["@id", "name", "prices/retail"]);
        let all = read(&source).await.unwrap();
        assert_eq!((all.items.len(), all.items[0].name.as_str()), (1, "Käse & Brot"), "{name}");
        assert_eq!(all.items[0].price.to_string(), "1.29");
        assert_eq!(all.rejects.len(), 2, "{:?}", all.rejects);
        assert!(all.rejects[0].starts_with("2 prices/retail: ") && all.rejects[1] == "3 @id: is missing");
    }
    let elsewhere = XmlSource { item: "items/item".into(), ..document(folder.path("latin.xml")) };
    let none = read(&XmlConnector::new(Xml(elsewhere))).await.unwrap();
    assert!(none.notes[0].contains("no element items/item was found"), "{none:?}");
    folder.write("half.xml", &latin[..latin.len() - 20]);
    let half = read(&XmlConnector::new(Xml(document(folder.path("half.xml"))))).await.unwrap_err();
    assert_eq!(half.code, ErrorCode::SourceMalformed);
}

#[tokio::test]
async fn xml_conforms() {
    let folder = Folder::new();
    let mut text = String::from("<catalogue>");
    for n in 0..2_000 {
        let price = format!("{}.{:02}", n % 90, n % 100);
        text += &format!("<article><sku>{n}</sku><name>Article {n}</name><price>{price}</price></article>\n");
    }
    text += "<article><sku>x</sku><price>1</price></article></catalogue>";
    folder.write("items-1.xml", text.as_bytes());
    folder.write("broken.xml", b"sku;name;price\n");
    let connector = |name: &str| {
        XmlConnector::new(Xml(XmlSource { pick: PickFiles::All, ..document(folder.path(name)) }))
    };
    for name in ["items-1.xml", "items-?.xml"] {
        let (nowhere, malformed) = (connector("none-*.xml"), connector("broken.xml"));
        let breaches = conformance::source(&connector(name), (2_000, 1), &nowhere, &malformed).await;
        assert_eq!(breaches, [""; 0]);
        let config = SourceConfig::Xml(document(folder.path(name)));
        assert_eq!(conformance::mapped(config, None, &Means::default()).await, [""; 0]);
    }
}
