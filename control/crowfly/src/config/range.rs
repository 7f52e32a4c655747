//! The bounds of every number stand once, in the schema's attributes beside the field; here they are
//! held against the values.

use serde_json::Value;

use super::error::Complaint;
use super::locate::KeyPath;

/// Complains of every number and list that the schema's bounds exclude.
pub(super) fn check_ranges(schema: &Value, value: &Value) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    walk(schema, schema, value, &KeyPath::default(), &mut complaints);
    complaints
}

fn walk(root: &Value, schema: &Value, value: &Value, path: &KeyPath, out: &mut Vec<Complaint>) {
    let schema = resolve(root, schema, value);
    match value {
        Value::Number(number) => {
            let low = schema["minimum"].as_u64().unwrap_or(0);
            let high = schema["maximum"].as_u64().unwrap_or(u64::MAX);
            let inside = number.as_u64().is_some_and(|n| (low..=high).contains(&n));
            if !inside {
                out.push(Complaint {
                    path: path.clone(),
                    reason: format!("{number} is not from {low} to {high}"),
                });
            }
        }
        Value::Array(elements) => {
            let low = schema["minItems"].as_u64().unwrap_or(0);
            let high = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
            let length = elements.len() as u64;
            if length < low {
                out.push(Complaint {
                    path: path.clone(),
                    reason: format!("{length} entries; at least {low} needed"),
                });
            }
            if length > high {
                out.push(Complaint {
                    path: path.clone(),
                    reason: format!("{length} entries; at most {high} allowed"),
                });
            }
            for (index, element) in elements.iter().enumerate() {
                walk(root, &schema["items"], element, &path.index(index), out);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let inner = &schema["properties"][key];
                walk(root, inner, member, &path.key(key), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Follows `$ref`, and takes the side of an `anyOf` that is not null.
fn resolve<'a>(root: &'a Value, mut schema: &'a Value, value: &Value) -> &'a Value {
    loop {
        if let Some(pointer) = schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
            schema = root.pointer(pointer).unwrap_or(&Value::Null);
        } else if let Some(sides) = schema["anyOf"].as_array().filter(|_| !value.is_null()) {
            let side = sides.iter().find(|side| side["type"] != "null");
            schema = side.unwrap_or(&Value::Null);
        } else {
            return schema;
        }
    }
}
