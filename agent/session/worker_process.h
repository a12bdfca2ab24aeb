// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <memory>
#include <utility>

#include "agent/session/shared_state.h"
#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::v1 {
class Lease;
}  // namespace lk::v1

namespace lk::agent {

// Descriptors a worker is started with.
inline constexpr int kWorkerChannelFd = 3;
inline constexpr int kWorkerStateFd = 4;

// Maps the memory behind a descriptor that holds a SharedState. Errors: what mmap(2) says.
StatusOr<SharedState*> MapSharedState(int fd);

// The process that a trigger runs in: this program executed anew, in a process group of its own.
class WorkerProcess {
 public:
  // Starts it and gives it the lease. Errors: what the system calls say.
  static StatusOr<std::unique_ptr<WorkerProcess>> Start(const v1::Lease& lease);

  pid_t pid() const { return pid_; }
  // Our end of the channel, non-blocking.
  int fd() const { return channel_.get(); }
  const SharedState& state() const { return *state_; }
  // Sends a signal to it and all its children.
  void Signal(int signal) const;

 private:
  WorkerProcess(pid_t pid, UniqueFd channel, SharedState* state)
      : pid_(pid), channel_(std::move(channel)), state_(state) {}

  const pid_t pid_;
  const UniqueFd channel_;
  SharedState* const state_;  // stays mapped: there is one worker in a guest's life
};

}  // namespace lk::agent
