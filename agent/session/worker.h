// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk::agent {

// The first argument that makes lk-agent a worker.
inline constexpr char kWorkerArgument[] = "worker";

// Runs one trigger: receives the lease from the supervisor, runs the scenario's trigger, sends Done and exits. Returns
// only if the trigger cannot be run, with the exit code 2, for example outside a guest or without a supervisor.
int WorkerMain();

}  // namespace lk::agent
