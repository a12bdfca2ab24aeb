-- "harness": whether the kernel had a harness, like "emulated". In run_totals it is part of the key, which needs a new
-- table.
ALTER TABLE runs ADD COLUMN harness BIGINT NOT NULL DEFAULT 0;

CREATE TABLE run_totals_with_harness (
  kernel        bytetext NOT NULL,
  arch          bytetext NOT NULL,
  profile       bytetext NOT NULL,
  scenario      bytetext NOT NULL,
  verdict       bytetext NOT NULL,
  emulated      BIGINT NOT NULL,
  harness       BIGINT NOT NULL,
  runs          BIGINT NOT NULL,
  controls      BIGINT NOT NULL DEFAULT 0,
  console_bytes BIGINT NOT NULL,
  last_run      bytetext NOT NULL DEFAULT '',
  last_finished BIGINT,
  revision      BIGINT NOT NULL,
  PRIMARY KEY (kernel, arch, profile, scenario, verdict, emulated, harness)
);
INSERT INTO run_totals_with_harness
  SELECT kernel, arch, profile, scenario, verdict, emulated, 0, runs, controls, console_bytes, last_run, last_finished,
    revision
  FROM run_totals;
DROP TABLE run_totals;
ALTER TABLE run_totals_with_harness RENAME TO run_totals;
CREATE INDEX run_totals_by_revision ON run_totals (revision);
