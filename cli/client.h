// SPDX-License-Identifier: Apache-2.0
// The connection to lkd: synchronous calls, each with a deadline.
#pragma once

#include <absl/time/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "support/status.h"

namespace lk::cli {

struct ServerOptions {
  // "unix:PATH", an absolute path, or host:port (always TLS).
  std::string address;
  // File with the bearer token; empty for no token.
  std::string token_file;
  // PEM file with the CA of the server certificate; empty for the system's CAs.
  std::string ca_file;
  // PEM files of a client certificate and its key; empty for none.
  std::string certificate_file;
  std::string key_file;
};

// unix:PATH of lkd.sock in RuntimeDirectory() (support/directories.h).
std::string DefaultServer();

inline constexpr absl::Duration kCallDeadline = absl::Seconds(30);

// URL of the Status payload that holds a serialised lk.v1.SpecErrors (the status details of StartCampaign).
inline constexpr char kSpecErrorsPayload[] = "lk.v1.SpecErrors";

class Client {
 public:
  // Errors: INVALID_ARGUMENT (a file cannot be read).
  static StatusOr<std::unique_ptr<Client>> Create(const ServerOptions& options);

  // For example: client.Call(&v1::RunService::Stub::GetRun, request)
  template <typename Stub, typename Request, typename Response>
  StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                          const Request& request, absl::Duration deadline = kCallDeadline,
                          bool wait_for_ready = false) {
    grpc::ClientContext context;
    Prepare(context, deadline);
    context.set_wait_for_ready(wait_for_ready);
    Response response;
    Stub stub(channel_);
    LK_RETURN_IF_ERROR(ToStatus((stub.*method)(&context, request, &response)));
    return response;
  }

  // Sets the deadline and credentials of a call made through channel().
  void Prepare(grpc::ClientContext& context, absl::Duration deadline) const;
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Converts the status of a call to one with a message for the user. If lkd cannot be reached, the message gives its
  // address and says what to do.
  Status ToStatus(const grpc::Status& status) const;

  const std::string& address() const { return address_; }

 private:
  Client(std::string address, std::string token, std::shared_ptr<grpc::Channel> channel)
      : address_(std::move(address)), token_(std::move(token)), channel_(std::move(channel)) {}

  std::string address_;
  std::string token_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace lk::cli
