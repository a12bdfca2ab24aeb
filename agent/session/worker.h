// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::agent {

// First argument of lk-agent that makes it a worker.
inline constexpr char kWorkerArgument[] = "worker";

// Runs one trigger: takes the lease from the supervisor's channel, runs the scenario's trigger, says Done. Returns the
// exit code; 2 when a supervisor did not start it, or not in a guest.
int WorkerMain();

}  // namespace lk::agent
