// SPDX-License-Identifier: Apache-2.0
// The gRPC listeners of lkd.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "server/api/pki.h"
#include "server/config/config.h"
#include "support/status.h"

namespace lk::api {

// Operators: unix socket (mode 0660) and, where configured, TCP with TLS; with health and reflection.
// Errors: FAILED_PRECONDITION (address in use, no certificate), what file operations say.
StatusOr<std::unique_ptr<grpc::Server>> ServeOperators(const config::Config::Operator& options,
                                                       const std::vector<grpc::Service*>& services);

// Agents: always TLS, with lkd's own certificate. `port` gets the port that was bound.
StatusOr<std::unique_ptr<grpc::Server>> ServeAgents(const config::Config::Agent& options, const Pki& pki,
                                                    grpc::Service& service, int& port);

}  // namespace lk::api
