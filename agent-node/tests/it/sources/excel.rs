//! Workbooks as Excel writes them: shared texts, styles, numbers with seventeen digits.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use agent_node::connector::excel::{Excel, ExcelConnector};
use agent_node::connector::{Means, PosConnector};
use messages::ErrorCode;
use messages::connector::{ColumnName, DecimalMark, ExcelSource, PickFiles, SourceConfig};
use messages::item::ItemField;
use zip::write::SimpleFileOptions;

use super::read;
use crate::conformance;
use crate::support::{settle, shown};

const RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet2.xml"/>
<Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/>
<Relationship Id="rId4" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;

const WORKBOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
<sheets><sheet name="Notes" sheetId="1" r:id="rId1"/><sheet name="Artikel" sheetId="2" r:id="rId2"/></sheets></workbook>"#;

/// Style 1 is a share, 2 an article number of five digits.
const STYLES: &str = r#"<styleSheet><numFmts count="1"><numFmt numFmtId="164" formatCode="00000"/></numFmts>
<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="9"/><xf numFmtId="164"/></cellXfs></styleSheet>"#;

fn sheet(rows: &str) -> String {
    format!("<worksheet><dimension ref=\"A1\"/><sheetData>{rows}</sheetData><pageMargins/></worksheet>")
}

/// A workbook of an empty sheet, and one of these rows.
fn write(path: &Path, rows: &str, texts: &[String]) {
    let mut shared = String::from("<sst>");
    for text in texts {
        write!(shared, "<si><t>{text}</t></si>").unwrap();
    }
    shared += "</sst>";
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let (first, second) = (sheet(""), sheet(rows));
    for (name, content) in [
        ("[Content_Types].xml", "<Types/>"),
        ("xl/workbook.xml", WORKBOOK),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/styles.xml", STYLES),
        ("xl/sharedStrings.xml", &shared),
        ("xl/worksheets/sheet1.xml", &first),
        ("xl/worksheets/sheet2.xml", &second),
    ] {
        let packed = if name.contains("rels") {
            zip::CompressionMethod::Stored
        } else {
            zip::CompressionMethod::Deflated
        };
        zip.start_file(name, SimpleFileOptions::default().compression_method(packed)).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    settle(path);
}

fn connector(folder: &tempfile::TempDir, config: ExcelSource) -> ExcelConnector {
    let path = shown(&folder.path().join(&config.path));
    ExcelConnector::new(Excel {
        config: ExcelSource { path, ..config },
        scratch: folder.path().join("stage"),
    })
}

fn artikel(path: &str) -> ExcelSource {
    ExcelSource { path: path.into(), sheet: "ARTIKEL".into(), ..ExcelSource::default() }
}

#[tokio::test]
async fn a_workbook_as_its_user_sees_it() {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<String> = ["Preisliste", "Nr", "name", "price", "tax_rate", "Käse &amp; Brot", "1,50"]
        .map(str::to_owned)
        .into();
    let rows = r#"<row r="1"><c r="A1" t="s"><v>0</v></c></row>
        <row r="3"><c r="A3" t="s"><v>1</v></c><c r="B3" t="s"><v>2</v></c><c r="D3" t="s"><v>3</v></c><c r="E3" t="s"><v>4</v></c></row>
        <row r="4"><c r="A4" s="2"><v>12</v></c><c r="B4" t="s"><v>5</v></c><c r="C4"><v>7</v></c><c r="D4"><v>4.3499999999999996</v></c><c r="E4" s="1"><v>7.0000000000000007E-2</v></c></row>
        <row r="5"><c r="A5"><v>4.006381333931E+12</v></c><c r="B5" t="inlineStr"><is><t>Tea</t></is></c><c r="D5" t="s"><v>6</v></c></row>
        <row r="6"/><row r="7"><c r="B7"/></row>
        <row r="8"><c r="A8"><v>9</v></c><c r="B8" t="str"><f>B5</f><v>Tea</v></c><c r="D8" t="e"><v>#N/A</v></c></row>
        <row r="9"><c r="A9"><v>10</v></c><c r="B9" t="str"><v>Salt</v></c><c r="D9"><f>D4*2</f></c></row>
        <row r="10"><c r="B10" t="str"><v>Nameless</v></c><c r="D10"><v>1</v></c></row>"#;
    write(&folder.path().join("items.xlsx"), rows, &texts);
    let config = ExcelSource {
        header_row: 3,
        decimal_mark: DecimalMark::Comma,
        columns: vec![ColumnName { field: ItemField::Sku, header: "nr".into() }],
        ..artikel("items.xlsx")
    };
    let source = connector(&folder, config.clone());
    let found: Vec<_> = source.discover().await.unwrap().into_iter().map(|column| column.header).collect();
    assert_eq!(found, ["Nr", "name", "price", "tax_rate"]);
    let all = read(&source).await.unwrap();
    let items: Vec<_> = all
        .items
        .iter()
        .map(|item| {
            (
                item.sku.as_str(),
                item.name.as_str(),
                item.price.to_string(),
                item.tax_rate.map(|rate| rate.to_string()),
            )
        })
        .collect();
    assert_eq!(
        items,
        [
            ("00012", "Käse & Brot", "4.35".to_owned(), Some("7".to_owned())),
            ("4006381333931", "Tea", "1.50".to_owned(), None),
        ]
    );
    assert_eq!(
        all.rejects,
        [
            "8 price: holds the error #N/A",
            "9 price: holds a formula without its result; open and save the file once in a spreadsheet program",
            "10 Nr: is missing",
        ]
    );
    assert_eq!(std::fs::read_dir(folder.path().join("stage")).unwrap().count(), 0);
    for (config, words) in [
        (ExcelSource { sheet: "Preise".into(), ..config.clone() }, "its sheets are \"Notes\", \"Artikel\""),
        (ExcelSource { header_row: 2, ..config.clone() }, "row 2, in which the names"),
        (ExcelSource { header_row: 1, ..config.clone() }, "row 1 has no column"),
        (ExcelSource { sheet: String::new(), ..config }, "row 3, in which the names"),
    ] {
        let failure = read(&connector(&folder, config)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::SourceMalformed);
        assert!(failure.detail.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn what_is_no_workbook_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("whole.xlsx"), "", &[]);
    let whole = std::fs::read(folder.path().join("whole.xlsx")).unwrap();
    for (name, bytes, words) in [
        ("old.xls", &[0xD0, 0xCF, 0x11, 0xE0, 0, 0, 0, 0][..], "old workbook (.xls)"),
        ("text.xlsx", b"sku;name;price", "no Excel workbook"),
        ("half.xlsx", &whole[..whole.len() / 2], "damaged, or was not written to its end"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        settle(&path);
        let failure = read(&connector(&folder, artikel(name))).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::SourceMalformed);
        assert!(failure.detail.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn excel_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut texts: Vec<String> = ["sku", "name", "price"].map(str::to_owned).into();
    let mut rows =
        String::from(r#"<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>2</v></c></row>"#);
    for n in 0..2_000 {
        write!(
            rows,
            "<row><c><v>{n}</v></c><c t=\"s\"><v>{}</v></c><c><v>{}.{:02}</v></c></row>",
            texts.len(),
            n % 90,
            n % 100
        )
        .unwrap();
        texts.push(format!("Article {n}"));
    }
    rows += "<row><c t=\"str\"><v>x</v></c><c/><c><v>1</v></c></row>";
    write(&folder.path().join("items-1.xlsx"), &rows, &texts);
    std::fs::write(folder.path().join("broken.xlsx"), "sku;name;price").unwrap();
    settle(&folder.path().join("broken.xlsx"));
    let source = |name: &str| connector(&folder, ExcelSource { pick: PickFiles::All, ..artikel(name) });
    for name in ["items-1.xlsx", "items-?.xlsx"] {
        let (nowhere, malformed) = (source("none-*.xlsx"), source("broken.xlsx"));
        let breaches = conformance::source(&source(name), (2_000, 1), &nowhere, &malformed).await;
        assert_eq!(breaches, [""; 0]);
        let path = shown(&folder.path().join(name));
        let config = SourceConfig::Excel(ExcelSource { path, pick: PickFiles::All, ..artikel(name) });
        let means = Means { scratch: folder.path().join("scratch"), ..Means::default() };
        assert_eq!(conformance::mapped(config, None, &means).await, [""; 0]);
    }
}
