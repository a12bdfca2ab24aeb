// SPDX-License-Identifier: Apache-2.0
#include "served_lkd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

extern char** environ;

namespace lk::test {
namespace {

constexpr absl::Duration kTimeout = absl::Minutes(2);

constexpr char kConfig[] = R"(
stateDirectory: {0}/state
operator:
  socket: {0}/lkd.sock
  listen: "127.0.0.1:0"
  certificate: {0}/pki/server.pem
  key: {0}/pki/server.key
  clientCa: {0}/pki/ca.pem
agent: {{ listen: "127.0.0.1:0" }}
http: {{ listen: "127.0.0.1:0" }}
metrics: {{ listen: "127.0.0.1:0" }}
)";

}  // namespace

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

ServedLkd::ServedLkd() {
  std::string name = (std::filesystem::temp_directory_path() / "lk-access-XXXXXX").string();
  directory_ = mkdtemp(name.data());
  for (const char* arguments :
       {"ca pki", "server pki localhost 127.0.0.1", "client pki viewer viewer", "client pki operator operator",
        "client pki admin admin", "ca other", "client other admin admin"}) {
    if (Pki(arguments) != 0) throw std::runtime_error(fmt::format("deploy/pki {} failed", arguments));
  }
  const std::filesystem::path config = Path("lkd.yaml");
  std::ofstream(config) << fmt::format(kConfig, directory_.string());

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("cannot create a pipe");
  log_fd_ = ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  std::string program = LK_LKD, option = "--config", file = config.string();
  std::array<char*, 4> arguments = {program.data(), option.data(), file.data(), nullptr};
  const int failed = posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed != 0) throw std::runtime_error("cannot start lkd");
  reader_ = std::thread([this] {
    std::array<char, 4096> buffer;
    for (ssize_t got = 0; (got = read(log_fd_, buffer.data(), buffer.size())) > 0;) {
      const MutexLock lock(&mutex_);
      log_.append(buffer.data(), static_cast<size_t>(got));
    }
    const MutexLock lock(&mutex_);
    ended_ = true;
  });

  const MutexLock lock(&mutex_);
  const auto told = [this] {
    mutex_.AssertHeld();
    const size_t ready = log_.find("is ready");
    return ended_ || (ready != std::string::npos && log_.find('\n', ready) != std::string::npos);
  };
  constexpr std::string_view kBefore = " and 127.0.0.1:";
  mutex_.AwaitWithTimeout(absl::Condition(&told), kTimeout);
  const size_t at = log_.find(kBefore);
  if (at == std::string::npos) throw std::runtime_error("lkd did not start: " + log_);
  const size_t port = at + kBefore.size();
  port_ = log_.substr(port, log_.find(',', port) - port);
}

ServedLkd::~ServedLkd() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    int status = 0;
    waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "lkd exited with status " << status << "\n" << log();
  }
  if (reader_.joinable()) reader_.join();
  close(log_fd_);
  std::filesystem::remove_all(directory_);
}

std::shared_ptr<grpc::Channel> ServedLkd::Unix() const {
  return grpc::CreateChannel(socket(), grpc::InsecureChannelCredentials());
}

std::shared_ptr<grpc::Channel> ServedLkd::Tcp(const std::string& certificate, const std::string& pki) const {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = ReadFile(Path("pki/ca.pem"));
  if (!certificate.empty()) {
    tls.pem_cert_chain = ReadFile(Path(pki + "/" + certificate + ".pem"));
    tls.pem_private_key = ReadFile(Path(pki + "/" + certificate + ".key"));
  }
  // A separate channel each time, so that certificates do not share connections.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(tcp(), grpc::SslCredentials(tls), arguments);
}

std::shared_ptr<grpc::Channel> ServedLkd::TcpWithoutTls() const {
  return grpc::CreateChannel(tcp(), grpc::InsecureChannelCredentials());
}

int ServedLkd::Pki(const std::string& arguments) const {
  const std::string command = fmt::format("cd '{}' && '{}' {} >pki.log 2>&1", directory_.string(), LK_PKI, arguments);
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool ServedLkd::Logs(const std::string& text) const {
  const MutexLock lock(&mutex_);
  const auto there = [&] {
    mutex_.AssertHeld();
    return log_.find(text) != std::string::npos;
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&there), kTimeout);
}

std::string ServedLkd::log() const {
  const MutexLock lock(&mutex_);
  return log_;
}

bool ServedLkd::running() const {
  return kill(pid_, 0) == 0;
}

}  // namespace lk::test
