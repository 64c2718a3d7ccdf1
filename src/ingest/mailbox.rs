//! Mailboxes: the newest quote and the newest book of a stream, which wait for a token in the ring to be delivered at its place.
//!
//! Each kind of a mailbox has three buffers: one that the producer fills, one that waits, one that the consumer reads. One
//! atomic word a mailbox says, for both kinds, which buffer is in the middle, whether its content waits, and for which token.
//! Posting and taking swap a buffer of one's own for the one in the middle, so neither ever touches the other's, and a content
//! is taken at one token, once.
//!
//! A token's number counts what the producer pushed, modulo 2^28: tokens in a ring, which is shorter, never share one.

use super::cells::Cells;
use super::ring::length;
use crate::sync::{AtomicU64, Fault, Ordering, OwnLine, ordering, planted};
use crate::types::event::{BOOK_LEVELS, book_slots};
use crate::types::{Kind, Slot};
use std::sync::Arc;

/// Times that a consumer tries to take before it lets the caller do something else: each time the producer was quicker.
const TAKE_TRIES: usize = if cfg!(loom) { 2 } else { 8 };
const BUFFERS: usize = 3;
const TOKEN_BITS: u32 = 28;

/// A kind that may be conflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conflated {
    Quote = 0,
    Book = 1,
}

impl Conflated {
    pub(super) const ALL: [Conflated; 2] = [Conflated::Quote, Conflated::Book];

    pub(super) fn of(kind: u8) -> Option<Conflated> {
        Conflated::ALL.into_iter().find(|conflated| conflated.kind() as u8 == kind)
    }

    fn kind(self) -> Kind {
        match self {
            Conflated::Quote => Kind::Quote,
            Conflated::Book => Kind::Book,
        }
    }

    /// Slots of the longest event of the kind.
    pub(super) const fn slots(self) -> usize {
        match self {
            Conflated::Quote => 1,
            Conflated::Book => book_slots(BOOK_LEVELS),
        }
    }

    fn other(self) -> Conflated {
        match self {
            Conflated::Quote => Conflated::Book,
            Conflated::Book => Conflated::Quote,
        }
    }
}

/// What delivers a content: the number of the push that put it into the ring, as far as a word keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token(u32);

impl Token {
    pub(super) fn of_push(pushes: u64) -> Token {
        Token((pushes & ((1 << TOKEN_BITS) - 1)) as u32)
    }
}

/// One kind in a mailbox's word: bits 0-1 the buffer in the middle, bit 2 whether it waits, from bit 3 the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Middle {
    buffer: u8,
    waits: bool,
    token: Token,
}

/// A mailbox's word: 31 bits a kind, bit 62 whether the book is the newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

impl Word {
    const KIND_BITS: u32 = TOKEN_BITS + 3;
    const BOOK_NEWER: u64 = 1 << 62;

    fn middle(self, kind: Conflated) -> Middle {
        let bits = self.0 >> (kind as u32 * Word::KIND_BITS);
        Middle { buffer: (bits & 3) as u8, waits: bits & 4 != 0, token: Token::of_push(bits >> 3) }
    }

    fn with(self, kind: Conflated, middle: Middle) -> Word {
        let shift = kind as u32 * Word::KIND_BITS;
        let bits = u64::from(middle.buffer) | u64::from(middle.waits) << 2 | u64::from(middle.token.0) << 3;
        Word(self.0 & !(((1 << Word::KIND_BITS) - 1) << shift) | bits << shift)
    }

    fn newest(self, kind: Conflated) -> Word {
        match kind {
            Conflated::Quote => Word(self.0 & !Word::BOOK_NEWER),
            Conflated::Book => Word(self.0 | Word::BOOK_NEWER),
        }
    }

    /// What the consumer is to take at the token, what was posted first in front.
    fn due(self, token: Token) -> [Option<Conflated>; 2] {
        let older = if self.0 & Word::BOOK_NEWER == 0 { Conflated::Book } else { Conflated::Quote };
        [older, older.other()].map(|kind| (self.waits_for(kind, token) || self.waits_for_any(kind)).then_some(kind))
    }

    /// A model's fault: the token is not looked at.
    fn waits_for_any(self, kind: Conflated) -> bool {
        planted(Fault::MailStaleToken) && self.middle(kind).waits
    }

    fn waits_for(self, kind: Conflated, token: Token) -> bool {
        let middle = self.middle(kind);
        middle.waits && middle.token == token
    }

    fn anything_waits_for(self, token: Token) -> bool {
        Conflated::ALL.into_iter().any(|kind| self.waits_for(kind, token))
    }
}

#[derive(Debug)]
struct Mailboxes {
    words: Box<[OwnLine<AtomicU64>]>,
    /// By kind: three buffers a mailbox; none of a kind that is not conflated.
    buffers: [Cells; 2],
}

impl Mailboxes {
    fn place(at: usize, kind: Conflated, buffer: u8) -> usize {
        (at * BUFFERS + usize::from(buffer)) * kind.slots()
    }

    fn load(&self, at: usize) -> Word {
        Word(self.words[at].0.load(Ordering::Acquire))
    }

    fn swap(&self, at: usize, from: Word, to: Word, success: Ordering) -> Result<(), Word> {
        self.words[at].0.compare_exchange(from.0, to.0, success, Ordering::Acquire).map(|_| ()).map_err(Word)
    }
}

/// The producer's side.
#[derive(Debug)]
pub(super) struct Sender {
    boxes: Arc<Mailboxes>,
    /// The buffer to fill, by mailbox and kind.
    fill: Box<[[u8; 2]]>,
}

