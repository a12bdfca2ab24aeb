-- What /metrics shows beside the sums over runs.

-- Of each sum over runs: the run that was finished last.
ALTER TABLE run_totals ADD COLUMN last_run bytetext NOT NULL DEFAULT '';

-- Findings by title; those of before are not in it. "first": the revision at which a cell first had the title.
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

-- Of the body of a kernel, so that it need not be parsed: it holds the whole kernel configuration. "arch" '': not filled
-- in yet. "tree", "mutant": labels of that name.
ALTER TABLE kernels ADD COLUMN arch bytetext NOT NULL DEFAULT '';
ALTER TABLE kernels ADD COLUMN tree bytetext NOT NULL DEFAULT '';
ALTER TABLE kernels ADD COLUMN mutant bytetext NOT NULL DEFAULT '';
-- All that each scrape asks for, without a look at the bodies.
CREATE INDEX kernels_by_added ON kernels (added, id, release, arch, tree, mutant);

-- Duration of the store's calls, of all lkd that use it.
CREATE TABLE call_totals (
  operation bytetext PRIMARY KEY,
  histogram TEXT NOT NULL
);
INSERT INTO meta (name, value) VALUES ('agent_samples', 0);

-- Campaigns that were pushed to a Pushgateway, or are not to be any more.
ALTER TABLE campaigns ADD COLUMN pushed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX campaigns_by_pushed ON campaigns (pushed, finished);
