// SPDX-License-Identifier: Apache-2.0
// Threads for calls into running VMs.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "support/mutex.h"

namespace lk::scheduler {

// Tasks of a lane run in order, on a thread of its own that lives while the lane has any: one that does not come back,
// because a QEMU stands still, holds up nothing but its own lane. Callers bound the lanes (one for each run under way)
// and what they post to each.
class Lanes {
 public:
  using Task = std::function<void()>;

  Lanes() = default;
  // Runs what is posted already, then joins.
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void Post(const std::string& name, Task task);

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

}  // namespace lk::scheduler
