// SPDX-License-Identifier: Apache-2.0
// The small CA behind the agent listener. It vouches for lkd to its agents, for nothing else.
#pragma once

#include <filesystem>
#include <string>

#include "support/status.h"

namespace lk::api {

struct Pki {
  std::string ca_pem;
  std::string certificate_pem;  // name "lkd"
  std::string key_pem;
};

// Reads ca.pem, agent.pem and agent.key (mode 0600) of `directory`, or makes them: P-256, valid for ten years; the CA's
// own key is thrown away once it has signed. Errors: what file operations and OpenSSL say.
StatusOr<Pki> LoadOrCreatePki(const std::filesystem::path& directory);

}  // namespace lk::api
