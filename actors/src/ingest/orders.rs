//! Corrections of stock that head office makes: each is for one device, which moves its stock and tells so by an event of
//! the order's own id. The hub's stock moves when that event comes in, and not before. Pure.

use std::collections::BTreeMap;

use messages::{EdgeId, ErrorCode, Problem, StoreId};

use super::model::Edge;

/// The device that is to carry it out: the one that is named, or the only one that the store has.
pub(super) fn addressee(
    edges: &BTreeMap<EdgeId, Edge>,
    store: StoreId,
    named: Option<EdgeId>,
) -> Result<EdgeId, Problem> {
    let mut enrolled = edges.values().filter(|edge| edge.store == store && edge.credential.is_some());
    if let Some(id) = named {
        return enrolled.find(|edge| edge.id == id).map(|edge| edge.id).ok_or_else(|| {
            Problem::new(ErrorCode::NotFound, "the store has no such device, or it is not enrolled")
        });
    }
    match (enrolled.next(), enrolled.next()) {
        (Some(only), None) => Ok(only.id),
        (Some(_), Some(_)) => {
            let detail = "the store has several devices, each with its own stock; say which one with edge_id";
            Err(Problem::new(ErrorCode::WrongState, detail))
        }
        (None, _) => {
            let detail = "the store has no enrolled device that could carry this out";
            Err(Problem::new(ErrorCode::WrongState, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use messages::Timestamp;

    use super::*;
    use crate::domain::SecretHash;

    #[test]
    fn a_correction_is_for_one_device() {
        let (store, other) = (StoreId::new(), StoreId::new());
        let edge = |store, enrolled: bool| Edge {
            id: EdgeId::new(),
            store,
            name: "till server".into(),
            created_at: Timestamp(0),
            token: None,
            credential: enrolled.then_some(SecretHash([1; 32])),
            revoked: !enrolled,
            device: None,
            enrolled_at: None,
        };
        let (one, two) = (edge(store, true), edge(store, true));
        let (gone, far) = (edge(store, false), edge(other, true));
        let of = |edges: &[&Edge]| edges.iter().map(|edge| (edge.id, (*edge).clone())).collect();
        let code = |edges: &[&Edge], named| addressee(&of(edges), store, named).map_err(|it| it.code);
        assert_eq!(code(&[&one, &gone, &far], None), Ok(one.id));
        assert_eq!(code(&[&one, &two], Some(two.id)), Ok(two.id));
        assert_eq!(code(&[&one, &two], None), Err(ErrorCode::WrongState));
        assert_eq!(code(&[&gone, &far], None), Err(ErrorCode::WrongState));
        for named in [gone.id, far.id, EdgeId::new()] {
            assert_eq!(code(&[&one, &gone, &far], Some(named)), Err(ErrorCode::NotFound));
        }
    }
}
