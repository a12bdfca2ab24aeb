-- Tokens, and the record of who changed what. "hash": SHA-256 of the token; the token itself is not stored.
CREATE TABLE tokens (
  id         bytetext PRIMARY KEY,
  name       bytetext NOT NULL,
  hash       bytetext NOT NULL UNIQUE,
  role       bytetext NOT NULL,
  created    BIGINT NOT NULL,
  expires    BIGINT NOT NULL,
  revoked    BIGINT,
  created_by bytetext NOT NULL
);

-- Ids sort by creation time.
CREATE TABLE audit (
  id      bytetext PRIMARY KEY,
  time    BIGINT NOT NULL,
  caller  bytetext NOT NULL,
  method  bytetext NOT NULL,
  subject bytetext NOT NULL,
  outcome bytetext NOT NULL
);
