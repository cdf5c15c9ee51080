//! What a workbook says of its sheets and of how numbers are shown.
//! Pure: text in.

use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;

use super::cells::attribute;

/// How a number is shown, as far as that is more than decoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shown {
    #[default]
    General,
    /// Times a hundred.
    Percent,
    /// With zeros in front, up to so many digits: article numbers.
    Zeros(usize),
}

/// A sheet and the part it lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) part: String,
}

/// The sheets in their order, from the workbook and its list of relations.
pub(super) fn sheets(workbook: &str, relations: &str) -> Result<Vec<Sheet>, String> {
    let targets = targets(relations)?;
    let mut sheets = Vec::new();
    each_tag(workbook, "workbook.xml", |name, get| {
        if name == "sheet"
            && let (Some(name), Some(id)) = (get("name"), get("id"))
            && let Some((_, _, target)) = targets.iter().find(|(known, ..)| *known == id)
        {
            sheets.push(Sheet { name, part: target.clone() });
        }
    })?;
    if sheets.is_empty() { Err("the workbook has no sheet".to_owned()) } else { Ok(sheets) }
}

/// The part of this kind, such as `sharedStrings` or `styles`.
pub(super) fn part_of(relations: &str, kind: &str) -> Result<Option<String>, String> {
    let found = targets(relations)?.into_iter().find(|(_, of, _)| of.rsplit('/').next() == Some(kind));
    Ok(found.map(|(.., target)| target))
}

/// Name, kind and part of each relation.
fn targets(relations: &str) -> Result<Vec<(String, String, String)>, String> {
    let mut targets = Vec::new();
    each_tag(relations, "workbook.xml.rels", |name, get| {
        if name == "Relationship"
            && let (Some(id), Some(kind), Some(target)) = (get("Id"), get("Type"), get("Target"))
        {
            let part = match target.strip_prefix('/') {
                Some(from_root) => from_root.to_owned(),
                None => format!("xl/{}", target.trim_start_matches("./")),
            };
            targets.push((id, kind, part));
        }
    })?;
    Ok(targets)
}

/// How numbers of each style are shown.
pub(super) fn styles(text: &str) -> Result<Vec<Shown>, String> {
    let (mut own, mut shown, mut within) = (Vec::new(), Vec::new(), false);
    each_tag(text, "styles.xml", |name, get| match name {
        "numFmt" => {
            if let (Some(id), Some(code)) = (get("numFmtId"), get("formatCode")) {
                own.push((id, of_code(&code)));
            }
        }
        "cellXfs" => within = true,
        "cellStyles" | "dxfs" | "cellStyleXfs" => within = false,
        "xf" if within => {
            let id = get("numFmtId").unwrap_or_default();
            let known = own.iter().find(|(known, _)| *known == id).map(|(_, shown)| *shown);
            let built_in = if matches!(id.as_str(), "9" | "10") { Shown::Percent } else { Shown::General };
            shown.push(known.unwrap_or(built_in));
        }
        _ => {}
    })?;
    Ok(shown)
}

fn of_code(code: &str) -> Shown {
    // What stands in quotes or after a backslash is shown as it is.
    let (mut plain, mut quoted, mut characters) = (String::new(), false, code.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' => drop(characters.next()),
            character if !quoted => plain.push(character),
            _ => {}
        }
    }
    if plain.contains('%') {
        Shown::Percent
    } else if plain.len() > 1 && plain.len() <= 64 && plain.bytes().all(|byte| byte == b'0') {
        Shown::Zeros(plain.len())
    } else {
        Shown::General
    }
}

/// Goes over the tags of a small part.
fn each_tag(
    text: &str,
    part: &str,
    mut take: impl FnMut(&str, &dyn Fn(&str) -> Option<String>),
) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                take(tag.local_name().as_ref(), &|name| attribute(&tag, name));
            }
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(format!("{part} of the workbook cannot be read: {error}")),
        }
    }
}

/// What a reference such as `&amp;` stands for; what it does not say becomes U+FFFD.
pub(super) fn resolved(name: &BytesRef<'_>) -> char {
    match (name.resolve_char_ref(), &**name) {
        (Ok(Some(character)), _) => character,
        (_, "lt") => '<',
        (_, "gt") => '>',
        (_, "amp") => '&',
        (_, "quot") => '"',
        (_, "apos") => '\'',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELATIONS: &str = r#"<Relationships><Relationship Id="rId2" Type="http://x/worksheet" Target="worksheets/sheet2.xml"/>
        <Relationship Id="rId1" Type="http://x/worksheet" Target="/xl/worksheets/sheet1.xml"/>
        <Relationship Id="rId9" Type="http://x/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;

    #[test]
    fn sheets_are_found_by_their_relations() {
        let workbook = r#"<workbook xmlns:r="r"><sheets><sheet name="B &amp; C" sheetId="7" r:id="rId2"/>
            <sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
        let found = sheets(workbook, RELATIONS).unwrap();
        let found: Vec<_> = found.iter().map(|sheet| (sheet.name.as_str(), sheet.part.as_str())).collect();
        assert_eq!(found, [("B & C", "xl/worksheets/sheet2.xml"), ("A", "xl/worksheets/sheet1.xml")]);
        assert_eq!(part_of(RELATIONS, "sharedStrings").unwrap().as_deref(), Some("xl/sharedStrings.xml"));
        assert_eq!(part_of(RELATIONS, "styles").unwrap(), None);
        assert!(sheets("<workbook/>", RELATIONS).is_err());
    }

    #[test]
    fn styles_that_change_what_is_seen() {
        let styles_xml = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="00000"/>
            <numFmt numFmtId="165" formatCode="0.0%"/><numFmt numFmtId="166" formatCode="0.00&quot; %&quot;"/></numFmts>
            <cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>
            <cellXfs><xf numFmtId="0"/><xf numFmtId="9"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf/></cellXfs>
            <dxfs><xf numFmtId="9"/></dxfs></styleSheet>"#;
        assert_eq!(
            styles(styles_xml).unwrap(),
            [Shown::General, Shown::Percent, Shown::Zeros(5), Shown::Percent, Shown::General, Shown::General]
        );
    }
}
