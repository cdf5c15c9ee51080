//! x
use std::time::Instant;
use crate::support::*;
use bson::{doc, Document};
#[tokio::test]
async fn zz_timing() {
    let server = server::shared();
    let client = mongodb::Client::with_uri_str(server.uri()).await.unwrap();
    let db = client.database("x");
    for kind in ["doc", "bin", "str"] {
        let c = db.collection::<Document>(kind);
        let r = bson::Uuid::new();
        let id = |n: i64| -> bson::Bson { match kind { "doc" => doc!{"r": r, "s": r, "n": n}.into(), "bin" => { let mut b = r.bytes().to_vec(); b.extend(n.to_be_bytes()); bson::Binary{subtype: bson::spec::BinarySubtype::Generic, bytes: b}.into() }, _ => format!("{r}:{n}").into() } };
        let docs: Vec<Document> = (0..5000).map(|n| doc!{"_id": id(n), "retailer_id": r, "row": n}).collect();
        let t = Instant::now();
        c.insert_many(docs).ordered(false).await.unwrap();
        println!("{kind} insert 5000 {:?}", t.elapsed());
        let t = Instant::now();
        for n in 0..50 { c.find_one(doc!{"_id": id(n*7), "retailer_id": r}).await.unwrap().unwrap(); }
        println!("{kind} find {:?}", t.elapsed()/50);
        let t = Instant::now();
        for n in 0..20 { c.replace_one(doc!{"_id": id(n*7), "retailer_id": r}, doc!{"retailer_id": r, "row": 9}).await.unwrap(); }
        println!("{kind} replace {:?}", t.elapsed()/20);
        let t = Instant::now();
        let ups: Vec<Document> = (6000..6050i64).map(|n| doc!{"q": {"_id": id(n), "retailer_id": r}, "u": {"_id": id(n), "retailer_id": r, "row": n}, "upsert": true}).collect();
        db.run_command(doc!{"update": kind, "updates": ups}).await.unwrap();
        println!("{kind} update cmd upsert {:?}", t.elapsed()/50);
        let t = Instant::now();
        let mut s = client.start_session().await.unwrap();
        s.start_transaction().await.unwrap();
        let ups: Vec<Document> = (7000..7050i64).map(|n| doc!{"q": {"_id": id(n), "retailer_id": r}, "u": {"_id": id(n), "retailer_id": r, "row": n}, "upsert": true}).collect();
        db.run_command(doc!{"update": kind, "updates": ups}).session(&mut s).await.unwrap();
        s.commit_transaction().await.unwrap();
        println!("{kind} update cmd upsert txn {:?}", t.elapsed()/50);
        let plan = db.run_command(doc!{"explain": {"find": kind, "filter": {"_id": id(3), "retailer_id": r}}}).await;
        println!("{:?}", plan.map(|p| p.get_document("queryPlanner").map(|q| format!("{q}")).unwrap_or_default()));
    }
}
