// SPDX-License-Identifier: Apache-2.0
#include "agent/init/config.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace lk::agent {
namespace {

Status ParseAddress(const std::string& value, Config& config) {
  const size_t slash = value.find('/');
  if (slash == value.npos || inet_pton(AF_INET, value.substr(0, slash).c_str(), &config.address) != 1) {
    return absl::InvalidArgumentError(
        fmt::format("{}: invalid address {} (expected ADDRESS/PREFIX, such as 10.0.2.15/24)", kConfigPath, value));
  }
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data() + slash + 1, end, config.prefix);
  if (error != std::errc() || stop != end || config.prefix == 0 || config.prefix > 32) {
    return absl::InvalidArgumentError(
        fmt::format("{}: invalid prefix length in {} (expected 1 to 32)", kConfigPath, value));
  }
  config.has_address = true;
  return absl::OkStatus();
}

}  // namespace

StatusOr<Config> ParseConfig(std::string_view text) {
  Config config;
  const struct {
    std::string_view key;
    std::string* value;
  } strings[] = {{"run_id", &config.run_id},
                 {"token", &config.token},
                 {"controller", &config.controller},
                 {"server_name", &config.server_name}};

  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty() || line.starts_with('#')) continue;
    const size_t equals = line.find('=');
    if (equals == line.npos) {
      return absl::InvalidArgumentError(fmt::format("{}:{}: expected key=value", kConfigPath, number));
    }
    const std::string_view key = line.substr(0, equals);
    const std::string value(line.substr(equals + 1));
    const auto known = std::find_if(std::begin(strings), std::end(strings), [&](auto& s) { return s.key == key; });
    if (known != std::end(strings)) {
      *known->value = value;
    } else if (key == "address") {
      LK_RETURN_IF_ERROR(ParseAddress(value, config));
    } else if (key == "gateway") {
      if (inet_pton(AF_INET, value.c_str(), &config.gateway) != 1) {
        return absl::InvalidArgumentError(fmt::format("{}:{}: invalid IPv4 address {}", kConfigPath, number, value));
      }
    } else {
      return absl::InvalidArgumentError(fmt::format("{}:{}: unknown key {}", kConfigPath, number, key));
    }
  }
  for (const auto& [key, value] : strings) {
    if (value->empty()) return absl::InvalidArgumentError(fmt::format("{}: missing key {}", kConfigPath, key));
  }
  return config;
}

}  // namespace lk::agent
