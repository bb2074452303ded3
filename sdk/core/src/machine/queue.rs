/// First in, first out, for a handful of items at a time. `VecDeque` would add a kilobyte to the WebAssembly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Queue<T>(Vec<T>);

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Queue<T> {
    pub(super) fn push_back(&mut self, item: T) {
        self.0.push(item);
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }
}
