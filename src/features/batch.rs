//! Statistics of one window by their definitions: what tests compare shared ones with.

use crate::features::shared::Statistic;

/// A statistic of all the values.
pub fn statistic(statistic: Statistic, values: &[f64]) -> f64 {
    match statistic {
        Statistic::Mean => mean_and_deviation(values).0,
        Statistic::Sum => values.iter().fold(0.0, |sum, value| sum + value),
        Statistic::Deviation => mean_and_deviation(values).1,
        Statistic::Spread => {
            let (mean, _) = mean_and_deviation(values);
            values.iter().fold(0.0, |sum, value| sum + (value - mean).abs()) / values.len() as f64
        }
        Statistic::Highest => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Statistic::Lowest => values.iter().copied().fold(f64::INFINITY, f64::min),
    }
}

/// Mean and population standard deviation, both from deviations about the oldest value.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let (n, base) = (values.len() as f64, values[0]);
    let shift = values.iter().fold(0.0, |sum, value| sum + (value - base)) / n;
    let squares = values.iter().fold(0.0, |sum, value| {
        let deviation = (value - base) - shift;
        sum + deviation * deviation
    });
    (base + shift, (squares / n).sqrt())
}

#[test]
fn equal_values_give_exactly_their_value_and_no_deviation() {
    for value in [0.1, 1e-300, 30_001.9, 1e300] {
        assert_eq!(mean_and_deviation(&[value; 20]), (value, 0.0));
    }
    assert_eq!(mean_and_deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), (5.0, 2.0));
}
