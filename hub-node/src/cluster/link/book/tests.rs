//! The book by tables of events, and by property.

use proptest::prelude::*;

use super::*;

const TERMS: LinkTerms = LinkTerms {
    beat: Duration::from_secs(1),
    misses: 3,
    handshake: Duration::from_secs(3),
    settle: Duration::from_secs(3),
    first_wait: Duration::from_millis(200),
    longest_wait: Duration::from_secs(5),
    stranger: Duration::from_secs(10),
    renew: Duration::from_secs(60),
    window: 256,
};

fn boot(number: u8) -> BootId {
    format!("01890a5d-ac96-774b-bcce-b302099a80{number:02x}").parse().unwrap()
}

fn peer(number: u8) -> Peer {
    Peer { boot: boot(number), address: format!("hub-{number}:7000") }
}

fn dial(number: u8) -> Do {
    Do::Dial { boot: boot(number), address: format!("hub-{number}:7000") }
}

/// Node 5's book, and a clock to push.
struct Desk {
    book: Book,
    now: Instant,
}

impl Desk {
    fn new() -> Self {
        Self { book: Book::new(boot(5), TERMS), now: Instant::now() }
    }

    fn later(&mut self, millis: u64) -> Vec<Do> {
        self.now += Duration::from_millis(millis);
        self.book.tick(self.now)
    }

    fn list(&mut self, numbers: &[u8]) -> Vec<Do> {
        let peers: Vec<_> = numbers.iter().map(|number| peer(*number)).collect();
        self.book.list(self.now, &peers)
    }

    fn accepted(&mut self, number: u8, conn: u64) -> Vec<Do> {
        self.book.accepted(self.now, boot(number), "said:1".into(), conn)
    }

    fn ended(&mut self, conn: u64) -> Vec<Do> {
        self.book.ended(self.now, conn)
    }

    fn up(&mut self, number: u8, conn: u64) {
        assert_eq!(self.list(&[number]), if number > 5 { vec![dial(number)] } else { vec![] });
        let opened = if number > 5 {
            self.book.dialled(self.now, boot(number), conn)
        } else {
            self.accepted(number, conn)
        };
        assert_eq!(opened, [Do::Open { conn }]);
        assert_eq!(self.book.answered(self.now, conn), [Do::Up { boot: boot(number), conn }]);
    }

    fn state(&self, number: u8) -> Option<LinkState> {
        self.book.rows().iter().find(|row| row.boot == boot(number)).map(|row| row.state)
    }
}

#[test]
fn only_the_smaller_boot_id_dials_and_once_at_a_time() {
    let mut desk = Desk::new();
    assert_eq!(desk.list(&[3, 5, 9]), [dial(9)]);
    assert_eq!(desk.later(1_000), []);
    assert_eq!(desk.state(3), Some(LinkState::Expecting));
    assert_eq!(desk.state(5), None);
    assert_eq!(desk.state(9), Some(LinkState::Dialling));
    // The wrong side dials: refused, whatever we have.
    assert_eq!(desk.accepted(9, 1), [Do::Cut { conn: 1 }]);
    assert_eq!(desk.accepted(5, 2), [Do::Cut { conn: 2 }]);
}

#[test]
fn failures_wait_longer_each_time_and_are_news_once() {
    let mut desk = Desk::new();
    desk.list(&[9]);
    let mut waited = Vec::new();
    for round in 0..8 {
        let news = desk.book.not_dialled(desk.now, boot(9), "refused".into());
        assert_eq!(news, round == 0);
        let began = desk.now;
        while desk.later(10).is_empty() {}
        waited.push(desk.now - began);
    }
    assert!(waited[0] <= Duration::from_millis(280), "{waited:?}");
    assert!(waited[7] >= Duration::from_secs(3) && waited[7] <= Duration::from_secs(7), "{waited:?}");
    assert!(desk.book.not_dialled(desk.now, boot(9), "another reason".into()));
}

