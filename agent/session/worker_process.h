// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <memory>
#include <utility>

#include "agent/session/channel.h"
#include "agent/session/shared_state.h"
#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::v1 {
class ControllerMessage;
class Lease;
}  // namespace lk::v1

namespace lk::agent {

// File descriptors that a worker inherits.
inline constexpr int kWorkerChannelFd = 3;
inline constexpr int kWorkerStateFd = 4;

// Maps the SharedState in a memfd. Errors: those of mmap(2).
StatusOr<SharedState*> MapSharedState(int fd);

// The process that runs a trigger: another instance of this program, in its own process group.
class WorkerProcess {
 public:
  // Starts the process and sends it the lease. Errors: those of the system calls.
  static StatusOr<std::unique_ptr<WorkerProcess>> Start(const v1::Lease& lease);

  pid_t pid() const { return pid_; }
  // The supervisor's end of the channel, non-blocking.
  int fd() const { return channel_.get(); }
  // What to poll it for.
  int events() const { return pending_.empty() ? POLLIN : POLLIN | POLLOUT; }
  const SharedState& state() const { return *state_; }
  // Sends the message now or, if the channel is full, with SendPending. A dead process gets none.
  void Send(const v1::ControllerMessage& message);
  void SendPending();
  // Sends a signal to the process and all its children.
  void Signal(int signal) const;

 private:
  WorkerProcess(pid_t pid, UniqueFd channel, SharedState* state)
      : pid_(pid), channel_(std::move(channel)), state_(state) {}

  const pid_t pid_;
  const UniqueFd channel_;
  PendingMessages pending_;
  SharedState* const state_;  // never unmapped, since there is one worker per boot
};

}  // namespace lk::agent
