//! What a reload would change, by key.

use serde_json::Value;

use super::Config;

/// A key that two configurations do not agree on.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Change {
    /// `localized_routing.lifetime_s`, `ports[0].mtu_bytes`.
    pub key: String,
    /// What it was; null where it was not there.
    pub from: Value,
    /// What it would be; null where it goes.
    pub to: Value,
}

/// Every key that differs, in the file's order. Lists of different length differ as a whole.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Vec<Change> {
    let mut found = Vec::new();
    let json = |config| serde_json::to_value(config).expect("a configuration is plain JSON");
    compare("", &json(old), &json(new), &mut found);
    found
}

fn compare(key: &str, old: &Value, new: &Value, found: &mut Vec<Change>) {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let added = b.keys().filter(|name| !a.contains_key(*name));
            for name in a.keys().chain(added) {
                let inner = match key {
                    "" => name.clone(),
                    _ => format!("{key}.{name}"),
                };
                let side = |map: &serde_json::Map<String, Value>| map.get(name).cloned();
                let (from, to) = (side(a).unwrap_or_default(), side(b).unwrap_or_default());
                compare(&inner, &from, &to, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (from, to)) in a.iter().zip(b).enumerate() {
                compare(&format!("{key}[{index}]"), from, to, found);
            }
        }
        _ if old == new => {}
        _ => found.push(Change {
            key: key.to_owned(),
            from: old.clone(),
            to: new.clone(),
        }),
    }
}
