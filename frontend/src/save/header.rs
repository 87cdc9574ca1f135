//! What the reader of safetensors lets pass: a header in which a name occurs twice, so that it depends on the reader
//! which of the two tensors is meant.

use serde::Deserialize;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeSet;

/// An error if a name occurs twice in the header, a JSON object.
pub(super) fn check_names(header: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<DistinctNames>(header).map(|_| ())
}

struct DistinctNames;

impl<'de> Deserialize<'de> for DistinctNames {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = DistinctNames;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DistinctNames, A::Error> {
                let mut seen = BTreeSet::new();
                while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                    if seen.contains(&name) {
                        return Err(A::Error::custom(format!("the name `{name}` occurs twice in the header")));
                    }
                    seen.insert(name);
                }
                Ok(DistinctNames)
            }
        }
        deserializer.deserialize_map(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::check_names;

    #[test]
    fn a_name_occurs_once() {
        assert!(check_names(br#"{"a":{"shape":[1]},"b":{"shape":[1]}}  "#).is_ok());
        let error = check_names(br#"{"a":{"shape":[1]},"a":{"shape":[1]}}"#).unwrap_err().to_string();
        assert!(error.starts_with("the name `a` occurs twice in the header"), "{error}");
        assert!(check_names(b"[]").is_err());
    }
}
