//! What codes and states are called on the page, and what to do about them. Pure. One place, so that the same
//! thing has the same name everywhere.

use messages::connector::{
    DatabaseTls, DecimalMark, FileFormat, NewProducts, PickFiles, TextEncoding, UpdateFields,
};
use messages::export::{Alarm, HarmKind, RunMode};
use messages::http::admin::ActorStatus;
use messages::http::agents::Enrolment;
use messages::http::runs::Moved;
use messages::item::ItemField;
use messages::permission::Role;
use messages::run::{Actor, Presence, RunState};
use messages::{ErrorCode, Timestamp};

/// Colour of a badge. Never alone: the word is always beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hue {
    Good,
    Bad,
    Warn,
    Busy,
    Quiet,
}

impl Hue {
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Busy => "busy",
            Self::Quiet => "quiet",
        }
    }
}

#[must_use]
pub fn run_state(state: RunState) -> (&'static str, Hue) {
    match state {
        RunState::Queued => ("Queued", Hue::Quiet),
        RunState::Dispatched => ("Dispatched", Hue::Busy),
        RunState::Running => ("Running", Hue::Busy),
        RunState::Succeeded => ("Succeeded", Hue::Good),
        RunState::Failed => ("Failed", Hue::Bad),
        RunState::Cancelled => ("Cancelled", Hue::Quiet),
        RunState::TimedOut => ("Timed out", Hue::Bad),
        RunState::Lost => ("Lost", Hue::Bad),
    }
}

#[must_use]
pub fn presence(presence: Presence) -> (&'static str, Hue) {
    match presence {
        Presence::Never => ("Never connected", Hue::Quiet),
        Presence::Online => ("Online", Hue::Good),
        Presence::Busy => ("Busy", Hue::Busy),
        Presence::Unknown => ("Silent", Hue::Warn),
        Presence::Down => ("Down", Hue::Bad),
    }
}

/// `expires` is when the token that waits runs out; that it has, nobody tells, so the page's clock does.
#[must_use]
pub fn enrolment(enrolment: Enrolment, expires: Option<Timestamp>, now: Timestamp) -> (&'static str, Hue) {
    match enrolment {
        Enrolment::NotEnrolled => ("Not enrolled", Hue::Quiet),
        Enrolment::Pending if expires.is_some_and(|at| at <= now) => ("Token expired", Hue::Quiet),
        Enrolment::Pending => ("Waiting to enrol", Hue::Warn),
        Enrolment::Enrolled => ("Enrolled", Hue::Good),
        Enrolment::Revoked => ("Revoked", Hue::Bad),
    }
}

#[must_use]
pub fn actor_status(status: ActorStatus) -> (&'static str, Hue) {
    match status {
        ActorStatus::Starting => ("Starting", Hue::Busy),
        ActorStatus::Running => ("Running", Hue::Good),
        ActorStatus::BackingOff => ("Backing off", Hue::Warn),
        ActorStatus::GivenUp => ("Given up", Hue::Bad),
        ActorStatus::Stopped => ("Stopped", Hue::Quiet),
        ActorStatus::Silent => ("Silent", Hue::Warn),
    }
}

#[must_use]
pub fn role(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Admin => ("Administrator", "Everything, users and the running system included"),
        Role::Technician => ("Technician", "Looks after retailers: configures, enrols agents, runs jobs"),
        Role::Manager => ("Manager", "Looks at retailers and runs; changes nothing"),
    }
}

#[must_use]
pub fn run_mode(mode: RunMode) -> &'static str {
    match mode {
        RunMode::Usual => "as the job says",
        RunMode::Full => "full export",
        RunMode::Dry => "dry run",
    }
}

#[must_use]
pub fn moved(moved: Moved) -> &'static str {
    match moved {
        Moved::Nothing => "nothing was moved",
        Moved::Part => "part was moved",
        Moved::All => "all was moved",
    }
}

#[must_use]
pub fn harm(kind: HarmKind) -> &'static str {
    match kind {
        HarmKind::Vanished => "vanishes",
        HarmKind::Zeroed => "drops to zero stock",
        HarmKind::Repriced => "changes its price",
    }
}

/// A limit that a run would have gone beyond.
#[must_use]
pub fn alarm(alarm: &Alarm) -> String {
    let what = match alarm.kind {
        HarmKind::Vanished => "articles vanish",
        HarmKind::Zeroed => "articles in stock drop to zero",
        HarmKind::Repriced => "articles change their price",
    };
    let percent = alarm.count.saturating_mul(100) / alarm.of.max(1);
    let (count, of) = (super::format::count(alarm.count), super::format::count(alarm.of));
    format!("{count} of {of} {what}: {percent} %, the job allows {} %", alarm.limit_percent)
}

#[must_use]
pub fn who(actor: &Actor) -> &str {
    match actor {
        Actor::User { name, .. } => name,
        Actor::Agent { .. } => "the agent",
        Actor::Hub => "the hub",
        Actor::Schedule => "the schedule",
    }
}

