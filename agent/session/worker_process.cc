// SPDX-License-Identifier: Apache-2.0
#include "agent/session/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "agent/session/channel.h"
#include "agent/session/worker.h"
#include "lk/v1/agent.pb.h"

namespace lk::agent {

StatusOr<SharedState*> MapSharedState(int fd) {
  void* const memory = mmap(nullptr, sizeof(SharedState), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "shared state");
  return static_cast<SharedState*>(memory);
}

StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const v1::Lease& lease) {
  // dup2(2) in the worker must not close a file that it has yet to duplicate.
  const auto above = [](UniqueFd fd) { return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, kWorkerStateFd + 1)); };
  const UniqueFd memory = above(UniqueFd(memfd_create("lk-worker", MFD_CLOEXEC)));
  if (!memory || ftruncate(memory.get(), sizeof(SharedState)) != 0) return absl::ErrnoToStatus(errno, "shared state");
  LK_ASSIGN_OR_RETURN(SharedState* const state, MapSharedState(memory.get()));
  new (state) SharedState;
  LK_ASSIGN_OR_RETURN(auto channel, MakeChannel());
  fcntl(channel.first.get(), F_SETFL, O_NONBLOCK);
  channel.second = above(std::move(channel.second));
  if (!channel.second) return absl::ErrnoToStatus(errno, "cannot duplicate the worker's channel");

  // gRPC runs threads in this process, so fork(2) is not safe; posix_spawn(3) is.
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, channel.second.get(), kWorkerChannelFd);
  posix_spawn_file_actions_adddup2(&files, memory.get(), kWorkerStateFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::string program = "lk-agent", argument = kWorkerArgument;
  char* const arguments[] = {program.data(), argument.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = -1;
  const int error = posix_spawn(&pid, "/proc/self/exe", &files, &attributes, arguments, environment);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return absl::ErrnoToStatus(error, "cannot start the worker");

  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(pid, std::move(channel.first), state));
  v1::ControllerMessage message;
  *message.mutable_lease() = lease;
  LK_RETURN_IF_ERROR(SendMessage(worker->fd(), message));
  return worker;
}

void WorkerProcess::Send(const v1::ControllerMessage& message) {
  pending_.Add(message);
  SendPending();
}

void WorkerProcess::SendPending() {
  pending_.SendTo(fd());
}

void WorkerProcess::Signal(int signal) const {
  kill(-pid_, signal);
}

}  // namespace lk::agent
