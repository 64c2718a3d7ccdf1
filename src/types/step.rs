//! A closed step of a track: what features are computed from.

/// Best bid and ask with their sizes; a side that is absent is 0 and 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Top {
    /// Best bid price.
    pub bid_px: f64,
    /// Size at the best bid.
    pub bid_qty: f64,
    /// Best ask price.
    pub ask_px: f64,
    /// Size at the best ask.
    pub ask_qty: f64,
}

impl Top {
    /// (bid + ask) / 2, when both sides have a level.
    #[must_use]
    pub fn mid(&self) -> Option<f64> {
        self.both().then_some((self.bid_px + self.ask_px) / 2.0)
    }

    /// The mid weighted by the opposite sizes, when both sides have a level.
    #[must_use]
    pub fn micro(&self) -> Option<f64> {
        let weight = self.bid_qty + self.ask_qty;
        (self.both() && weight > 0.0).then(|| (self.bid_px * self.ask_qty + self.ask_px * self.bid_qty) / weight)
    }

    /// Both sides have a level.
    #[must_use]
    pub fn both(&self) -> bool {
        self.bid_px > 0.0 && self.ask_px > 0.0
    }

    /// The bid is above the ask.
    #[must_use]
    pub fn crossed(&self) -> bool {
        self.both() && self.bid_px > self.ask_px
    }
}

/// Summed sizes of the top N levels of each side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Depth {
    /// B, the bids.
    pub bid: f64,
    /// A, the asks.
    pub ask: f64,
}

/// A closed step: prices, volumes and the book as it stood at the close.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// The step's close, ns: a bar's open time + interval, a multiple of the interval, or the event's time.
    pub time_ns: i64,
    /// When the step's content was known, ns: the close, for a bar its `known_ns`.
    pub close_ns: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Volume, the stream's size unit.
    pub volume: f64,
    /// Volume that takers bought.
    pub taker_buy: f64,
    /// Volume that takers sold.
    pub taker_sell: f64,
    /// Number of trades.
    pub trades: u64,
    /// The taker's side of all of the volume is known.
    pub taker_known: bool,
    /// Best bid and ask of role self, `None` without a book.
    pub top: Option<Top>,
}
