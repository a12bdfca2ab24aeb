// SPDX-License-Identifier: Apache-2.0
// Services for tokens and the audit log. Only admins can use them.
#pragma once

#include "lk/v1/audit.grpc.pb.h"
#include "lk/v1/token.grpc.pb.h"
#include "server/api/authorizer.h"
#include "server/api/call.h"
#include "server/store/store.h"
#include "support/clock.h"

namespace lk::api {

class TokenService final : public v1::TokenService::CallbackService {
 public:
  // `authorizer` identifies the creator of a token.
  TokenService(store::Store& store, Executor& pool, const Clock& clock, const Authorizer& authorizer)
      : store_(store), pool_(pool), clock_(clock), authorizer_(authorizer) {}

  grpc::ServerUnaryReactor* CreateToken(grpc::CallbackServerContext* context, const v1::CreateTokenRequest* request,
                                        v1::CreateTokenResponse* response) override;
  grpc::ServerUnaryReactor* ListTokens(grpc::CallbackServerContext* context, const v1::ListTokensRequest* request,
                                       v1::ListTokensResponse* response) override;
  grpc::ServerUnaryReactor* RevokeToken(grpc::CallbackServerContext* context, const v1::RevokeTokenRequest* request,
                                        v1::Token* response) override;

 private:
  store::Store& store_;
  Executor& pool_;
  const Clock& clock_;
  const Authorizer& authorizer_;
};

class AuditService final : public v1::AuditService::CallbackService {
 public:
  AuditService(store::Store& store, Executor& pool) : store_(store), pool_(pool) {}

  grpc::ServerUnaryReactor* ListAuditEntries(grpc::CallbackServerContext* context,
                                             const v1::ListAuditEntriesRequest* request,
                                             v1::ListAuditEntriesResponse* response) override;

 private:
  store::Store& store_;
  Executor& pool_;
};

}  // namespace lk::api
