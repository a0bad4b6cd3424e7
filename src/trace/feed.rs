//! The live stream of entries, for whoever watches.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::journal::Entry;
use crate::observe::Observer;

/// A bounded stream of entries to any number of readers.
///
/// It holds the last few entries for readers that are a little behind. Who falls further behind is told how many it missed, and
/// reads them from the store; nobody is waited for.
///
/// A reader that wants everything from a place in the journal subscribes first, then reads the store up to its newest entry, and
/// then goes on here with [`Reader::after`] that entry: so nothing is missed and nothing comes twice.
#[derive(Clone, Debug)]
pub struct Feed {
    sender: broadcast::Sender<(u64, Arc<Entry>)>,
}

impl Feed {
    /// Makes a feed that holds so many entries for its readers, at least one.
    #[must_use]
    pub fn new(most_entries: usize) -> Self {
        Self { sender: broadcast::Sender::new(most_entries.max(1)) }
    }

    /// Begins to read with the next entry.
    #[must_use]
    pub fn subscribe(&self) -> Reader {
        Reader { receiver: self.sender.subscribe(), newest: None }
    }

    /// Returns how many read it.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.sender.receiver_count()
    }
}

impl Observer for Feed {
    fn seen(&self, seq: u64, entry: &Arc<Entry>) {
        // An error says that nobody reads.
        let _ = self.sender.send((seq, Arc::clone(entry)));
    }
}

/// One who reads the feed.
#[derive(Debug)]
pub struct Reader {
    receiver: broadcast::Receiver<(u64, Arc<Entry>)>,
    newest: Option<u64>,
}

/// What a reader is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An entry, with its place in the journal.
    Entry(u64, Arc<Entry>),
    /// The reader was too slow.
    Missed {
        /// How many entries it did not get.
        count: u64,
        /// The last place that it knows: the store has what follows. `None` if it knows none yet.
        after: Option<u64>,
    },
}

impl Reader {
    /// Passes over everything up to a place in the journal, which the reader has from the store.
    #[must_use]
    pub fn after(mut self, seq: u64) -> Self {
        self.newest = self.newest.max(Some(seq));
        self
    }

    /// Waits for the next news; `None` when the feed is over. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Option<News> {
        loop {
            let received = self.receiver.recv().await;
            match received {
                Ok((seq, entry)) => {
                    if let Some(news) = self.take(seq, entry) {
                        return Some(news);
                    }
                }
                Err(RecvError::Lagged(count)) => return Some(self.missed(count)),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Returns the next news if there is some already.
    pub fn try_next(&mut self) -> Option<News> {
        loop {
            match self.receiver.try_recv() {
                Ok((seq, entry)) => {
                    if let Some(news) = self.take(seq, entry) {
                        return Some(news);
                    }
                }
                Err(TryRecvError::Lagged(count)) => return Some(self.missed(count)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    fn take(&mut self, seq: u64, entry: Arc<Entry>) -> Option<News> {
        if self.newest.is_some_and(|newest| seq <= newest) {
            return None;
        }
        self.newest = Some(seq);
        Some(News::Entry(seq, entry))
    }

    fn missed(&self, count: u64) -> News {
        News::Missed { count, after: self.newest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::story;

    fn seqs(reader: &mut Reader) -> Vec<Result<u64, (u64, Option<u64>)>> {
        let news = std::iter::from_fn(|| reader.try_next());
        news.map(|news| match news {
            News::Entry(seq, _) => Ok(seq),
            News::Missed { count, after } => Err((count, after)),
        })
        .collect()
    }

    #[test]
    fn a_slow_reader_is_told_what_it_missed_and_others_are_not_held_up() {
        let feed = Feed::new(4);
        let (mut slow, mut quick) = (feed.subscribe(), feed.subscribe());
        let entry = Arc::new(story::opened(1, "job"));
        feed.seen(1, &entry);
        assert_eq!(seqs(&mut slow), [Ok(1)]);
        for seq in 2..=10 {
            feed.seen(seq, &entry);
            quick.try_next().unwrap();
        }
        assert_eq!(seqs(&mut slow), [Err((5, Some(1))), Ok(7), Ok(8), Ok(9), Ok(10)]);
    }

    #[test]
    fn what_the_store_told_does_not_come_twice() {
        let feed = Feed::new(8);
        let reader = feed.subscribe();
        let entry = Arc::new(story::opened(1, "job"));
        (1..=5).for_each(|seq| feed.seen(seq, &entry));
        assert_eq!(seqs(&mut reader.after(3)), [Ok(4), Ok(5)]);
        drop(feed);
    }

    #[test]
    fn nothing_is_held_while_nobody_reads() {
        let feed = Feed::new(1_000);
        let entry = Arc::new(story::opened(1, "job"));
        (1..=5).for_each(|seq| feed.seen(seq, &entry));
        assert_eq!((Arc::strong_count(&entry), feed.readers()), (1, 0));
        let mut reader = feed.subscribe();
        feed.seen(6, &entry);
        assert_eq!(seqs(&mut reader), [Ok(6)]);
        assert_eq!(Arc::strong_count(&entry), 1, "what everybody has read is let go");
    }

    #[tokio::test]
    async fn the_end_of_the_feed_is_the_end_of_the_news() {
        let feed = Feed::new(2);
        let mut reader = feed.subscribe();
        feed.seen(1, &Arc::new(story::opened(1, "job")));
        drop(feed);
        assert!(matches!(reader.next().await, Some(News::Entry(1, _))));
        assert_eq!(reader.next().await, None);
    }
}
