// SPDX-License-Identifier: Apache-2.0
#include "agent/session/channel.h"

#include <google/protobuf/message_lite.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

namespace lk::agent {
namespace {

constexpr int kMaxMessage = 1 << 20;

// Errors: UNAVAILABLE (a non-blocking channel is full), or another one of send(2).
Status SendBytes(int fd, const std::string& bytes) {
  ssize_t sent;
  do {
    sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return absl::ErrnoToStatus(errno, "cannot send to the other process");
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::pair<UniqueFd, UniqueFd>> MakeChannel() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return absl::ErrnoToStatus(errno, "socketpair");
  for (const int fd : fds) {
    // SO_SNDBUFFORCE may exceed net.core.wmem_max but requires privilege; the limit suffices for ordinary messages.
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kMaxMessage, sizeof kMaxMessage) != 0) {
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kMaxMessage, sizeof kMaxMessage);
    }
  }
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Status SendMessage(int fd, const google::protobuf::MessageLite& message) {
  return SendBytes(fd, message.SerializeAsString());
}

void PendingMessages::Add(const google::protobuf::MessageLite& message) {
  messages_.push_back(message.SerializeAsString());
}

void PendingMessages::SendTo(int fd) {
  while (!messages_.empty() && !absl::IsUnavailable(SendBytes(fd, messages_.front()))) messages_.pop_front();
}

Status ReceiveMessage(int fd, google::protobuf::MessageLite& message) {
  thread_local std::vector<char> buffer(kMaxMessage);
  ssize_t got;
  do {
    got = recv(fd, buffer.data(), buffer.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return absl::UnavailableError("no message");
  // A seqpacket socket reports end-of-file as an empty message; ours are never empty.
  if (got <= 0) return absl::OutOfRangeError("the other process closed its end");
  if (!message.ParseFromArray(buffer.data(), static_cast<int>(got))) return absl::DataLossError("malformed message");
  return absl::OkStatus();
}

}  // namespace lk::agent
