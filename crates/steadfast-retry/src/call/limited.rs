//! An async attempt within its limit.

use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::WasCut;
use crate::trace::Span;

/// An async attempt that is cut at its limit, and runs in the call's span.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Limited<'f, A, T> {
    pub(super) attempt: Pin<&'f mut A>,
    pub(super) timer: Option<T>,
    pub(super) span: Span,
}

impl<V, E, A: Future<Output = Result<V, E>>, T: Future<Output = ()> + Unpin> Future for Limited<'_, A, T> {
    type Output = Result<A::Output, WasCut<V, E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = {
            let _entered = this.span.enter();
            this.attempt.as_mut().poll(context)
        };
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Ok(output));
        }
        match &mut this.timer {
            Some(timer) => Pin::new(timer).poll(context).map(|()| Err(WasCut(PhantomData))),
            None => Poll::Pending,
        }
    }
}
