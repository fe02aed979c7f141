-- The shop's string ids stand once, in member, product, label and orders; everything else uses their integer keys.
-- Times are milliseconds since 1970. The tables are the same in postgres/migrations/V1__house.sql.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- works_with: the oldest layout whose programs can work with this one; see layout.rs.
INSERT INTO meta (key, value) VALUES ('catalog_version', '0'), ('works_with', '1');

-- History -----------------------------------------------------------------------------------------------------------

CREATE TABLE member (
    key                   INTEGER PRIMARY KEY,
    id                    TEXT NOT NULL UNIQUE,
    email                 TEXT,
    address               TEXT,                         -- the e-mail in lower case: what suppressions and searches compare
    name                  TEXT,
    locale                TEXT,
    zone                  TEXT,
    region                TEXT,
    tags                  TEXT NOT NULL DEFAULT '[]',   -- JSON
    consent               TEXT,                         -- JSON; NULL when the shop never said
    contacts              TEXT NOT NULL DEFAULT '{}',   -- JSON
    joined_at             INTEGER,
    membership_expires_at INTEGER,
    subscribed_items      TEXT NOT NULL DEFAULT '[]',   -- JSON
    wake_at               INTEGER,                      -- 0: at once; NULL: nothing but news wakes it
    planned_with          TEXT,
    stage                 TEXT,                         -- the lifecycle stage as last recorded
    stage_since           INTEGER                       -- a day
) STRICT;
CREATE INDEX member_wake ON member (wake_at, key) WHERE wake_at IS NOT NULL;
CREATE INDEX member_address ON member (address) WHERE address IS NOT NULL;

CREATE TABLE label (
    key  INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                                 -- category, group
    text TEXT NOT NULL,
    UNIQUE (kind, text)
) STRICT;

CREATE TABLE product (
    key           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    name          TEXT,
    category_key  INTEGER,
    group_key     INTEGER,
    tags          TEXT NOT NULL DEFAULT '[]',           -- JSON
    days_supply   REAL,
    url           TEXT,
    in_stock      INTEGER NOT NULL DEFAULT 1,
    replenishable INTEGER NOT NULL DEFAULT 1,
    usage_tip     TEXT,
    caution       TEXT
) STRICT;

