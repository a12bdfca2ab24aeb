// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "support/executor.h"

namespace lk {

// Runs each task immediately, on the posting thread.
class InlineExecutor final : public Executor {
 public:
  using Executor::Post;
  void Post(const std::string&, Task task) override { task(); }
};

}  // namespace lk
