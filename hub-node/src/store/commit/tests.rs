//! The plan of a commit: gathered by collection, in order within one, and named by its content.

use actors::domain::{Agent, AgentAccess, EntityId, Receipt, Retailer, Stamp, Store, Write};
use messages::http::agents::AgentSpec;
use messages::http::retailers::RetailerSpec;
use messages::http::stores::StoreSpec;
use messages::version::Epoch;
use messages::{AgentId, RetailerId, StoreId, Timestamp, Version};

use super::plan::{Action, Plan, Step, plan};
use super::{Trouble, refused};
use crate::store::failure;
use crate::store::tenant::{Change, Refusal};
use actors::ports::StoreError;

fn stamp() -> Stamp {
    Stamp { rev: Version(1), created_at: Timestamp(1), updated_at: Timestamp(1) }
}

fn shop(code: &str) -> Write {
    let spec = StoreSpec {
        code: code.into(),
        name: "Shop".into(),
        address: String::new(),
        time_zone: "UTC".into(),
        enabled: true,
    };
    Write::Store(Store { id: StoreId::new(), stamp: stamp(), spec })
}

fn agent(name: &str) -> Write {
    Write::Agent(Agent {
        id: AgentId::new(),
        stamp: stamp(),
        spec: AgentSpec { name: name.into(), store_id: None, enabled: true, most_runs: 8 },
        access: AgentAccess::default(),
        enrolled_at: None,
        machine: None,
        last_seen_at: None,
    })
}

fn retailer(id: RetailerId) -> Write {
    let spec = RetailerSpec {
        code: "fresh".into(),
        name: "Fresh".into(),
        currency: "VND".into(),
        time_zone: "UTC".into(),
        contact: String::new(),
        notes: String::new(),
        enabled: true,
        maintenance: Vec::new(),
        most_runs: 80,
    };
    Write::Retailer(Retailer { id, stamp: stamp(), spec })
}

fn planned(writes: &[Write]) -> Plan {
    plan(RetailerId::from_uuid(uuid::Uuid::nil()), Epoch(1), Version(1), writes).unwrap()
}

fn outline(plan: &Plan) -> Vec<(&'static str, char, usize)> {
    let sort = |step: &Step| match &step.action {
        Action::Update(updates, claims) => {
            assert_eq!(updates.len(), claims.len());
            (step.collection, 'u', updates.len())
        }
        Action::Insert(documents) => (step.collection, 'i', documents.len()),
        Action::Delete(filters) => (step.collection, 'd', filters.len()),
    };
    plan.steps.iter().map(sort).collect()
}

#[test]
fn changes_are_gathered_by_collection_and_keep_their_order_there() {
    let gone = |n| Write::Delete(EntityId::Agent(AgentId::from_uuid(uuid::Uuid::from_u128(n))));
    let writes = [shop("a"), agent("x"), shop("b"), gone(1), gone(2), shop("c"), agent("y"), agent("z")];
    assert_eq!(
        outline(&planned(&writes)),
        [("stores", 'u', 3), ("agents", 'u', 1), ("agents", 'd', 2), ("agents", 'u', 2)]
    );
    assert_eq!(outline(&planned(&[])), []);
}

#[test]
fn deleting_a_retailer_deletes_what_is_few_and_leaves_the_rest_to_the_sweep() {
    let plan = planned(&[Write::Delete(EntityId::Retailer)]);
    let collections: Vec<_> = outline(&plan).into_iter().map(|(collection, _, _)| collection).collect();
    assert_eq!(collections, ["retailers", "stores", "agents", "destinations", "jobs"]);
    assert_eq!(plan.retailer_lives, Some(false));
}

#[test]
fn a_retailer_is_set_and_not_replaced_so_that_its_latest_run_stays() {
    let id = RetailerId::new();
    let plan = planned(&[retailer(id)]);
    let [Step { action: Action::Update(updates, _), .. }] = plan.steps.as_slice() else {
        panic!("one command")
    };
    let Change::Apply(operators) = &updates[0].change else { panic!("operators") };
    let set = operators.get_document("$set").unwrap();
    assert!(set.get("_id").is_none() && set.get("last_run").is_none() && set.get("last_run_at").is_none());
    assert!(updates[0].upsert);
}

#[test]
fn the_digest_names_content_epoch_and_version() {
    let [id, other] = [RetailerId::new(), RetailerId::new()];
    let receipt =
        |key: &str| Write::Receipt(Receipt { key: key.into(), made: EntityId::Retailer, at: Timestamp(1) });
    let base = [retailer(id), receipt("a")];
    let digest = |id, epoch, version, writes: &[Write]| {
        plan(id, Epoch(epoch), Version(version), writes).unwrap().digest
    };
    let first = digest(id, 1, 1, &base);
    assert_eq!(first, digest(id, 1, 1, &base));
    let others = [
        digest(other, 1, 1, &base),
        digest(id, 2, 1, &base),
        digest(id, 1, 2, &base),
        digest(id, 1, 1, &base[..1]),
        digest(id, 1, 1, &[retailer(id), receipt("b")]),
        digest(id, 1, 1, &[Write::Delete(EntityId::Retailer), receipt("a")]),
    ];
    assert!(others.iter().all(|digest| *digest != first));
}

#[test]
fn a_refusal_names_the_value_that_is_in_use() {
    let plan = planned(&[shop("a"), shop("b")]);
    let step = &plan.steps[0];
    let outcome =
        |index, code, message: &str| match refused(step, &Refusal { index, code, message: message.into() }) {
            Trouble::Refused(error) => Some(error),
            Trouble::Passing(_) => None,
            Trouble::FenceElsewhere | Trouble::Doubtful(_) => panic!("neither"),
        };
    let taken = |value: &str| Some(StoreError::Taken { field: "code", value: value.into() });
    let message = "E11000 duplicate key error collection: x.stores index: code_unique dup key: { … }";
    assert_eq!(outcome(1, failure::DUPLICATE_KEY, message), taken("b"));
    assert_eq!(
        outcome(usize::MAX, failure::DUPLICATE_KEY, message),
        taken("a"),
        "the server did not say which"
    );
    assert_eq!(outcome(0, failure::WRITE_CONFLICT, "WriteConflict"), None);
    let identifier = outcome(0, failure::DUPLICATE_KEY, "E11000 duplicate key error index: _id_ dup key");
    assert!(matches!(identifier, Some(StoreError::Corrupt(_))));
    assert!(matches!(outcome(0, 2, "BadValue"), Some(StoreError::Unavailable(_))));
}
