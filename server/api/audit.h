// SPDX-License-Identifier: Apache-2.0
// The record of changes: every call that the table (rules.h) calls a change, with who asked and what came of it.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <vector>

#include "server/api/authorizer.h"
#include "support/executor.h"

namespace lk::api {

class Audit {
 public:
  // Entries are written on `pool`.
  Audit(store::Store& store, Executor& pool, const Clock& clock) : store_(store), pool_(pool), clock_(clock) {}

  // Blocks until it is stored. What cannot be stored is in lkd's log, as everything is.
  void Write(const Rule& rule, const Caller& caller, std::string_view subject, const Status& outcome);

  // For the server's builder. A call is answered when its entry is stored. `authorizer` says who calls.
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> Interceptors(
      const Authorizer& authorizer);

 private:
  friend class AuditInterceptor;

  store::Store& store_;
  Executor& pool_;
  const Clock& clock_;
};

}  // namespace lk::api
