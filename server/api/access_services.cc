// SPDX-License-Identifier: Apache-2.0
#include "server/api/access_services.h"

#include <fmt/format.h>

#include "server/api/convert.h"
#include "server/api/paging.h"
#include "support/proto_time.h"
#include "support/random.h"

namespace lk::api {
namespace {

using access::Token;

constexpr absl::Duration kValid = absl::Hours(24 * 90);
constexpr absl::Duration kLongestValid = absl::Hours(24 * 366);

v1::Token TokenToProto(const Token& token, absl::Time now) {
  v1::Token proto;
  proto.set_id(token.id);
  proto.set_name(token.name);
  proto.set_role(std::string(access::ToString(token.role)));
  const bool revoked = token.revoked != absl::InfinitePast();
  proto.set_state(revoked ? "revoked" : token.Live(now) ? "live" : "expired");
  Set(proto.mutable_created(), token.created);
  Set(proto.mutable_expires(), token.expires);
  if (revoked) Set(proto.mutable_revoked(), token.revoked);
  proto.set_created_by(token.created_by);
  return proto;
}

}  // namespace

grpc::ServerUnaryReactor* TokenService::CreateToken(grpc::CallbackServerContext* context,
                                                    const v1::CreateTokenRequest* request,
                                                    v1::CreateTokenResponse* response) {
  return Answer(context, pool_, [this, context, request, response]() -> grpc::Status {
    if (const Status name = access::CheckName(request->name()); !name.ok()) return ToGrpc(name);
    const auto role = access::ParseRole(request->role());
    if (!role.ok()) return ToGrpc(role.status());
    absl::Duration valid = kValid;
    if (request->has_valid()) valid = ToDuration(request->valid());
    if (valid <= absl::ZeroDuration() || valid > kLongestValid) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "token validity must be more than 0 and at most 366 days"};
    }
    const auto caller = authorizer_.Identify(*context->auth_context(), context->client_metadata());
    if (!caller.ok()) return ToGrpc(caller.status());

    const std::string secret = access::NewSecret();
    Token token;
    token.id = "t" + RandomHex(4);
    token.name = request->name();
    token.hash = access::HashToken(secret);
    token.role = *role;
    token.created = clock_.Now();
    token.expires = token.created + valid;
    token.created_by = caller->name;
    if (const Status stored = store_.AddToken(token); !stored.ok()) return ToGrpc(stored);
    *response->mutable_token() = TokenToProto(token, token.created);
    response->set_secret(secret);
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* TokenService::ListTokens(grpc::CallbackServerContext* context, const v1::ListTokensRequest*,
                                                   v1::ListTokensResponse* response) {
  return Answer(context, pool_, [this, response]() -> grpc::Status {
    const auto tokens = store_.ListTokens();
    if (!tokens.ok()) return ToGrpc(tokens.status());
    for (const Token& token : *tokens) *response->add_tokens() = TokenToProto(token, clock_.Now());
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* TokenService::RevokeToken(grpc::CallbackServerContext* context,
                                                    const v1::RevokeTokenRequest* request, v1::Token* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    const absl::Time now = clock_.Now();
    const auto token = store_.RevokeToken(request->id(), now);
    if (!token.ok()) return ToGrpc(token.status());
    *response = TokenToProto(*token, now);
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* AuditService::ListAuditEntries(grpc::CallbackServerContext* context,
                                                         const v1::ListAuditEntriesRequest* request,
                                                         v1::ListAuditEntriesResponse* response) {
  return Answer(context, pool_, [this, request, response]() -> grpc::Status {
    const int size = PageSize(request->page_size());
    const auto entries = store_.ListAudit(request->page_token(), size);
    if (!entries.ok()) return ToGrpc(entries.status());
    for (const access::AuditEntry& entry : *entries) {
      v1::AuditEntry* added = response->add_entries();
      added->set_id(entry.id);
      Set(added->mutable_time(), entry.time);
      added->set_caller(entry.caller);
      added->set_method(entry.method);
      added->set_subject(entry.subject);
      added->set_outcome(entry.outcome);
    }
    if (entries->size() == static_cast<size_t>(size)) response->set_next_page_token(entries->back().id);
    return grpc::Status::OK;
  });
}

}  // namespace lk::api
