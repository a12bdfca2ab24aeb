// SPDX-License-Identifier: Apache-2.0
// The audit log: every call that changes something (see the table in rules.cc), with its caller and outcome.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <vector>

#include "server/api/authorizer.h"
#include "support/executor.h"

namespace lk::api {

class Audit {
 public:
  // The interceptors write their entries on `pool`.
  Audit(store::Store& store, Executor& pool, const Clock& clock) : store_(store), pool_(pool), clock_(clock) {}

  // Writes an entry to lkd's log and to the store. Blocks until it has been stored; if that fails, logs an error.
  void Write(const Rule& rule, const Caller& caller, std::string_view subject, const Status& outcome);

  // For the gRPC server builder. A client receives the status of its call only after the entry has been written.
  // `authorizer` identifies callers.
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> Interceptors(
      const Authorizer& authorizer);

 private:
  friend class AuditInterceptor;

  store::Store& store_;
  Executor& pool_;
  const Clock& clock_;
};

}  // namespace lk::api
