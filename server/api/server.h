// SPDX-License-Identifier: Apache-2.0
// The gRPC listeners of lkd.
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

// Operators: unix socket (mode 0660) and, where configured, TCP with TLS; with health and reflection. Every call passes
// the authorizer, changes are written to the audit log.
class OperatorServer {
 public:
  // Errors: FAILED_PRECONDITION (address in use, no certificate), what file operations say.
  static StatusOr<std::unique_ptr<OperatorServer>> Start(const config::Config::Operator& options,
                                                         Authorizer& authorizer, Audit& audit,
                                                         const std::vector<grpc::Service*>& services);
  // Open streams get until the deadline.
  void Shutdown(std::chrono::system_clock::time_point deadline);

  // "unix:/run/lk/lkd.sock and 127.0.0.1:7640", with the port that was bound.
  const std::string& addresses() const { return addresses_; }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<OperatorSocket> socket_;
  std::string addresses_;
};

// Agents: always TLS, with lkd's own certificate. `port` gets the port that was bound.
StatusOr<std::unique_ptr<grpc::Server>> ServeAgents(const config::Config::Agent& options, const Pki& pki,
                                                    grpc::Service& service, int& port);

}  // namespace lk::api
