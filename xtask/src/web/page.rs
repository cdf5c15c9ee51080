//! Turns the console's parts into named files: a content hash in every name that a page, a style sheet
//! or the boot script mentions, so that browsers may keep them for ever.
//! Pure: parts in, files out.

use anyhow::{Result, bail};

use crate::digest;

/// The page itself; the one name that must never change.
pub(super) const INDEX: &str = "index.html";

/// The glue and what loads the later modules, as wasm-bindgen and the link script call each other.
pub(super) const GLUE: &str = "app.js";
pub(super) const LINK: &str = "link.js";

/// Begins the name of what the first visit does not load.
const LATER: &str = "later/";

/// Hexadecimal digits of a content hash in a name. 48 bits: names clash never, and stay readable.
const HASH_DIGITS: usize = 12;

/// What the console is made of.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// `index.html` with the places named in `PLACES`.
    pub(super) template: String,
    pub(super) glue: Vec<u8>,
    pub(super) wasm: Vec<u8>,
    /// JavaScript that loads the later modules. It and the glue import each other.
    pub(super) link: Vec<u8>,
    /// Modules that are loaded when they are needed, by the names that `link` has for them.
    pub(super) later: Vec<(String, Vec<u8>)>,
    /// JavaScript that a dependency brought along; imported by the glue under these names.
    pub(super) snippets: Vec<(String, Vec<u8>)>,
    /// Style sheets, joined in the order of their names.
    pub(super) styles: Vec<(String, String)>,
    /// Fonts, icons and the like.
    pub(super) statics: Vec<(String, Vec<u8>)>,
}

/// One file of the finished console.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asset {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Does the first visit do without the file of this name?
pub(super) fn comes_later(name: &str) -> bool {
    name.starts_with(LATER)
}

/// Names all parts and fills the page: `{{css}}`, `{{boot}}`, `{{modulepreload}}` (the glue), `{{link_preload}}` and
/// `{{wasm_preload}}` become addresses where they stand in quotes, and whole elements elsewhere.
pub(super) fn assemble(parts: Parts) -> Result<Vec<Asset>> {
    let mut assets: Vec<Asset> =
        parts.snippets.into_iter().map(|(name, bytes)| Asset { name, bytes }).collect();
    let mut css = parts.styles.iter().map(|(_, text)| text.trim_end()).collect::<Vec<_>>().join("\n\n");
    css.push('\n');
    let mut html = parts.template;
    for (name, bytes) in parts.statics {
        let hashed = hashed_name(&name, &bytes);
        let mentions = point_to(&mut css, &name, &hashed) + point_to(&mut html, &name, &hashed);
        // What nobody mentions is asked for by its own name, such as a robots.txt.
        assets.push(Asset { name: if mentions > 0 { hashed } else { name }, bytes });
    }
    let (glue, link) = linked(parts.glue, parts.link, parts.later, &mut assets)?;
    let wasm = named("app.wasm", parts.wasm);
    let style = named("app.css", css.into_bytes());
    let boot = named("boot.js", boot_script(&glue.name, &wasm.name).into_bytes());
    let preload = "rel=\"preload\" as=\"fetch\" type=\"application/wasm\" crossorigin";
    let places = [
        ("{{css}}", &style.name, "<link rel=\"stylesheet\" href=\"@\">".to_owned()),
        ("{{boot}}", &boot.name, "<script type=\"module\" src=\"@\"></script>".to_owned()),
        ("{{modulepreload}}", &glue.name, "<link rel=\"modulepreload\" href=\"@\">".to_owned()),
        ("{{link_preload}}", &link.name, "<link rel=\"modulepreload\" href=\"@\">".to_owned()),
        ("{{wasm_preload}}", &wasm.name, format!("<link {preload} href=\"@\">")),
    ];
    for (place, name, element) in places {
        if !html.contains(place) {
            bail!("static/{INDEX} has no {place}; put it where the address /{name} belongs");
        }
        let address = format!("/{name}");
        html = html.replace(&format!("\"{place}\""), &format!("\"{address}\""));
        html = html.replace(place, &element.replace('@', &address));
    }
    if let Some(at) = html.find("{{") {
        let rest: String = html[at..].chars().take(30).collect();
        bail!("static/{INDEX} has a place that nothing fills: {rest}");
    }
    assets.extend([
        glue,
        link,
        wasm,
        style,
        boot,
        Asset { name: INDEX.to_owned(), bytes: html.into_bytes() },
    ]);
    assets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(assets)
}

