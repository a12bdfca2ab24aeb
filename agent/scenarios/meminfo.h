// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "support/file.h"

namespace lk::agent {

// Returns a value in the text of /proc/meminfo ("MemAvailable:  1024 kB") in bytes. Empty if there is no such line.
inline std::optional<uint64_t> ParseMeminfo(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(':')) continue;
    line.remove_prefix(std::min(line.size(), line.find_first_of("0123456789")));
    uint64_t kib = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), kib);
    if (error == std::errc()) return kib << 10;
  }
  return {};
}

// Returns a current value from /proc/meminfo in bytes. Empty if this kernel does not report it.
inline std::optional<uint64_t> Meminfo(std::string_view name) {
  const auto text = ReadFile("/proc/meminfo");
  return text.ok() ? ParseMeminfo(*text, name) : std::nullopt;
}

}  // namespace lk::agent
