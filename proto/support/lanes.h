// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "support/executor.h"
#include "support/mutex.h"

namespace lk {

// A thread for each key that has tasks, which lives while it has any: a task that does not come back, because a QEMU
// stands still, holds up nothing but its own key. An empty key is one like any other.
class Lanes final : public Executor {
 public:
  Lanes() = default;
  // Runs what is posted already, then joins.
  ~Lanes() override;
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  using Executor::Post;
  void Post(const std::string& name, Task task) override;

 private:
  struct Lane {
    std::deque<Task> tasks;
    std::thread thread;
  };
  void Work(const std::string& name);

  Mutex mutex_;
  std::map<std::string, Lane> lanes_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> ended_ ABSL_GUARDED_BY(mutex_);  // to be joined
};

}  // namespace lk
