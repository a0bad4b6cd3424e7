use crate::evidence::{EXCERPT_BYTES, Part, Stream};

/// The beginning and the end of a stream, as much of it as is searched for evidence.
#[derive(Debug, Default)]
pub(super) struct Excerpt {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// All bytes of the stream.
    bytes: u64,
}

impl Excerpt {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let room = EXCERPT_BYTES - self.head.len();
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(head);
        let rest = &rest[rest.len().saturating_sub(EXCERPT_BYTES)..];
        self.tail.extend_from_slice(rest);
        // Cut seldom, so that a stream of short pieces is not moved again and again.
        if self.tail.len() > 2 * EXCERPT_BYTES {
            self.tail.drain(..self.tail.len() - EXCERPT_BYTES);
        }
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn head(&self, stream: Stream) -> Part<'_> {
        Part { stream, bytes: &self.head }
    }

    pub(super) fn tail(&self, stream: Stream) -> Part<'_> {
        Part { stream, bytes: &self.tail[self.tail.len().saturating_sub(EXCERPT_BYTES)..] }
    }
}

#[cfg(test)]
mod tests {
    use super::Excerpt;
    use crate::evidence::{EXCERPT_BYTES, Stream};

    #[test]
    fn both_ends_of_a_long_stream_are_kept() {
        let mut excerpt = Excerpt::default();
        excerpt.push(b"first ");
        for _ in 0..40 {
            excerpt.push(&[b'.'; 10_000]);
        }
        excerpt.push(b" last");
        assert_eq!(excerpt.bytes(), 6 + 400_000 + 5);
        assert!(excerpt.head(Stream::Stderr).bytes.starts_with(b"first ..."));
        let tail = excerpt.tail(Stream::Stderr);
        assert!(tail.bytes.len() == EXCERPT_BYTES && tail.bytes.ends_with(b"... last"));
    }
}
