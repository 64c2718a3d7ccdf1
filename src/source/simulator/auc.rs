//! How well scores put the true labels above the false ones.

/// Area under the ROC curve: the probability that a true label scores above a false one, ties counting half.
///
/// In 0..1; 0.5 is chance. `None` when only one class is present, a score is NaN, or the lengths differ.
#[must_use]
pub fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    let trues = labels.iter().filter(|label| **label).count() as f64;
    let falses = labels.len() as f64 - trues;
    if scores.len() != labels.len() || trues == 0.0 || falses == 0.0 || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let ranks = true_ranks(&rows);
    Some((ranks - trues * (trues + 1.0) / 2.0) / (trues * falses))
}

/// Sum of the ranks (from 1) of the true rows; equal scores share the mean of their ranks.
fn true_ranks(rows: &[(f64, bool)]) -> f64 {
    let mut sum = 0.0;
    let mut before = 0.0;
    for tie in rows.chunk_by(|a, b| a.0 == b.0) {
        let size = tie.len() as f64;
        let trues = tie.iter().filter(|row| row.1).count() as f64;
        sum += trues * (before + (size + 1.0) / 2.0);
        before += size;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::auc;

    #[test]
    fn ranks_decide_and_ties_count_half() {
        assert_eq!(auc(&[0.1, 0.2, 0.8, 0.9], &[false, false, true, true]), Some(1.0));
        assert_eq!(auc(&[0.9, 0.8, 0.2, 0.1], &[false, false, true, true]), Some(0.0));
        assert_eq!(auc(&[0.5; 4], &[false, true, false, true]), Some(0.5));
        assert_eq!(auc(&[1.0, 2.0, 2.0, 3.0], &[false, true, false, true]), Some(0.875));
        assert_eq!(auc(&[-0.0, 0.0], &[true, false]), Some(0.5));
    }

    #[test]
    fn nothing_to_rank_gives_none() {
        assert_eq!(auc(&[], &[]), None);
        assert_eq!(auc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(auc(&[0.1, f64::NAN], &[true, false]), None);
        assert_eq!(auc(&[0.1], &[true, false]), None);
    }
}
