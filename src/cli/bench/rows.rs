//! Rows that models are timed on: features of the simulated market, scaled as a bundle scales them.

use std::sync::Arc;

use foretick::engine::Extractor;
use foretick::features::scale::Stats;
use foretick::features::spec::Schema;
use foretick::{Error, Result, Status};

use super::market::Events;

/// Rows that stand one after the other.
pub struct Rows {
    pub width: usize,
    pub values: Vec<f32>,
}

impl Rows {
    pub fn count(&self) -> usize {
        self.values.len() / self.width
    }

    pub fn row(&self, number: usize) -> &[f32] {
        self.window(number, 1)
    }

    /// So many rows from one on.
    pub fn window(&self, first: usize, rows: usize) -> &[f32] {
        &self.values[first * self.width..(first + rows) * self.width]
    }
}

/// How steps close.
pub const SAMPLER: &str = "kind = \"time\"\ninterval_ms = 100\nprice = \"mid\"\n";

/// The five features that follow the price.
const PRICE: &str = r#"{ op = "price_change" }, { op = "sma", period = [5, 20] }, { op = ["std", "range"], period = 20 }"#;
/// The other twenty of the baseline's 25.
const OTHERS: &str = r#"{ op = "volume" }, { op = "volume_sma", period = 5 }, { op = "volume_sum", period = 60 },
  { op = "volume_ratio", period = 5 }, { op = "volume_std", period = 20 }, { op = "spread_ratio" }, { op = "book_imbalance" },
  { op = "depth_ratio" }, { op = "bid_volume" }, { op = "ask_volume" }, { op = "order_flow_ratio", period = 20 },
  { op = "rsi", period = 14 }, { op = "macd", fast = 12, slow = 26 }, { op = "bollinger_position" },
  { op = ["stochastic_k", "williams_r"], period = 14 }, { op = "cci", period = 20 }, { op = "atr", period = 14 },
  { op = ["momentum", "roc"], period = 10 }"#;

/// Entries of a schema with so many features: those of the price (5), the baseline (25), or operators over many periods.
fn entries(width: usize) -> String {
    match width {
        5 => PRICE.to_owned(),
        25 => format!("{PRICE}, {OTHERS}"),
        _ => {
            let periods = |count: usize| (2..count + 2).collect::<Vec<_>>();
            let four = format!("{{ op = [\"sma\", \"std\", \"volume_sma\", \"volume_std\"], period = {:?} }}", periods(width / 4));
            if width.is_multiple_of(4) { four } else { format!("{four}, {{ op = \"momentum\", period = {:?} }}", periods(width % 4)) }
        }
    }
}

/// Rows that are timed: enough that no cache predicts which comes next.
const TIMED: usize = 2_048;

/// Rows of one schema, with the stats that scaled them.
pub struct Table {
    pub rows: Rows,
    pub names: Vec<String>,
    pub stats: Vec<Stats>,
    /// The schema's features as a manifest writes them.
    pub features: String,
    schema: Arc<Schema>,
}

impl Table {
    /// Rows of the traded stream, from the first complete one on.
    pub fn new(width: usize) -> Result<Table> {
        let entries = entries(width);
        let text = format!("[sampler]\n{SAMPLER}[window]\nrows = 1\n[schema]\nfeatures = [{entries}]\n");
        let schema = Arc::new(Schema::from_text(&text)?);
        let raw = raw_rows(&schema, TIMED)?;
        let stats: Vec<Stats> = (0..width).map(|column| stats(raw.iter().map(|row| row[column]).collect())).collect();
        let names = schema.features.iter().map(|feature| feature.name.clone()).collect();
        let rows = scaled_rows(&raw, &stats);
        Ok(Table { rows, names, stats, features: format!("[{}]", entries.replace(" }", ", scale = \"zscore\" }")), schema })
    }

    /// The same rows and those that follow, to train on.
    pub fn more(&self, count: usize) -> Result<Rows> {
        Ok(scaled_rows(&raw_rows(&self.schema, count)?, &self.stats))
    }
}

fn scaled_rows(raw: &[Vec<f64>], stats: &[Stats]) -> Rows {
    let scaled = |row: &Vec<f64>| row.iter().zip(stats).map(|(value, stats)| scaled(*value, stats) as f32).collect::<Vec<f32>>();
    Rows { width: stats.len(), values: raw.iter().flat_map(scaled).collect() }
}

fn raw_rows(schema: &Arc<Schema>, count: usize) -> Result<Vec<Vec<f64>>> {
    let (mut extractor, mut events) = (Extractor::new(schema.clone()), Events::new());
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(count);
    while rows.len() < count {
        let event = events.next_event();
        let pushed = extractor.push(0, event.slots, &mut |row| {
            let valid: u32 = row.raw_valid.iter().map(|word| word.count_ones()).sum();
            if valid as usize == row.raw.len() {
                rows.push(row.raw.to_vec());
            }
        });
        pushed.map_err(|refusal| Error::new(Status::Internal, format!("a simulated event was refused: {refusal}")))?;
    }
    Ok(rows)
}

fn stats(mut values: Vec<f64>) -> Stats {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let std = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
    values.sort_unstable_by(f64::total_cmp);
    let stats = Stats { mean, std, min: values[0], max: values[values.len() - 1], ..Stats::NONE };
    Stats { low: scaled(stats.min, &stats), high: scaled(stats.max, &stats), ..stats }
}

fn scaled(value: f64, stats: &Stats) -> f64 {
    if stats.std == 0.0 { 0.0 } else { (value - stats.mean) / stats.std }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_real_and_scaled() {
        for width in [5, 25, 60, 100, 125, 250, 1_000] {
            let table = Table::new(width).unwrap();
            assert_eq!((table.rows.width, table.rows.count(), table.names.len()), (width, TIMED, width));
            assert_eq!(table.more(TIMED + 10).unwrap().values[..table.rows.values.len()], table.rows.values);
            for column in 0..width {
                let values: Vec<f32> = (0..TIMED).map(|row| table.rows.row(row)[column]).collect();
                let mean = values.iter().sum::<f32>() / TIMED as f32;
                assert!(mean.abs() < 1e-3 && values.iter().any(|value| value.abs() > 0.5), "column {column} of {width}");
            }
        }
    }
}
