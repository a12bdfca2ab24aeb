// SPDX-License-Identifier: Apache-2.0
// Supervisor and worker talk over a SOCK_SEQPACKET pair, in the words of lk.v1: the worker says AgentMessage (without
// sequence), the supervisor ControllerMessage.
#pragma once

#include <utility>

#include "support/status.h"
#include "support/unique_fd.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace lk::agent {

// Both ends, close-on-exec, with room for the largest message (1 MiB).
StatusOr<std::pair<UniqueFd, UniqueFd>> MakeChannel();

// Blocks while the other end does not read. Errors: UNAVAILABLE (other end closed), what sendmsg(2) says.
Status SendMessage(int fd, const google::protobuf::MessageLite& message);

// One message; blocks unless the descriptor is non-blocking. Errors: UNAVAILABLE (nothing there now), OUT_OF_RANGE
// (other end closed), DATA_LOSS (not a message of that type).
Status ReceiveMessage(int fd, google::protobuf::MessageLite& message);

}  // namespace lk::agent
