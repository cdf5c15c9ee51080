//! Files as people have them.

use super::*;

fn portion(format: FileForm, text: &str) -> ImportPortion {
    ImportPortion { format, header: None, first_line: 1, text: text.to_owned() }
}

fn csv_of(text: &str) -> Result<Read, Problem> {
    read(&portion(FileForm::Csv, text), Currency::EUR, &[("main".to_owned(), store())])
}

fn store() -> StoreId {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
}

fn faults(read: &Read) -> Vec<(u64, &str)> {
    read.errors.iter().map(|error| (error.line, error.field.as_str())).collect()
}

#[test]
fn a_csv_file_is_read_whatever_its_marks() {
    for mark in [",", ";", "\t"] {
        let text = [
            "\u{feff}SKU,Name,price,tax_rate,weighed,plu,price@main,bundle_pieces,bundle_price,barcode",
            "A1,\"Milk, whole\",1.65,7.7,no,,1.49,3,4.50,4006381333931",
            "W1,Bananas,2.95,2.6 %,yes,4011,,,,",
        ];
        let text = text.join("\n").replace(", ", "§ ").replace(',', mark).replace("§ ", ", ");
        let read = csv_of(&text).unwrap();
        assert!(read.errors.is_empty(), "{:?}", read.errors);
        let [milk, bananas] = read.rows.as_slice() else { panic!("two rows") };
        assert_eq!((milk.line, milk.sku.as_str()), (2, "A1"));
        let expected = ArticlePatch {
            name: Put::Set("Milk, whole".into()),
            price: Put::Set(Amount::new(165)),
            tax_rate: Put::Set(TaxRate(770)),
            weighed: Put::Set(false),
            plu: Put::Set(None),
            prices: BTreeMap::from([(store(), Some(Amount::new(149)))]),
            bundle: Put::Set(Some(Bundle { pieces: 3, price: Amount::new(450) })),
            barcode: Put::Set(Some("4006381333931".into())),
            ..ArticlePatch::default()
        };
        assert_eq!(milk.patch, expected);
        assert_eq!((bananas.line, bananas.patch.plu), (3, Put::Set(Some(4_011))));
        assert_eq!(bananas.patch.bundle, Put::Set(None), "empty: taken away");
        assert_eq!(bananas.patch.prices, BTreeMap::from([(store(), None)]));
    }
}

#[test]
fn columns_that_are_not_there_and_cells_that_say_nothing_leave_things_as_they_are() {
    let read = csv_of("sku,name,price\nA1,,1.10\nA2,Tea,\n").unwrap();
    let patch = |at: usize| &read.rows[at].patch;
    assert_eq!((&patch(0).name, patch(0).price), (&Put::Keep, Put::Set(Amount::new(110))));
    assert_eq!((&patch(1).name, patch(1).price), (&Put::Set("Tea".into()), Put::Keep));
    assert_eq!((&patch(1).barcode, patch(1).bundle), (&Put::Keep, Put::Keep));
}

#[test]
fn a_later_portion_brings_the_header_and_its_first_line() {
    let wanted = ImportPortion {
        header: Some("sku;price".into()),
        first_line: 501,
        ..portion(FileForm::Csv, "A1;1.5\nA2;x\nA3;1.505\n;1\nA5;1;2\n")
    };
    let read = read(&wanted, Currency::EUR, &[]).unwrap();
    assert_eq!(read.rows.len(), 1);
    assert_eq!((read.rows[0].line, read.rows[0].patch.price), (501, Put::Set(Amount::new(150))));
    assert_eq!(faults(&read), [(502, "price"), (503, "price"), (504, "sku"), (505, "")]);
    assert_eq!(read.errors[0].sku.as_deref(), Some("A2"));
}

#[test]
fn a_header_that_is_not_understood_is_refused_as_a_whole() {
    for (text, part) in [
        ("name,price\nTea,1", "\"sku\" is needed"),
        ("sku,colour\nA1,red", "\"colour\""),
        ("sku,price@moon\nA1,1", "no store of that code"),
        ("sku,name,name\nA1,a,b", "twice"),
    ] {
        let problem = csv_of(text).unwrap_err();
        assert_eq!(problem.errors[0].field, "header");
        assert!(problem.errors[0].detail.contains(part), "{text}: {}", problem.errors[0].detail);
    }
    let many: String = (0..=MAX_ROWS).map(|n| format!("A{n},1\n")).collect();
    let problem = csv_of(&format!("sku,price\n{many}")).unwrap_err();
    assert_eq!(problem.errors[0].field, "text");
}

#[test]
fn lines_of_json_say_what_is_to_be_changed() {
    let text = concat!(
        r#"{"sku":"A1","name":"Milk","price":165,"barcode":null,"prices":{"01890a5d-ac96-774b-bcce-b302099a8057":149}}"#,
        "\n\n",
        r#"{"sku":"A2","price":1.5}"#,
        "\n",
        r#"{"name":"no number"}"#,
        "\n",
        r#"{"sku":"A3","colour":"red"}"#,
        "\n",
        r#"{"sku":"A4","state":"withdrawn"}"#,
    );
    let read = read(&portion(FileForm::Jsonl, text), Currency::EUR, &[]).unwrap();
    let lines: Vec<_> = read.rows.iter().map(|row| (row.line, row.sku.as_str())).collect();
    assert_eq!(lines, [(1, "A1"), (6, "A4")]);
    assert_eq!((&read.rows[0].patch.barcode, &read.rows[0].patch.blocked), (&Put::Set(None), &Put::Keep));
    assert_eq!(read.rows[1].patch.state, Put::Set(ArticleState::Withdrawn));
    assert_eq!(faults(&read), [(3, ""), (4, ""), (5, "")]);
}
