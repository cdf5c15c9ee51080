//! A round costs one command for each kind of document, however many events it holds, and a fold one for each kind of sum,
//! however many rounds. Counted on the wire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use actors::ingest::model::{Changes, SaleRecord, Settled, StockMove};
use actors::ingest::pending::{Additions, Fold};
use actors::ports::LedgerStore as _;
use hub_node::store::Store;
use messages::Version;
use messages::edge::Quantity;
use messages::version::Epoch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{NOW, changes, event, origin, retailer, sale, sales, shop, stream, wanted, with_retailer};

/// A line to the database on which commands are noted: name and collection.
struct Wire {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    async fn to(uri: &str) -> Self {
        let server = uri.trim_start_matches("mongodb://").split(['/', '?']).next().unwrap().to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), seen: Arc::default() };
        let seen = Arc::clone(&wire.seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let seen = Arc::clone(&seen);
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                tokio::spawn(async move {
                    let mut length = [0; 4];
                    while from_client.read_exact(&mut length).await.is_ok() {
                        let mut message = vec![0; usize::try_from(i32::from_le_bytes(length)).unwrap() - 4];
                        from_client.read_exact(&mut message).await.unwrap();
                        seen.lock().unwrap().extend(command(&message));
                        to_server.write_all(&length).await.unwrap();
                        to_server.write_all(&message).await.unwrap();
                    }
                });
            }
        });
        wire
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// Of a message without its length; nothing for what keeps the connection.
fn command(message: &[u8]) -> Option<String> {
    const OP_MSG: i32 = 2013;
    if i32::from_le_bytes(message[8..12].try_into().unwrap()) != OP_MSG {
        return None;
    }
    let body = bson::RawDocument::from_bytes(document(&message[17..])).unwrap();
    let (name, value) = body.iter().next()?.unwrap();
    let on = value.as_str().unwrap_or_default();
    let keeps = ["hello", "ping", "endSessions", "isMaster", "ismaster"].contains(&name.as_str());
    (!keeps).then(|| format!("{} {on}", name.as_str()).trim_end().to_owned())
}

/// The first document in these bytes; sequences may follow it.
fn document(bytes: &[u8]) -> &[u8] {
    &bytes[..usize::try_from(i32::from_le_bytes(bytes[..4].try_into().unwrap())).unwrap()]
}

#[tokio::test]
async fn a_round_costs_a_command_for_each_kind_of_document_and_no_more() {
    let home = with_retailer().await;
    let wire = Wire::to(home.server.uri()).await;
    let uri = format!("mongodb://127.0.0.1:{}/?directConnection=true", wire.port);
    let store = Store::open(&uri, &home.database).await.unwrap();
    store.open(retailer(), Epoch(1)).await.unwrap();
    wire.taken();
    store.look(retailer(), wanted()).await.unwrap();
    let looks = wire.taken();
    assert!(looks.len() == 8 && looks.iter().all(|look| look.starts_with("find ")), "{looks:?}");
    store.write(retailer(), Epoch(1), Version(1), Arc::new(changes())).await.unwrap();
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
    store.write(retailer(), Epoch(1), Version(2), Arc::new(many)).await.unwrap();
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
