// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/time/time.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/executor.h"

namespace lk::sim {

// An executor without threads: RunDue executes the tasks whose virtual time has come.
class Executor final : public lk::Executor {
 public:
  // The time at which a task that is posted now may begin.
  using Begins = std::function<absl::Time(const std::string& key)>;
  // Whether the tasks of a key are blocked, because their thread is in a call that does not return.
  using Hangs = std::function<bool(const std::string& key)>;

  Executor(Begins begins, Hangs hangs) : begins_(std::move(begins)), hangs_(std::move(hangs)) {}

  using lk::Executor::Post;
  void Post(const std::string& key, Task task) override {
    const std::string own = key.empty() ? "#" + std::to_string(++unnamed_) : key;
    const absl::Time begins = begins_(key);
    keys_[own].push_back({begins, std::move(task)});
  }

  // Executes all due tasks; returns whether there were any.
  bool RunDue(absl::Time now) {
    bool any = false;
    for (const std::string& key : Keys()) {
      for (auto it = keys_.find(key); it != keys_.end(); it = keys_.find(key)) {
        if (it->second.front().begins > now || hangs_(key)) break;
        const Task task = std::move(it->second.front().task);
        it->second.pop_front();
        if (it->second.empty()) keys_.erase(it);
        task();
        any = true;
      }
    }
    return any;
  }

  // Simulates that the process is killed. `begun` decides for the first task of each key whether it still takes effect.
  void Kill(const std::function<bool()>& begun) {
    for (auto& [key, tasks] : std::exchange(keys_, {})) {
      if (begun() && !hangs_(key)) tasks.front().task();
    }
    keys_.clear();
  }

 private:
  struct Item {
    absl::Time begins;
    Task task;
  };
  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, tasks] : keys_) keys.push_back(key);
    return keys;
  }

  const Begins begins_;
  const Hangs hangs_;
  std::map<std::string, std::deque<Item>> keys_;
  uint64_t unnamed_ = 0;
};

}  // namespace lk::sim
