//! A response that is lost: its connection breaks in the middle of the body.
//!
//! It does not break before the head: a browser repeats a request by itself if a connection that it has used before ends
//! without a byte of the response, and the page would not see the fault.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// A body with the length of `response` that ends with an error after half of it.
pub(crate) fn lost(response: Bytes) -> Body {
    let half = response.slice(..response.len() / 2);
    Body::new(LostBody { length: response.len() as u64, state: State::Half(half) })
}

struct LostBody {
    length: u64,
    state: State,
}

enum State {
    Half(Bytes),
    /// hyper writes the half to the connection when the body is pending.
    Flushing,
    Broken,
}

impl HttpBody for LostBody {
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
            State::Broken => Poll::Ready(Some(Err(io::Error::other("the response is lost: a fault of the lab")))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
