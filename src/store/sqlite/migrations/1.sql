-- The journal, and beside it what is asked for often. Every table but the first three could be made again from the journal.
-- Times are nanoseconds since the Unix epoch. Digests and tokens are 16 bytes. Words are compared one by one: for a list the engine
-- would build a table of its own at every statement that touches the row.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE documents (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 16),
    body   TEXT NOT NULL
);

CREATE TABLE journal (
    seq  INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    run  INTEGER,
    job  TEXT,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX journal_run ON journal (run, seq) WHERE run IS NOT NULL;
CREATE INDEX journal_job ON journal (job, seq) WHERE job IS NOT NULL;

CREATE TRIGGER journal_stands BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'a line of the journal never changes'); END;

CREATE TABLE runs (
    id         INTEGER PRIMARY KEY CHECK (id > 0),
    job        TEXT NOT NULL,
    definition BLOB NOT NULL REFERENCES documents (digest),
    classes    BLOB NOT NULL REFERENCES documents (digest),
    point      INTEGER,
    sweep      INTEGER,
    sweep_size INTEGER,
    sweep_need INTEGER,
    lane       TEXT NOT NULL,
    priority   INTEGER NOT NULL,
    key        TEXT,
    origin     INTEGER NOT NULL,
    retry_of   INTEGER,
    cause      TEXT NOT NULL,
    opened_seq INTEGER NOT NULL,
    opened_at  INTEGER NOT NULL,
    began_at   INTEGER,
    state      TEXT NOT NULL CHECK (state = 'queued' OR state = 'running' OR state = 'waiting' OR state = 'finishing' OR state = 'closed'),
    held       INTEGER NOT NULL DEFAULT 0 CHECK (held = 0 OR held = 1),
    attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at     INTEGER,
    class      TEXT,
    ending     TEXT CHECK (ending = 'succeeded' OR ending = 'gave-up' OR ending = 'stopped' OR ending = 'cancelled' OR ending = 'skipped' OR ending = 'quarantined'),
    closed_at  INTEGER,
    step_seq   INTEGER,
    -- Whether a later success of the same job or a retry has made up for the failure. It is about other runs, so it may
    -- change after this one is closed.
    settled    INTEGER NOT NULL DEFAULT 0 CHECK (settled = 0 OR settled = 1),
    -- What a person should look at first: 0 trouble, 1 under way, 2 waiting for its turn, 3 over.
    rank       INTEGER NOT NULL AS (
        CASE
            WHEN state = 'closed' AND settled = 0 AND ending <> 'succeeded' AND ending <> 'cancelled' AND ending <> 'skipped' THEN 0
            WHEN state = 'closed' THEN 3
            WHEN held = 1 OR class IS NOT NULL THEN 0
            WHEN state = 'queued' THEN 2
            ELSE 1
        END) VIRTUAL,
    CHECK ((ending IS NULL) = (state = 'queued' OR state = 'running' OR state = 'waiting')),
    CHECK ((closed_at IS NULL) = (state <> 'closed')),
    CHECK ((due_at IS NULL) = (state <> 'waiting')),
    CHECK ((attempts = 0) = (began_at IS NULL)),
    CHECK ((state <> 'running' AND state <> 'waiting') OR attempts > 0)
);
CREATE UNIQUE INDEX runs_key ON runs (key) WHERE key IS NOT NULL;
CREATE INDEX runs_ready ON runs (lane, priority DESC, id) WHERE state = 'queued' AND held = 0;
CREATE INDEX runs_held ON runs (id) WHERE state = 'queued' AND held = 1;
CREATE INDEX runs_begun ON runs (id) WHERE state <> 'queued' AND state <> 'closed';
CREATE INDEX runs_rank ON runs (rank, id);
CREATE INDEX runs_job ON runs (job, rank, id);
CREATE INDEX runs_class ON runs (class, rank, id) WHERE class IS NOT NULL;
CREATE INDEX runs_ending ON runs (ending, rank, id) WHERE ending <> 'succeeded';
CREATE INDEX runs_closed ON runs (closed_at) WHERE state = 'closed';
CREATE INDEX runs_unsettled ON runs (job, id)
    WHERE state = 'closed' AND settled = 0 AND ending <> 'succeeded' AND ending <> 'cancelled' AND ending <> 'skipped';
CREATE INDEX runs_retry ON runs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX runs_sweep ON runs (sweep, rank, id) WHERE sweep IS NOT NULL;

