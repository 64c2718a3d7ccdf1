//! A case that is being made: calls are answered as they are written down.

use foretick::types::Slot;

use crate::calls::{Calls, hex, text};

/// Calls so far.
pub struct Script {
    /// Of the file.
    pub name: &'static str,
    /// What the file holds.
    pub text: String,
    calls: Calls,
}

impl Script {
    /// An empty case.
    pub fn new(name: &'static str, about: &str) -> Script {
        Script { name, text: format!("# {about}\n"), calls: Calls::new() }
    }

    /// What the next calls are about.
    pub fn about(&mut self, about: &str) {
        self.text += &format!("\n# {about}\n");
    }

    /// Makes a call; the words of its answer behind the status, which must be this.
    pub fn call(&mut self, call: &str, status: &str) -> Vec<String> {
        let answer = self.calls.answer(call);
        let mut words = answer.split(' ').map(str::to_owned);
        assert_eq!(words.next().as_deref(), Some(status), "{}: {call}", self.name);
        self.text += &if answer.is_empty() { format!("{call}\n") } else { format!("{call} -> {answer}\n") };
        words.collect()
    }

    /// A call that must be right.
    pub fn ok(&mut self, call: &str) -> Vec<String> {
        self.call(call, "OK")
    }

    /// The file that `@` means.
    pub fn events(&mut self, file: &str) {
        self.call(&format!("events {file}"), "");
    }

    /// An engine by the host's clock without a thread, the stream `test:A` as 1, and the bundles under their names' slots.
    pub fn start(&mut self, bundles: &[(&str, &str)]) {
        self.ok(&format!("engine {}", text("clock = \"host\"\nthreads = 0\n")));
        for (slot, bundle) in bundles {
            self.ok(&format!("bundle {bundle} tests/vectors/calls/bundles/{bundle}"));
            self.ok(&format!("publish {slot} {bundle}"));
        }
        self.ok("lane l -");
    }

    /// Pushes an event.
    pub fn push(&mut self, event: &[Slot], status: &str) {
        self.call(&format!("push l {}", hex(bytemuck::cast_slice(event))), status);
    }
}
