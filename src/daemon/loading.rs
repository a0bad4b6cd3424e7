//! Files of jobs: read at the start, when asked, and when they change.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::future::{Pending, pending};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Timeout, timeout};

use crate::dispatch::{Input, Loaded};
use crate::failpoint;
use crate::job::{Config, Reader, Rendering, files_of};
use crate::shim;
use crate::store::StoreError;

use super::manager;
use super::turn::Loop;

/// The files that a daemon was given.
pub(super) struct Files {
    watcher: Option<notify::RecommendedWatcher>,
    touched: mpsc::UnboundedReceiver<()>,
    /// Goes off when the files have been still; it is kept here, because whoever waits is interrupted by everything else.
    still: Option<Bell>,
    /// Goes off some time after the first touch, whether or not they are still.
    latest: Option<Bell>,
    seen: Stamps,
    refused: Option<String>,
    /// How many jobs are loaded.
    jobs: usize,
}

/// What tells a file's versions apart: size, time of change and inode.
type Stamps = BTreeMap<PathBuf, (u64, i64, i64, u64)>;

/// Rings once, after a time.
type Bell = Pin<Box<Timeout<Pending<()>>>>;

/// Why files are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Asked,
    Changed,
}

/// How long files must have been still before they are read: an editor may be in the middle of writing them.
const STILL: Duration = Duration::from_millis(500);

/// How long they are waited for. A program that never leaves them alone must not keep an edit from being taken up.
const LATEST: Duration = Duration::from_secs(5);

fn bell(after: Duration) -> Bell {
    Box::pin(timeout(after, pending()))
}

/// Waits for a bell that may not have been set, and then never rings.
async fn rings(bell: &mut Option<Bell>) {
    match bell {
        Some(bell) => drop(bell.await),
        None => pending().await,
    }
}

impl Files {
    /// Watches the folders of the given paths: editors replace files, and a file of its own would be lost sight of.
    pub(super) fn watch(paths: &[PathBuf], watch: bool) -> Self {
        let (touch, touched) = mpsc::unbounded_channel();
        let given: Vec<OsString> = paths.iter().filter_map(|path| Some(path.file_name()?.to_owned())).collect();
        let tell = move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| matters(&event, &given)) {
                // Nobody hears any more when the daemon goes.
                let _ = touch.send(());
            }
        };
        let mut watcher = if watch {
            let made = notify::recommended_watcher(tell);
            made.inspect_err(|error| {
                tracing::warn!(target: "steadfast::daemon", %error, "no changes of files are noticed; reload by hand");
            })
            .ok()
        } else {
            None
        };
        for path in paths {
            let parent = || path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let folder = if path.is_dir() { path.as_path() } else { parent() };
            if let Some(watching) = &mut watcher
                && let Err(error) = watching.watch(folder, RecursiveMode::NonRecursive)
            {
                tracing::warn!(target: "steadfast::daemon", folder = %folder.display(), %error, "changes are not noticed; reload by hand");
            }
        }
        Self { watcher, touched, still: None, latest: None, seen: stamps(paths), refused: None, jobs: 0 }
    }

    /// Returns when files have changed and then been still for a while; never, if nothing is watched. It may be dropped and
    /// called again without losing a change.
    pub(super) async fn changed(&mut self) {
        if self.watcher.is_none() {
            return pending().await;
        }
        loop {
            let touched = tokio::select! {
                // Whoever touches them all the time would otherwise be heard before the bell.
                biased;
                () = rings(&mut self.latest) => break,
                () = rings(&mut self.still) => break,
                touched = self.touched.recv() => touched,
            };
            if touched.is_none() {
                return pending().await;
            }
            self.still = Some(bell(STILL));
            self.latest.get_or_insert_with(|| bell(LATEST));
        }
        (self.still, self.latest) = (None, None);
    }

    /// Returns what was wrong with the files at the last reload.
    pub(super) fn refused(&self) -> Option<String> {
        self.refused.clone()
    }
}

impl Loop {
    /// Reads the files again, if they are other than those last read.
    pub(super) fn files_changed(&mut self) {
        if stamps(self.paths()) == self.files.seen {
            return;
        }
        if let Ok(difference) = self.read_again(Why::Changed) {
            tracing::info!(target: "steadfast::daemon", "read the files again: {difference}");
        }
    }

    /// Reads the files again, because somebody asked for it. A mistake anywhere leaves everything as it was.
    pub(super) fn reload(&mut self) -> Result<String, String> {
        self.read_again(Why::Asked)
    }

    fn read_again(&mut self, why: Why) -> Result<String, String> {
        manager::reloading();
        self.files.seen = stamps(self.paths());
        let read = read(self.paths(), true);
        let done = self.take_up(read, why);
        manager::ready(&self.in_a_line());
        done
    }

    /// Says what is loaded, for whoever looks at the service.
    pub(super) fn in_a_line(&self) -> String {
        let jobs = self.files.jobs;
        let refused = if self.files.refused.is_some() { "; the files that were read last are wrong" } else { "" };
        format!("{jobs} {} loaded{refused}", if jobs == 1 { "job" } else { "jobs" })
    }

