//! The summary of `warm`: a table for people, JSON for scripts.

use comfy_table::{CellAlignment, Table, presets};
use indicatif::DecimalBytes;

use super::Failure;
use crate::warm::{Outcome, Summary};

pub(super) fn print(summary: &Summary, json: bool) -> Result<(), Failure> {
    if json {
        println!("{}", serde_json::to_string(summary).map_err(|error| Failure::Other(error.to_string()))?);
    } else {
        println!("{}", table(summary));
    }
    Ok(())
}

fn table(summary: &Summary) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.add_row(["made".to_owned(), summary.made.to_string(), String::new()]);
    table.add_row(["already there".to_owned(), summary.present.to_string(), String::new()]);
    add_with_reasons(&mut table, "passed over", summary, Outcome::Skipped, summary.skipped);
    add_with_reasons(&mut table, "failed", summary, Outcome::Failed, summary.failed);
    if let Some(saved) = summary.saved_percent() {
        let bytes = format!("{} → {}", DecimalBytes(summary.bytes_before), DecimalBytes(summary.bytes));
        table.add_row(["bytes".to_owned(), format!("{saved:.0} % saved"), bytes]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn add_with_reasons(table: &mut Table, name: &str, summary: &Summary, outcome: Outcome, count: u64) {
    if count == 0 && outcome == Outcome::Skipped {
        return;
    }
    let mut reasons: Vec<_> = summary.reasons.iter().filter(|reason| reason.outcome == outcome).collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    let lines = reasons.iter().map(|reason| format!("{} × {}, first {}", reason.count, reason.reason, reason.example));
    table.add_row([name.to_owned(), count.to_string(), lines.collect::<Vec<_>>().join("\n")]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warm::Reason;

    #[test]
    fn the_table_tells_counts_reasons_and_bytes() {
        let reason = |reason: &str, count| Reason {
            outcome: Outcome::Failed,
            reason: reason.to_owned(),
            count,
            example: "/image/p/a.jpg".to_owned(),
        };
        let summary = Summary {
            made: 12,
            failed: 4,
            bytes_before: 2_000_000,
            bytes: 500_000,
            reasons: vec![reason("rare", 1), reason("common", 3)],
            ..Summary::default()
        };
        let text = table(&summary).to_string();
        for part in ["made", "12", "already there", "failed", "2.00 MB → 500.00 kB", "75 % saved"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(text.find("3 × common").unwrap() < text.find("1 × rare").unwrap());
        assert!(!text.contains("passed over"));
    }
}
