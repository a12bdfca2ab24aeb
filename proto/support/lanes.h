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

// Runs the tasks of each key on a separate thread, which exists only while the key has tasks. A task that never
// returns (for example, because QEMU hangs) blocks only its own key. The empty key has no special meaning.
class Lanes final : public Executor {
 public:
  Lanes() = default;
  // Runs all posted tasks, then joins.
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
  std::vector<std::thread> ended_ ABSL_GUARDED_BY(mutex_);  // waiting to be joined
};

}  // namespace lk
