//! Where a call takes its policy from.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use core::ops::Deref;

use crate::Policy;

/// Whatever a call can take its policy from; it is held until the call is over.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no policy",
    label = "no policy, and no name of one",
    note = "give a `Policy`, a name that the registry knows (`\"fetch\"`), or an inline one: `policy(attempts = 5)`",
    note = "where a type of yours leads to a policy, lend it: `&*mine`"
)]
pub trait HasPolicy {
    type Held<'a>: Deref<Target = Policy>
    where
        Self: 'a;

    fn hold(&self) -> Self::Held<'_>;
}

impl HasPolicy for Policy {
    type Held<'a> = &'a Self;

    #[inline(always)]
    fn hold(&self) -> &Self {
        self
    }
}

macro_rules! lead_to_a_policy {
    ($($leader:ty),*) => {$(
        impl<P: HasPolicy + ?Sized> HasPolicy for $leader {
            type Held<'a> = P::Held<'a> where Self: 'a;

            #[inline(always)]
            fn hold(&self) -> P::Held<'_> {
                (**self).hold()
            }
        }
    )*};
}

lead_to_a_policy!(&P, Box<P>, Rc<P>, Arc<P>);

#[cfg(feature = "std")]
impl<F: FnOnce() -> Policy> HasPolicy for std::sync::LazyLock<Policy, F> {
    type Held<'a>
        = &'a Policy
    where
        F: 'a;

    fn hold(&self) -> &Policy {
        self
    }
}

/// The name of a policy in the process's registry.
///
/// # Panics
///
/// If there is none.
#[cfg(feature = "std")]
impl HasPolicy for str {
    type Held<'a> = Arc<Policy>;

    fn hold(&self) -> Self::Held<'_> {
        match crate::registry().get(self) {
            Ok(policy) => policy,
            Err(missing) => panic!("{missing}"),
        }
    }
}