CREATE TRIGGER runs_closed_stands BEFORE UPDATE OF
    id, job, definition, classes, point, sweep, sweep_size, sweep_need, lane, priority, key, origin, retry_of, cause, opened_seq, opened_at,
    began_at, state, held, attempts, due_at, class, ending, closed_at, step_seq ON runs WHEN OLD.state = 'closed'
BEGIN SELECT RAISE(ABORT, 'a closed run never changes'); END;

CREATE TABLE attempts (
    run        INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL CHECK (number > 0),
    token      BLOB NOT NULL CHECK (length(token) = 16),
    state      TEXT NOT NULL CHECK (state = 'running' OR state = 'succeeded' OR state = 'failed' OR state = 'interrupted' OR state = 'cancelled' OR state = 'void'),
    class      TEXT,
    began_at   INTEGER NOT NULL,
    started_at INTEGER,
    ended_at   INTEGER,
    pid        INTEGER,
    exit       INTEGER,
    signal     INTEGER,
    PRIMARY KEY (run, number),
    CHECK ((ended_at IS NULL) = (state = 'running')),
    CHECK (state <> 'failed' OR class IS NOT NULL),
    CHECK ((state <> 'succeeded' AND state <> 'void') OR class IS NULL)
) WITHOUT ROWID;
CREATE UNIQUE INDEX attempts_one_running ON attempts (run) WHERE state = 'running';

CREATE TRIGGER attempts_ended_stands BEFORE UPDATE ON attempts WHEN OLD.state <> 'running'
BEGIN SELECT RAISE(ABORT, 'an attempt that has ended never changes'); END;

CREATE TABLE finalizers (
    run        INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    piece      TEXT NOT NULL,
    token      BLOB NOT NULL CHECK (length(token) = 16),
    result     TEXT CHECK (result = 'done' OR result = 'failed' OR result = 'lost'),
    began_at   INTEGER NOT NULL,
    ended_at   INTEGER,
    PRIMARY KEY (run, piece),
    CHECK ((ended_at IS NULL) = (result IS NULL))
) WITHOUT ROWID;

CREATE TRIGGER finalizers_ended_stands BEFORE UPDATE ON finalizers WHEN OLD.result IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a try of a finalizer that has ended never changes'); END;

CREATE TABLE jobs (
    name           TEXT PRIMARY KEY,
    queued         INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),
    held           INTEGER NOT NULL DEFAULT 0 CHECK (held = 0 OR held = 1),
    evaluated      INTEGER,
    opened_at      INTEGER,
    succeeded_at   INTEGER,
    ended_at       INTEGER,
    newest         INTEGER,
    newest_success INTEGER,
    newest_ended   INTEGER,
    newest_sweep   INTEGER
) WITHOUT ROWID;

-- The due times of schedules: each is dealt with once, whoever asks.
CREATE TABLE ticks (
    job TEXT NOT NULL,
    due INTEGER NOT NULL,
    run INTEGER,
    PRIMARY KEY (job, due)
) WITHOUT ROWID;

-- Matrices: how far the runs that were opened together have come.
CREATE TABLE sweeps (
    first          INTEGER PRIMARY KEY,
    size           INTEGER NOT NULL,
    needed         INTEGER NOT NULL,
    job            TEXT NOT NULL,
    open           INTEGER NOT NULL CHECK (open >= 0),
    succeeded      INTEGER NOT NULL DEFAULT 0,
    failed         INTEGER NOT NULL DEFAULT 0,
    newest         INTEGER NOT NULL,
    newest_success INTEGER
);
CREATE INDEX sweeps_open ON sweeps (first) WHERE open > 0;

-- Which points of which definition have a run; -1 where there is no matrix.
CREATE TABLE points (
    job        TEXT NOT NULL,
    definition BLOB NOT NULL,
    point      INTEGER NOT NULL,
    PRIMARY KEY (job, definition, point)
) WITHOUT ROWID;

CREATE TABLE shims (
    id     BLOB PRIMARY KEY CHECK (length(id) = 8),
    offset INTEGER NOT NULL,
    at     INTEGER NOT NULL
) WITHOUT ROWID;

-- Counters, kept with the rows that they count.
CREATE TABLE counts (
    job  TEXT NOT NULL,
    word TEXT NOT NULL,
    n    INTEGER NOT NULL CHECK (n >= 0),
    PRIMARY KEY (job, word)
) WITHOUT ROWID;

CREATE TABLE lanes (
    name   TEXT PRIMARY KEY,
    queued INTEGER NOT NULL CHECK (queued >= 0)
) WITHOUT ROWID;