#[must_use]
pub fn item_field(field: ItemField) -> &'static str {
    match field {
        ItemField::Sku => "SKU",
        ItemField::Name => "Name",
        ItemField::Barcode => "Barcode",
        ItemField::Price => "Price",
        ItemField::TaxRate => "Tax rate",
        ItemField::Stock => "Stock",
        ItemField::Unit => "Unit",
        ItemField::Category => "Category",
        ItemField::Description => "Description",
    }
}

/// Choices of a form, as value and label.
pub const ENCODINGS: [(TextEncoding, &str, &str); 11] = [
    (TextEncoding::Utf8, "utf8", "UTF-8"),
    (TextEncoding::Windows1252, "windows1252", "Windows-1252 (Western)"),
    (TextEncoding::Utf16Le, "utf16-le", "UTF-16 little endian"),
    (TextEncoding::Utf16Be, "utf16-be", "UTF-16 big endian"),
    (TextEncoding::Windows1250, "windows1250", "Windows-1250 (Central Europe)"),
    (TextEncoding::Windows1251, "windows1251", "Windows-1251 (Cyrillic)"),
    (TextEncoding::Windows1258, "windows1258", "Windows-1258 (Vietnamese)"),
    (TextEncoding::Cp437, "cp437", "DOS 437 (US)"),
    (TextEncoding::Cp850, "cp850", "DOS 850 (Western)"),
    (TextEncoding::Cp852, "cp852", "DOS 852 (Central Europe)"),
    (TextEncoding::Cp866, "cp866", "DOS 866 (Cyrillic)"),
];
pub const DECIMAL_MARKS: [(DecimalMark, &str, &str); 2] = [
    (DecimalMark::Point, "point", "Point, as in 12.50"),
    (DecimalMark::Comma, "comma", "Comma, as in 12,50"),
];
pub const FORMATS: [(FileFormat, &str, &str); 2] = [
    (FileFormat::Csv, "csv", "CSV with a header line"),
    (FileFormat::Jsonl, "jsonl", "JSON, one item a line"),
];
pub const PICKS: [(PickFiles, &str, &str); 2] = [
    (PickFiles::Newest, "newest", "The newest file"),
    (PickFiles::All, "all", "All files, the newest counts"),
];
pub const NEW_PRODUCTS: [(NewProducts, &str, &str); 2] = [
    (NewProducts::Draft, "draft", "As drafts, to be looked at first"),
    (NewProducts::Published, "published", "For sale at once"),
];
pub const UPDATES: [(UpdateFields, &str, &str); 2] = [
    (UpdateFields::Everything, "everything", "Everything"),
    (UpdateFields::PriceAndStock, "price_and_stock", "Price and stock only"),
];
pub const TLS: [(DatabaseTls, &str, &str); 2] = [
    (DatabaseTls::Required, "required", "Encrypted, certificate verified"),
    (DatabaseTls::Off, "off", "Not encrypted"),
];
/// Of SQL Server, which often has a certificate of its own making.
pub const SQL_SERVER_LINES: [(&str, &str); 3] = [
    ("required", "Encrypted, certificate verified"),
    ("trusting", "Encrypted, any certificate"),
    ("off", "Not encrypted"),
];
/// Kinds of sources, as people call them.
pub const SOURCES: [(&str, &str); 12] = [
    ("csv", "CSV file"),
    ("excel", "Excel workbook"),
    ("dbf", "DBF table (dBase, FoxPro)"),
    ("xml", "XML file"),
    ("http_json", "JSON over HTTP"),
    ("sqlite", "SQLite database"),
    ("postgresql", "PostgreSQL server"),
    ("mysql", "MySQL or MariaDB server"),
    ("sql_server", "SQL Server"),
    ("firebird", "Firebird server"),
    ("odbc", "ODBC data source"),
    ("singer", "Plugin (Singer tap)"),
];
/// How the agent signs in to a source over HTTP.
pub const SIGN_INS: [(&str, &str); 4] = [
    ("none", "Not at all"),
    ("bearer", "With a bearer token"),
    ("basic", "With name and password"),
    ("header", "With a token in a header"),
];
/// How a source over HTTP is paged.
pub const PAGINGS: [(&str, &str); 6] = [
    ("none", "No pages: one answer has everything"),
    ("page", "By page number"),
    ("offset", "By number of items before"),
    ("cursor", "By a cursor in the answer"),
    ("next_url", "By an address in the answer"),
    ("link", "By the Link header"),
];
/// Kinds of destinations, as people call them.
pub const DESTINATIONS: [(&str, &str); 6] = [
    ("sftp", "SFTP server"),
    ("local_file", "Local file"),
    ("woocommerce", "WooCommerce"),
    ("shopify", "Shopify"),
    ("webhook", "Webhook"),
    ("singer", "Plugin"),
];

