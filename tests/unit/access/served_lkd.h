// SPDX-License-Identifier: Apache-2.0
// An lkd of the test's own: a unix socket, TCP with TLS on a port that is free, certificates made by deploy/pki.
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
  // Ready when it returns.
  ServedLkd();
  // Ends it, and waits.
  ~ServedLkd();
  ServedLkd(const ServedLkd&) = delete;
  ServedLkd& operator=(const ServedLkd&) = delete;

  std::filesystem::path Path(const std::string& name) const { return directory_ / name; }
  std::string socket() const { return "unix:" + Path("lkd.sock").string(); }
  std::string tcp() const { return "127.0.0.1:" + port_; }

  std::shared_ptr<grpc::Channel> Unix() const;
  // `pki`: the directory of the client's certificate; empty name: none.
  std::shared_ptr<grpc::Channel> Tcp(const std::string& certificate = "", const std::string& pki = "pki") const;
  std::shared_ptr<grpc::Channel> TcpWithoutTls() const;

  // deploy/pki ARGUMENTS, in the test's directory. Its exit code.
  int Pki(const std::string& arguments) const;
  // Waits until lkd has logged this; false: it does not.
  bool Logs(const std::string& text) const;
  // What lkd has logged so far.
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
