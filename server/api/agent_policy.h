// SPDX-License-Identifier: Apache-2.0
// What an agent may say. Its kernel is under attack, so it is taken for hostile: who breaks a rule loses its run.
#pragma once

#include <absl/time/time.h>

#include <set>
#include <string>

#include "server/api/convert.h"
#include "server/scheduler/agent_port.h"
#include "support/mutex.h"

namespace lk::api {

// Of one run's agent, over all its sessions and boots. Thread-safe.
class AgentPolicy {
 public:
  explicit AgentPolicy(scheduler::AgentTerms terms) : terms_(std::move(terms)) {}

  // Error: PERMISSION_DENIED with the rule that these words break: a probe or a host action that the scenario does not
  // declare, too many names or a malformed one, an outcome that is none, a finding that is not the agent's to tell.
  Status Check(const AgentWords& words);
  // Error: RESOURCE_EXHAUSTED: it comes anew too often.
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
