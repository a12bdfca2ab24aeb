// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace lk::agent {

// Says one line in the kernel's log, and so on the console: "lk-agent: <text>". Without /dev/kmsg, on stderr.
enum class Level { kError = 3, kNotice = 5 };
void LogLine(Level level, std::string_view text);

template <typename... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  LogLine(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogNotice(fmt::format_string<Args...> format, Args&&... args) {
  LogLine(Level::kNotice, fmt::format(format, std::forward<Args>(args)...));
}

// Writes a whole record of our own to /dev/kmsg, level given as "<n>" at its start. False: not written.
bool WriteKmsg(std::string_view record);

}  // namespace lk::agent
