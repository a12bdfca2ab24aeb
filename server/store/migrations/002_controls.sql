-- Positive controls. "controls" of run_totals: how many of its runs were such.
ALTER TABLE runs ADD COLUMN control BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run_totals ADD COLUMN controls BIGINT NOT NULL DEFAULT 0;

-- What the campaign that was finished last found of a mutant: killed or survived. "kernel": its release.
CREATE TABLE mutants (
  kernel   bytetext NOT NULL,
  scenario bytetext NOT NULL,
  state    bytetext NOT NULL,
  PRIMARY KEY (kernel, scenario)
);
