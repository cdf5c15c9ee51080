//! The form of a destination as its document, for each kind. Pure.

use messages::Secret;
use messages::connector::{
    Credentials, DestinationConfig, LocalFileDestination, SftpDestination, ShopifyDestination,
    SingerDestination, WebhookDestination, WooCommerceDestination,
};
use messages::http::destinations::DestinationSpec;

use super::super::form::{FormValues, fault};
use super::super::words::{FORMATS, NEW_PRODUCTS, UPDATES};
use super::{Draft, checked, one_of, plugin, with_early};

/// Credentials left blank keep the stored ones; `stored` says whether there are any.
pub fn destination(form: &FormValues, stored: bool) -> Draft<DestinationSpec> {
    let mut early = Vec::new();
    let mut number = |name: &str, otherwise: u32| {
        form.number(name).unwrap_or_else(|error| {
            early.push(error);
            otherwise
        })
    };
    let format = one_of(&FORMATS, &form.text("config.format"));
    let new_products = one_of(&NEW_PRODUCTS, &form.text("config.new_products"));
    let update = one_of(&UPDATES, &form.text("config.update"));
    let url = form.text("config.url");
    let config = match form.text("config.kind").as_str() {
        "local_file" => {
            DestinationConfig::LocalFile(LocalFileDestination { path: form.text("config.path"), format })
        }
        "webhook" => DestinationConfig::Webhook(WebhookDestination {
            url,
            batch_items: number("config.batch_items", 500),
        }),
        "woocommerce" => DestinationConfig::WooCommerce(WooCommerceDestination { url, new_products, update }),
        "shopify" => DestinationConfig::Shopify(ShopifyDestination {
            url,
            location_id: form.text("config.location_id"),
            new_products,
            update,
        }),
        "singer" => {
            let entered = plugin::entered(form, "config", "credentials", &mut early);
            let plugin::Entered { plugin, settings, secrets } = entered;
            let stream = form.text("config.stream");
            DestinationConfig::Singer(SingerDestination { plugin, settings, secrets, stream })
        }
        _ => DestinationConfig::Sftp(SftpDestination {
            host: form.text("config.host"),
            // What is no port is told by the check of the whole.
            port: u16::try_from(number("config.port", 22)).unwrap_or(0),
            user: form.text("config.user"),
            path: form.text("config.path"),
            host_key: form.text("config.host_key"),
            format,
        }),
    };
    let (credentials, field) = match &config {
        DestinationConfig::Singer(to) => {
            // Whether the stored ones may stay, the hub decides: it knows what they were stored for.
            (plugin::credentials(form, "config", "credentials", &to.secrets, stored, &mut early), "")
        }
        config => credentials(form, config),
    };
    if !field.is_empty() && config.needs_credentials() && credentials.is_none() && !stored {
        early.push(fault(field, "must not be empty"));
    }
    let spec =
        DestinationSpec { name: form.text("name"), config, enabled: form.ticked("enabled"), credentials };
    with_early(early, checked(spec))
}

/// What was entered, and the field that is to blame when nothing was.
fn credentials(form: &FormValues, to: &DestinationConfig) -> (Option<Credentials>, &'static str) {
    // Pasted keys bring blanks along.
    let secret = |name: &str| Some(form.text(name)).filter(|text| !text.is_empty()).map(Secret::new);
    match to {
        DestinationConfig::LocalFile(_) | DestinationConfig::Singer(_) => (None, "credentials"),
        DestinationConfig::Webhook(_) | DestinationConfig::Shopify(_) => {
            (secret("credentials.token").map(|token| Credentials::Token { token }), "credentials.token")
        }
        DestinationConfig::WooCommerce(_) => {
            match (secret("credentials.key"), secret("credentials.secret")) {
                (Some(key), Some(secret)) => (Some(Credentials::KeyPair { key, secret }), "credentials.key"),
                (Some(key), None) => {
                    // Half of a pair is told by the check of the whole.
                    (Some(Credentials::KeyPair { key, secret: Secret::default() }), "credentials.secret")
                }
                (None, Some(secret)) => {
                    (Some(Credentials::KeyPair { key: Secret::default(), secret }), "credentials.key")
                }
                (None, None) => (None, "credentials.key"),
            }
        }
        DestinationConfig::Sftp(_) if form.text("auth") == "private_key" => {
            let private_key = form.text("credentials.private_key");
            let passphrase = form.raw("credentials.passphrase");
            let key = (!private_key.is_empty()).then(|| Credentials::PrivateKey {
                // An OpenSSH key without its last line end is refused by some readers.
                private_key: Secret::new(private_key + "\n"),
                passphrase: (!passphrase.is_empty()).then(|| Secret::new(passphrase)),
            });
            (key, "credentials.private_key")
        }
        DestinationConfig::Sftp(_) => {
            let password = form.raw("credentials.password");
            let password =
                (!password.is_empty()).then(|| Credentials::Password { password: Secret::new(password) });
            (password, "credentials.password")
        }
    }
}
