// SPDX-License-Identifier: Apache-2.0
#include "server/api/server.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <climits>

#include "support/file.h"

namespace lk::api {
namespace {

StatusOr<std::string> ReadTlsFile(const std::filesystem::path& path) {
  auto text = ReadFile(path);
  if (!text.ok()) return absl::FailedPreconditionError("cannot read " + path.string());
  return text;
}

StatusOr<std::shared_ptr<grpc::ServerCredentials>> OperatorTls(const config::Config::Operator& options) {
  if (options.certificate.empty() || options.key.empty()) {
    return absl::FailedPreconditionError("operator.listen over TCP requires operator.certificate and operator.key");
  }
  grpc::SslServerCredentialsOptions tls;
  LK_ASSIGN_OR_RETURN(const std::string key, ReadTlsFile(options.key));
  LK_ASSIGN_OR_RETURN(const std::string certificate, ReadTlsFile(options.certificate));
  tls.pem_key_cert_pairs.push_back({key, certificate});
  if (!options.client_ca.empty()) {
    LK_ASSIGN_OR_RETURN(tls.pem_root_certs, ReadTlsFile(options.client_ca));
    // Certificates are optional, but must be valid; clients without one can use a token.
    tls.client_certificate_request = GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return grpc::SslServerCredentials(tls);
}

// Concurrent calls per connection; lkctl makes one at a time.
constexpr int kMaxCalls = 100;

}  // namespace

StatusOr<std::unique_ptr<OperatorServer>> OperatorServer::Start(const config::Config::Operator& options,
                                                                Authorizer& authorizer, Audit& audit,
                                                                const std::vector<grpc::Service*>& services) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto result = std::make_unique<OperatorServer>();
  LK_ASSIGN_OR_RETURN(result->socket_, OperatorSocket::Listen(options.socket));
  grpc::ServerBuilder builder;
  result->socket_->Register(
      builder, [&authorizer](std::function<uid_t()> user) { return authorizer.Processor(std::move(user)); });
  int port = 0;
  if (!options.listen.empty()) {
    LK_ASSIGN_OR_RETURN(const auto credentials, OperatorTls(options));
    credentials->SetAuthMetadataProcessor(authorizer.Processor());
    builder.AddListeningPort(options.listen, credentials, &port);
  }
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxCalls);
  builder.experimental().SetInterceptorCreators(audit.Interceptors(authorizer));
  for (grpc::Service* service : services) builder.RegisterService(service);
  result->server_ = builder.BuildAndStart();
  if (!result->server_ || (!options.listen.empty() && port == 0)) {
    return absl::FailedPreconditionError(
        fmt::format("cannot listen on {} (operator.listen): in use, or not allowed", options.listen));
  }
  result->socket_->Accept();
  result->addresses_ = "unix:" + options.socket.string();
  if (port != 0) {
    result->addresses_ += fmt::format(" and {}:{}", options.listen.substr(0, options.listen.rfind(':')), port);
  }
  return result;
}

void OperatorServer::Shutdown(std::chrono::system_clock::time_point deadline) {
  socket_.reset();
  server_->Shutdown(deadline);
}

StatusOr<std::unique_ptr<grpc::Server>> ServeAgents(const config::Config::Agent& options, const Pki& pki,
                                                    grpc::Service& service, int& port) {
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({pki.key_pem, pki.certificate_pem});
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.listen, grpc::SslServerCredentials(tls), &port);
  // The session enforces the actual limit, since it knows which run a message belongs to.
  builder.SetMaxReceiveMessageSize(static_cast<int>(std::min<uint64_t>(2ULL * options.max_message_bytes, INT_MAX)));
  // An agent has one session, and possibly an old one that is still ending.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 4);
  // SO_REUSEPORT would let a second lkd share the port and receive connections from the first one's agents.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Ends the stream of a hung guest; the scheduler has its own timers for hangs.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || port == 0) {
    return absl::FailedPreconditionError(
        fmt::format("cannot listen for agents on {} (agent.listen): in use, or not allowed", options.listen));
  }
  return server;
}

}  // namespace lk::api
