// SPDX-License-Identifier: Apache-2.0
#include "server/api/operator_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lk::api {
namespace {

// Limit on distinct users; others are refused until lkd restarts.
constexpr size_t kMaxUsers = 64;
constexpr mode_t kSocketMode = 0660;
constexpr mode_t kDirectoryMode = 0750;

Status Error(const std::filesystem::path& path) {
  return absl::FailedPreconditionError(fmt::format("{} (operator.socket): {}", path.string(), std::strerror(errno)));
}

}  // namespace

StatusOr<std::unique_ptr<OperatorSocket>> OperatorSocket::Listen(const std::filesystem::path& path) {
  const std::filesystem::path directory = path.parent_path();
  std::error_code failed;
  std::filesystem::create_directories(directory.parent_path(), failed);
  if (mkdir(directory.c_str(), kDirectoryMode) != 0 && errno != EEXIST) return Error(directory);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return Error(path);
  }
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  UniqueFd stop(eventfd(0, EFD_CLOEXEC));
  if (!listener || !stop) return Error(path);
  std::filesystem::remove(path, failed);
  // Set the mode before the name exists, so that others can never connect. bind(2) applies the umask; chmod(2) restores
  // the group bits.
  if (fchmod(listener.get(), kSocketMode) != 0 ||
      bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path.c_str(), kSocketMode) != 0 || listen(listener.get(), SOMAXCONN) != 0) {
    return Error(path);
  }
  return std::unique_ptr<OperatorSocket>(new OperatorSocket(std::move(listener), std::move(stop)));
}

OperatorSocket::~OperatorSocket() {
  const uint64_t one = 1;
  if (thread_.joinable() && write(stop_.get(), &one, sizeof one) == sizeof one) thread_.join();
}

void OperatorSocket::Register(
    grpc::ServerBuilder& builder,
    const std::function<std::shared_ptr<grpc::AuthMetadataProcessor>(std::function<uid_t()>)>& processor) {
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  for (size_t i = 0; i < kMaxUsers; ++i) {
    auto user = std::make_shared<std::atomic<uid_t>>(static_cast<uid_t>(-1));
    const auto credentials = grpc::experimental::LocalServerCredentials(UDS);
    credentials->SetAuthMetadataProcessor(processor([user] { return user->load(); }));
    slots_.push_back({builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, credentials), user});
  }
}

void OperatorSocket::Accept() {
  thread_ = std::thread([this] { Loop(); });
}

void OperatorSocket::Loop() {
  pollfd watched[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  while (true) {
    if (poll(watched, 2, -1) < 0 && errno != EINTR) break;
    if (watched[1].revents != 0) return;
    UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      HandOver(std::move(connection));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      // Out of resources: the connection stays queued, and retrying immediately would only burn CPU time.
      spdlog::warn("operator.socket: {}", std::strerror(errno));
      poll(&watched[1], 1, 1000);
    }
  }
  spdlog::error("operator.socket: {}: no longer accepting connections", std::strerror(errno));
}

void OperatorSocket::HandOver(UniqueFd connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  const auto [slot, first] = users_.try_emplace(peer.uid, users_.size());
  if (slot->second >= slots_.size()) {
    users_.erase(slot);
    spdlog::warn("operator.socket: refused uid {}: the limit of {} different users since lkd started is reached",
                 peer.uid, kMaxUsers);
    return;
  }
  if (first) slots_[slot->second].user->store(peer.uid);
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
  parameters.listener_fd = -1;
  parameters.fd = connection.release();
  slots_[slot->second].acceptor->HandleNewConnection(&parameters);
}

}  // namespace lk::api
