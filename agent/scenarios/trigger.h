// SPDX-License-Identifier: Apache-2.0
// The interface of a scenario's trigger. Triggers run in the worker process, because they may hang or crash.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/session/context.h"
#include "support/status.h"

namespace lk::agent {

// How a trigger ended: ok, skipped (with what is missing), or failed.
struct Result {
  enum class Outcome { kOk, kSkip, kError };
  Outcome outcome = Outcome::kOk;
  std::string reason;

  static Result Ok() { return {}; }
  static Result Skip(std::string missing) { return {Outcome::kSkip, std::move(missing)}; }
  static Result Error(std::string reason) { return {Outcome::kError, std::move(reason)}; }
};

// Returns an error's message, for a Result or a skipped part.
inline std::string MessageOf(const Status& status) {
  return std::string(status.message());
}

struct Trigger {
  std::string name;
  // Returns when context.Over() is true or there is nothing left to do. Must call context.Progress() throughout.
  Result (*run)(Context& context);
};

// All triggers, one for each descriptor.
const std::vector<Trigger>& Triggers();

}  // namespace lk::agent
