// SPDX-License-Identifier: Apache-2.0
// What a scenario's trigger is. It runs in the worker process, which is expected to hang or die.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/session/context.h"
#include "support/status.h"

namespace lk::agent {

// How a trigger ended: did its work, could not (the missing thing named), or broke.
struct Result {
  enum class Outcome { kOk, kSkip, kError };
  Outcome outcome = Outcome::kOk;
  std::string reason;

  static Result Ok() { return {}; }
  static Result Skip(std::string missing) { return {Outcome::kSkip, std::move(missing)}; }
  static Result Error(std::string reason) { return {Outcome::kError, std::move(reason)}; }
};

// An error's words, for a Result or a part that is skipped.
inline std::string Words(const Status& status) {
  return std::string(status.message());
}

struct Trigger {
  std::string name;
  // Returns when context.Over(), or when there is nothing left to do; must call context.Progress() all along.
  Result (*run)(Context& context);
};

// All triggers, one for each descriptor.
const std::vector<Trigger>& Triggers();

}  // namespace lk::agent
