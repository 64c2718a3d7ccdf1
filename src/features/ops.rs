//! One incremental operator a file, with the same verbs: `update` gives the step's value, `reset`
//! starts anew. Values are f64; `None` is missing. What a window gives is [`shared`](super::shared) by all operators that ask for
//! it, and a feature that is such a statistic has no operator of its own.

pub mod atr;
pub mod bollinger;
pub mod book;
pub mod cci;
pub mod change;
pub mod ema;
pub mod given;
pub mod macd;
pub mod order_flow;
pub mod price;
pub mod range;
pub mod role_return;
pub mod rsi;
pub mod stochastic;
pub mod volume;

use crate::features::history::History;
use crate::features::shared::{Place, Shared};
use crate::ingest::book::RoleBook;
use crate::types::state::Pass;
use crate::types::step::Step;

/// What an operator may look at when a step closes: nothing known after the close.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its number since the last restart, from 0.
    pub since: u64,
    /// The last steps, this one included.
    pub history: &'a History,
    /// Statistics and depths that were asked for when the operators were built.
    pub shared: &'a Shared,
    /// Books by role as they stand at the close.
    pub books: &'a [RoleBook],
    /// Age above which a book counts as none, ns.
    pub max_book_age_ns: Option<i64>,
}

impl At<'_> {
    /// Mid of a role's stream, when both sides have a level.
    #[must_use]
    pub fn mid(&self, role: usize) -> Option<f64> {
        self.books.get(role)?.top(self.step.close_ns, self.max_book_age_ns)?.mid()
    }
}

/// Where a feature's value comes from.
#[derive(Debug)]
pub enum Source {
    /// It is a statistic that others may use too.
    Shared(Place),
    /// An operator of its own.
    Own(Box<dyn Op>),
}

/// An incremental operator of one feature of one track.
pub trait Op: Send + std::fmt::Debug {
    /// The value at this step; called once a step, in order, from step 0 after a restart. The engine
    /// ignores it before the operator's `first`.
    fn update(&mut self, at: &At<'_>) -> Option<f64>;

    /// Forgets everything.
    fn reset(&mut self) {}

    /// Hands over what [`Op::update`] remembers, as [`State::state`](crate::types::state::State::state) does; nothing for one
    /// that looks at the steps anew each time.
    fn state(&mut self, _: &mut Pass<'_>) {}
}
