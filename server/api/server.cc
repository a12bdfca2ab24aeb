// SPDX-License-Identifier: Apache-2.0
#include "server/api/server.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

namespace lk::api {
namespace {

StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::FailedPreconditionError("cannot read " + path.string());
  return std::string(std::istreambuf_iterator<char>(file), {});
}

StatusOr<std::shared_ptr<grpc::ServerCredentials>> OperatorTls(const config::Config::Operator& options) {
  if (options.certificate.empty() || options.key.empty()) {
    return absl::FailedPreconditionError(
        fmt::format("operator.listen is {}, and TCP goes with TLS only: set operator.certificate and operator.key",
                    options.listen));
  }
  grpc::SslServerCredentialsOptions tls;
  LK_ASSIGN_OR_RETURN(const std::string key, ReadFile(options.key));
  LK_ASSIGN_OR_RETURN(const std::string certificate, ReadFile(options.certificate));
  tls.pem_key_cert_pairs.push_back({key, certificate});
  return grpc::SslServerCredentials(tls);
}

}  // namespace

StatusOr<std::unique_ptr<grpc::Server>> ServeOperators(const config::Config::Operator& options,
                                                       const std::vector<grpc::Service*>& services) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  std::error_code failed;
  std::filesystem::create_directories(options.socket.parent_path(), failed);
  if (failed)
    return absl::FailedPreconditionError(
        fmt::format("{}: {}", options.socket.parent_path().string(), failed.message()));
  // The state directory's lock says that no other lkd uses it: what is there is a leftover.
  std::filesystem::remove(options.socket, failed);
  const std::string address = "unix:" + options.socket.string();
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  int tcp_port = 0;
  if (!options.listen.empty()) {
    LK_ASSIGN_OR_RETURN(const auto credentials, OperatorTls(options));
    builder.AddListeningPort(options.listen, credentials, &tcp_port);
  }
  for (grpc::Service* service : services) builder.RegisterService(service);
  const mode_t mask = umask(0117);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  umask(mask);
  if (!server || (!options.listen.empty() && tcp_port == 0)) {
    return absl::FailedPreconditionError(fmt::format("cannot listen on {}{}{}: in use, or not allowed", address,
                                                     options.listen.empty() ? "" : " and ", options.listen));
  }
  return server;
}

StatusOr<std::unique_ptr<grpc::Server>> ServeAgents(const config::Config::Agent& options, const Pki& pki,
                                                    grpc::Service& service, int& port) {
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({pki.key_pem, pki.certificate_pem});
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.listen, grpc::SslServerCredentials(tls), &port);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  // SO_REUSEPORT would let a second lkd share the port and get the first one's agents.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A guest that hangs is noticed here; the scheduler has its own clock for it.
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
