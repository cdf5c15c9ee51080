//! Finds the list of items in a stream of JSON, and hands out one item after the other as it stands there. What lies
//! around it is passed over, whatever its size; one value beside it may be asked for.
//!
//! Only as much of JSON is known here as is needed to find the ends of things. Items are parsed by whoever gets them.

use std::io::{self, Read};

/// One item with all its texts; more is no description of an article.
pub(super) const MOST_ITEM: usize = 256 * 1024;
/// Names and single values.
const MOST_WORD: usize = 8 * 1024;
/// No answer is nested deeper, and one that is shall not exhaust the stack.
const MOST_DEPTH: usize = 64;
const CHUNK: usize = 64 * 1024;

/// Why the stream could not be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Disk(#[from] io::Error),
    #[error("{0}")]
    Form(String),
}

/// What is looked for.
pub(super) struct Wanted<'w> {
    /// Path of the list; empty: the whole is the list.
    pub(super) items: &'w [String],
    /// Path of a single value beside it.
    pub(super) value: Option<&'w [String]>,
}

/// What was found beside the items.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) value: Option<String>,
    /// Names on the topmost level, for what is told when there is no list.
    pub(super) names: Vec<String>,
    pub(super) list: bool,
}

/// See the module.
pub(super) struct Scan<'t, R> {
    input: R,
    chunk: Vec<u8>,
    at: usize,
    end: usize,
    bytes: u64,
    take: &'t mut dyn FnMut(&[u8], u64) -> bool,
    item: Vec<u8>,
    found: Found,
    /// Nobody wants more.
    stopped: bool,
}

/// Paths that lead on from here; none when they lead elsewhere.
#[derive(Clone, Copy)]
struct Ways<'w> {
    items: Option<&'w [String]>,
    value: Option<&'w [String]>,
}

impl<'w> Ways<'w> {
    fn into(self, name: &str) -> Self {
        let step = |path: Option<&'w [String]>| {
            path.and_then(<[String]>::split_first)
                .filter(|(first, _)| first.as_str() == name)
                .map(|(_, rest)| rest)
        };
        Self { items: step(self.items), value: step(self.value) }
    }

    const fn lead_nowhere(self) -> bool {
        self.items.is_none() && self.value.is_none()
    }
}

/// Reads to the end. `take` gets each item and the bytes read so far, and says whether it wants more.
pub(super) fn scan<R: Read>(
    input: R,
    wanted: &Wanted<'_>,
    take: &mut dyn FnMut(&[u8], u64) -> bool,
) -> Result<Found, Fault> {
    let mut scan = Scan {
        input,
        chunk: vec![0; CHUNK],
        at: 0,
        end: 0,
        bytes: 0,
        take,
        item: Vec::new(),
        found: Found::default(),
        stopped: false,
    };
    scan.skip_mark()?;
    scan.value(Ways { items: Some(wanted.items), value: wanted.value }, 0)?;
    if !scan.stopped && scan.token()?.is_some() {
        return Err(scan.wrong("something follows the end of the answer"));
    }
    Ok(scan.found)
}

