//! Tables for people.

use std::io::{Result, Write};

use serde_json::Value;

/// Columns under titles; columns in which nothing stands are left out.
#[derive(Debug)]
pub(super) struct Table {
    titles: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(titles: &[&'static str]) -> Self {
        Self {
            titles: titles.to_vec(),
            rows: Vec::new(),
        }
    }

    /// A row has as many cells as there are titles.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> Result<()> {
        let used: Vec<usize> = (0..self.titles.len())
            .filter(|column| self.rows.iter().any(|row| !row[*column].is_empty()))
            .collect();
        let width = |column: &usize| {
            let cells = self.rows.iter().map(|row| row[*column].chars().count());
            cells.max().unwrap_or(0).max(self.titles[*column].len())
        };
        let widths: Vec<usize> = used.iter().map(width).collect();
        let titles: Vec<String> = self.titles.iter().map(ToString::to_string).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::new();
            for (column, width) in used.iter().zip(&widths) {
                line.push_str(&format!("{:width$}  ", row[*column]));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A value in one cell, with nothing in it that a terminal would obey.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(number) => format!("{number:.1}"),
            None => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let cells: Vec<String> = list.iter().map(cell).collect();
            cells.join(",")
        }
        Value::Object(members) => {
            let cells = members.iter().filter(|(_, value)| !value.is_null());
            let cells: Vec<String> = cells
                .map(|(key, value)| format!("{key}={}", cell(value)))
                .collect();
            cells.join(" ")
        }
    };
    printable(&text)
}

/// A text without control characters.
pub(super) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => clean.extend(character.escape_default()),
            false => clean.push(character),
        }
    }
    clean
}
