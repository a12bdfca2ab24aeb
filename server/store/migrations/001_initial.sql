-- Only fields that are used for searching, sorting or summing have columns; the rest is JSON in "body". Times are in
-- microseconds since 1970, NULL for never. "bytetext" is text that is compared byte by byte (see dialect.cc). Each
-- statement ends with ; at the end of a line.

CREATE TABLE campaigns (
  id      bytetext PRIMARY KEY,
  state   bytetext NOT NULL,
  verdict bytetext NOT NULL,
  created  BIGINT,
  finished BIGINT,
  body    TEXT NOT NULL
);
CREATE INDEX campaigns_by_state ON campaigns (state, id);

-- "position" sorts ids by their numbers: c-2, c-2.2, c-10.
CREATE TABLE runs (
  id          bytetext PRIMARY KEY,
  campaign_id bytetext NOT NULL,
  position    bytetext NOT NULL,
  kernel_id   bytetext NOT NULL,
  kernel      bytetext NOT NULL,
  arch        bytetext NOT NULL,
  profile     bytetext NOT NULL,
  scenario    bytetext NOT NULL,
  state       bytetext NOT NULL,
  verdict     bytetext NOT NULL,
  superseded  BIGINT NOT NULL,
  emulated    BIGINT NOT NULL,
  finished    BIGINT,
  body        TEXT NOT NULL
);
CREATE UNIQUE INDEX runs_by_position ON runs (position);
CREATE INDEX runs_by_campaign ON runs (campaign_id, position);
CREATE INDEX runs_by_kernel ON runs (kernel_id, state);

-- "name": the finding's index in the run's list, as three digits.
CREATE TABLE findings (
  run_id bytetext NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name   bytetext NOT NULL,
  body   TEXT NOT NULL,
  PRIMARY KEY (run_id, name)
);

-- "name": probe; "body": lk.v1.Histogram in base64.
CREATE TABLE latencies (
  run_id bytetext NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name   bytetext NOT NULL,
  body   TEXT NOT NULL,
  PRIMARY KEY (run_id, name)
);

-- "payload": lk.v1.CampaignEvent in base64.
CREATE TABLE events (
  campaign_id bytetext NOT NULL,
  sequence    BIGINT NOT NULL,
  time        BIGINT,
  payload     TEXT NOT NULL,
  PRIMARY KEY (campaign_id, sequence)
);

CREATE TABLE kernels (
  id      bytetext PRIMARY KEY,
  release bytetext NOT NULL,
  added   BIGINT,
  body    TEXT NOT NULL
);

CREATE TABLE hosts (
  id   bytetext PRIMARY KEY,
  body TEXT NOT NULL
);

-- Sums over finished runs and over findings, updated in the transaction that stores them. "revision" is the number of
-- the last such transaction that changed the row: readers query revisions newer than the last one they have read.
CREATE TABLE run_totals (
  kernel        bytetext NOT NULL,
  arch          bytetext NOT NULL,
  profile       bytetext NOT NULL,
  scenario      bytetext NOT NULL,
  verdict       bytetext NOT NULL,
  emulated      BIGINT NOT NULL,
  runs          BIGINT NOT NULL,
  console_bytes BIGINT NOT NULL,
  last_finished BIGINT,
  revision      BIGINT NOT NULL,
  PRIMARY KEY (kernel, arch, profile, scenario, verdict, emulated)
);
CREATE INDEX run_totals_by_revision ON run_totals (revision);

CREATE TABLE finding_totals (
  kernel   bytetext NOT NULL,
  arch     bytetext NOT NULL,
  profile  bytetext NOT NULL,
  scenario bytetext NOT NULL,
  kind     bytetext NOT NULL,
  findings BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  PRIMARY KEY (kernel, arch, profile, scenario, kind)
);
CREATE INDEX finding_totals_by_revision ON finding_totals (revision);

CREATE TABLE latency_totals (
  kernel    bytetext NOT NULL,
  arch      bytetext NOT NULL,
  profile   bytetext NOT NULL,
  scenario  bytetext NOT NULL,
  probe     bytetext NOT NULL,
  histogram TEXT NOT NULL,
  revision  BIGINT NOT NULL,
  PRIMARY KEY (kernel, arch, profile, scenario, probe)
);
CREATE INDEX latency_totals_by_revision ON latency_totals (revision);

CREATE TABLE phase_totals (
  phase     bytetext PRIMARY KEY,
  histogram TEXT NOT NULL,
  revision  BIGINT NOT NULL
);

CREATE TABLE meta (
  name  bytetext PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO meta (name, value) VALUES ('totals_revision', 0);
