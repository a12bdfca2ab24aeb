// SPDX-License-Identifier: Apache-2.0
// Protocol rules for agents. An agent runs on a kernel that lk is trying to break, so the agent is not trusted: if it
// violates a rule, its run ends.
#pragma once

#include <absl/time/time.h>

#include <set>
#include <string>

#include "server/api/convert.h"
#include "server/scheduler/agent_port.h"
#include "support/mutex.h"

namespace lk::api {

// The rules for the agent of one run, across all sessions and boots. Thread-safe.
class AgentPolicy {
 public:
  explicit AgentPolicy(scheduler::AgentTerms terms) : terms_(std::move(terms)) {}

  // Error: PERMISSION_DENIED, naming the violation: an undeclared probe or host action, an invalid counter name or
  // unit, too many counters, an invalid outcome, or a kind of finding that agents cannot report.
  Status Check(const AgentWords& words);
  // Call for each new session. Error: RESOURCE_EXHAUSTED if the agent reconnects too often.
  Status CheckSession(absl::Time now);

 private:
  Status CheckWords(const scheduler::Samples& samples);
  Status CheckWords(const scheduler::GuestFinding& said) const;
  Status CheckWords(const scheduler::HostActionAsked& asked) const;
  Status CheckWords(const scheduler::AgentDone& done) const;
  template <typename Other>
  Status CheckWords(const Other&) const {
    return absl::OkStatus();
  }
  bool Declared(const std::string& probe) const;

  const scheduler::AgentTerms terms_;
  Mutex mutex_;
  std::set<std::string> counters_ ABSL_GUARDED_BY(mutex_);
  absl::Time minute_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint32_t sessions_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lk::api