    fn take_up(&mut self, read: Result<Config, String>, why: Why) -> Result<String, String> {
        match read {
            Ok(config) => {
                let difference = Config::difference(&self.wanted, &config);
                let told = difference.to_string();
                self.files.refused = None;
                self.show.loaded(true);
                // A touch, or a mistake that was taken back, is nothing that anybody will ask the journal about; but what
                // stands elsewhere in a file is found there from now on.
                let worth_an_entry = why == Why::Asked || !difference.is_empty();
                self.load(Arc::new(config), worth_an_entry.then(|| told.clone()));
                Ok(told)
            }
            Err(wrong) => {
                tracing::error!(target: "steadfast::daemon", "the files are wrong, the configuration stays as it was\n{wrong}");
                self.files.refused = Some(wrong.clone());
                self.show.loaded(false);
                Err(wrong)
            }
        }
    }

    /// Hands a configuration to the dispatcher; a degraded daemon keeps it for the next one.
    pub(super) fn load(&mut self, config: Arc<Config>, difference: Option<String>) {
        self.wanted = Arc::clone(&config);
        if self.degraded.is_some() {
            return;
        }
        self.files.jobs = config.jobs.len();
        for job in config.jobs.values() {
            self.show.define(job.digest, &job.definition.policy);
        }
        let pending = if self.settings.until_idle { self.pending(&config) } else { Ok(Vec::new()) };
        let pending = match pending {
            Ok(pending) => pending,
            // Not to know what is missing is not to miss nothing: the next dispatcher is given the configuration.
            Err(error) => return self.degrade(format!("the runs of jobs cannot be read: {error}")),
        };
        self.hear(Input::Loaded(Box::new(Loaded { config, difference, pending })));
    }

    /// Finds the jobs and matrix points without a run of their present definition, for `--until-idle`.
    fn pending(&self, config: &Config) -> Result<Vec<(String, Option<u32>)>, StoreError> {
        failpoint!("daemon::pending", io).map_err(|error| StoreError::Io(error.to_string()))?;
        let by_itself = config.jobs.values().filter(|job| job.schedule.is_none() && job.after.is_none());
        let mut pending = Vec::new();
        for job in by_itself {
            let (name, digest) = (job.name.clone(), job.digest);
            let begun = self.lookup.ask(move |store| crate::store::Store::begun_points(store, &name, digest))?;
            let points: Vec<Option<u32>> = match job.definition.matrix.len() {
                0 => vec![None],
                size => (0..size).map(Some).collect(),
            };
            let missing: Vec<_> = points.iter().filter(|point| !begun.contains(point)).copied().collect();
            if missing.len() == points.len() {
                pending.push((job.name.clone(), None));
            } else {
                pending.extend(missing.into_iter().map(|point| (job.name.clone(), point)));
            }
        }
        Ok(pending)
    }
}

/// Reads files; all mistakes come as one text.
pub(super) fn read(paths: &[PathBuf], strict: bool) -> Result<Config, String> {
    let reader = Reader::new().strict_newline(strict).trust_only(rustix::process::getuid().as_raw());
    match reader.read(paths).into_result() {
        Ok((config, warnings)) => {
            for warning in warnings {
                tracing::warn!(target: "steadfast::daemon", "{warning}");
            }
            for warning in config.not_enforced(&shim::handed_down(shim::delegated().as_deref())) {
                tracing::warn!(target: "steadfast::daemon", "{warning}");
            }
            Ok(config)
        }
        Err(mistakes) => Err(Rendering::default().show_all(&mistakes)),
    }
}

/// Says whether an event may be about what is read: jobs may write beside their files, and whoever only looks changes nothing.
fn matters(event: &notify::Event, given: &[OsString]) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
        EventKind::Access(_) => return false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => {}
    }
    let is_read = |path: &PathBuf| {
        let Some(name) = path.file_name() else { return true };
        let of_jobs = path.extension().is_some_and(|ending| ending == "toml") && !is_hidden(name);
        // Whole folders of files are changed at once by turning a link, which may well be a hidden one.
        of_jobs || given.iter().any(|given| given == name) || path.is_symlink()
    };
    event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(is_read)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn stamps(paths: &[PathBuf]) -> Stamps {
    use std::os::unix::fs::MetadataExt;
    let files = paths.iter().flat_map(|path| files_of(path));
    let stamp = |path: PathBuf| {
        let meta = std::fs::metadata(&path).ok()?;
        Some((path, (meta.len(), meta.mtime(), meta.mtime_nsec(), meta.ino())))
    };
    files.filter_map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use notify::Event;
    use notify::event::{CreateKind, ModifyKind, RemoveKind};

    use super::*;

    #[test]
    fn only_what_is_read_matters_and_only_if_somebody_changed_it() {
        let changed = EventKind::Modify(ModifyKind::Any);
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        for (kind, path, does) in [
            (changed, "/jobs/a.toml", true),
            (written, "/jobs/a.toml", true),
            (EventKind::Create(CreateKind::File), "/jobs/new.toml", true),
            (EventKind::Remove(RemoveKind::File), "/jobs/a.toml", true),
            (changed, "/jobs/named.conf", true),
            (EventKind::Remove(RemoveKind::Folder), "/jobs", true),
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), "/jobs/a.toml", false),
            (changed, "/jobs/.a.toml", false),
            (changed, "/jobs/out.csv", false),
            (written, "/jobs/a.toml~", false),
        ] {
            let event = Event::new(kind).add_path(PathBuf::from(path));
            assert_eq!(matters(&event, &["named.conf".into(), "jobs".into()]), does, "{kind:?} of {path}");
        }
    }

    #[test]
    fn a_link_that_is_turned_matters_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("..data");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(matters(&Event::new(EventKind::Create(CreateKind::Any)).add_path(link), &[]));
    }
}
