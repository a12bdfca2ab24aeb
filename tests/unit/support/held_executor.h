// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "support/executor.h"

namespace lk {

// Keeps tasks until the test runs them.
class HeldExecutor final : public Executor {
 public:
  using Executor::Post;
  void Post(const std::string& key, Task task) override {
    keys.push_back(key);
    tasks_.push_back(std::move(task));
  }
  // Runs all tasks. If there are none, or `held` is set, runs nothing and returns false.
  bool RunAll() {
    if (held || tasks_.empty()) return false;
    while (!tasks_.empty()) {
      const Task task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
    return true;
  }
  void Drop() { tasks_.clear(); }

  bool held = false;
  std::vector<std::string> keys;  // of all posted tasks, in order

 private:
  std::deque<Task> tasks_;
};

}  // namespace lk
