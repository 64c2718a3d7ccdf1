//! Books sampled on a grid of the recorder's clock.

use super::cells::{Cells, Checked};
use crate::source::Event;
use crate::types::event::{BOOK_LEVELS, Book, FLAG_DERIVED};

/// Columns before the first level: grid time, time of the last transaction, last update id.
const FRONT: usize = 3;
/// Levels of the files that are recorded so, for the list of known schemas.
const USUAL: usize = 10;

/// The header of a file with so many levels.
pub(super) fn header(levels: usize) -> String {
    let side = |side: &str| (1..=levels).map(|level| format!(",{side}_px{level},{side}_qty{level}")).collect::<String>();
    format!("grid_ns,last_tx_ms,last_id{}{}", side("bid"), side("ask"))
}

/// The header as it is shown to people.
pub(super) fn usual_header() -> String {
    header(USUAL)
}

/// Levels of a header, `None` for another schema.
pub(super) fn levels_of(found: &str) -> Option<usize> {
    (1..=BOOK_LEVELS).find(|levels| header(*levels) == found)
}

/// A sampled book: flagged so, without an id, since a sample is never a duplicate.
pub(super) fn sample(cells: Cells<'_>, known_ns: i64, levels: usize) -> Checked<Event> {
    let event_ns = cells.ms_if_there(1)?;
    let (mut bids, mut asks) = ([(0.0, 0.0); BOOK_LEVELS], [(0.0, 0.0); BOOK_LEVELS]);
    let bid_count = side(cells, FRONT, &mut bids[..levels], |better, worse| better > worse)?;
    let ask_count = side(cells, FRONT + 2 * levels, &mut asks[..levels], |better, worse| better < worse)?;
    let mut book = Book::of(0, known_ns, &bids[..bid_count], &asks[..ask_count]);
    book.book.head.flags = FLAG_DERIVED;
    book.book.head.event_ns = event_ns;
    Ok(Event::Book(Box::new(book)))
}

/// Reads one side, best first; levels that are absent stand at the end only.
fn side(cells: Cells<'_>, first: usize, levels: &mut [(f64, f64)], ordered: fn(f64, f64) -> bool) -> Checked<usize> {
    let mut count = 0;
    for at in 0..levels.len() {
        let column = first + 2 * at;
        let Some(level) = cells.level(column, column + 1)? else { continue };
        if count < at {
            return Err(cells.fault(column, "follows a level that is absent"));
        }
        if at > 0 && !ordered(levels[at - 1].0, level.0) {
            return Err(cells.fault(column, "is not worse than the level before"));
        }
        levels[at] = level;
        count += 1;
    }
    Ok(count)
}
