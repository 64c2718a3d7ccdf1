//! What a producer remembers of each stream that has a mailbox.

/// One stream. Pushes are counted from 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Note {
    /// The push that put its last token into the ring.
    pub token: u64,
    /// The last push of anything of the stream into the ring.
    pub last: u64,
    /// The last look ahead that met the stream, and whether a token was the last thing of it there.
    pub ahead: (u64, bool),
}

/// Streams by number: as many as there are mailboxes, first come, first served.
#[derive(Debug)]
pub(super) struct Streams {
    /// Stream and mailbox, found by hashing and linear probing; stream 0 is a free place. At least half are free, so a search
    /// ends.
    places: Box<[(u32, u32)]>,
    notes: Vec<Note>,
    most: usize,
}

impl Streams {
    pub(super) fn new(most: usize) -> Streams {
        let places = vec![(0, 0); (2 * most).next_power_of_two()].into();
        Streams { places, notes: Vec::with_capacity(most), most }
    }

    /// The mailbox of a stream that has one.
    #[inline]
    pub(super) fn find(&self, stream: u32) -> Option<usize> {
        let (found, mailbox) = self.places[self.search(stream)];
        (found != 0).then_some(mailbox as usize)
    }

    /// The mailbox of a stream, which is given one as long as there are any; stream 0 gets none.
    #[inline]
    pub(super) fn open(&mut self, stream: u32) -> Option<usize> {
        let place = self.search(stream);
        let (found, mailbox) = self.places[place];
        if found != 0 {
            return Some(mailbox as usize);
        }
        if stream == 0 || self.notes.len() == self.most {
            return None;
        }
        self.places[place] = (stream, self.notes.len() as u32);
        self.notes.push(Note::default());
        Some(self.notes.len() - 1)
    }

    #[inline]
    pub(super) fn note(&mut self, mailbox: usize) -> &mut Note {
        &mut self.notes[mailbox]
    }

    /// The place that the stream has, or the free one that it would get.
    #[inline]
    fn search(&self, stream: u32) -> usize {
        let last = self.places.len() - 1;
        let mut place = (stream.wrapping_mul(0x9E37_79B9) >> 16) as usize & last;
        while self.places[place].0 != stream && self.places[place].0 != 0 {
            place = (place + 1) & last;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_keep_their_mailboxes_and_late_ones_get_none() {
        let mut streams = Streams::new(8);
        let ids = [7, 1 << 16, 2 << 16, 3 << 16, u32::MAX, 1, 2, 3];
        for (mailbox, id) in ids.into_iter().enumerate() {
            assert_eq!(streams.find(id), None);
            assert_eq!(streams.open(id), Some(mailbox));
        }
        for (mailbox, id) in ids.into_iter().enumerate() {
            assert_eq!((streams.open(id), streams.find(id)), (Some(mailbox), Some(mailbox)));
        }
        assert_eq!((streams.open(8), streams.find(8), streams.open(0), streams.find(0)), (None, None, None, None));
    }
}
