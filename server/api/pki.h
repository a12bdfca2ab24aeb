// SPDX-License-Identifier: Apache-2.0
// A small CA for the agent listener. It only authenticates lkd to its agents.
#pragma once

#include <filesystem>
#include <string>

#include "support/status.h"

namespace lk::api {

struct Pki {
  std::string ca_pem;
  std::string certificate_pem;  // for the name "lkd"
  std::string key_pem;
};

// Reads ca.pem, agent.pem and agent.key (mode 0600) in `directory`, or creates them: P-256, valid for ten years; the
// CA's key is discarded after signing. Errors: those of file operations and OpenSSL.
StatusOr<Pki> LoadOrCreatePki(const std::filesystem::path& directory);

}  // namespace lk::api
