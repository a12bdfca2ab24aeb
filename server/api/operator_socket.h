// SPDX-License-Identifier: Apache-2.0
// The unix socket of operators. lkd accepts its connections itself, since gRPC does not tell who is at the other end,
// and hands each to gRPC with the credentials of its user.
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
  // Makes the directory (0750) where there is none, and the socket (0660), and listens. A socket that is there is a
  // leftover: the state directory's lock says so. Errors: FAILED_PRECONDITION with the path.
  static StatusOr<std::unique_ptr<OperatorSocket>> Listen(const std::filesystem::path& path);
  // Stops accepting; to be called before the server is gone.
  ~OperatorSocket();

  // Before the server is started: `processor` makes the authorizer for a user.
  void Register(grpc::ServerBuilder& builder,
                const std::function<std::shared_ptr<grpc::AuthMetadataProcessor>(std::function<uid_t()>)>& processor);
  // When it is started.
  void Accept();

 private:
  OperatorSocket(UniqueFd listener, UniqueFd stop) : listener_(std::move(listener)), stop_(std::move(stop)) {}
  void Loop();
  void Hand(UniqueFd connection);

  // gRPC wants credentials before it starts, and users come later: a door for each user, given away at its first
  // connection.
  struct Door {
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
    std::shared_ptr<std::atomic<uid_t>> user;
  };
  UniqueFd listener_;
  UniqueFd stop_;
  std::vector<Door> doors_;
  std::map<uid_t, size_t> users_;
  std::thread thread_;
};

}  // namespace lk::api