/// Names the later modules, and the two scripts that import each other: each would need the other's name for its own
/// hash, so they share the hash of both.
fn linked(
    glue: Vec<u8>,
    link: Vec<u8>,
    later: Vec<(String, Vec<u8>)>,
    assets: &mut Vec<Asset>,
) -> Result<(Asset, Asset)> {
    let (mut glue, mut link) = (String::from_utf8(glue)?, String::from_utf8(link)?);
    for (name, bytes) in later {
        let hashed = hashed_name(&format!("{LATER}{name}"), &bytes);
        if point_to(&mut link, &name, &hashed) == 0 {
            bail!("nothing loads {name}: {LINK} does not mention it");
        }
        assets.push(Asset { name: hashed, bytes });
    }
    let hash = digest::of([glue.as_bytes(), link.as_bytes()]);
    let [glue_name, link_name] = [GLUE, LINK].map(|name| with_hash(name, &hash));
    if !import_from(&mut glue, LINK, &link_name) || !import_from(&mut link, GLUE, &glue_name) {
        bail!("{GLUE} and {LINK} do not import each other; has the way of splitting changed?");
    }
    let asset = |name, text: String| Asset { name, bytes: text.into_bytes() };
    Ok((asset(glue_name, glue), asset(link_name, link)))
}

/// Starts the console. A file of its own, so that the content security policy needs no exception for
/// inline scripts. Where starting fails, the page is marked and its style sheet can show the notice.
fn boot_script(glue: &str, wasm: &str) -> String {
    format!(
        "import init from '/{glue}';\n\
         init({{ module_or_path: '/{wasm}' }}).catch((error) => {{\n\
         \x20 document.documentElement.dataset.boot = 'failed';\n\
         \x20 console.error(error);\n\
         }});\n"
    )
}

/// Makes a script import from `hashed` what it imported from `name`. Other mentions stay: the module calls what it imports
/// by the old name.
fn import_from(script: &mut String, name: &str, hashed: &str) -> bool {
    let old = format!("from \"./{name}\"");
    let found = script.contains(&old);
    *script = script.replace(&old, &format!("from \"/{hashed}\""));
    found
}

fn named(name: &str, bytes: Vec<u8>) -> Asset {
    Asset { name: hashed_name(name, &bytes), bytes }
}

/// `fonts/inter.woff2` → `fonts/inter-0123456789ab.woff2`.
fn hashed_name(name: &str, bytes: &[u8]) -> String {
    with_hash(name, &digest::of([bytes]))
}

fn with_hash(name: &str, hash: &str) -> String {
    let hash = &hash[..HASH_DIGITS];
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{hash}.{extension}"),
        None => format!("{name}-{hash}"),
    }
}

