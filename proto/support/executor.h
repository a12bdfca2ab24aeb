// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <utility>

namespace lk {

// Runs blocking work off the caller's thread. Callers must limit how much they post.
class Executor {
 public:
  using Task = std::function<void()>;

  virtual ~Executor() = default;

  // Never blocks. Tasks with the same key run one at a time, in order; an empty key imposes no order.
  virtual void Post(const std::string& key, Task task) = 0;
  void Post(Task task) { Post("", std::move(task)); }
};

}  // namespace lk
