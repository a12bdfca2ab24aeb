// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace lk::agent {

// Memory shared by worker and supervisor, so that heartbeats can report a trigger's progress even if the worker hangs.
// Lock-free, since the writer may die at any instruction.
struct SharedState {
  std::atomic<uint64_t> progress{0};
  // Zero-terminated. If it is read while it is being written, it may contain parts of two texts.
  std::array<std::atomic<char>, 96> activity{};

  void SetActivity(std::string_view text) {
    const size_t length = std::min(text.size(), activity.size() - 1);
    for (size_t i = 0; i < length; ++i) activity[i].store(text[i], std::memory_order_relaxed);
    activity[length].store('\0', std::memory_order_relaxed);
  }
  std::string Activity() const {
    std::string text;
    for (const auto& c : activity) {
      const char value = c.load(std::memory_order_relaxed);
      if (value == '\0') break;
      text.push_back(value);
    }
    return text;
  }
};
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<char>::is_always_lock_free);

}  // namespace lk::agent