#[test]
fn a_link_that_was_sound_is_dialled_again_soon_and_one_that_flaps_is_not() {
    let mut desk = Desk::new();
    desk.up(9, 1);
    let wait = |desk: &mut Desk, conn: u64, lasts: u64| {
        assert_eq!(desk.later(lasts), []);
        assert_eq!(desk.ended(conn), [Do::Down { boot: boot(9), why: Lost::Closed }]);
        let began = desk.now;
        while desk.later(10).is_empty() {}
        desk.book.dialled(desk.now, boot(9), conn + 1);
        desk.book.answered(desk.now, conn + 1);
        desk.now - began
    };
    let flapping: Vec<_> = (1..8).map(|conn| wait(&mut desk, conn, 100)).collect();
    assert!(flapping[6] >= Duration::from_secs(3), "{flapping:?}");
    assert!(wait(&mut desk, 8, 6_000) <= Duration::from_millis(280));
}

#[test]
fn a_connection_that_is_not_answered_in_time_is_cut() {
    let mut desk = Desk::new();
    assert_eq!(desk.accepted(3, 1), [Do::Open { conn: 1 }]);
    assert_eq!(desk.later(2_900), []);
    assert_eq!(desk.later(100), [Do::Cut { conn: 1 }]);
    assert_eq!(desk.book.answered(desk.now, 1), []);
    // Its end is never reported: it is forgotten all the same.
    assert_eq!(desk.later(3_000), []);
    assert_eq!(desk.state(3), None);
}

#[test]
fn a_silent_link_is_down_at_once_and_counted_once() {
    let mut desk = Desk::new();
    desk.up(9, 1);
    let down = Do::Down { boot: boot(9), why: Lost::Silent };
    assert_eq!(desk.book.silent(desk.now, 1), [Do::Cut { conn: 1 }, down]);
    assert_eq!(desk.book.silent(desk.now, 1), []);
    assert_eq!(desk.ended(1), []);
    let rows = desk.book.rows();
    assert_eq!((rows[0].losses, rows[0].state), (1, LinkState::Waiting));
}

#[test]
fn a_newer_connection_replaces_an_older_one_after_its_end() {
    let mut desk = Desk::new();
    desk.up(3, 1);
    let down = Do::Down { boot: boot(3), why: Lost::Replaced };
    assert_eq!(desk.accepted(3, 2), [Do::Cut { conn: 1 }, down]);
    // A still newer one takes its place in the queue.
    assert_eq!(desk.accepted(3, 3), [Do::Cut { conn: 2 }]);
    assert_eq!(desk.ended(2), []);
    assert_eq!(desk.ended(1), [Do::Open { conn: 3 }]);
    assert_eq!(desk.book.answered(desk.now, 3), [Do::Up { boot: boot(3), conn: 3 }]);
}

#[test]
fn a_parked_connection_that_ends_is_not_opened() {
    let mut desk = Desk::new();
    desk.up(3, 1);
    desk.accepted(3, 2);
    assert_eq!(desk.ended(2), []);
    assert_eq!(desk.ended(1), []);
    assert_eq!(desk.state(3), Some(LinkState::Expecting));
}

#[test]
fn a_stranger_is_held_for_a_while_and_announced_when_it_is_listed() {
    let mut desk = Desk::new();
    desk.accepted(3, 1);
    assert_eq!(desk.book.answered(desk.now, 1), []);
    assert_eq!(desk.state(3), Some(LinkState::Stranger));
    assert_eq!(desk.later(9_900), []);
    assert_eq!(desk.list(&[3]), [Do::Up { boot: boot(3), conn: 1 }]);
    assert_eq!(desk.later(60_000), []);

    desk.accepted(4, 2);
    desk.book.answered(desk.now, 2);
    assert_eq!(desk.later(10_000), [Do::Cut { conn: 2 }]);
}

#[test]
fn a_node_that_is_not_listed_any_more_is_cut_and_forgotten() {
    let mut desk = Desk::new();
    desk.up(9, 1);
    let down = Do::Down { boot: boot(9), why: Lost::Unlisted };
    assert_eq!(desk.list(&[]), [Do::Cut { conn: 1 }, down]);
    assert_eq!(desk.ended(1), []);
    assert_eq!(desk.book.rows(), []);
    // A dial that was under way leads to nothing.
    assert_eq!(desk.list(&[8]), [dial(8)]);
    assert_eq!(desk.list(&[]), []);
    assert_eq!(desk.book.dialled(desk.now, boot(8), 2), [Do::Cut { conn: 2 }]);
    desk.later(0);
    assert_eq!(desk.book.rows(), []);
}

