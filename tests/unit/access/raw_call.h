// SPDX-License-Identifier: Apache-2.0
// Calls of any method by its name, with one message of raw bytes, as a stranger would make them.
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
  // The two ways in which a call is refused.
  bool refused() const {
    return code() == grpc::StatusCode::UNAUTHENTICATED || code() == grpc::StatusCode::PERMISSION_DENIED;
  }
};

// Sends `request`, then nothing more. A stream that has no end of its own is given up after its first message.
RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method, const std::string& request,
                  const Headers& headers = {});

// "/lk.v1.HostService/AddHost" ..., of all services that the server's reflection tells of.
std::vector<std::string> ServedMethods(const std::shared_ptr<grpc::Channel>& channel);

}  // namespace lk::test
