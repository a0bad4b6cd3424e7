//! What is asked of the store between decisions: openings, terms, windows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, mpsc};

use steadfast_retry::Ending;

use crate::dispatch::{Found, Refusal, Terms};
use crate::evidence::Classes;
use crate::ids::{Digest, RunId};
use crate::job::Definition;
use crate::journal::Opening;
use crate::store::{Place, Queued, Sqlite, Store, StoreError, Writer};

/// Terms by the digests of definition and classes.
pub(super) type TermsByDigest = HashMap<(Digest, Digest), Terms>;

/// Asks the store through the writer's thread, so that an answer knows everything handed in before; and the terms read so far.
pub(super) struct Lookup {
    writer: Arc<Writer<Sqlite>>,
    terms: TermsByDigest,
}

impl Lookup {
    pub(super) fn new(writer: Arc<Writer<Sqlite>>) -> Self {
        Self { writer, terms: HashMap::new() }
    }

    /// Asks a question and waits: for one commit at the most.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Sqlite) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, heard) = mpsc::sync_channel(1);
        self.writer.ask(move |store| drop(answer.send(question(store))));
        heard.recv().map_err(|_| StoreError::Io("the writer's thread is gone".to_owned()))?
    }

    /// Reads what a run was opened with.
    pub(super) fn terms(&mut self, opening: &Opening) -> Result<Terms, StoreError> {
        let key = (opening.definition, opening.classes);
        if let Some(terms) = self.terms.get(&key) {
            return Ok(terms.clone());
        }
        let (definition, classes) = self.ask(move |store| Ok((store.document(key.0)?, store.document(key.1)?)))?;
        let terms = terms_of(key, &definition, &classes)?;
        self.terms.insert(key, terms.clone());
        Ok(terms)
    }

    /// Reads the next window of a lane, with the terms of its runs.
    pub(super) fn window(
        &mut self,
        lane: &str,
        behind: Option<Place>,
        most: usize,
    ) -> Result<(Vec<Queued>, TermsByDigest), StoreError> {
        let lane = lane.to_owned();
        let rows = self.ask(move |store| store.queued(&lane, behind, most))?;
        let mut terms = HashMap::new();
        for row in &rows {
            let key = (row.opening.definition, row.opening.classes);
            if let Entry::Vacant(vacant) = terms.entry(key) {
                vacant.insert(self.terms(&row.opening)?);
            }
        }
        Ok((rows, terms))
    }

    /// Finds the runs that were opened under callers' keys, all in one question.
    pub(super) fn runs_of_keys(&self, keys: Vec<String>) -> Result<Vec<Option<RunId>>, StoreError> {
        self.ask(move |store| keys.iter().map(|key| store.run_of_key(key)).collect())
    }

    /// Finds a run that waits for its first attempt.
    pub(super) fn waiting(&mut self, run: RunId) -> Result<Option<Box<Found>>, Refusal> {
        match self.opening(run)? {
            (_, Some(ending)) => Err(Refusal::Conflict(format!("run {run} is over: {ending}"))),
            (found, None) => Ok(Some(found)),
        }
    }

    /// Finds how a run was opened, and how it ended if it is over.
    pub(super) fn opening(&mut self, run: RunId) -> Result<(Box<Found>, Option<Ending>), Refusal> {
        let refused = |error: StoreError| Refusal::Conflict(error.to_string());
        let found = self.ask(move |store| store.opening(run)).map_err(refused)?;
        let (opening, ending) = found.ok_or_else(|| Refusal::Missing(format!("there is no run {run}")))?;
        let terms = self.terms(&opening).map_err(refused)?;
        Ok((Box::new(Found { opening, terms }), ending))
    }
}

/// Reads the stored texts of a run's terms.
pub(super) fn terms_of(key: (Digest, Digest), definition: &str, classes: &str) -> Result<Terms, StoreError> {
    let corrupt = |digest: Digest, error: serde_json::Error| StoreError::Corrupt(format!("document {digest}: {error}"));
    let definition: Definition = serde_json::from_str(definition).map_err(|error| corrupt(key.0, error))?;
    let classes: Classes = serde_json::from_str(classes).map_err(|error| corrupt(key.1, error))?;
    Ok(Terms { definition: Arc::new(definition), classes })
}
