//! The string that a driver is opened with. Values are escaped as ODBC demands, so that none of them can become an attribute.
//! Pure: settings in, text or a sentence out.

use messages::connector::{DatabaseTls, OdbcSource, SqlServerSource};

/// Drivers for SQL Server by name, the best first. The last one comes with every Windows.
const FOR_SQL_SERVER: &[&str] = &[
    "ODBC Driver 18 for SQL Server",
    "ODBC Driver 17 for SQL Server",
    "ODBC Driver 13 for SQL Server",
    "SQL Server Native Client 11.0",
    "FreeTDS",
    "SQL Server",
];

/// The usual port of SQL Server, which FreeTDS wants to be told.
const SQL_SERVER_PORT: u16 = 1_433;

/// The driver that is named, or the best there is; the error says what to install.
pub(crate) fn sql_server_driver(named: &str, installed: &[String]) -> Result<String, String> {
    if !named.is_empty() {
        return Ok(named.to_owned());
    }
    let best = FOR_SQL_SERVER
        .iter()
        .find_map(|usual| installed.iter().find(|driver| driver.eq_ignore_ascii_case(usual)));
    best.cloned().ok_or_else(|| {
        "the machine has no ODBC driver for SQL Server; install Microsoft's \"ODBC Driver 18 for SQL Server\", \
         or FreeTDS (on Debian the package tdsodbc)"
            .to_owned()
    })
}

pub(crate) fn to_sql_server(from: &SqlServerSource, driver: &str, password: &str) -> Result<String, String> {
    let mut parts = Parts::default();
    parts.put("Driver", driver);
    let lower = driver.to_ascii_lowercase();
    if lower.contains("freetds") || lower.contains("tdsodbc") {
        if from.tls == DatabaseTls::Required && !from.trust_certificate {
            return Err("FreeTDS encrypts the line and does not look at the server's certificate; \
                        install Microsoft's \"ODBC Driver 18 for SQL Server\", or let the source take any certificate"
                .to_owned());
        }
        if from.instance.is_empty() {
            parts.put("Server", &from.host);
            let port = if from.port == 0 { SQL_SERVER_PORT } else { from.port };
            parts.put("Port", &port.to_string());
        } else {
            parts.put("Server", &format!("{}\\{}", from.host, from.instance));
        }
        parts.put("TDS_Version", "7.4");
        parts.put("ClientCharset", "UTF-8");
        parts.put("Encryption", if from.tls == DatabaseTls::Required { "require" } else { "off" });
    } else {
        let server = if !from.instance.is_empty() {
            format!("{}\\{}", from.host, from.instance)
        } else if from.port == 0 {
            from.host.clone()
        } else {
            // A comma, not a colon; it needs no braces, and the oldest driver does not know them here.
            format!("{},{}", from.host, from.port)
        };
        parts.plain("Server", &server);
        let yes = |flag| if flag { "yes" } else { "no" };
        parts.put("Encrypt", yes(from.tls == DatabaseTls::Required));
        parts.put("TrustServerCertificate", yes(from.trust_certificate));
    }
    parts.put("Database", &from.database);
    parts.put("UID", &from.user);
    parts.put("PWD", password);
    parts.put("APP", "grocerysync");
    parts.made()
}

/// What the technician says, and who signs in.
pub(crate) fn to_odbc(from: &OdbcSource, password: Option<&str>) -> Result<String, String> {
    let mut parts = Parts { text: from.connection.trim().trim_end_matches(';').to_owned() };
    if !from.user.is_empty() {
        parts.put("UID", &from.user);
        parts.put("PWD", password.ok_or("the password of the source is missing; enter it in the job")?);
    }
    parts.made()
}

#[derive(Default)]
struct Parts {
    text: String,
}

impl Parts {
    fn put(&mut self, name: &str, value: &str) {
        self.plain(name, &escaped(value));
    }

    fn plain(&mut self, name: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push(';');
        }
        self.text.push_str(name);
        self.text.push('=');
        self.text.push_str(value);
    }

    fn made(self) -> Result<String, String> {
        // Drivers would take it for the end.
        if self.text.contains('\0') {
            Err("user or password hold a character without a width".to_owned())
        } else {
            Ok(self.text)
        }
    }
}

