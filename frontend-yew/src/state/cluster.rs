//! The cluster in words and numbers: shares of the nodes, ranges of shards, what a move and a state are called. Pure.

use std::collections::BTreeMap;

use messages::http::cluster::{ClusterView, LinkState, MoveReason, NodeState, NodeView};
use messages::ids::BootId;

use super::format::short_id;
use super::words::Hue;

/// Colours told apart at a glance. With more nodes they come again, and the table tells.
pub const COLOURS: usize = 8;

/// What a node is called: its name, or the end of its identifier.
#[must_use]
pub fn called(view: &ClusterView, id: BootId) -> String {
    let name = view.nodes.iter().find(|node| node.id == id).and_then(|node| node.name.clone());
    name.unwrap_or_else(|| short_id(&id))
}

/// The colour of each node: by the order of their starts, so that it stays when a node's state changes.
#[must_use]
pub fn colours(view: &ClusterView) -> BTreeMap<BootId, usize> {
    let mut ids: Vec<BootId> = view.nodes.iter().map(|node| node.id).collect();
    ids.sort_unstable();
    ids.into_iter().enumerate().map(|(at, id)| (id, at % COLOURS)).collect()
}

/// The shards of each owner in order; without an owner those that nobody serves.
#[must_use]
pub fn shares(view: &ClusterView) -> BTreeMap<Option<BootId>, Vec<u8>> {
    let mut shares: BTreeMap<Option<BootId>, Vec<u8>> = BTreeMap::new();
    for shard in &view.shards {
        shares.entry(shard.owner).or_default().push(shard.shard);
    }
    shares
}

/// Numbers in order as ranges: `0–2, 7`.
#[must_use]
pub fn ranges(numbers: &[u8]) -> String {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(number) => *end = number,
            _ => ranges.push((number, number)),
        }
    }
    let words = ranges
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}–{last}") });
    words.collect::<Vec<_>>().join(", ")
}

/// Can this node be drained: does it take part, and would another one be left to take its shards?
#[must_use]
pub fn drainable(view: &ClusterView, node: &NodeView) -> bool {
    let staying = view.nodes.iter().filter(|node| node.state == NodeState::Serving).count();
    node.state == NodeState::Serving && staying > 1
}

/// Microseconds as milliseconds with the figures that matter: `0.08 ms`, `1.2 ms`, `35 ms`.
#[must_use]
pub fn millis(us: u64) -> String {
    match us {
        0..1_000 => format!("0.{:02} ms", us / 10),
        1_000..10_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{} ms", us / 1_000),
    }
}

#[must_use]
pub fn node_state(state: NodeState) -> (&'static str, Hue) {
    match state {
        NodeState::Serving => ("Serving", Hue::Good),
        NodeState::Leaving => ("Leaving", Hue::Busy),
        NodeState::Dead => ("Dead", Hue::Bad),
    }
}

#[must_use]
pub fn link_state(state: LinkState) -> (&'static str, Hue) {
    match state {
        LinkState::Up => ("Up", Hue::Good),
        LinkState::Connecting => ("Connecting", Hue::Busy),
        LinkState::Down => ("Down", Hue::Bad),
    }
}

#[must_use]
pub fn reason(why: MoveReason) -> &'static str {
    match why {
        MoveReason::First => "Nobody had it",
        MoveReason::Restarted => "Node restarted",
        MoveReason::Drained => "Node drained",
        MoveReason::Balanced => "Even shares",
        MoveReason::LeaseRanOut => "Lease ran out",
        MoveReason::OwnerGone => "Process gone",
        MoveReason::Unknown => "Not known",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "01890a5d-ac96-774b-bcce-b302099a0001";
    const B: &str = "01890a5d-ac96-774b-bcce-b302099a0002";

    fn view() -> ClusterView {
        let node = |id: &str, state: &str| json!({"id": id, "address": "10.0.0.1:8080", "version": "0.1.0", "state": state, "started_at": 0, "lease_left_ms": 4200});
        let shard = |n: u8, owner: Option<&str>| json!({"shard": n, "owner": owner, "epoch": 1});
        let mut view: ClusterView = crate::state::reader::read(json!({
            "at": 0, "this_node": A, "single": false, "lease_ms": 6000, "links": [], "moves": [],
            "nodes": [node(B, "serving"), node(A, "leaving")],
            "shards": [shard(0, Some(A)), shard(1, Some(B)), shard(2, Some(A)), shard(3, None)],
        }))
        .unwrap();
        view.nodes[0].name = Some("hub-1".to_owned());
        view
    }

    #[test]
    fn each_owner_has_its_shards_and_a_colour_that_stays() {
        let (a, b) = (A.parse().unwrap(), B.parse().unwrap());
        let view = view();
        let shares = shares(&view);
        assert_eq!(shares[&Some(a)], [0, 2]);
        assert_eq!(shares[&Some(b)], [1]);
        assert_eq!(shares[&None], [3]);
        assert_eq!(colours(&view), BTreeMap::from([(a, 0), (b, 1)]));
        assert_eq!((called(&view, b).as_str(), called(&view, a).as_str()), ("hub-1", "099a0001"));
    }

    #[test]
    fn neighbours_are_written_as_ranges() {
        for (numbers, text) in [
            (&[][..], ""),
            (&[4][..], "4"),
            (&[0, 1, 2, 7, 9, 10][..], "0–2, 7, 9–10"),
            (&[254, 255][..], "254–255"),
        ] {
            assert_eq!(ranges(numbers), text);
        }
    }

    #[test]
    fn only_a_serving_node_that_leaves_another_behind_can_be_drained() {
        let mut view = view();
        assert!(!drainable(&view, &view.nodes[0]), "the only one that serves");
        assert!(!drainable(&view, &view.nodes[1]), "it leaves already");
        view.nodes[1].state = NodeState::Serving;
        assert!(drainable(&view, &view.nodes[0]) && drainable(&view, &view.nodes[1]));
        view.nodes[1].state = NodeState::Dead;
        assert!(!drainable(&view, &view.nodes[0]));
    }

    #[test]
    fn short_times_keep_their_figures() {
        for (us, text) in [(84, "0.08 ms"), (999, "0.99 ms"), (1_250, "1.2 ms"), (35_400, "35 ms")] {
            assert_eq!(millis(us), text);
        }
    }

    #[test]
    fn every_state_and_reason_has_a_word_of_its_own() {
        let mut words: Vec<&str> = MoveReason::ALL.map(reason).to_vec();
        words.extend(NodeState::ALL.map(|state| node_state(state).0));
        words.extend(LinkState::ALL.map(|state| link_state(state).0));
        let many = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), many);
    }
}
