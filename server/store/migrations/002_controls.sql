-- Positive controls. "controls" in run_totals: how many of the runs were positive controls.
ALTER TABLE runs ADD COLUMN control BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run_totals ADD COLUMN controls BIGINT NOT NULL DEFAULT 0;

-- For each mutant, the result of the last campaign that was conclusive: killed or survived. "kernel": the mutant's
-- release.
CREATE TABLE mutants (
  kernel   bytetext NOT NULL,
  scenario bytetext NOT NULL,
  state    bytetext NOT NULL,
  PRIMARY KEY (kernel, scenario)
);
