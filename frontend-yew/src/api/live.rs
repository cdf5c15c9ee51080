//! The live connection of this tab: carries out what `state::link` decides, and tells who listens.
//! One socket, whatever number of pages and panels watch.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_events::EventListener;
use gloo_timers::callback::Interval;
use messages::live::{FromConsole, Topic};
use wasm_bindgen_futures::spawn_local;
use yew::Callback;

use super::client::Api;
use super::socket::{Socket, SocketEvent};
use super::{browser, poll};
use crate::state::link::{Effect, Event, Link, Status};
use crate::state::topic::TopicState;

const PATH: &str = "/ws/live";
/// The machine's clock: fine enough for a countdown in seconds and for the shortest back-off.
const TICK_MS: u32 = 500;

/// Who wants to hear of what; `None` is the status.
type Listeners = Vec<(u32, Option<Topic>, Callback<()>)>;

struct Driver {
    api: Api,
    link: RefCell<Link>,
    socket: RefCell<Option<Socket>>,
    /// Events of an earlier socket are void.
    generation: Cell<u32>,
    listeners: RefCell<Listeners>,
    next: Cell<u32>,
    clock: RefCell<Option<(Interval, [EventListener; 2])>>,
}

/// A cheap handle.
#[derive(Clone)]
pub struct Live(Rc<Driver>);

impl PartialEq for Live {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// Listens until dropped.
pub struct Watch {
    live: Live,
    key: u32,
    topic: Option<Topic>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.live.0.listeners.borrow_mut().retain(|(key, ..)| *key != self.key);
        if let Some(topic) = self.topic {
            self.live.drive(Event::Unwatch(topic));
        }
    }
}

impl Live {
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self(Rc::new(Driver {
            api,
            link: RefCell::default(),
            socket: RefCell::default(),
            generation: Cell::default(),
            listeners: RefCell::default(),
            next: Cell::default(),
            clock: RefCell::default(),
        }))
    }

    /// Connects, for the person who has just signed in.
    pub fn start(&self) {
        if self.0.clock.borrow().is_none() {
            let weak = Rc::downgrade(&self.0);
            *self.0.clock.borrow_mut() = clock(&weak);
        }
        self.drive(Event::Network { up: browser::is_online() });
        self.drive(Event::Start);
    }

    pub fn stop(&self) {
        self.0.clock.borrow_mut().take();
        self.drive(Event::Stop);
    }

    /// The access token was renewed.
    pub fn renewed(&self) {
        self.drive(Event::Renewed);
    }

    pub fn refresh(&self) {
        self.drive(Event::Refresh);
    }

    /// Something of this topic was just written.
    pub fn touched(&self, topic: Topic) {
        self.drive(Event::Touched(topic));
    }

    #[must_use]
    pub fn watch(&self, topic: Topic, changed: Callback<()>) -> Watch {
        let watch = self.listen(Some(topic), changed);
        self.drive(Event::Watch(topic));
        watch
    }

    #[must_use]
    pub fn watch_status(&self, changed: Callback<()>) -> Watch {
        self.listen(None, changed)
    }

    fn listen(&self, topic: Option<Topic>, changed: Callback<()>) -> Watch {
        let key = self.0.next.get();
        self.0.next.set(key.wrapping_add(1));
        self.0.listeners.borrow_mut().push((key, topic, changed));
        Watch { live: self.clone(), key, topic }
    }

    #[must_use]
    pub fn topic(&self, topic: Topic) -> Option<Rc<TopicState>> {
        self.0.link.borrow().topic(topic)
    }

    #[must_use]
    pub fn status(&self) -> Status {
        self.0.link.borrow().status()
    }

    /// Moves when lists that are not topics should be fetched again.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.0.link.borrow().rounds
    }

    fn drive(&self, event: Event) {
        let effects = self.0.link.borrow_mut().handle(event, browser::now_ms(), browser::jitter());
        for effect in effects {
            self.act(effect);
        }
    }

    fn act(&self, effect: Effect) {
        match effect {
            Effect::Open => self.open(),
            Effect::Close => self.close(),
            Effect::Hello => self.hello(),
            Effect::Send(frame) => self.send(frame),
            Effect::Gather => {
                let live = self.clone();
                // A task begins when what runs now is over: when all rows of a list have been drawn.
                spawn_local(async move { live.drive(Event::Gathered) });
            }
            Effect::Poll(topic) => {
                let live = self.clone();
                spawn_local(async move {
                    let result = poll::fetch(&live.0.api, topic).await;
                    live.drive(Event::Polled(topic, result));
                });
            }
            Effect::Changed(topic) => self.tell(Some(topic)),
            Effect::Status => self.tell(None),
            Effect::SessionLost => {
                let api = self.0.api.clone();
                // Either there is a new token and the next attempt succeeds, or the session is over and the page says so.
                spawn_local(async move {
                    api.renew().await.ok();
                });
            }
        }
    }

    fn open(&self) {
        self.close();
        let generation = self.0.generation.get();
        let weak = Rc::downgrade(&self.0);
        let told = Callback::from(move |event: SocketEvent| {
            let Some(live) = weak.upgrade().map(Live).filter(|live| live.0.generation.get() == generation)
            else {
                return;
            };
            live.drive(match event {
                SocketEvent::Opened => Event::Opened,
                SocketEvent::Text(text) => Event::Frame(text),
                SocketEvent::Closed => Event::Closed,
            });
        });
        let socket = Socket::open(PATH, told);
        let refused = socket.is_none();
        *self.0.socket.borrow_mut() = socket;
        if refused {
            self.drive(Event::Closed);
        }
    }

    fn close(&self) {
        self.0.generation.set(self.0.generation.get().wrapping_add(1));
        if let Some(socket) = self.0.socket.borrow_mut().take() {
            // Later, for this may run inside one of the socket's own listeners.
            spawn_local(async move { drop(socket) });
        }
    }

    fn hello(&self) {
        let live = self.clone();
        let generation = self.0.generation.get();
        spawn_local(async move {
            let token = live.0.api.token().await;
            if live.0.generation.get() != generation {
                return;
            }
            match token {
                Ok(token) => live.send(FromConsole::Hello { token }),
                Err(_) => {
                    live.close();
                    live.drive(Event::Closed);
                }
            }
        });
    }

    fn send(&self, frame: FromConsole) {
        if let Some(socket) = self.0.socket.borrow().as_ref() {
            socket.send(frame);
        }
    }

    fn tell(&self, topic: Option<Topic>) {
        let told: Vec<_> = self
            .0
            .listeners
            .borrow()
            .iter()
            .filter(|(_, wanted, _)| *wanted == topic)
            .map(|(.., changed)| changed.clone())
            .collect();
        told.iter().for_each(|changed| changed.emit(()));
    }
}

fn clock(weak: &Weak<Driver>) -> Option<(Interval, [EventListener; 2])> {
    let drive = |weak: &Weak<Driver>, event: Event| {
        if let Some(driver) = weak.upgrade() {
            Live(driver).drive(event);
        }
    };
    let window = web_sys::window()?;
    let (on_tick, on_up, on_down) = (weak.clone(), weak.clone(), weak.clone());
    let listeners = [
        EventListener::new(&window, "online", move |_| drive(&on_up, Event::Network { up: true })),
        EventListener::new(&window, "offline", move |_| drive(&on_down, Event::Network { up: false })),
    ];
    Some((Interval::new(TICK_MS, move || drive(&on_tick, Event::Tick)), listeners))
}
