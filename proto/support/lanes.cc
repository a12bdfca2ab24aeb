// SPDX-License-Identifier: Apache-2.0
#include "support/lanes.h"

#include <utility>

namespace lk {

Lanes::~Lanes() {
  std::vector<std::thread> ended;
  {
    const MutexLock lock(&mutex_);
    const auto idle = [this] {
      mutex_.AssertHeld();
      return lanes_.empty();
    };
    mutex_.Await(absl::Condition(&idle));
    ended.swap(ended_);
  }
  for (std::thread& thread : ended) thread.join();
}

void Lanes::Post(const std::string& name, Task task) {
  std::vector<std::thread> ended;
  {
    const MutexLock lock(&mutex_);
    const auto [lane, fresh] = lanes_.try_emplace(name);
    lane->second.tasks.push_back(std::move(task));
    if (fresh) lane->second.thread = std::thread([this, name] { Work(name); });
    ended.swap(ended_);
  }
  for (std::thread& thread : ended) thread.join();
}

void Lanes::Work(const std::string& name) {
  while (true) {
    Task task;
    {
      const MutexLock lock(&mutex_);
      const auto lane = lanes_.find(name);
      if (lane->second.tasks.empty()) {
        ended_.push_back(std::move(lane->second.thread));
        lanes_.erase(lane);
        return;
      }
      task = std::move(lane->second.tasks.front());
      lane->second.tasks.pop_front();
    }
    task();
  }
}

}  // namespace lk
