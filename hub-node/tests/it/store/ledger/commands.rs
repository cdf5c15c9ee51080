//! A round costs one command for each kind of document, however many events it holds, and a fold one for each kind of sum,
//! however many rounds. Counted on the wire.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::ingest::model::{Changes, SaleRecord, Settled, StockMove};
use actors::ingest::pending::{Additions, Fold};
use actors::ports::LedgerStore as _;
use hub_node::store::Store;
use messages::Version;
use messages::edge::Quantity;
use messages::version::Epoch;

use super::wire::Wire;
use super::{NOW, changes, event, origin, retailer, sale, sales, shop, stream, wanted, with_retailer};

#[tokio::test]
async fn a_round_costs_a_command_for_each_kind_of_document_and_no_more() {
    let home = with_retailer().await;
    let wire = Wire::to(home.server.uri()).await;
    let store = Store::open(&wire.uri(), &home.database).await.unwrap();
    store.open(retailer(), Epoch(1)).await.unwrap();
    wire.taken();
    store.look(retailer(), wanted()).await.unwrap();
    let looks = wire.taken();
    assert!(looks.len() == 9 && looks.iter().all(|look| look.starts_with("find ")), "{looks:?}");
    store.write(retailer(), Epoch(1), Version(1), &changes()).await.unwrap();
    let whole = [
        "findAndModify ledger_fences",
        "insert inbox_parts",
        "insert sales",
        "insert payments",
        "insert voids",
        "update edge_streams",
        "update edges",
        "update dead_letters",
        "update sales_by_hour",
        "insert sums_journal",
        "commitTransaction",
    ];
    assert_eq!(wire.taken(), whole);
    // Fifty times as many events of the usual kinds.
    let mut many = Changes { edges: BTreeMap::new(), letters: BTreeMap::new(), voids: vec![], ..changes() };
    many.sales.clear();
    (many.settled, many.payments) = (vec![], vec![]);
    for n in 1_000..1_050 {
        let record = SaleRecord { origin: origin(n), sale: sale(n, 500), ..sales()[0].clone() };
        many.sales.insert(record.sale.transaction_id, record);
        many.settled.push(Settled {
            event: event(n),
            stream: stream(),
            seq: u64::try_from(n).unwrap(),
            at: NOW,
        });
        let moved = StockMove { before: Quantity::ZERO, delta: Quantity::pieces(-1), at: NOW };
        many.added.stock.insert((shop(), format!("A{n}")), moved);
    }
    store.write(retailer(), Epoch(1), Version(2), &many).await.unwrap();
    let usual = wire.taken();
    assert_eq!(usual.len(), 7, "{usual:?}");
    // Both rounds go into the sums together.
    let journal = store.open(retailer(), Epoch(1)).await.unwrap().journal;
    wire.taken();
    let rounds = journal.iter().map(|entry| entry.round).collect();
    let added = Additions { stock: journal[1].additions.stock.clone(), ..journal[0].additions.clone() };
    let fold = Fold { rounds, additions: added };
    store.fold(retailer(), Epoch(1), Version(3), Arc::new(fold)).await.unwrap();
    let folded = [
        "find stock_shelves",
        "find article_shelves",
        "find inventory",
        "findAndModify ledger_fences",
        "update stock_shelves",
        "update article_shelves",
        "delete sums_journal",
        "commitTransaction",
    ];
    assert_eq!(wire.taken(), folded);
}
