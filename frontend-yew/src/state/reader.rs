//! Reads JSON values as our types. Pure.
//!
//! `serde_json` can do that too. It also reads structs from lists, numbers from floats, and words each fault; none
//! of it is used here, and all of it would stand in the program once for each type. A test holds both to be the same.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

/// The value has another form than the type. What exactly is of no use to a person at the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value has another form than expected")
    }
}

impl std::error::Error for Unreadable {}

impl de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }

    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn missing_field(_: &'static str) -> Self {
        Self
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}

pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, Unreadable> {
    T::deserialize(Reader(value))
}

struct Reader(Value);

impl Reader {
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match (self.0.as_u64(), self.0.as_i64()) {
            (Some(n), _) => visitor.visit_u64(n),
            (_, Some(n)) => visitor.visit_i64(n),
            // No type of ours holds a fraction: money and quantities are whole numbers or decimal text. What somebody else
            // made up, and is shown as it came, may.
            _ => self.0.as_f64().map_or(Err(Unreadable), |n| visitor.visit_f64(n)),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            _ => Err(Unreadable),
        }
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(List(items.into_iter())),
            _ => Err(Unreadable),
        }
    }

    fn object<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Object(map) => visitor.visit_map(Fields { rest: map.into_iter(), value: None }),
            _ => Err(Unreadable),
        }
    }
}

macro_rules! forward {
    ($($method:ident => $to:ident),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            self.$to(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(yes) => visitor.visit_bool(yes),
            Value::Number(_) => self.number(visitor),
            Value::String(_) => self.text(visitor),
            Value::Array(_) => self.list(visitor),
            Value::Object(_) => self.object(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.0.as_bool().map_or(Err(Unreadable), |yes| visitor.visit_bool(yes))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.object(visitor)
    }

    /// All our enums that are not tagged inside are plain names.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(name.into_deserializer()),
            _ => Err(Unreadable),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    forward! {
        deserialize_i8 => number, deserialize_i16 => number, deserialize_i32 => number, deserialize_i64 => number,
        deserialize_u8 => number, deserialize_u16 => number, deserialize_u32 => number, deserialize_u64 => number,
        deserialize_f32 => number, deserialize_f64 => number, deserialize_char => text, deserialize_str => text,
        deserialize_string => text, deserialize_bytes => text, deserialize_byte_buf => text,
        deserialize_identifier => text, deserialize_seq => list, deserialize_map => object,
        deserialize_unit => deserialize_ignored_any,
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.list(visitor)
    }
}

struct List(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for List {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unreadable> {
        self.0.next().map(|item| seed.deserialize(Reader(item))).transpose()
    }
}

struct Fields {
    rest: <Map<String, Value> as IntoIterator>::IntoIter,
    value: Option<Value>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let key: StringDeserializer<Unreadable> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        seed.deserialize(Reader(self.value.take().ok_or(Unreadable)?))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use messages::http::access::{SessionView, TokenGrant, UserView};
    use messages::http::admin::ActorList;
    use messages::http::paging::Page;
    use messages::run::Reject;
    use messages::{ErrorCode, Problem};
    use serde_json::json;

    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn same<T: DeserializeOwned + Debug>(value: Value) {
        let wanted: T = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(format!("{:?}", read::<T>(value)), format!("Ok({wanted:?})"));
    }

    #[test]
    fn answers_are_read_as_serde_json_reads_them() {
        let me = json!({"id": ID, "login": "anna", "name": "Anna", "role": "admin", "permissions": ["run_read"], "session_id": ID});
        same::<TokenGrant>(json!({"access_token": "t", "expires_in_s": 900, "user": me}));
        let session = json!({"id": ID, "created_at": 1, "last_used_at": -2, "address": "::1", "user_agent": "x", "current": true});
        same::<Page<SessionView>>(json!({"items": [session], "next": null, "total": 1}));
        let user = json!({"id": ID, "rev": 3, "login": "a", "name": "A", "role": "manager", "scope": {"allow": [ID]},
            "enabled": false, "created_at": 1, "unknown": {"of": ["a", "newer", {"hub": 1.5}]}});
        same::<UserView>(user);
        let actor = json!({"path": "hub", "kind": "hub", "status": "backing_off", "restarts": 0, "started_at": 9,
            "snapshot": {"a": [1, -1, "x", null, true]}});
        same::<ActorList>(json!({"total": 1, "truncated": false, "actors": [actor]}));
        same::<Reject>(json!({"run_id": ID, "row": 7, "field": "tax_rate", "reason": "r", "raw": "r"}));
        let problem =
            Problem::new(ErrorCode::Conflict, "x").with_current(json!({"rev": 4})).with_retry_after(3);
        same::<Problem>(serde_json::to_value(problem).unwrap());
        same::<Problem>(
            serde_json::to_value(Problem::invalid(vec![messages::FieldError {
                field: "f".into(),
                detail: "d".into(),
            }]))
            .unwrap(),
        );
    }

    #[test]
    fn another_form_is_refused() {
        for value in [json!(null), json!([1, 2]), json!("x"), json!({}), json!({"run_id": "no id"})] {
            assert_eq!(read::<Reject>(value), Err(Unreadable));
        }
        assert_eq!(read::<u32>(json!(-1)), Err(Unreadable));
        assert_eq!(read::<u32>(json!(1.5)), Err(Unreadable));
        assert_eq!(read::<bool>(json!(1)), Err(Unreadable));
    }
}
