// SPDX-License-Identifier: Apache-2.0
// Fixture for tests with a real libvirtd and QEMU. Their guests consist of a few instructions and need no kernel.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "server/vm/hypervisor.h"
#include "support/mutex.h"
#include "support/random.h"
#include "tests/integration/guests.h"

namespace lk::vm {

namespace fs = std::filesystem;

// Longer than any step of the tests takes, even on a busy machine.
inline constexpr absl::Duration kTimeout = absl::Minutes(2);

inline bool Absent(const char* path) {
  return access(path, F_OK) != 0;
}

inline pid_t Daemon(const char* program) {
  const pid_t pid = fork();
  if (pid == 0) {
    execlp(program, program, nullptr);
    _exit(127);
  }
  return pid;
}

// Stops a daemon; with SIGKILL if necessary, because libvirtd sometimes waits half a minute for its own threads.
inline void End(pid_t pid) {
  kill(pid, SIGTERM);
  for (const absl::Time end = absl::Now() + absl::Seconds(5); absl::Now() < end;
       absl::SleepFor(absl::Milliseconds(50))) {
    if (waitpid(pid, nullptr, WNOHANG) == pid) return;
  }
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

// Provides libvirt. Ordinary users get qemu:///session with separate directories; libvirt starts its daemons on demand.
// Root gets qemu:///system, whose daemons are started for the tests if they are not running.
class LibvirtEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    fs::create_directory(folder);
    chmod(folder.c_str(), 0755);  // QEMU may run as a different user
    uri = geteuid() == 0 ? "qemu:///system" : "qemu:///session";
    if (geteuid() == 0) {
      if (Absent("/run/libvirt/virtlogd-sock")) daemons_.push_back(Daemon("virtlogd"));
      if (Absent("/run/libvirt/libvirt-sock")) daemons_.push_back(Daemon("libvirtd"));
    } else {
      for (const char* name : {"XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}) {
        fs::create_directory(folder / name);
        chmod((folder / name).c_str(), 0700);
        setenv(name, (folder / name).c_str(), 1);
      }
    }
    // A daemon that has just been started is not ready immediately.
    for (const absl::Time end = absl::Now() + kTimeout; absl::Now() < end; absl::SleepFor(absl::Milliseconds(50))) {
      if (Connect(uri, [](const VmEvent&) {}).ok()) return;
    }
    // A failure here would be reported as skipped tests.
    std::cerr << "no connection to " << uri << "\n";
    TearDown();
    _exit(1);
  }

  void TearDown() override {
    for (const char* name : {"libvirtd", "virtqemud", "virtlogd"}) {
      const auto directory = folder / "XDG_RUNTIME_DIR/libvirt";
      pid_t pid = 0;
      for (const auto& file :
           {directory / (std::string(name) + ".pid"), directory / "qemu/run" / (std::string(name) + ".pid")}) {
        if (std::ifstream(file) >> pid) kill(pid, SIGTERM);
      }
    }
    for (const pid_t pid : daemons_) End(pid);
    fs::remove_all(folder);
  }

  static inline const fs::path folder = fs::temp_directory_path() / ("lk-vm-test-" + RandomHex(6));
  static inline std::string uri;

 private:
  std::vector<pid_t> daemons_;
};
inline const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new LibvirtEnvironment);

// Collects the events and the console output, which arrive on the event thread.
class Witness {
 public:
  ConsoleSink Sink() {
    return {[this](std::string_view bytes) {
              MutexLock lock(&mutex_);
              text_ += bytes;
            },
            [this] {
              MutexLock lock(&mutex_);
              ++ends_;
            }};
  }
  VmListener Listener() {
    return [this](const VmEvent& event) {
      MutexLock lock(&mutex_);
      events_.push_back(event);
    };
  }
  bool Prints(const std::string& text) {
    return Await([&] { return text_.find(text) != std::string::npos; });
  }
  bool PrintsMoreThan(size_t bytes) {
    return Await([&] { return text_.size() > bytes; });
  }
  bool Ends() {
    return Await([&] { return ends_ == 1; });
  }
  bool Sees(VmEvent::Kind kind, const std::string& name) {
    return Await([&] {
      return std::any_of(events_.begin(), events_.end(),
                         [&](const VmEvent& event) { return event.kind == kind && event.name == name; });
    });
  }
  // All pause and resume events, in order.
  std::vector<VmEvent> Pauses() {
    MutexLock lock(&mutex_);
    std::vector<VmEvent> pauses;
    std::copy_if(events_.begin(), events_.end(), std::back_inserter(pauses), [](const VmEvent& event) {
      return event.kind == VmEvent::Kind::kPaused || event.kind == VmEvent::Kind::kResumed;
    });
    return pauses;
  }
  std::string text() {
    MutexLock lock(&mutex_);
    return text_;
  }

 private:
  template <typename Condition>
  bool Await(const Condition& condition) {
    MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&condition), kTimeout);
  }

  Mutex mutex_;
  std::string text_;
  std::vector<VmEvent> events_;
  int ends_ = 0;
};

// Polls for conditions that have no event.
inline bool Await(const std::function<bool()>& condition) {
  for (const absl::Time end = absl::Now() + kTimeout; absl::Now() < end; absl::SleepFor(absl::Milliseconds(10))) {
    if (condition()) return true;
  }
  return false;
}

// The PID of a domain's QEMU, which has the domain's name on its command line, or 0 if there is no such process.
inline pid_t QemuOf(const std::string& name) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream in(entry.path() / "cmdline", std::ios::binary);
    std::stringstream command;
    command << in.rdbuf();
    if (command.str().find("guest=" + name + ",") != std::string::npos) {
      return static_cast<pid_t>(std::strtol(entry.path().filename().c_str(), nullptr, 10));
    }
  }
  return 0;
}

class VmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    spec_.run_id = RandomHex(6);
    spec_.name = "lk-" + spec_.run_id;
    spec_.owner = "vm_test-" + spec_.run_id;
    spec_.profile.name = "test";
    spec_.profile.machine = "q35";
    spec_.profile.memory_bytes = 128u << 20;
    spec_.accelerator = "tcg";
    const auto folder = LibvirtEnvironment::folder / spec_.run_id;
    fs::create_directory(folder);
    chmod(folder.c_str(), 0755);
    spec_.kernel = folder / "kernel";
    spec_.console_log = folder / "vm.log";
    SetGuest(Ticker());
    hypervisor_ = MustConnect(witness_);
  }
  void TearDown() override { EXPECT_TRUE(MustConnect(cleaner_)->Destroy(spec_.name).ok()); }

  void SetGuest(std::string_view image) {
    std::ofstream(spec_.kernel, std::ios::binary).write(image.data(), static_cast<std::streamsize>(image.size()));
  }

  static std::unique_ptr<Hypervisor> MustConnect(Witness& witness, HypervisorOptions options = {}) {
    auto hypervisor = Connect(LibvirtEnvironment::uri, witness.Listener(), options);
    EXPECT_TRUE(hypervisor.ok()) << hypervisor.status();
    return std::move(*hypervisor);
  }

  VmSpec spec_;
  // All outlive the hypervisor, which calls them until it has gone.
  Witness witness_;
  Witness second_;
  Witness cleaner_;
  std::unique_ptr<Hypervisor> hypervisor_;
};

}  // namespace lk::vm