#[test]
fn the_book_has_an_end() {
    let mut desk = Desk::new();
    for number in 0..=u8::MAX {
        let id = format!("00000000-ac96-774b-bcce-b302099a80{number:02x}").parse().unwrap();
        desk.book.accepted(desk.now, id, String::new(), u64::from(number));
    }
    assert_eq!(desk.book.rows().len(), MAX_NODES);
}

/// What may happen to the book, in any order.
#[derive(Debug, Clone)]
enum Step {
    List(Vec<u8>),
    Later(u64),
    Dialled(u8, bool),
    Accepted(u8),
    Answered(u64),
    Silent(u64),
    Ended(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let node = 0_u8..10;
    let conn = 0_u64..30;
    prop_oneof![
        proptest::collection::vec(node.clone(), 0..6).prop_map(Step::List),
        (0_u64..4_000).prop_map(Step::Later),
        (node.clone(), any::<bool>()).prop_map(|(node, good)| Step::Dialled(node, good)),
        node.prop_map(Step::Accepted),
        conn.clone().prop_map(Step::Answered),
        conn.clone().prop_map(Step::Silent),
        conn.prop_map(Step::Ended),
    ]
}

proptest! {
    /// Whatever happens: users hear "up" and "down" in turn, a node never has two open connections, none is opened
    /// after it was cut, and everything is over some time after everybody has left.
    #[test]
    fn ups_and_downs_alternate_and_nothing_is_left(steps in proptest::collection::vec(step(), 0..120)) {
        let mut desk = Desk::new();
        let (mut conns, mut open, mut cut) = (0_u64, Vec::<(BootId, u64)>::new(), Vec::new());
        let mut up = std::collections::BTreeSet::new();
        let mut owner = BTreeMap::new();
        let mut dialling = std::collections::BTreeSet::new();
        let end: Vec<Step> = std::iter::once(Step::List(Vec::new())).chain((0..8).map(|_| Step::Later(4_000))).collect();
        for step in steps.into_iter().chain(end) {
            let now = desk.now;
            let todo = match step {
                Step::List(nodes) => desk.list(&nodes),
                Step::Later(millis) => desk.later(millis),
                Step::Dialled(node, good) if dialling.remove(&boot(node)) => if good {
                    conns += 1;
                    owner.insert(conns, boot(node));
                    desk.book.dialled(now, boot(node), conns)
                } else {
                    desk.book.not_dialled(now, boot(node), "no".into());
                    Vec::new()
                },
                Step::Dialled(..) => Vec::new(),
                Step::Accepted(node) => {
                    conns += 1;
                    owner.insert(conns, boot(node));
                    desk.accepted(node, conns)
                }
                Step::Answered(conn) => desk.book.answered(now, conn),
                Step::Silent(conn) => desk.book.silent(now, conn),
                Step::Ended(conn) => {
                    open.retain(|(_, other)| *other != conn);
                    desk.ended(conn)
                }
            };
            for act in todo {
                match act {
                    Do::Dial { boot: to, .. } => prop_assert!(to > boot(5) && dialling.insert(to)),
                    Do::Open { conn } => {
                        let of = owner[&conn];
                        prop_assert!(!cut.contains(&conn));
                        prop_assert!(!open.iter().any(|(other, older)| *other == of && !cut.contains(older)));
                        open.push((of, conn));
                    }
                    Do::Cut { conn } => cut.push(conn),
                    Do::Up { boot, conn } => {
                        prop_assert!(up.insert(boot));
                        prop_assert!(open.iter().any(|(_, other)| *other == conn) || owner[&conn] == boot);
                    }
                    Do::Down { boot, .. } => prop_assert!(up.remove(&boot)),
                }
            }
            if dialling.is_empty() && desk.book.rows().is_empty() {
                prop_assert!(up.is_empty());
            }
        }
        for node in std::mem::take(&mut dialling) {
            desk.book.not_dialled(desk.now, node, "no".into());
        }
        desk.later(0);
        prop_assert!(up.is_empty());
        prop_assert_eq!(desk.book.rows(), Vec::new());
    }
}
