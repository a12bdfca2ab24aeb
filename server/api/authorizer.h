// SPDX-License-Identifier: Apache-2.0
// The authorizer of the operator API: identifies the caller of every call, gRPC's own services included, and checks the
// caller's role against the table in rules.cc before any handler sees the call.
#pragma once

#include <grpcpp/security/auth_metadata_processor.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include "server/api/log_throttle.h"
#include "server/api/rules.h"
#include "server/store/store.h"
#include "support/clock.h"

namespace lk::api {

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

class Authorizer {
 public:
  // `refused` is called whenever a known caller is denied a change. It runs on gRPC's threads and may block.
  using Refused = std::function<void(const Rule&, const Caller&, const Status&)>;
  Authorizer(store::Store& store, const Clock& clock, Refused refused)
      : store_(store), clock_(clock), refused_(std::move(refused)) {}

  // Identifies the caller by the Unix socket's user, otherwise by the token, otherwise by the client certificate;
  // without any of these, the caller is nobody. Errors: UNAUTHENTICATED (a malformed header; an unknown, expired or
  // revoked token); those of the store.
  StatusOr<Caller> Identify(const grpc::AuthContext& connection, const Metadata& metadata) const;

  // For server credentials. `user` returns the uid at the other end of a Unix socket connection and is called only
  // after that uid has become known; `user` is empty for TCP.
  std::shared_ptr<grpc::AuthMetadataProcessor> Processor(std::function<uid_t()> user = {});

 private:
  friend class AuthorizerProcessor;
  Status Check(const grpc::AuthContext& connection, const Metadata& metadata);
  void LogRefusal(std::string_view method, const Status& status);

  store::Store& store_;
  const Clock& clock_;
  const Refused refused_;
  LogThrottle log_throttle_;
};

// The caller that a client certificate (PEM) identifies. The role is the subject's only OU that begins with "lk-"; the
// name looks like "certificate CN=ann,OU=lk-operator".
Caller CallerOfCertificate(std::string_view pem);

}  // namespace lk::api
