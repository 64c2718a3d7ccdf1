//! Order and duplicates of one stream on one lane.

use crate::types::event::{EventHead, FLAG_MORE};
use crate::types::reason;
use crate::types::state::{Pass, State};

/// What a lane remembers of a stream.
#[derive(Clone, Debug)]
pub struct StreamOrder {
    newest_known_ns: i64,
    last_seq: [u64; 12],
    open_message: u16,
}

impl Default for StreamOrder {
    fn default() -> StreamOrder {
        StreamOrder { newest_known_ns: i64::MIN, last_seq: [0; 12], open_message: 0 }
    }
}

impl StreamOrder {
    /// Why an event would not be applied, taking no note of it.
    #[must_use]
    pub fn refuses(&self, head: &EventHead, promised_ns: i64) -> Option<u64> {
        self.clone().admit(head, promised_ns).err()
    }

    /// Takes note of an event; `Err` holds the reason bit why it must not be applied.
    ///
    /// `promised_ns` is the newest time that an `advance` has closed: nothing up to it should follow.
    /// A repeated `seq` within one message that spans records (flag MORE) is no duplicate.
    pub fn admit(&mut self, head: &EventHead, promised_ns: i64) -> Result<(), u64> {
        if head.known_ns < self.newest_known_ns {
            return Err(reason::CLOCK_BACK);
        }
        self.newest_known_ns = head.known_ns;
        if head.known_ns <= promised_ns {
            return Err(reason::LATE_EVENT);
        }
        let kind = usize::from(head.kind) % self.last_seq.len();
        let continues = self.open_message & 1 << kind != 0;
        if head.seq != 0 && head.seq == self.last_seq[kind] && !continues {
            return Err(reason::DUPLICATE);
        }
        self.last_seq[kind] = head.seq;
        let more = u16::from(head.flags & FLAG_MORE != 0);
        self.open_message = self.open_message & !(1 << kind) | more << kind;
        Ok(())
    }

    /// The newest time that was taken note of; the least one before the first.
    #[must_use]
    pub fn newest_known_ns(&self) -> i64 {
        self.newest_known_ns
    }
}

impl State for StreamOrder {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let StreamOrder { newest_known_ns, last_seq, open_message } = self;
        pass.each([newest_known_ns, last_seq, open_message]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(known_ns: i64, seq: u64, flags: u8) -> EventHead {
        EventHead { slots: 1, kind: 1, flags, stream: 1, known_ns, event_ns: 0, seq }
    }

    #[test]
    fn order_and_duplicates_are_told_apart() {
        let mut order = StreamOrder::default();
        assert_eq!(order.admit(&head(10, 1, 0), i64::MIN), Ok(()));
        assert_eq!(order.admit(&head(9, 2, 0), i64::MIN), Err(reason::CLOCK_BACK));
        assert_eq!(order.admit(&head(11, 1, 0), i64::MIN), Err(reason::DUPLICATE));
        assert_eq!(order.admit(&head(10, 2, 0), i64::MIN), Err(reason::CLOCK_BACK), "a duplicate's time counts");
        assert_eq!(order.admit(&head(12, 2, 0), 12), Err(reason::LATE_EVENT));
        assert_eq!(order.admit(&head(13, 2, 0), 12), Ok(()));
        assert_eq!(order.admit(&head(13, 0, 0), 12), Ok(()));
        assert_eq!(order.admit(&head(13, 0, 0), 12), Ok(()), "0 is no id");
    }

    #[test]
    fn records_of_one_message_share_their_id() {
        let mut order = StreamOrder::default();
        assert_eq!(order.admit(&head(1, 5, FLAG_MORE), i64::MIN), Ok(()));
        assert_eq!(order.admit(&head(1, 5, 0), i64::MIN), Ok(()));
        assert_eq!(order.admit(&head(1, 5, 0), i64::MIN), Err(reason::DUPLICATE));
    }
}
