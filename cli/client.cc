// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "support/directories.h"
#include "support/file.h"

namespace lk::cli {
namespace {

StatusOr<std::string> ReadOption(const std::string& path, const char* option) {
  auto text = ReadFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(fmt::format("{}: cannot read {}", option, path));
  return text;
}

}  // namespace

std::string DefaultServer() {
  return fmt::format("unix:{}/lkd.sock", RuntimeDirectory().native());
}

StatusOr<std::unique_ptr<Client>> Client::Create(const ServerOptions& options) {
  std::string address = options.address.empty() ? DefaultServer() : options.address;
  if (address.starts_with('/')) address.insert(0, "unix:");

  std::string token;
  if (!options.token_file.empty()) {
    LK_ASSIGN_OR_RETURN(token, ReadOption(options.token_file, "--token-file"));
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
    // Reject tokens that are not valid in an HTTP header.
    if (token.empty() || !std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; })) {
      return absl::InvalidArgumentError(fmt::format("--token-file: no valid token in {}", options.token_file));
    }
  }

  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (address.starts_with("unix:")) {
    credentials = grpc::InsecureChannelCredentials();
  } else {
    grpc::SslCredentialsOptions tls;
    if (!options.ca_file.empty()) {
      LK_ASSIGN_OR_RETURN(tls.pem_root_certs, ReadOption(options.ca_file, "--ca"));
    }
    if (!options.certificate_file.empty()) {
      LK_ASSIGN_OR_RETURN(tls.pem_cert_chain, ReadOption(options.certificate_file, "--cert"));
      LK_ASSIGN_OR_RETURN(tls.pem_private_key, ReadOption(options.key_file, "--key"));
    }
    credentials = grpc::SslCredentials(tls);
  }

  grpc::ChannelArguments arguments;
  // A campaign is sent with all its runs and findings in one message.
  arguments.SetMaxReceiveMessageSize(-1);
  // lkd restarts within seconds, but gRPC's default backoff grows to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  auto channel = grpc::CreateCustomChannel(address, credentials, arguments);
  return std::unique_ptr<Client>(new Client(std::move(address), std::move(token), std::move(channel)));
}

void Client::Prepare(grpc::ClientContext& context, absl::Duration deadline) const {
  context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
  if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
}

Status Client::ToStatus(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  // The channel stays READY if lkd itself returned UNAVAILABLE, for example because a libvirt host is down.
  const bool reached = channel_->GetState(false) == GRPC_CHANNEL_READY;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      if (reached) break;
      if (status.error_message().find(std::strerror(EACCES)) != std::string::npos) {
        return absl::PermissionDeniedError(
            fmt::format("permission denied on {} (accessible only to the user and group of lkd)", address_));
      }
      return absl::UnavailableError(fmt::format(
          "cannot reach lkd at {}: {}\nStart it with `lkd` (or `systemctl start lkd`), or specify a different "
          "address with --server or LK_SERVER.",
          address_, status.error_message()));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return absl::DeadlineExceededError(fmt::format("lkd at {} did not respond in time", address_));
    case grpc::StatusCode::UNAUTHENTICATED:
      return absl::UnauthenticatedError(
          fmt::format("lkd at {} requires a valid token (--token-file) or client certificate (--cert, --key): {}",
                      address_, status.error_message()));
    case grpc::StatusCode::PERMISSION_DENIED:
      return absl::PermissionDeniedError(
          fmt::format("lkd at {} refused the request: {}", address_, status.error_message()));
    default:
      break;
  }
  Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  if (!status.error_details().empty()) result.SetPayload(kSpecErrorsPayload, absl::Cord(status.error_details()));
  return result;
}

}  // namespace lk::cli
