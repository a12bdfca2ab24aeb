-- Webhooks received with a valid signature, one row per delivery. "delivery": the sender's id for it. "digest": hash of
-- the signed content, which identifies a replay under another id. "event": JSON.
CREATE TABLE webhook_inbound (
  id           bytetext PRIMARY KEY,
  source       bytetext NOT NULL,
  delivery     bytetext NOT NULL,
  digest       bytetext NOT NULL,
  state        bytetext NOT NULL,
  received     BIGINT,
  next_attempt BIGINT,
  attempts     BIGINT NOT NULL,
  event        TEXT NOT NULL,
  rule         bytetext NOT NULL,
  campaign_id  bytetext NOT NULL,
  error        TEXT NOT NULL,
  UNIQUE (source, delivery),
  UNIQUE (source, digest)
);
CREATE INDEX webhook_inbound_by_state ON webhook_inbound (state, next_attempt);
CREATE INDEX webhook_inbound_by_time ON webhook_inbound (received, id);

-- The outbox: notifications that are pending or have been delivered, and dead letters.
CREATE TABLE webhook_outbox (
  id           bytetext PRIMARY KEY,
  target       bytetext NOT NULL,
  event        bytetext NOT NULL,
  campaign_id  bytetext NOT NULL,
  state        bytetext NOT NULL,
  created      BIGINT,
  next_attempt BIGINT,
  attempts     BIGINT NOT NULL,
  last_status  BIGINT NOT NULL,
  error        TEXT NOT NULL
);
CREATE INDEX webhook_outbox_by_target ON webhook_outbox (target, state, next_attempt);
CREATE INDEX webhook_outbox_by_time ON webhook_outbox (created, id);

-- The number of delivery attempts by result. "result": delivered, failed, dead.
CREATE TABLE webhook_totals (
  target   bytetext NOT NULL,
  result   bytetext NOT NULL,
  attempts BIGINT NOT NULL,
  PRIMARY KEY (target, result)
);
