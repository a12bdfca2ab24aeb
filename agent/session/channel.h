// SPDX-License-Identifier: Apache-2.0
// The supervisor and the worker exchange lk.v1 messages over a SOCK_SEQPACKET pair: the worker sends AgentMessage
// (without sequence), the supervisor sends ControllerMessage.
#pragma once

#include <deque>
#include <string>
#include <utility>

#include "support/status.h"
#include "support/unique_fd.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace lk::agent {

// Returns both ends, which are close-on-exec and have room for the largest message (1 MiB).
StatusOr<std::pair<UniqueFd, UniqueFd>> MakeChannel();

// Sends one message; blocks while the buffer is full. Errors: those of send(2), such as EPIPE if the other end is
// closed.
Status SendMessage(int fd, const google::protobuf::MessageLite& message);

// Receives one message; blocks unless the descriptor is non-blocking. Errors: UNAVAILABLE (no message pending),
// OUT_OF_RANGE (the other end is closed), DATA_LOSS (malformed message).
Status ReceiveMessage(int fd, google::protobuf::MessageLite& message);

// Messages for a non-blocking channel, which may be full.
class PendingMessages {
 public:
  void Add(const google::protobuf::MessageLite& message);
  // Sends as many as the channel takes, in order. Those that cannot be sent at all are dropped: the other process is
  // gone.
  void SendTo(int fd);
  bool empty() const { return messages_.empty(); }

 private:
  std::deque<std::string> messages_;
};

}  // namespace lk::agent