/// In braces where ODBC gives a sign another meaning; braces within are doubled.
fn escaped(value: &str) -> String {
    let special = |c: char| "[]{}(),;?*=!@".contains(c);
    let needed = value.contains(special) || value.trim() != value;
    if needed { format!("{{{}}}", value.replace('}', "}}")) } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use messages::connector::drivers::attributes;
    use proptest::prelude::*;

    use super::*;

    fn server() -> SqlServerSource {
        SqlServerSource {
            host: "till".into(),
            user: "reader".into(),
            database: "pos".into(),
            ..SqlServerSource::default()
        }
    }

    #[test]
    fn sql_server_is_opened_as_each_driver_wants_it() {
        let microsoft = "ODBC Driver 18 for SQL Server";
        for (from, driver, expected) in [
            (
                server(),
                microsoft,
                "Driver=ODBC Driver 18 for SQL Server;Server=till;Encrypt=yes;TrustServerCertificate=no;Database=pos;UID=reader;PWD={a;b};APP=grocerysync",
            ),
            (
                SqlServerSource { port: 1_444, tls: DatabaseTls::Off, ..server() },
                "SQL Server",
                "Driver=SQL Server;Server=till,1444;Encrypt=no;TrustServerCertificate=no;Database=pos;UID=reader;PWD={a;b};APP=grocerysync",
            ),
            (
                SqlServerSource { instance: "SQLEXPRESS".into(), trust_certificate: true, ..server() },
                microsoft,
                "Driver=ODBC Driver 18 for SQL Server;Server=till\\SQLEXPRESS;Encrypt=yes;TrustServerCertificate=yes;Database=pos;UID=reader;PWD={a;b};APP=grocerysync",
            ),
            (
                SqlServerSource { trust_certificate: true, ..server() },
                "FreeTDS",
                "Driver=FreeTDS;Server=till;Port=1433;TDS_Version=7.4;ClientCharset=UTF-8;Encryption=require;Database=pos;UID=reader;PWD={a;b};APP=grocerysync",
            ),
            (
                SqlServerSource { instance: "POS".into(), tls: DatabaseTls::Off, ..server() },
                "/usr/lib/libtdsodbc.so",
                "Driver=/usr/lib/libtdsodbc.so;Server=till\\POS;TDS_Version=7.4;ClientCharset=UTF-8;Encryption=off;Database=pos;UID=reader;PWD={a;b};APP=grocerysync",
            ),
        ] {
            assert_eq!(to_sql_server(&from, driver, "a;b").unwrap(), expected);
        }
        let unseen = to_sql_server(&server(), "FreeTDS", "x").unwrap_err();
        assert!(
            unseen.contains("certificate"),
            "a certificate that should be verified is not let through: {unseen}"
        );
    }

    #[test]
    fn the_best_driver_there_is_is_taken() {
        let have = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (named, installed, taken) in [
            (
                "",
                have(&["SQLite3", "FreeTDS", "ODBC Driver 17 for SQL Server"]),
                "ODBC Driver 17 for SQL Server",
            ),
            ("", have(&["SQL Server"]), "SQL Server"),
            ("", have(&["freetds"]), "freetds"),
            ("mine", have(&[]), "mine"),
        ] {
            assert_eq!(sql_server_driver(named, &installed).unwrap(), taken);
        }
        assert!(sql_server_driver("", &have(&["SQLite3"])).unwrap_err().contains("tdsodbc"));
    }

    #[test]
    fn user_and_password_are_put_behind_what_the_technician_says() {
        let from = |connection: &str, user: &str| OdbcSource {
            connection: connection.into(),
            user: user.into(),
            ..OdbcSource::default()
        };
        assert_eq!(to_odbc(&from("DSN=pos;", ""), None).unwrap(), "DSN=pos");
        assert_eq!(to_odbc(&from("DSN=pos", "me"), Some("x}y")).unwrap(), "DSN=pos;UID=me;PWD={x}}y}");
        assert!(to_odbc(&from("DSN=pos", "me"), None).is_err());
        assert!(to_odbc(&from("DSN=pos", "me"), Some("a\0b")).is_err());
    }

    proptest! {
        #[test]
        fn no_value_becomes_an_attribute(user in "[^\0]{1,20}", password in "[^\0]{0,20}", database in "[^\0]{1,20}") {
            let from = SqlServerSource { user: user.clone(), database: database.clone(), ..server() };
            let text = to_sql_server(&from, "SQL Server", &password).unwrap();
            let found = attributes(&text).unwrap();
            let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
            prop_assert_eq!(
                names,
                ["Driver", "Server", "Encrypt", "TrustServerCertificate", "Database", "UID", "PWD", "APP"]
            );
            for (name, value) in [("Database", database), ("UID", user), ("PWD", password)] {
                prop_assert!(found.iter().any(|(have, told)| *have == name && *told == value), "{}", text);
            }
        }
    }
}
