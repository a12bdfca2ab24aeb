// SPDX-License-Identifier: Apache-2.0
// Fake hosts: a test sets the result of each call, and checks which calls were made.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/vm/hypervisor.h"

namespace lk::scheduler {

struct FakeHost {
  static vm::HostFacts Facts() {
    vm::HostFacts facts;
    facts.cpus = 8;
    facts.memory_bytes = uint64_t{16} << 30;
    facts.libvirt_version = "11.3.0";
    facts.hypervisor_version = "QEMU 10.0.2";
    facts.kernel_release = "6.1.0-40-amd64";
    facts.accelerator = "kvm";
    facts.accelerator_reason = "a guest was booted";
    facts.archs = {"x86_64"};
    facts.features = {"memory:dimm"};
    return facts;
  }

  // Results of the calls.
  Status connect, start, reattach, destroy, detach, resize, replug, nmi, dump;
  StatusOr<vm::HostFacts> facts = Facts();
  StatusOr<std::vector<vm::VmInfo>> vms = std::vector<vm::VmInfo>();
  StatusOr<std::vector<vm::Vcpu>> cpus = std::vector<vm::Vcpu>();
  StatusOr<std::vector<absl::Duration>> delays = absl::UnimplementedError("unknown");
  StatusOr<std::string> dimm = std::string("dimm0");
  // Called with the text of each call, before it returns.
  std::function<void(const std::string& call)> on_call = [](const std::string&) {};

  std::vector<std::string> calls;                   // as text: "destroy lk-c-1"
  std::map<std::string, vm::VmSpec> specs;          // by VM
  std::map<std::string, vm::ConsoleSink> consoles;  // by VM
  vm::VmListener listener;                          // of the latest connection
  int connections = 0;                              // currently open

  void Call(const std::string& call) {
    calls.push_back(call);
    on_call(call);
  }
};

// A connection to a host.
class FakeHypervisor final : public vm::Hypervisor {
 public:
  explicit FakeHypervisor(FakeHost& host) : host_(host) { ++host_.connections; }
  ~FakeHypervisor() override {
    --host_.connections;
    host_.calls.emplace_back("disconnect");
  }

  StatusOr<vm::HostFacts> Probe() override {
    host_.Call("probe");
    return host_.facts;
  }
  Status Start(const vm::VmSpec& spec, vm::ConsoleSink console) override {
    host_.Call("start " + spec.name);
    host_.specs[spec.name] = spec;
    host_.consoles[spec.name] = std::move(console);
    return host_.start;
  }
  Status Reattach(const std::string& name, const std::filesystem::path& console_log, uint64_t recorded,
                  vm::ConsoleSink console) override {
    host_.Call(fmt::format("reattach {} to {} from {}", name, console_log.filename().string(), recorded));
    host_.consoles[name] = std::move(console);
    return host_.reattach;
  }
  Status Destroy(const std::string& name) override {
    host_.Call("destroy " + name);
    return host_.destroy;
  }
  StatusOr<std::vector<vm::VmInfo>> List(const std::string& owner) override {
    host_.Call("list " + owner);
    return host_.vms;
  }
  StatusOr<std::string> AttachDimm(const std::string& name, uint64_t bytes) override {
    host_.Call(fmt::format("attach {} {}", name, bytes));
    return host_.dimm;
  }
  Status DetachDimm(const std::string& name, const std::string& alias, absl::Duration patience) override {
    host_.Call(fmt::format("detach {} {} {}", name, alias, absl::FormatDuration(patience)));
    return host_.detach;
  }
  Status ResizeVirtioMem(const std::string& name, uint64_t bytes) override {
    host_.Call(fmt::format("resize {} {}", name, bytes));
    return host_.resize;
  }
  Status ReplugDisk(const std::string& name, const campaign::Profile& profile, const vm::ScratchDisk& disk,
                    unsigned number, absl::Duration patience) override {
    host_.Call(fmt::format("replug {} {} {} {} {}", name, profile.name, disk.path.filename().string(), number,
                           absl::FormatDuration(patience)));
    return host_.replug;
  }
  Status InjectNmi(const std::string& name) override {
    host_.Call("nmi " + name);
    return host_.nmi;
  }
  StatusOr<std::vector<vm::Vcpu>> VcpuState(const std::string& name) override {
    host_.Call("registers " + name);
    return host_.cpus;
  }
  StatusOr<std::vector<absl::Duration>> VcpuDelays(const std::string&) override { return host_.delays; }
  Status DumpMemory(const std::string&, const std::filesystem::path& path) override {
    host_.Call("dump " + path.filename().string());
    if (std::filesystem::exists(path)) return absl::AlreadyExistsError("the file exists");
    if (host_.dump.ok()) std::ofstream(path) << std::string(4096, 'd');
    return host_.dump;
  }

 private:
  FakeHost& host_;
};

// Connects to these hosts (by URI), which must outlive the connections.
inline vm::HypervisorFactory ConnectTo(std::map<std::string, FakeHost>& hosts) {
  return [&hosts](const std::string& uri, vm::VmListener listener) -> StatusOr<std::unique_ptr<vm::Hypervisor>> {
    FakeHost& host = hosts[uri];
    host.Call("connect");
    LK_RETURN_IF_ERROR(host.connect);
    host.listener = std::move(listener);
    return std::make_unique<FakeHypervisor>(host);
  };
}

}  // namespace lk::scheduler
