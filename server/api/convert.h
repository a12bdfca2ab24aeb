// SPDX-License-Identifier: Apache-2.0
// Domain -> proto, and what comes from clients and agents -> domain. The one place where both are known.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string>
#include <vector>

#include "lk/v1/agent.pb.h"
#include "lk/v1/campaign.pb.h"
#include "lk/v1/finding.pb.h"
#include "lk/v1/host.pb.h"
#include "lk/v1/kernel.pb.h"
#include "lk/v1/run.pb.h"
#include "server/campaign/spec.h"
#include "server/campaign/types.h"
#include "server/scheduler/driver.h"

namespace lk::api {

v1::Finding ToProto(const campaign::Finding& finding);
v1::Provenance ToProto(const campaign::Provenance& provenance);
v1::Run ToProto(const campaign::Run& run);
// Without runs and mutants.
v1::Campaign ToProto(const campaign::Campaign& campaign, const campaign::Counts& counts);
// Adds the runs, the mutants among their kernels and the score.
void AddRuns(const std::vector<campaign::Run>& runs, v1::Campaign& proto);
// `config`: whether the configuration and the modules go along.
v1::KernelBuild ToProto(const campaign::KernelBuild& kernel, bool config, uint32_t runs);
v1::Host ToProto(const campaign::Host& host, std::pair<uint32_t, uint64_t> allocated);
v1::SpecErrors ToProto(const std::vector<campaign::SpecError>& errors);
// Of mistakes in a campaign file the first is told.
Status FromGrpc(const grpc::Status& status);

scheduler::Announcer MakeAnnouncer();

// The parts of an agent's message that go to the scheduler as they are; KernelLog and Hello are handled by the session.
// Error: INVALID_ARGUMENT (a histogram that is none, an unknown finding kind, an empty message).
using AgentWords = decltype(scheduler::AgentSaid::what);
StatusOr<AgentWords> FromProto(const v1::AgentMessage& message);

}  // namespace lk::api
