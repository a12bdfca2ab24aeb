// SPDX-License-Identifier: Apache-2.0
// Threads for work that blocks: libvirt, images, the store.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "support/mutex.h"

namespace lk::scheduler {

// Tasks with the same key run one after the other, in order; an empty key is no order at all. Callers bound what they
// post (one start, one destroy and a few host actions for each run; one task for each open call).
class WorkerPool {
 public:
  using Task = std::function<void()>;

  explicit WorkerPool(size_t threads);
  // Runs what is posted already, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Post(Task task) { Post("", std::move(task)); }
  void Post(const std::string& key, Task task);

 private:
  struct Item {
    std::string key;
    Task task;
  };
  void Work();

  Mutex mutex_;
  std::deque<Item> ready_ ABSL_GUARDED_BY(mutex_);
  // Keys at work, each with the tasks that wait for their turn.
  std::map<std::string, std::deque<Task>> busy_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace lk::scheduler
