// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace lk::agent {

// Writes the line "lk-agent: <text>" to the kernel log and thus to the console. Writes it to stderr instead if this
// process is not PID 1 or /dev/kmsg is not available.
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

// Writes a complete record to /dev/kmsg. `record` begins with the log level, in the form "<n>". Returns false on
// failure.
bool WriteKmsg(std::string_view record);

}  // namespace lk::agent