/// What to do when a run ended with this code, or a request was refused with it.
#[must_use]
pub fn advice(code: ErrorCode) -> &'static str {
    use ErrorCode as E;
    match code {
        E::SourceMissing => {
            "Check the path in the job, and that the point of sale has written the file. Then run again."
        }
        E::SourceUnreadable => {
            "Check that the agent's account may read the file, that no other program locks it, and that the source's server can be reached from the shop."
        }
        E::SourceMalformed => {
            "Compare the settings of the source in the job, such as delimiter, encoding and columns, with what it really holds."
        }
        E::SourceRefused => "Check the user of the source, and enter its password or token again in the job.",
        E::SourceChanging => "The point of sale was still writing. Run again when its export is done.",
        E::RejectLimit => {
            "Look at the rejected items below, correct them at the point of sale, or raise the job's limit."
        }
        E::DestinationUnreachable => {
            "Check host and port of the destination, and that the shop's network lets the agent out."
        }
        E::DestinationRefused => "Check the user and enter the password or key again in the destination.",
        E::HostKeyMismatch => {
            "If the server was replaced on purpose, enter its new host key. If not, somebody may be in between: do not run."
        }
        E::DestinationFull => "Free some room on the server, then run again.",
        E::DestinationRejected => {
            "The log says what was not taken. Correct the destination or the items; running again alone does not help."
        }
        E::DestinationFailed => "Run again; if it stays, look at the server's own log.",
        E::DiskFull => "Free some room on the agent's machine, then run again.",
        E::NeedsApproval => {
            "See below what would happen. If the shop wants it, approve; if not, refuse, and correct the source."
        }
        E::AgentTooOld => "Update the agent, or have the job send everything without a guard.",
        E::RunTimeout => "Raise the job's time limit, or find out in the log what took so long.",
        E::RunCancelled => "Run the job again when you are ready.",
        E::AgentLost => "See whether the agent's machine is on and has a network. Then run again.",
        E::AgentRefused | E::StaleEpoch => "Run the job again; if it stays, restart the agent.",
        E::Disabled => "Enable it first.",
        E::InUse => "Change or delete what uses it first.",
        E::NameTaken => "Choose another name or code.",
        E::Forbidden => "Ask an administrator for this right.",
        E::NotFound => "It may have been deleted, or you may not see this retailer.",
        code if code.retry_helps() => "Try again in a moment.",
        _ => "Look at the log for what happened before.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_has_run_out_does_not_wait() {
        let word =
            |expires: Option<i64>| enrolment(Enrolment::Pending, expires.map(Timestamp), Timestamp(1_000)).0;
        assert_eq!(word(Some(1_001)), "Waiting to enrol");
        assert_eq!(word(Some(1_000)), "Token expired");
        assert_eq!(word(None), "Waiting to enrol");
        let enrolled = enrolment(Enrolment::Enrolled, Some(Timestamp(1)), Timestamp(1_000));
        assert_eq!(enrolled, ("Enrolled", Hue::Good), "the token has been used");
    }

    #[test]
    fn what_goes_wrong_is_never_told_in_a_good_colour() {
        for state in RunState::ALL {
            let (word, hue) = run_state(state);
            assert!(!word.is_empty());
            assert_eq!(hue == Hue::Good, state == RunState::Succeeded, "{state:?}");
        }
    }

    #[test]
    fn an_alarm_says_how_much_of_what_and_the_limit() {
        let told = alarm(&Alarm { kind: HarmKind::Vanished, count: 1_200, of: 3_000, limit_percent: 30 });
        assert_eq!(told, "1,200 of 3,000 articles vanish: 40 %, the job allows 30 %");
        assert!(alarm(&Alarm { kind: HarmKind::Zeroed, count: 0, of: 0, limit_percent: 0 }).contains("0 %"));
    }

    #[test]
    fn choices_have_the_names_that_the_wire_has() {
        for (encoding, name, _) in ENCODINGS {
            assert_eq!(serde_json::to_value(encoding).unwrap(), name);
        }
        for (mark, name, _) in DECIMAL_MARKS {
            assert_eq!(serde_json::to_value(mark).unwrap(), name);
        }
        for (pick, name, _) in PICKS {
            assert_eq!(serde_json::to_value(pick).unwrap(), name);
        }
        for (new, name, _) in NEW_PRODUCTS {
            assert_eq!(serde_json::to_value(new).unwrap(), name);
        }
        for (update, name, _) in UPDATES {
            assert_eq!(serde_json::to_value(update).unwrap(), name);
        }
        for (tls, name, _) in TLS {
            assert_eq!(serde_json::to_value(tls).unwrap(), name);
        }
        for (format, name, _) in FORMATS {
            assert_eq!(serde_json::to_value(format).unwrap(), name);
        }
    }

    #[test]
    fn each_end_of_a_run_has_advice_of_its_own() {
        let general = advice(ErrorCode::Internal);
        for code in [
            ErrorCode::SourceMissing,
            ErrorCode::HostKeyMismatch,
            ErrorCode::RejectLimit,
            ErrorCode::AgentLost,
            ErrorCode::NeedsApproval,
            ErrorCode::AgentTooOld,
        ] {
            assert_ne!(advice(code), general);
        }
    }
}