impl<R: Read> Scan<'_, R> {
    fn wrong(&self, what: &str) -> Fault {
        Fault::Form(format!("{what}, at byte {}", self.bytes - (self.end - self.at) as u64))
    }

    fn peek(&mut self) -> Result<Option<u8>, Fault> {
        if self.at == self.end {
            self.at = 0;
            self.end = loop {
                match self.input.read(&mut self.chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
            self.bytes += self.end as u64;
        }
        Ok(self.chunk[..self.end].get(self.at).copied())
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.peek()?.ok_or_else(|| self.wrong("the answer ends in the middle"))?;
        self.at += 1;
        Ok(byte)
    }

    /// The next byte that is no blank; it stays where it is.
    fn token(&mut self) -> Result<Option<u8>, Fault> {
        while let Some(byte) = self.peek()? {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Ok(Some(byte));
            }
            self.at += 1;
        }
        Ok(None)
    }

    fn need(&mut self) -> Result<u8, Fault> {
        self.token()?.ok_or_else(|| self.wrong("the answer ends in the middle"))
    }

    fn skip_mark(&mut self) -> Result<(), Fault> {
        if self.peek()? == Some(0xEF) {
            for expected in [0xEF, 0xBB, 0xBF] {
                if self.byte()? != expected {
                    return Err(self.wrong("this is no JSON"));
                }
            }
        }
        Ok(())
    }

    fn value(&mut self, ways: Ways<'_>, depth: usize) -> Result<(), Fault> {
        if depth > MOST_DEPTH {
            return Err(self.wrong("the answer is nested too deeply"));
        }
        let first = self.need()?;
        if ways.items.is_some_and(<[String]>::is_empty) {
            return self.list(first);
        }
        if ways.value.is_some_and(<[String]>::is_empty) {
            let mut raw = Vec::new();
            self.copy(&mut raw, MOST_WORD)?;
            self.found.value = single(&raw);
            return Ok(());
        }
        match first {
            b'{' if depth == 0 || !ways.lead_nowhere() => self.object(ways, depth),
            b'[' if !ways.lead_nowhere() => self.array(ways, depth),
            _ => self.skip(),
        }
    }

    /// The list that was looked for.
    fn list(&mut self, first: u8) -> Result<(), Fault> {
        if first == b'n' {
            // `null` in the place of an empty list.
            self.found.list = true;
            return self.skip();
        }
        if first != b'[' {
            return self.object_of_names(first);
        }
        self.found.list = true;
        self.at += 1;
        if self.need()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.need()?;
            let mut item = std::mem::take(&mut self.item);
            item.clear();
            self.copy(&mut item, MOST_ITEM)?;
            let wanted = (self.take)(&item, self.bytes);
            self.item = item;
            if !wanted {
                self.stopped = true;
                return Ok(());
            }
            match self.need()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.wrong("a comma is missing in the list of items")),
            }
        }
    }

    /// There is something else in the list's place: what it has is told.
    fn object_of_names(&mut self, first: u8) -> Result<(), Fault> {
        if first == b'{' {
            self.found.names.clear();
            self.object(Ways { items: None, value: None }, 0)
        } else {
            self.skip()
        }
    }

    fn object(&mut self, ways: Ways<'_>, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        if self.need()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.need()? != b'"' {
                return Err(self.wrong("a name is missing in an object"));
            }
            let mut raw = Vec::new();
            self.copy(&mut raw, MOST_WORD)?;
            let name = single(&raw).unwrap_or_default();
            if self.need()? != b':' {
                return Err(self.wrong("a colon is missing in an object"));
            }
            self.at += 1;
            if depth == 0 && self.found.names.len() < 20 {
                self.found.names.push(name.clone());
            }
            self.value(ways.into(&name), depth + 1)?;
            if self.stopped {
                return Ok(());
            }
            match self.need()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.wrong("a comma is missing in an object")),
            }
        }
    }

    fn array(&mut self, ways: Ways<'_>, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        if self.need()? == b']' {
            self.at += 1;
            return Ok(());
        }
        for number in 0_u64.. {
            self.value(ways.into(&number.to_string()), depth + 1)?;
            if self.stopped {
                return Ok(());
            }
            match self.need()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    break;
                }
                _ => return Err(self.wrong("a comma is missing in a list")),
            }
        }
        Ok(())
    }

    fn skip(&mut self) -> Result<(), Fault> {
        self.pass(|_| Ok(()))
    }

    fn copy(&mut self, to: &mut Vec<u8>, most: usize) -> Result<(), Fault> {
        let too_long = format!("a value has more than {most} bytes");
        self.pass(|byte| {
            to.push(byte);
            if to.len() > most { Err(Fault::Form(too_long.clone())) } else { Ok(()) }
        })
    }

    /// Goes over one value of whatever kind, byte by byte.
    fn pass(&mut self, mut each: impl FnMut(u8) -> Result<(), Fault>) -> Result<(), Fault> {
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        loop {
            let byte = match self.peek()? {
                Some(byte) => byte,
                // A number may end with the answer.
                None if depth == 0 && !quoted => return Ok(()),
                None => return Err(self.wrong("the answer ends in the middle")),
            };
            if quoted {
                quoted = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
            } else {
                match byte {
                    b'"' => quoted = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth == 0 => return Ok(()),
                    b'}' | b']' => depth -= 1,
                    b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return Ok(()),
                    _ => {
                        self.at += 1;
                        each(byte)?;
                        continue;
                    }
                }
            }
            self.byte()?;
            each(byte)?;
            if depth == 0 && !quoted {
                return Ok(());
            }
        }
    }
}

