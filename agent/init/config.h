// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>

#include <string>
#include <string_view>

#include "support/status.h"

namespace lk::agent {

// The contents of /lk/run/config, which lkd writes into the guest for one run.
struct Config {
  std::string run_id;
  std::string token;
  std::string controller;   // host:port, numeric
  std::string server_name;  // in the controller's certificate
  // Static address of the first Ethernet interface. Without an address the agent configures no Ethernet interface.
  in_addr address{};
  unsigned prefix = 0;
  bool has_address = false;
  in_addr gateway{};  // 0.0.0.0 if there is none
};

inline constexpr char kConfigPath[] = "/lk/run/config";
inline constexpr char kCaPath[] = "/lk/run/ca.pem";

// Parses "key=value" lines; blank lines and lines beginning with "#" are ignored. Errors: INVALID_ARGUMENT with
// the line number, the invalid value or the missing key.
StatusOr<Config> ParseConfig(std::string_view text);

}  // namespace lk::agent
