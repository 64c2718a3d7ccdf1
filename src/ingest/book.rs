//! The book of one role of a track: newest levels, newest quote, and how old they are.

use crate::types::event::{BOOK_LEVELS, BookHead, FLAG_DERIVED, Level, Quote};
use crate::types::state::{Pass, State};
use crate::types::step::{Depth, Top};

/// Levels and quote of one stream as they stand now.
#[derive(Clone, Debug)]
pub struct RoleBook {
    levels: [Level; BOOK_LEVELS],
    rows: usize,
    book_ns: Option<i64>,
    sampled: bool,
    quote: Top,
    quote_ns: Option<i64>,
    /// The quote was applied after the book.
    quote_last: bool,
}

impl Default for RoleBook {
    fn default() -> RoleBook {
        RoleBook { levels: [Level::default(); BOOK_LEVELS], rows: 0, book_ns: None, sampled: false, quote: Top::default(), quote_ns: None, quote_last: false }
    }
}

impl RoleBook {
    /// Replaces the levels.
    pub fn set_book(&mut self, head: &BookHead, rows: &[Level]) {
        self.rows = rows.len().min(BOOK_LEVELS);
        self.levels[..self.rows].copy_from_slice(&rows[..self.rows]);
        self.book_ns = Some(head.head.known_ns);
        self.sampled = head.head.flags & FLAG_DERIVED != 0;
        self.quote_last = false;
    }

    /// Replaces best bid and ask.
    pub fn set_quote(&mut self, quote: &Quote) {
        self.quote = Top { bid_px: quote.bid_px, bid_qty: quote.bid_qty, ask_px: quote.ask_px, ask_qty: quote.ask_qty };
        self.quote_ns = Some(quote.head.known_ns);
        self.quote_last = true;
    }

    /// Best bid and ask: from the newer of quote and book, on a tie the one applied later. A sampled
    /// book gives them only while no quote has been seen: its stamp is the sampling instant, not its age.
    #[must_use]
    pub fn top(&self, at_ns: i64, max_age_ns: Option<i64>) -> Option<Top> {
        let quote_ns = self.quote_ns.filter(|since| fresh(*since, at_ns, max_age_ns));
        let book_ns = self.book_ns.filter(|since| fresh(*since, at_ns, max_age_ns)).filter(|_| !(self.sampled && self.quote_ns.is_some()));
        match (quote_ns, book_ns) {
            (Some(quote), Some(book)) if quote > book || (quote == book && self.quote_last) => Some(self.quote),
            (_, Some(_)) => Some(self.levels_top()),
            (Some(_), None) => Some(self.quote),
            (None, None) => None,
        }
    }

    fn levels_top(&self) -> Top {
        let best = if self.rows == 0 { Level::default() } else { self.levels[0] };
        Top { bid_px: best.bid_px, bid_qty: best.bid_qty, ask_px: best.ask_px, ask_qty: best.ask_qty }
    }

    /// Summed sizes of the top `n` levels of the newest book; fewer levels: those there are.
    #[must_use]
    pub fn depth(&self, n: usize, at_ns: i64, max_age_ns: Option<i64>) -> Option<Depth> {
        self.book_ns.filter(|since| fresh(*since, at_ns, max_age_ns))?;
        let rows = &self.levels[..self.rows.min(n)];
        Some(Depth { bid: rows.iter().fold(0.0, |sum, row| sum + row.bid_qty), ask: rows.iter().fold(0.0, |sum, row| sum + row.ask_qty) })
    }
}

impl State for RoleBook {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let RoleBook { levels, rows, book_ns, sampled, quote, quote_ns, quote_last } = self;
        pass.place(rows, BOOK_LEVELS + 1);
        pass.each([levels, book_ns, sampled, quote, quote_ns, quote_last]);
    }
}

fn fresh(since_ns: i64, at_ns: i64, max_age_ns: Option<i64>) -> bool {
    max_age_ns.is_none_or(|most| at_ns.saturating_sub(since_ns) <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::event::Book;

    fn book(known_ns: i64, bid: f64, flags: u8) -> Book {
        let mut book = Book::of(1, known_ns, &[(bid, 1.0), (bid - 1.0, 2.0)], &[(bid + 1.0, 4.0)]);
        book.book.head.flags = flags;
        book
    }

    fn set(state: &mut RoleBook, book: &Book) {
        state.set_book(&book.book, &book.rows[..usize::from(book.book.rows)]);
    }

    fn quote(known_ns: i64, bid_px: f64) -> Quote {
        Quote { bid_px, bid_qty: 1.0, ask_px: bid_px + 1.0, ask_qty: 1.0, ..Quote::of(1, known_ns) }
    }

    fn bid(state: &RoleBook) -> f64 {
        state.top(100, None).unwrap().bid_px
    }

    #[test]
    fn the_newest_of_quote_and_book_gives_the_top() {
        let mut state = RoleBook::default();
        assert_eq!((state.top(100, None), state.depth(10, 100, None)), (None, None));
        set(&mut state, &book(5, 10.0, 0));
        state.set_quote(&quote(4, 20.0));
        assert_eq!(bid(&state), 10.0, "an older quote does not win");
        state.set_quote(&quote(5, 30.0));
        assert_eq!(bid(&state), 30.0, "on a tie the one applied later");
        set(&mut state, &book(5, 40.0, 0));
        assert_eq!(bid(&state), 40.0);
        set(&mut state, &book(9, 50.0, FLAG_DERIVED));
        assert_eq!(bid(&state), 30.0, "a sampled book does not give the top once a quote was seen");
        assert_eq!(state.depth(10, 100, None), Some(Depth { bid: 3.0, ask: 4.0 }));
        assert_eq!(state.depth(1, 100, None), Some(Depth { bid: 1.0, ask: 4.0 }));
    }

    #[test]
    fn an_old_book_counts_as_none() {
        let mut state = RoleBook::default();
        set(&mut state, &book(5, 10.0, 0));
        assert!(state.top(15, Some(10)).is_some() && state.top(16, Some(10)).is_none());
        assert!(state.depth(1, 16, Some(10)).is_none());
        state.set_quote(&quote(16, 20.0));
        assert_eq!(state.top(26, Some(10)).unwrap().bid_px, 20.0);
    }
}
