// SPDX-License-Identifier: Apache-2.0
// The authorizer of the operator API: finds out who calls, and asks the table (rules.h), for every call there is,
// gRPC's own services included, before any handler sees it.
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
  // `refused` is told of changes that a known caller was refused; called on gRPC's threads, may block.
  using Refused = std::function<void(const Rule&, const Caller&, const Status&)>;
  Authorizer(store::Store& store, const Clock& clock, Refused refused)
      : store_(store), clock_(clock), refused_(std::move(refused)) {}

  // Who the connection and the call's metadata say it is: the user of the unix socket, else the token, else the client
  // certificate, else nobody. Errors: UNAUTHENTICATED (a token that is none, or not valid any more); what the store
  // says.
  StatusOr<Caller> Identify(const grpc::AuthContext& connection, const Metadata& metadata) const;

  // For server credentials. `user`: of connections of a unix socket; asked at a call, so known by then. Empty: TCP.
  std::shared_ptr<grpc::AuthMetadataProcessor> Processor(std::function<uid_t()> user = {});

 private:
  friend class AuthorizerProcessor;
  Status Check(const grpc::AuthContext& connection, const Metadata& metadata);
  void Complain(std::string_view method, const Status& status);

  store::Store& store_;
  const Clock& clock_;
  const Refused refused_;
  LogThrottle log_throttle_;
};

// The role in the subject of a client certificate (PEM): its one OU that begins with "lk-". "CN=ann,OU=lk-operator" is
// the caller's name.
Caller CallerOfCertificate(std::string_view pem);

}  // namespace lk::api
