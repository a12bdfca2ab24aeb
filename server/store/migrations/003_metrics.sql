-- Data that /metrics shows in addition to the sums over runs.

-- For each sum over runs, the run that finished last.
ALTER TABLE run_totals ADD COLUMN last_run bytetext NOT NULL DEFAULT '';

-- Findings by title, except those stored before this migration. "first": the revision in which the title first appeared
-- for this kernel, arch, profile and scenario.
CREATE TABLE title_totals (
  kernel   bytetext NOT NULL,
  arch     bytetext NOT NULL,
  profile  bytetext NOT NULL,
  scenario bytetext NOT NULL,
  kind     bytetext NOT NULL,
  title    bytetext NOT NULL,
  findings BIGINT NOT NULL,
  first    BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  PRIMARY KEY (kernel, arch, profile, scenario, kind, title)
);
CREATE INDEX title_totals_by_revision ON title_totals (revision);

-- Parts of a kernel's body, so that it need not be parsed: it holds the whole kernel configuration. "arch" is empty
-- until it has been filled in. "tree", "mutant": the labels with these names.
ALTER TABLE kernels ADD COLUMN arch bytetext NOT NULL DEFAULT '';
ALTER TABLE kernels ADD COLUMN tree bytetext NOT NULL DEFAULT '';
ALTER TABLE kernels ADD COLUMN mutant bytetext NOT NULL DEFAULT '';
-- Covers everything that a scrape queries, so that the bodies are not read.
CREATE INDEX kernels_by_added ON kernels (added, id, release, arch, tree, mutant);

-- Durations of calls to the store by all instances of lkd that use it.
CREATE TABLE call_totals (
  operation bytetext PRIMARY KEY,
  histogram TEXT NOT NULL
);
INSERT INTO meta (name, value) VALUES ('agent_samples', 0);

-- "pushed": whether the campaign has been pushed to a Pushgateway, or no longer needs to be.
ALTER TABLE campaigns ADD COLUMN pushed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX campaigns_by_pushed ON campaigns (pushed, finished);
