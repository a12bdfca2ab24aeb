// SPDX-License-Identifier: Apache-2.0
// Converts domain types to protobuf messages, and messages from clients and agents to domain types.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "server/campaign/spec.h"
#include "server/campaign/types.h"
#include "server/detect/engine.h"
#include "server/scheduler/core.h"
#include "support/status.h"

namespace google::protobuf {
class Timestamp;
}
namespace lk::v1 {
class AgentMessage;
class KernelLog;
class Campaign;
class Finding;
class Host;
class KernelBuild;
class Run;
class SpecErrors;
}  // namespace lk::v1
namespace lk::scheduler {
struct Announcer;
}  // namespace lk::scheduler

namespace lk::api {

void Set(google::protobuf::Timestamp* proto, absl::Time time);

v1::Finding ToProto(const campaign::Finding& finding);
v1::Run ToProto(const campaign::Run& run);
// Without runs and mutants.
v1::Campaign ToProto(const campaign::Campaign& campaign, const campaign::Counts& counts);
// Adds the runs, the mutants among their kernels and the mutation score.
void AddRuns(const std::vector<campaign::Run>& runs, v1::Campaign& proto);
// `config`: whether to include the configuration and the modules.
v1::KernelBuild ToProto(const campaign::KernelBuild& kernel, bool config, uint32_t runs);
v1::Host ToProto(const campaign::Host& host, std::pair<uint32_t, uint64_t> allocated);
v1::SpecErrors ToProto(const std::vector<campaign::SpecError>& errors);
std::vector<campaign::SpecError> FromProto(const v1::SpecErrors& proto);

scheduler::Announcer MakeAnnouncer();

// The contents of an agent's message, as passed to the scheduler.
using AgentWords = decltype(scheduler::AgentSaid::what);
// Error: INVALID_ARGUMENT (an invalid histogram, an unknown finding kind, a host action request without an action, an
// empty message; KernelLog or Hello, which the session handles itself).
StatusOr<AgentWords> FromProto(const v1::AgentMessage& message);
// The records are views into the log.
std::vector<detect::KernelRecord> KernelRecords(const v1::KernelLog& log);

}  // namespace lk::api
