// SPDX-License-Identifier: Apache-2.0
// The operators' Unix socket. gRPC does not report the user at the other end, so lkd accepts the connections itself and
// hands each one to the gRPC acceptor for that user.
#pragma once

#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/server_builder.h>
#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::api {

class OperatorSocket {
 public:
  // Creates the directory (0750) if necessary and the socket (0660), and listens. An existing socket is taken for a
  // leftover of an earlier lkd and replaced. Errors: FAILED_PRECONDITION with the path.
  static StatusOr<std::unique_ptr<OperatorSocket>> Listen(const std::filesystem::path& path);
  // Stops accepting connections; must run before the server is destroyed.
  ~OperatorSocket();

  // Call before the server is started. `processor` is given a function that returns a user's uid, and creates
  // the processor that authorizes this user's calls.
  void Register(grpc::ServerBuilder& builder,
                const std::function<std::shared_ptr<grpc::AuthMetadataProcessor>(std::function<uid_t()>)>& processor);
  // Call after the server has been started.
  void Accept();

 private:
  OperatorSocket(UniqueFd listener, UniqueFd stop) : listener_(std::move(listener)), stop_(std::move(stop)) {}
  void Loop();
  void HandOver(UniqueFd connection);

  // gRPC needs all credentials before it starts, when the users are not known yet. Each slot has separate credentials
  // and is assigned to a user on the user's first connection.
  struct Slot {
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
    std::shared_ptr<std::atomic<uid_t>> user;
  };
  UniqueFd listener_;
  UniqueFd stop_;
  std::vector<Slot> slots_;
  std::map<uid_t, size_t> users_;
  std::thread thread_;
};

}  // namespace lk::api
