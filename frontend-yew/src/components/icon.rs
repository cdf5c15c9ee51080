//! Line icons, drawn on a grid of 24. Decoration only: the word is always beside it or in a label.

use yew::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    Mark,
    Dashboard,
    Shop,
    Users,
    Tree,
    Search,
    Plus,
    Close,
    Check,
    Alert,
    Info,
    Refresh,
    Sun,
    Moon,
    Screen,
    Menu,
    Down,
    Left,
    Right,
    Play,
    Stop,
    Edit,
    Trash,
    Copy,
    Save,
    Key,
    Agent,
    Send,
    Clock,
    Box,
    Bolt,
    Exit,
    Person,
    File,
    Lock,
    Cluster,
    Chart,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Mark => {
                "M4 9l2-5h12l2 5M4 9v10h16V9M4 9a2.7 2.7 0 0 0 5.3 0 2.7 2.7 0 0 0 5.4 0A2.7 2.7 0 0 0 20 9M9 15.5a3.2 3.2 0 0 0 6 0M15 13v2.5h-2.5"
            }
            Self::Dashboard => "M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z",
            Self::Shop => "M4 10l1.5-6h13L20 10M4 10v10h16V10M4 10h16M10 20v-6h4v6",
            Self::Users => {
                "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.4-3.6 2.9-6 6.500-6s6.100 2.400 6.500 6M16 4.300a3.500 3.500 0 0 1 0 6.400M18 14.500c2 .8 3.200 2.700 3.500 5.500"
            }
            Self::Tree => "M9 4h6v5H9zM3 15h6v5H3zM15 15h6v5h-6zM12 9v3M6 15v-3h12v3",
            Self::Search => "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.500 4.500",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Close => "M6 6l12 12M18 6L6 18",
            Self::Check => "M5 12.500l4.500 4.500L19 7.500",
            Self::Alert => "M12 4L2.500 20h19zM12 10v4.500M12 17.200v.1",
            Self::Info => "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5.500M12 7.700v.1",
            Self::Refresh => {
                "M20 5v5h-5M4 19v-5h5M5.500 9.500A7 7 0 0 1 18 7l2 3M18.500 14.500A7 7 0 0 1 6 17l-2-3"
            }
            Self::Sun => {
                "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400"
            }
            Self::Moon => "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
            Self::Screen => "M3 4.500h18v12H3zM9 20.500h6M12 16.500v4",
            Self::Menu => "M4 6.500h16M4 12h16M4 17.500h16",
            Self::Down => "M6 9.500l6 6 6-6",
            Self::Left => "M14.500 6l-6 6 6 6",
            Self::Right => "M9.500 6l6 6-6 6",
            Self::Play => "M7 4.500v15l12-7.500z",
            Self::Stop => "M6 6h12v12H6z",
            Self::Edit => "M4 20l1-4.500L16.500 4 20 7.500 8.500 19zM14 6.500L17.500 10",
            Self::Trash => "M4 6.500h16M9 6.500V4h6v2.500M6 6.500l1 14h10l1-14M10 10.500v6M14 10.500v6",
            Self::Copy => "M9 9h11v11H9zM15 9V4H4v11h5",
            Self::Save => "M12 4v11M7 10.500l5 5 5-5M4 20h16",
            Self::Key => "M8 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM12.500 12H21v3.500M17 12v3",
            Self::Agent => {
                "M4 4h16v6.500H4zM4 13.500h16V20H4zM7.500 7.200v.1M7.500 16.700v.1M11 7.200h5M11 16.700h5"
            }
            Self::Send => "M20.500 3.500L3 10l7 3.500 3.500 7.500zM20.500 3.500L10 13.500",
            Self::Clock => "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5.500l3.500 2",
            Self::Box => "M12 3l8 4.500v9L12 21l-8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9",
            Self::Bolt => "M13 3L5 13.500h6L10.500 21 19 10h-6.500z",
            Self::Exit => "M14 4h6v16h-6M4 12h11M11.500 8l4 4-4 4",
            Self::Person => {
                "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500c.5-4 3.300-6.500 7.500-6.500s7 2.500 7.500 6.500"
            }
            Self::File => "M6 3h8l4.500 4.500V21H6zM14 3v5h4.500M9 12.500h6.500M9 16.500h6.500",
            Self::Cluster => {
                "M12 3.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM5 15.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM19 15.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM10.700 8.200l-4.400 7.600M13.300 8.200l4.400 7.600M7.500 18h9"
            }
            Self::Chart => "M4 4v16h16M8 16v-4M12.500 16V8M17 16v-6",
            Self::Lock => "M5.500 11h13v9.500h-13zM8.500 11V7.500a3.500 3.500 0 0 1 7 0V11",
        }
    }
}

#[derive(Properties, PartialEq)]
pub struct Props {
    pub icon: Icon,
    #[prop_or_default]
    pub class: Classes,
}

part!(pub Glyph(Props) drawn by draw_glyph);

fn draw_glyph(props: &Props) -> Html {
    html! {
        <svg class={classes!("icon", props.class.clone())} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d={props.icon.path()} />
        </svg>
    }
}
