// SPDX-License-Identifier: Apache-2.0
// Calls any method by name with one message of raw bytes, as an unknown client could.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lk::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct RawAnswer {
  grpc::Status status;
  std::vector<std::string> messages;

  grpc::StatusCode code() const { return status.error_code(); }
  // Whether the authorizer refused the call.
  bool refused() const {
    return code() == grpc::StatusCode::UNAUTHENTICATED || code() == grpc::StatusCode::PERMISSION_DENIED;
  }
};

// Sends `request` and closes the sending side. Health/Watch, which never ends, is cancelled after its first message.
RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method, const std::string& request,
                  const Headers& headers = {});

// Full names ("/lk.v1.HostService/AddHost") of all methods that the server's reflection service lists.
std::vector<std::string> ServedMethods(const std::shared_ptr<grpc::Channel>& channel);

}  // namespace lk::test