/// A text or a number as text; nothing for what is neither.
fn single(raw: &[u8]) -> Option<String> {
    match raw.first()? {
        b'"' => serde_json::from_slice(raw).ok(),
        b'{' | b'[' | b'n' | b'f' => None,
        _ => String::from_utf8(raw.to_vec()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives one byte at a time.
    struct Drops<'b>(&'b [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(1);
            out[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn path(text: &str) -> Vec<String> {
        text.split('.').filter(|step| !step.is_empty()).map(str::to_owned).collect()
    }

    fn read(json: &str, items: &str, value: &str) -> Result<(Vec<String>, Found), String> {
        let (items, value) = (path(items), path(value));
        let wanted = Wanted { items: &items, value: (!value.is_empty()).then_some(value.as_slice()) };
        let run = |input: &mut dyn Read| {
            let mut all = Vec::new();
            let found = scan(input, &wanted, &mut |item, _| {
                all.push(String::from_utf8(item.to_vec()).unwrap());
                true
            });
            found.map(|found| (all, found)).map_err(|fault| fault.to_string())
        };
        let (whole, drops) = (run(&mut json.as_bytes()), run(&mut Drops(json.as_bytes())));
        match (&whole, &drops) {
            (Ok(whole), Ok(drops)) => assert_eq!(whole, drops),
            (whole, drops) => assert_eq!(whole.is_err(), drops.is_err(), "{whole:?} {drops:?}"),
        }
        whole
    }

    #[test]
    fn the_list_is_found_wherever_it_stands() {
        for (json, items) in [
            ("[1, {\"a\": [2, \"]\"]},\"x\\\"\\\\\"]", ""),
            (
                "\u{feff} {\"n\":{\"x\":[9]}, \"data\" : {\"items\":[1,{\"a\": [2, \"]\"]},\"x\\\"\\\\\"] }, \"z\":\"}\"} ",
                "data.items",
            ),
            ("{\"data\":[{\"k\":1},{\"items\":[1,{\"a\": [2, \"]\"]},\"x\\\"\\\\\"]}]}", "data.1.items"),
        ] {
            let (found, _) = read(json, items, "").unwrap();
            assert_eq!(found, ["1", "{\"a\": [2, \"]\"]}", "\"x\\\"\\\\\""], "{json}");
        }
        for json in ["[]", "[ ]", "null"] {
            assert_eq!(read(json, "", "").unwrap().0.len(), 0);
        }
    }

    #[test]
    fn a_value_beside_the_list_is_found_before_and_after_it() {
        for (json, value) in [
            (r#"{"next":"a\u00e9","items":[]}"#, Some("aé")),
            (r#"{"items":[1],"next":17}"#, Some("17")),
            (r#"{"items":[1],"next":null}"#, None),
            (r#"{"items":[1],"next":false}"#, None),
            (r#"{"items":[1],"next":{"a":1}}"#, None),
            (r#"{"items":[1]}"#, None),
        ] {
            assert_eq!(read(json, "items", "next").unwrap().1.value.as_deref(), value, "{json}");
        }
        let (items, found) = read(r#"{"meta":{"c":"x"},"data":{"l":[1]}}"#, "data.l", "meta.c").unwrap();
        assert_eq!((items.len(), found.value.as_deref()), (1, Some("x")));
    }

    #[test]
    fn what_is_there_instead_is_told() {
        let (items, found) = read(r#"{"error":"no","code":7}"#, "items", "").unwrap();
        assert_eq!(
            (items.len(), found.list, found.names),
            (0, false, vec!["error".to_owned(), "code".into()])
        );
        assert!(!read(r#"{"items":{"a":1}}"#, "items", "").unwrap().1.list);
        assert!(!read("17", "", "").unwrap().1.list);
        assert!(read("null", "", "").unwrap().1.list);
    }

    #[test]
    fn half_an_answer_is_no_answer() {
        let whole = r#"{"data":{"items":[{"sku":"1"},{"sku":"2"}],"n":"x"}}"#;
        for length in 0..whole.len() {
            assert!(read(&whole[..length], "data.items", "").is_err(), "{}", &whole[..length]);
        }
        for wrong in ["[1 2]", "[1,,", "{\"a\" 1}", "{1:2}", "[1] [2]", "<html></html>", "{\"a\":1 \"b\":2}"]
        {
            let outcome = read(wrong, "", "");
            assert!(outcome.is_err() || !outcome.unwrap().1.list, "{wrong}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(read(&deep, "0.0.0.0", "").is_ok(), "it is passed over");
        let long = format!("[\"{}\"]", "x".repeat(MOST_ITEM));
        assert!(read(&long, "", "").unwrap_err().contains("more than"));
    }

    #[test]
    fn it_stops_when_nobody_wants_more() {
        let mut count = 0;
        let wanted = Wanted { items: &[], value: None };
        scan(&b"[1,2,3,"[..], &wanted, &mut |_, _| {
            count += 1;
            count < 2
        })
        .unwrap();
        assert_eq!(count, 2);
    }

    proptest! {
        #[test]
        fn whatever_json_there_is_the_items_are_its_own(values in prop::collection::vec("[a-z\"\\\\\\[\\]{}:, é]{0,20}", 0..20)) {
            let json = serde_json::json!({"a": {"b": [[1], {"items": values}]}, "c": values});
            let (items, _) = read(&json.to_string(), "a.b.1.items", "").unwrap();
            let read: Vec<String> = items.iter().map(|item| serde_json::from_str(item).unwrap()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
