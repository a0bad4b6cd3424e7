//! The one file of the library that waits.
#![expect(clippy::disallowed_methods, reason = "this is where a decided wait is carried out")]

#[cfg(feature = "tokio")]
use alloc::boxed::Box;
#[cfg(feature = "tokio")]
use core::pin::Pin;
#[cfg(feature = "tokio")]
use core::task::{Context, Poll};
use core::time::Duration;

pub(super) fn block(span: Duration) {
    std::thread::sleep(span);
}

/// A timer of tokio, kept in a box so that a future that may have to wait does not grow by it.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub struct TokioTimer(Pin<Box<tokio::time::Sleep>>);

#[cfg(feature = "tokio")]
impl TokioTimer {
    pub(super) fn start(span: Duration) -> Self {
        Self(Box::pin(tokio::time::sleep(span)))
    }
}

#[cfg(feature = "tokio")]
impl Future for TokioTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}
