//! Small numbers that are given out, taken back, and given out again: the smallest free one first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Numbers from 0.
#[derive(Debug, Default)]
pub struct Numbers {
    next: u32,
    free: BinaryHeap<Reverse<u32>>,
}

impl Numbers {
    /// The smallest free number.
    pub fn take(&mut self) -> u32 {
        self.free.pop().map_or_else(
            || {
                self.next += 1;
                self.next - 1
            },
            |Reverse(number)| number,
        )
    }

    /// Gives a number back.
    pub fn give_back(&mut self, number: u32) {
        self.free.push(Reverse(number));
    }

    /// How many are out.
    #[must_use]
    pub fn out(&self) -> usize {
        self.next as usize - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_free_number_comes_first() {
        let mut numbers = Numbers::default();
        assert_eq!([numbers.take(), numbers.take(), numbers.take()], [0, 1, 2]);
        numbers.give_back(2);
        numbers.give_back(0);
        assert_eq!((numbers.out(), numbers.take(), numbers.take(), numbers.take()), (1, 0, 2, 3));
    }
}
