//! Files of jobs: read at the start, when asked, and when they change.

use std::collections::BTreeMap;
use std::future::{Pending, pending};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

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
    still: Option<Pin<Box<Timeout<Pending<()>>>>>,
    seen: Stamps,
    refused: Option<String>,
    /// How many jobs are loaded.
    jobs: usize,
}

/// What tells a file's versions apart: size, time of change and inode.
type Stamps = BTreeMap<PathBuf, (u64, i64, i64, u64)>;

/// How long files must have been still before they are read: an editor may be in the middle of writing them.
const STILL: Duration = Duration::from_millis(500);

impl Files {
    /// Watches the folders of the given paths: editors replace files, and a file of its own would be lost sight of.
    pub(super) fn watch(paths: &[PathBuf], watch: bool) -> Self {
        let (touch, touched) = mpsc::unbounded_channel();
        let tell = move |_: notify::Result<notify::Event>| {
            // Nobody hears any more when the daemon goes.
            let _ = touch.send(());
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
        Self { watcher, touched, still: None, seen: stamps(paths), refused: None, jobs: 0 }
    }

    /// Returns when files have changed and then been still for a while; never, if nothing is watched. It may be dropped and
    /// called again without losing a change.
    pub(super) async fn changed(&mut self) {
        if self.watcher.is_none() {
            return pending().await;
        }
        loop {
            let touched = match &mut self.still {
                None => self.touched.recv().await,
                Some(still) => tokio::select! {
                    touched = self.touched.recv() => touched,
                    _ = still => {
                        self.still = None;
                        return;
                    }
                },
            };
            if touched.is_none() {
                return pending().await;
            }
            self.still = Some(Box::pin(timeout(STILL, pending())));
        }
    }

    /// Returns what was wrong with the files at the last reload.
    pub(super) fn refused(&self) -> Option<String> {
        self.refused.clone()
    }
}

impl Loop {
    /// Reads the files again, if they are other than those last read.
    pub(super) fn files_changed(&mut self) {
        let now = stamps(self.paths());
        if now == self.files.seen {
            return;
        }
        match self.reload() {
            Ok(difference) => tracing::info!(target: "steadfast::daemon", "read the files again: {difference}"),
            Err(wrong) => {
                tracing::error!(target: "steadfast::daemon", "the files are wrong, the configuration stays as it was\n{wrong}");
            }
        }
    }

    /// Reads the files again. A mistake anywhere leaves everything as it was.
    pub(super) fn reload(&mut self) -> Result<String, String> {
        manager::reloading();
        self.files.seen = stamps(self.paths());
        let read = read(self.paths(), true);
        let done = self.take_up(read);
        manager::ready(&self.in_a_line());
        done
    }

    /// Says what is loaded, for whoever looks at the service.
    pub(super) fn in_a_line(&self) -> String {
        let jobs = self.files.jobs;
        let refused = if self.files.refused.is_some() { "; the files that were read last are wrong" } else { "" };
        format!("{jobs} {} loaded{refused}", if jobs == 1 { "job" } else { "jobs" })
    }

    fn take_up(&mut self, read: Result<Config, String>) -> Result<String, String> {
        match read {
            Ok(config) => {
                let difference = Config::difference(&self.wanted, &config).to_string();
                self.files.refused = None;
                self.show.loaded(true);
                self.load(Arc::new(config), difference.clone());
                Ok(difference)
            }
            Err(wrong) => {
                self.files.refused = Some(wrong.clone());
                self.show.loaded(false);
                Err(wrong)
            }
        }
    }

    /// Hands a configuration to the dispatcher; a degraded daemon keeps it for the next one.
    pub(super) fn load(&mut self, config: Arc<Config>, difference: String) {
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

fn stamps(paths: &[PathBuf]) -> Stamps {
    use std::os::unix::fs::MetadataExt;
    let files = paths.iter().flat_map(|path| files_of(path));
    let stamp = |path: PathBuf| {
        let meta = std::fs::metadata(&path).ok()?;
        Some((path, (meta.len(), meta.mtime(), meta.mtime_nsec(), meta.ino())))
    };
    files.filter_map(stamp).collect()
}
