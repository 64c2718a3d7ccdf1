//! The window that a scorer scored last, which the next row follows.

/// That window, with what is put off until somebody reads it.
#[derive(Debug)]
pub(super) struct Recent {
    rows: Box<[f32]>,
    /// The newest row, where `follows`.
    newest: Box<[f32]>,
    /// The window is the one behind `rows`, and `newest` its newest row: the others are not moved yet.
    follows: bool,
    /// A window was scored.
    known: bool,
    /// What was worked ahead is of `rows`.
    prepared: bool,
}

impl Recent {
    /// Room for windows of so many values, in rows of so many.
    pub(super) fn new(width: usize, features: usize) -> Recent {
        Recent { rows: vec![0.0; width].into(), newest: vec![0.0; features].into(), follows: false, known: false, prepared: false }
    }

    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// What was worked ahead is of this window.
    pub(super) fn is_prepared(&self) -> bool {
        self.prepared && !self.follows
    }

    /// What is worked ahead now is of the window that [`Recent::rows`] gave.
    pub(super) fn prepared(&mut self) {
        self.prepared = true;
    }

    /// The window, oldest row first.
    pub(super) fn rows(&mut self) -> &[f32] {
        if std::mem::take(&mut self.follows) {
            let features = self.newest.len();
            self.rows.copy_within(features.., 0);
            let newest = self.rows.len() - features;
            self.rows[newest..].copy_from_slice(&self.newest);
            self.prepared = false;
        }
        &self.rows
    }

    /// Takes another window.
    pub(super) fn set(&mut self, window: &[f32]) {
        self.rows.copy_from_slice(window);
        (self.follows, self.known, self.prepared) = (false, true, false);
    }

    /// Takes a window of which all but its end was worked ahead. A model may go along its window in other steps than rows, so that the
    /// end is none.
    pub(super) fn set_known(&mut self, window: &[f32], end: &[f32]) {
        if self.prepared && end.len() == self.newest.len() {
            self.newest.copy_from_slice(end);
            (self.follows, self.known) = (true, true);
        } else {
            self.set(window);
        }
    }

    /// Takes the window that a row makes of this one.
    pub(super) fn follow(&mut self, row: &[f32]) {
        self.rows();
        self.newest.copy_from_slice(row);
        self.follows = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_one_another() {
        let mut recent = Recent::new(3, 1);
        assert!(!recent.is_known());
        recent.set(&[1.0, 2.0, 3.0]);
        recent.follow(&[4.0]);
        recent.follow(&[5.0]);
        assert!(recent.is_known());
        assert_eq!(recent.rows(), [3.0, 4.0, 5.0]);
    }

    #[test]
    fn what_was_worked_ahead_is_of_one_window() {
        let mut recent = Recent::new(3, 1);
        recent.set(&[1.0, 2.0, 3.0]);
        assert!(!recent.is_prepared());
        recent.prepared();
        assert!(recent.is_prepared());
        // The window behind it, and another one in its place.
        recent.set_known(&[2.0, 3.0, 4.0], &[4.0]);
        recent.set_known(&[2.0, 3.0, 5.0], &[5.0]);
        assert!(!recent.is_prepared());
        assert_eq!(recent.rows(), [2.0, 3.0, 5.0]);
        assert!(!recent.is_prepared());
        // Another window came between: what was worked ahead may still know one, which is then taken whole.
        recent.prepared();
        recent.set(&[7.0, 8.0, 9.0]);
        recent.set_known(&[3.0, 5.0, 6.0], &[6.0]);
        assert_eq!(recent.rows(), [3.0, 5.0, 6.0]);
        recent.follow(&[0.5]);
        assert_eq!(recent.rows(), [5.0, 6.0, 0.5]);
    }

    #[test]
    fn the_first_window_may_be_the_one_that_was_worked_ahead_of_none() {
        let mut recent = Recent::new(3, 1);
        recent.prepared();
        recent.set_known(&[0.0, 0.0, 5.0], &[5.0]);
        assert!(recent.is_known());
        assert_eq!(recent.rows(), [0.0, 0.0, 5.0]);
    }

    #[test]
    fn an_end_of_two_rows_is_taken_whole() {
        let mut recent = Recent::new(4, 1);
        recent.set(&[1.0, 2.0, 3.0, 4.0]);
        recent.prepared();
        recent.set_known(&[3.0, 4.0, 5.0, 6.0], &[5.0, 6.0]);
        assert_eq!(recent.rows(), [3.0, 4.0, 5.0, 6.0]);
    }
}
