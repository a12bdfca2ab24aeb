// SPDX-License-Identifier: Apache-2.0
// Domain -> proto, and what comes from clients and agents -> domain. The one place where both are known.
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
// Adds the runs, the mutants among their kernels and the score.
void AddRuns(const std::vector<campaign::Run>& runs, v1::Campaign& proto);
// `config`: whether the configuration and the modules go along.
v1::KernelBuild ToProto(const campaign::KernelBuild& kernel, bool config, uint32_t runs);
v1::Host ToProto(const campaign::Host& host, std::pair<uint32_t, uint64_t> allocated);
v1::SpecErrors ToProto(const std::vector<campaign::SpecError>& errors);
std::vector<campaign::SpecError> FromProto(const v1::SpecErrors& proto);

scheduler::Announcer MakeAnnouncer();

// The parts of an agent's message that go to the scheduler as they are; KernelLog and Hello are handled by the session.
// Error: INVALID_ARGUMENT (a histogram that is none, an unknown finding kind, an empty message).
using AgentWords = decltype(scheduler::AgentSaid::what);
StatusOr<AgentWords> FromProto(const v1::AgentMessage& message);
// Views into the log.
std::vector<detect::KernelRecord> KernelRecords(const v1::KernelLog& log);

}  // namespace lk::api
