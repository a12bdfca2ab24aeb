// SPDX-License-Identifier: Apache-2.0
// A real lkd for one test, with a Unix socket, TCP with TLS on a free port, and certificates made by deploy/pki.
#pragma once

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "support/mutex.h"

namespace lk::test {

std::string ReadFile(const std::filesystem::path& path);

class ServedLkd {
 public:
  // lkd is ready when this returns.
  ServedLkd();
  // Stops lkd and waits until it has exited.
  ~ServedLkd();
  ServedLkd(const ServedLkd&) = delete;
  ServedLkd& operator=(const ServedLkd&) = delete;

  std::filesystem::path Path(const std::string& name) const { return directory_ / name; }
  std::string socket() const { return "unix:" + Path("lkd.sock").string(); }
  std::string tcp() const { return "127.0.0.1:" + port_; }

  std::shared_ptr<grpc::Channel> Unix() const;
  // Uses the client certificate of this name in the directory `pki`; none if `certificate` is empty.
  std::shared_ptr<grpc::Channel> Tcp(const std::string& certificate = "", const std::string& pki = "pki") const;
  std::shared_ptr<grpc::Channel> TcpWithoutTls() const;

  // Runs deploy/pki ARGUMENTS in the test's directory; returns its exit code.
  int Pki(const std::string& arguments) const;
  // Waits until lkd has logged `text`. Returns false on timeout.
  bool Logs(const std::string& text) const;
  // lkd's log so far.
  std::string log() const;
  bool running() const;

 private:
  std::filesystem::path directory_;
  std::string port_;
  pid_t pid_ = -1;
  int log_fd_ = -1;
  std::thread reader_;
  mutable Mutex mutex_;
  std::string log_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lk::test
