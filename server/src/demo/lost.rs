//! An answer that does not arrive: its connection breaks in the middle of the body.
//!
//! Not before the head: a browser sends a request again by itself when a connection that it has used before ends without
//! a word, and nobody would notice the fault.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// As much of `answer` as gets through, under the length of all of it.
pub(super) fn lost(answer: Bytes) -> Body {
    let half = answer.slice(..answer.len() / 2);
    Body::new(Lost { length: answer.len() as u64, state: State::Half(half) })
}

struct Lost {
    length: u64,
    state: State,
}

enum State {
    Half(Bytes),
    /// What was given is sent once the connection is asked for more and hears that it has to wait.
    Flushing,
    Broken,
}

impl HttpBody for Lost {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Half(half) => {
                self.state = State::Flushing;
                Poll::Ready(Some(Ok(Frame::data(half))))
            }
            State::Flushing => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            State::Broken => Poll::Ready(Some(Err(io::Error::other("the answer is lost, as it was ordered")))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
