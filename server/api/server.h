// SPDX-License-Identifier: Apache-2.0
// lkd's gRPC listeners.
#pragma once

#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "server/api/audit.h"
#include "server/api/authorizer.h"
#include "server/api/operator_socket.h"
#include "server/api/pki.h"
#include "server/config/config.h"
#include "support/status.h"

namespace lk::api {

// The operator API: Unix socket (mode 0660) and, if configured, TCP with TLS; with health and reflection services.
// Every call goes through the authorizer, and changes are written to the audit log.
class OperatorServer {
 public:
  // Errors: FAILED_PRECONDITION (address in use, no certificate), those of file operations.
  static StatusOr<std::unique_ptr<OperatorServer>> Start(const config::Config::Operator& options,
                                                         Authorizer& authorizer, Audit& audit,
                                                         const std::vector<grpc::Service*>& services);
  // Open streams may continue until the deadline.
  void Shutdown(std::chrono::system_clock::time_point deadline);

  // For example "unix:/run/lk/lkd.sock and 127.0.0.1:7640", with the port that was bound.
  const std::string& addresses() const { return addresses_; }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<OperatorSocket> socket_;
  std::string addresses_;
};

// Serves the agent API: always TLS, with lkd's own certificate. `port` is set to the port that was bound.
StatusOr<std::unique_ptr<grpc::Server>> ServeAgents(const config::Config::Agent& options, const Pki& pki,
                                                    grpc::Service& service, int& port);

}  // namespace lk::api
