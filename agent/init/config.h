// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// What the controller puts into the guest for one run: /lk/run/config.
struct Config {
  std::string run_id;
  std::string token;
  std::string controller;   // host:port, numeric
  std::string server_name;  // of the controller's certificate
  // Static address of the first interface; address empty: the network is somebody else's.
  in_addr address{};
  unsigned prefix = 0;
  bool has_address = false;
  in_addr gateway{};  // 0.0.0.0: none
};

inline constexpr char kConfigPath[] = "/lk/run/config";
inline constexpr char kCaPath[] = "/lk/run/ca.pem";

// "key=value" lines; blank lines and lines of "#" are ignored. Errors: INVALID_ARGUMENT naming the line or the missing
// key.
StatusOr<Config> ParseConfig(std::string_view text);

}  // namespace lk::agent