-- What a kit consists of.
CREATE TABLE part (
    kit    INTEGER NOT NULL,
    part   INTEGER NOT NULL,
    pieces REAL NOT NULL,
    PRIMARY KEY (kit, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    key        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    number     TEXT,                                    -- what the shop's webhooks call it, behind the shop's name
    changed_at INTEGER                                  -- when the shop last changed it, by its webhooks: older ones are not taken
) STRICT;
CREATE INDEX orders_number ON orders (number) WHERE number IS NOT NULL;
CREATE INDEX orders_changed ON orders (changed_at) WHERE changed_at IS NOT NULL;

-- History lies in member order: planning and learning read it member by member.
CREATE TABLE line (
    member       INTEGER NOT NULL,
    order_key    INTEGER NOT NULL,
    line         INTEGER NOT NULL,                      -- see line_number() in history.rs
    product      INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    quantity     REAL NOT NULL,
    unit_price   REAL,
    status       TEXT,
    counted      INTEGER NOT NULL,
    delivered_at INTEGER,
    gift         INTEGER NOT NULL,
    PRIMARY KEY (member, order_key, line)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX line_identity ON line (order_key, line);

-- People ------------------------------------------------------------------------------------------------------------

CREATE TABLE suppression (
    key     INTEGER PRIMARY KEY,
    member  INTEGER,
    address TEXT,
    purpose TEXT,
    item    TEXT,
    until   INTEGER,
    again   INTEGER,                                    -- when the member asked to be reminded again at `until`
    because TEXT NOT NULL,
    at      INTEGER NOT NULL,
    CHECK ((member IS NULL) <> (address IS NULL))
) STRICT;
CREATE UNIQUE INDEX suppression_what
    ON suppression (coalesce(member, 0), coalesce(address, ''), coalesce(purpose, ''), coalesce(item, ''));
CREATE INDEX suppression_member ON suppression (member) WHERE member IS NOT NULL;
CREATE INDEX suppression_address ON suppression (address) WHERE address IS NOT NULL;

CREATE TABLE pause (
    scope   TEXT NOT NULL,                              -- all, rule, channel
    name    TEXT NOT NULL,                              -- empty for all
    who     TEXT NOT NULL,                              -- person, endpoint
    because TEXT NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (scope, name, who)
) STRICT, WITHOUT ROWID;

-- Whom a person had erased: keyed hashes of ids and addresses, so that no import brings anyone back.
CREATE TABLE forgotten (
    hash    TEXT PRIMARY KEY,
    because TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

-- Priors; their version stands in meta ----------------------------------------------------------------------------------

CREATE TABLE priors (level TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE dropout (
    member     INTEGER NOT NULL,
    level      TEXT NOT NULL,
    multiplier REAL NOT NULL,
    PRIMARY KEY (member, level)
) STRICT, WITHOUT ROWID;

-- Ledger ------------------------------------------------------------------------------------------------------------

CREATE TABLE occasion (
    member      INTEGER NOT NULL,
    rule        TEXT NOT NULL,
    step        INTEGER NOT NULL,
    item        INTEGER NOT NULL,
    cycle       TEXT NOT NULL,
    anchor_day  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    valid_until INTEGER NOT NULL,
    held_until  INTEGER,                                -- never beyond valid_until, so that ready_at also finds what is over
    held_for    TEXT,
    evidence    TEXT,                                   -- JSON
    chance      REAL,                                   -- out of the evidence: who goes first when not all may go
    state       TEXT NOT NULL,                          -- open, served, closed
    job         INTEGER,                                -- the job that serves it
    reason      TEXT,                                   -- why it was closed
    ready_at    INTEGER GENERATED ALWAYS AS (max(due_at, coalesce(held_until, due_at))) VIRTUAL,
    PRIMARY KEY (member, rule, step, item, cycle)
) STRICT, WITHOUT ROWID;
CREATE INDEX occasion_ready ON occasion (ready_at) WHERE state = 'open';
CREATE INDEX occasion_job ON occasion (job) WHERE job IS NOT NULL;
CREATE INDEX occasion_closed ON occasion (due_at) WHERE state = 'closed';

CREATE TABLE job (
    key            INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice: occasions name it for ever
    id             TEXT NOT NULL UNIQUE,
    member         INTEGER NOT NULL,
    state          TEXT NOT NULL,
    rule           TEXT NOT NULL,
    step           INTEGER NOT NULL,
    purpose        TEXT NOT NULL,
    channel        TEXT NOT NULL,
    priority       INTEGER NOT NULL,                  -- the rule's: the higher goes first
    due_at         INTEGER NOT NULL,
    not_before     INTEGER,
    valid_until    INTEGER NOT NULL,
    assembled_at   INTEGER NOT NULL,
    handed_over_at INTEGER,
    sent_to        TEXT,                                -- the e-mail address, in lower case, of the last hand-over by e-mail
    attempts       INTEGER NOT NULL,
    tries          INTEGER NOT NULL,
    handovers      INTEGER NOT NULL DEFAULT 0,          -- ever made: each has its number
    reason         TEXT,
    pinned         INTEGER NOT NULL,
    shadow         INTEGER NOT NULL,
    rules_hash     TEXT NOT NULL,
    content        TEXT,                                -- JSON, frozen at the first hand-over
    changed_at     INTEGER NOT NULL,                    -- when the state was last written: the time of its transition
    lease_until    INTEGER,                             -- set exactly while queued or sending
    ready_at       INTEGER GENERATED ALWAYS AS (max(due_at, coalesce(not_before, due_at))) VIRTUAL
) STRICT;
CREATE INDEX job_member ON job (member);
CREATE INDEX job_ready ON job (ready_at) WHERE state = 'scheduled';
CREATE INDEX job_lane ON job (channel, priority DESC, ready_at, key) WHERE state = 'scheduled';
CREATE INDEX job_over ON job (valid_until) WHERE state = 'scheduled';
CREATE INDEX job_assembled ON job (assembled_at);
CREATE INDEX job_lease ON job (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX job_ended ON job (changed_at) WHERE state IN ('delivered', 'failed', 'uncertain', 'skipped', 'cancelled');

-- Finished jobs that retention moved out: what they served stays served.
CREATE TABLE moved (
    job INTEGER PRIMARY KEY,                             -- the key that it had
    id  TEXT NOT NULL UNIQUE,
    at  INTEGER NOT NULL
) STRICT;

CREATE TABLE attempt (
    n        INTEGER PRIMARY KEY,
    job      INTEGER NOT NULL,
    handover INTEGER NOT NULL,                          -- the number of the hand-over whose end it is
    at       INTEGER NOT NULL,
    result   TEXT NOT NULL,
    reason   TEXT,
    code     TEXT,
    reply    TEXT,
    relay    TEXT
) STRICT;
CREATE UNIQUE INDEX attempt_handover ON attempt (job, handover);

-- What came back about messages and addresses. No address stands here: the identity is a hash.
CREATE TABLE feedback (
    n        INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE,                      -- what makes the same report the same
    job      INTEGER,
    member   INTEGER,
    kind     TEXT NOT NULL,                             -- hard_bounce, soft_bounce, complaint, opt_out
    at       INTEGER NOT NULL,
    detail   TEXT NOT NULL
) STRICT;
CREATE INDEX feedback_job ON feedback (job) WHERE job IS NOT NULL;
CREATE INDEX feedback_at ON feedback (at);
CREATE INDEX feedback_member ON feedback (member, at) WHERE member IS NOT NULL;

-- What people did to the ledger: who, when, what they asked for, what came of it. No address stands here.
CREATE TABLE deed (
    n        INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    who      TEXT NOT NULL,
    what     TEXT NOT NULL,                             -- replay, cancel, resolve, pause, resume, suppress, unsuppress, forget
    asked    TEXT NOT NULL,                             -- JSON
    counts   TEXT NOT NULL,                             -- JSON; of what is under way or was broken off: so far
    finished INTEGER NOT NULL
) STRICT;
CREATE INDEX deed_at ON deed (at);

-- Times in which no planner was at work and something was missed, by the driving clock.
CREATE TABLE outage (
    from_at  INTEGER PRIMARY KEY,
    until_at INTEGER NOT NULL,
    late     INTEGER NOT NULL,
    expired  TEXT NOT NULL                              -- JSON: how many, by rule
) STRICT;

-- When members came into their lifecycle stages.
CREATE TABLE stage_change (
    member INTEGER NOT NULL,
    day    INTEGER NOT NULL,
    stage  TEXT NOT NULL,
    PRIMARY KEY (member, day, stage)
) STRICT, WITHOUT ROWID;

-- What became of each job, written by the database itself so that no statement can forget it. Offering a job is not
-- worth a row, nor is putting it off before its hand-over: a lease that runs out leaves one.
CREATE TABLE transition (
    n      INTEGER PRIMARY KEY,
    job    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    state  TEXT NOT NULL,
    reason TEXT
) STRICT;
CREATE INDEX transition_job ON transition (job, n);

CREATE TRIGGER job_begins AFTER INSERT ON job BEGIN
    INSERT INTO transition (job, at, state, reason) VALUES (new.key, new.changed_at, new.state, new.reason);
END;
CREATE TRIGGER job_moves AFTER UPDATE OF state ON job
    WHEN new.state <> 'queued' AND NOT (old.state = 'queued' AND coalesce(new.reason, '') IN ('paced', 'resting')) BEGIN
    INSERT INTO transition (job, at, state, reason) VALUES (new.key, new.changed_at, new.state, new.reason);
END;