/// The consumer's side.
#[derive(Debug)]
pub(super) struct Receiver {
    boxes: Arc<Mailboxes>,
    /// The buffer that was taken last, by mailbox and kind.
    taken: Box<[[u8; 2]]>,
}

/// When a content may wait for a token that is in the ring already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// Always: the token is not in the ring yet.
    New,
    /// When an older one of its kind waits for it.
    Own,
    /// When anything waits for it.
    Any,
}

/// What a consumer found at a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// Nothing waits for this token: a later one delivers, or an earlier one did.
    Void,
    /// The producer was quicker each time; the token is to be tried again.
    Later,
    /// Contents of these kinds, at least one, the older one first.
    Taken([Option<Conflated>; 2]),
}

/// So many mailboxes, with buffers for the kinds that are conflated.
pub(super) fn mailboxes(count: usize, kinds: [bool; 2]) -> (Sender, Receiver) {
    const FREE: Middle = Middle { buffer: 0, waits: false, token: Token(0) };
    let word = Word(0).with(Conflated::Quote, FREE).with(Conflated::Book, FREE);
    let boxes = Arc::new(Mailboxes {
        words: (0..count).map(|_| OwnLine(AtomicU64::new(word.0))).collect(),
        buffers: Conflated::ALL.map(|kind| Cells::new(if kinds[kind as usize] { count * BUFFERS * kind.slots() } else { 0 })),
    });
    (Sender { boxes: boxes.clone(), fill: vec![[1; 2]; count].into() }, Receiver { boxes, taken: vec![[2; 2]; count].into() })
}

impl Sender {
    /// Puts an event into the buffer that the producer fills; nobody sees it before it is posted.
    #[inline]
    pub(super) fn fill(&mut self, at: usize, kind: Conflated, event: &[Slot]) {
        let event = &event[..event.len().min(kind.slots())];
        // SAFETY: the buffer to fill is the producer's alone until `post` swaps it for another; kinds have buffers of their own.
        unsafe { self.boxes.buffers[kind as usize].write(Mailboxes::place(at, kind, self.fill[at][kind as usize]), event) };
    }

    /// Whether anything waits for the token. The consumer may take it meanwhile.
    pub(super) fn waits(&self, at: usize, token: Token) -> bool {
        self.boxes.load(at).anything_waits_for(token)
    }

    /// Lets what was filled wait for the token, in place of what waited before; answers whether anything did. `None`, and
    /// nothing is changed, when it may not join: the consumer has taken what waited for the token.
    ///
    /// Each time that the swap fails the consumer has taken something, and there is nothing more to take after two times.
    #[inline]
    pub(super) fn post(&mut self, at: usize, kind: Conflated, token: Token, join: Join) -> Option<bool> {
        let fill = &mut self.fill[at][kind as usize];
        let mut found = self.boxes.load(at);
        loop {
            let joins = match join {
                Join::New => true,
                Join::Own => found.waits_for(kind, token),
                Join::Any => found.anything_waits_for(token),
            };
            if !joins {
                return None;
            }
            let next = found.with(kind, Middle { buffer: *fill, waits: true, token }).newest(kind);
            match self.boxes.swap(at, found, next, ordering(Ordering::AcqRel, Fault::MailPost)) {
                Ok(()) => {
                    let middle = found.middle(kind);
                    *fill = middle.buffer;
                    return Some(middle.waits);
                }
                Err(now) => found = now,
            }
        }
    }
}

impl Receiver {
    /// Takes what waits for the token.
    #[inline]
    pub(super) fn take(&mut self, at: usize, token: Token) -> Take {
        // Tokens are made by the producer; one that names no mailbox delivers nothing.
        let Some(taken) = self.taken.get_mut(at) else { return Take::Void };
        let mut found = self.boxes.load(at);
        for _ in 0..TAKE_TRIES {
            let due = found.due(token);
            if due == [None; 2] {
                return Take::Void;
            }
            let (mut next, mut mine) = (found, *taken);
            for kind in due.into_iter().flatten() {
                next = next.with(kind, Middle { buffer: mine[kind as usize], waits: false, token });
                mine[kind as usize] = found.middle(kind).buffer;
            }
            match self.boxes.swap(at, found, next, ordering(Ordering::AcqRel, Fault::MailGiveBack)) {
                Ok(()) => {
                    *taken = mine;
                    return Take::Taken(due);
                }
                Err(now) => found = now,
            }
        }
        Take::Later
    }

    /// What was taken last of a kind.
    #[inline]
    pub(super) fn content(&mut self, at: usize, kind: Conflated) -> &[Slot] {
        let (cells, place) = (&self.boxes.buffers[kind as usize], Mailboxes::place(at, kind, self.taken[at][kind as usize]));
        // SAFETY: the buffer was swapped out of the middle, which the acquire has seen, and is the consumer's alone until the
        // next `take`, which the borrow of `self` forbids as long as the slice lives.
        let slots = length(unsafe { cells.read(place, 1) }, kind.slots());
        // SAFETY: as above; the buffer has room for the longest event of the kind.
        unsafe { cells.read(place, slots) }
    }

    /// Tells a model that what was taken last is still being read.
    #[inline(always)]
    pub(super) fn touch(&self, at: usize, kind: Conflated) {
        self.boxes.buffers[kind as usize].touch(Mailboxes::place(at, kind, self.taken[at][kind as usize]), 1);
    }
}