/// Replaces every quoted or bracketed mention of `name`, however relative, by the absolute new address;
/// tells how many there were.
fn point_to(text: &mut String, name: &str, hashed: &str) -> usize {
    let mut mentions = 0;
    for (open, close) in [('"', '"'), ('\'', '\''), ('(', ')')] {
        for prefix in ["/", "./", "../", ""] {
            let old = format!("{open}{prefix}{name}{close}");
            mentions += text.matches(&old).count();
            *text = text.replace(&old, &format!("{open}/{hashed}{close}"));
        }
    }
    mentions
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"<link rel="icon" href="/icon.svg"><link rel="stylesheet" href="{{css}}">
<link rel="modulepreload" href="{{modulepreload}}"><link rel="preload" href="{{wasm_preload}}">
<link rel="modulepreload" href="{{link_preload}}"><script type="module" src="{{boot}}"></script>"#;

    fn parts() -> Parts {
        Parts {
            template: TEMPLATE.to_owned(),
            glue: b"import * as i from \"./link.js\"\nlet imports = {\"./link.js\": i}".to_vec(),
            wasm: b"wasm".to_vec(),
            link: b"import { initSync } from \"./app.js\"; fetch(new URL(\"./split_later.wasm\", import.meta.url))"
                .to_vec(),
            later: vec![("split_later.wasm".to_owned(), b"more".to_vec())],
            snippets: vec![("snippets/a/inline0.js".to_owned(), b"x".to_vec())],
            styles: vec![
                ("1.css".to_owned(), "a{src:url(../fonts/i.woff2)}\n".to_owned()),
                ("2.css".to_owned(), "b{}".to_owned()),
            ],
            statics: vec![
                ("fonts/i.woff2".to_owned(), b"font".to_vec()),
                ("icon.svg".to_owned(), b"<svg/>".to_vec()),
                ("robots.txt".to_owned(), b"no".to_vec()),
            ],
        }
    }

    fn text<'a>(assets: &'a [Asset], start: &str, end: &str) -> (&'a str, &'a str) {
        let asset =
            assets.iter().find(|asset| asset.name.starts_with(start) && asset.name.ends_with(end)).unwrap();
        (&asset.name, std::str::from_utf8(&asset.bytes).unwrap())
    }

    #[test]
    fn every_mention_leads_to_a_file_that_is_there() {
        let assets = assemble(parts()).unwrap();
        let (css_name, css) = text(&assets, "app-", ".css");
        let (font, _) = text(&assets, "fonts/i-", ".woff2");
        assert_eq!(css, format!("a{{src:url(/{font})}}\n\nb{{}}\n"));
        let (_, html) = text(&assets, "index", ".html");
        let (boot_name, boot) = text(&assets, "boot-", ".js");
        let (icon, _) = text(&assets, "icon-", ".svg");
        let (glue, _) = text(&assets, "app-", ".js");
        let (wasm, _) = text(&assets, "app-", ".wasm");
        for name in [css_name, boot_name, icon, glue, wasm] {
            assert!(html.contains(&format!("\"/{name}\"")), "{name} in {html}");
        }
        assert!(boot.contains(&format!("'/{glue}'")) && boot.contains(&format!("'/{wasm}'")), "{boot}");
    }

    #[test]
    fn a_place_outside_of_quotes_becomes_an_element() {
        let mut parts = parts();
        parts.template =
            "<head>{{css}}{{modulepreload}}{{link_preload}}{{wasm_preload}}{{boot}}</head>".to_owned();
        let assets = assemble(parts).unwrap();
        let (_, html) = text(&assets, "index", ".html");
        let (css, _) = text(&assets, "app-", ".css");
        assert!(html.starts_with(&format!("<head><link rel=\"stylesheet\" href=\"/{css}\">")), "{html}");
        assert!(html.contains("as=\"fetch\" type=\"application/wasm\" crossorigin href=\"/app-"), "{html}");
    }

    #[test]
    fn the_two_scripts_and_the_later_module_find_each_other() {
        let assets = assemble(parts()).unwrap();
        let (glue_name, glue) = text(&assets, "app-", ".js");
        let (link_name, link) = text(&assets, "link-", ".js");
        let (later_name, _) = text(&assets, "later/", ".wasm");
        let expected = format!("import * as i from \"/{link_name}\"\nlet imports = {{\"./link.js\": i}}");
        assert_eq!(glue, expected, "the module asks for its imports by the old name");
        assert!(link.contains(&format!("from \"/{glue_name}\"")), "{link}");
        assert!(link.contains(&format!("new URL(\"/{later_name}\"")), "{link}");
        assert!(comes_later(later_name) && !comes_later(glue_name));
        let changed = Parts { later: vec![("split_later.wasm".to_owned(), b"other".to_vec())], ..parts() };
        let assets = assemble(changed).unwrap();
        assert_ne!(
            text(&assets, "app-", ".js").0,
            glue_name,
            "the glue leads to other code, so its name differs"
        );
    }

    #[test]
    fn a_module_that_nothing_loads_and_scripts_that_do_not_meet_are_refused() {
        let mut forgotten = parts();
        forgotten.later.push(("split_other.wasm".to_owned(), b"x".to_vec()));
        assert!(assemble(forgotten).unwrap_err().to_string().contains("split_other.wasm"));
        let apart = Parts { glue: b"alone".to_vec(), ..parts() };
        assert!(assemble(apart).unwrap_err().to_string().contains("import each other"));
    }

    #[test]
    fn names_follow_content_and_nothing_else() {
        let name = |bytes: &[u8]| hashed_name("a.js", bytes);
        assert_eq!(name(b"x"), name(b"x"));
        assert_ne!(name(b"x"), name(b"y"));
        assert_eq!(name(b"x").len(), "a-.js".len() + HASH_DIGITS);
    }

    #[test]
    fn unmentioned_files_and_snippets_keep_their_names() {
        let assets = assemble(parts()).unwrap();
        for name in ["robots.txt", "snippets/a/inline0.js", "index.html"] {
            assert!(assets.iter().any(|asset| asset.name == name), "{name}");
        }
    }

    #[test]
    fn a_template_without_a_place_or_with_a_strange_one_is_refused() {
        for place in ["{{css}}", "{{boot}}", "{{modulepreload}}", "{{link_preload}}", "{{wasm_preload}}"] {
            let mut parts = parts();
            parts.template = parts.template.replace(place, "");
            assert!(assemble(parts).unwrap_err().to_string().contains(place));
        }
        let mut parts = parts();
        parts.template.push_str("{{title}}");
        assert!(assemble(parts).unwrap_err().to_string().contains("{{title}}"));
    }
}
