// SPDX-License-Identifier: Apache-2.0
#include "support/worker_pool.h"

#include <utility>

namespace lk {

WorkerPool::WorkerPool(size_t threads) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() {
  {
    const MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::Post(const std::string& key, Task task) {
  const MutexLock lock(&mutex_);
  if (!key.empty()) {
    const auto [entry, idle] = busy_.try_emplace(key);
    if (!idle) {
      entry->second.push_back(std::move(task));
      return;
    }
  }
  ready_.push_back({key, std::move(task)});
}

void WorkerPool::Work() {
  while (true) {
    Item item;
    {
      const MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](WorkerPool* pool) {
            pool->mutex_.AssertHeld();
            return !pool->ready_.empty() || (pool->stopping_ && pool->busy_.empty());
          },
          this));
      if (ready_.empty()) return;
      item = std::move(ready_.front());
      ready_.pop_front();
    }
    item.task();
    item.task = nullptr;
    if (item.key.empty()) continue;
    const MutexLock lock(&mutex_);
    const auto entry = busy_.find(item.key);
    if (entry->second.empty()) {
      busy_.erase(entry);
    } else {
      ready_.push_back({item.key, std::move(entry->second.front())});
      entry->second.pop_front();
    }
  }
}

}  // namespace lk
