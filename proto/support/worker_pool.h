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

// A fixed number of threads for all keys, for work that is guaranteed to finish (libvirt calls, initramfs images, the
// store).
class WorkerPool final : public Executor {
 public:
  explicit WorkerPool(size_t threads);
  // Runs all posted tasks, then joins.
  ~WorkerPool() override;
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  using Executor::Post;
  void Post(const std::string& key, Task task) override;

 private:
  struct Item {
    std::string key;
    Task task;
  };
  void Work();

  Mutex mutex_;
  std::deque<Item> ready_ ABSL_GUARDED_BY(mutex_);
  // Keys that have a task in ready_ or running, each with the tasks that wait for it to finish.
  std::map<std::string, std::deque<Task>> busy_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace lk
