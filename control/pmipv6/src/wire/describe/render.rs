//! Fields as text for people.

use std::fmt::Write;

use super::Field;

/// One field a line: offset in the packet, name, value, indented by depth; what is wrong on a line of
/// its own behind `!`.
#[must_use]
pub fn render_text(fields: &[Field]) -> String {
    let mut text = String::new();
    for field in fields {
        render(field, 0, &mut text);
    }
    text
}

fn render(field: &Field, depth: usize, text: &mut String) {
    let indent = 2 * depth;
    let Field {
        name,
        value,
        offset,
        ..
    } = field;
    let colon = if value.is_empty() { "" } else { ": " };
    // Writing to a String does not fail.
    let _ = writeln!(text, "{offset:04x}  {:indent$}{name}{colon}{value}", "");
    if let Some(problem) = &field.problem {
        let _ = writeln!(text, "      {:indent$}! {problem}", "");
    }
    for child in &field.children {
        render(child, depth + 1, text);
    }
}
