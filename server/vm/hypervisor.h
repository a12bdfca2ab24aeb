// SPDX-License-Identifier: Apache-2.0
// The interface to a hypervisor host. One implementation: vm/libvirt.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/campaign/types.h"
#include "support/status.h"

namespace lk::vm {

// The side that caused an error. An error Status from this interface carries the fault as a payload; a Status without
// such a payload means kOurs.
enum class Fault {
  kOurs,   // an invalid request by lk: bad XML, unsupported configuration
  kHost,   // connection lost, libvirtd down, host out of memory, QEMU does not start
  kGuest,  // the domain is gone or does not respond
};
Fault FaultOf(const Status& status);
Status WithFault(Status status, Fault fault);

struct HostFacts {
  uint32_t cpus = 0;
  uint64_t memory_bytes = 0;
  std::string libvirt_version;
  std::string hypervisor_version;  // "QEMU 10.0.2"
  std::string kernel_release;      // uname -r of a local host; empty for remote hosts, since libvirt does not report it
  bool broken_qemu = false;        // a version known to break guests
  std::string broken_reason;
  std::string accelerator;         // kvm or tcg, whichever works for the host's own architecture
  std::string accelerator_reason;  // how the accelerator was determined
  std::vector<std::string> archs;  // the host's own first
  std::vector<std::string>
      features;  // iommu:intel, memory:dimm, memory:virtio-mem, launchSecurity:sev, firmware:uefi ...
};

// An empty disk for one run: a sparse file that is created before the VM starts and deleted together with the run.
struct ScratchDisk {
  std::filesystem::path path;
  uint64_t bytes = 0;
};

struct VmSpec {
  std::string name;    // "lk-<run id>"
  std::string run_id;  // kept in the domain's metadata
  // Identity of the controller (its state directory), also kept in the metadata. A controller touches only its own VMs.
  std::string owner;
  campaign::Profile profile;
  std::string accelerator;  // kvm, tcg
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string cmdline;
  std::vector<ScratchDisk> disks;  // virtio: /dev/vda, /dev/vdb ... with the serials lk-scratch-0, lk-scratch-1 ...
  // Log of the console, kept by the hypervisor itself, so that it also covers times when lkd is not running.
  std::filesystem::path console_log;
};

// Receives the output of a VM's console. Called on the hypervisor's event thread, which is shared by all VMs, so
// the functions must not wait for anything except local files.
struct ConsoleSink {
  std::function<void(std::string_view bytes)> on_bytes;
  std::function<void()> on_end;
};

struct VmEvent {
  enum class Kind {
    kStopped,    // stopped on its own, or shut down by the guest
    kCrashed,    // QEMU died, or the domain crashed
    kDestroyed,  // destroyed by lk or someone else
    kPanicked,   // reported by the panic device
    kWatchdog,   // the watchdog device has expired
    kPaused,     // `by_itself` after an I/O error, a watchdog action or a crash; otherwise someone paused it
    kResumed,
    kHostLost,  // connection to the host lost; `name` is empty
    kHostBack,
  };
  Kind kind = Kind::kStopped;
  std::string name;
  std::string detail;  // what happened, in plain words
  bool by_itself = false;
};
// Called on the hypervisor's event thread; must not block.
using VmListener = std::function<void(const VmEvent&)>;

// State of a virtual CPU, seen from outside the guest.
struct Vcpu {
  uint32_t index = 0;
  bool halted = false;  // waiting for an interrupt, or powered off
  // Interrupts are off: RFLAGS.IF is clear (x86-64), PSTATE.I is set (aarch64). An idle aarch64 CPU is halted with
  // interrupts off; an x86-64 CPU that is halted with interrupts off will not wake up.
  bool interrupts_off = false;
  uint64_t instruction_pointer = 0;
  std::string registers;  // as printed by QEMU's monitor
};

struct VmInfo {
  std::string name;
  std::string run_id;
  bool running = false;
};

// One host. Calls block, so they are made on worker threads. They are bounded by libvirt's keepalive: after 15 s
// without a response the connection is closed, and they fail with UNAVAILABLE (kHost). Thread-safe.
class Hypervisor {
 public:
  virtual ~Hypervisor() = default;

  // Inspects the host, and tests KVM by booting a guest. This takes a few seconds; the result is cached for the
  // connection.
  virtual StatusOr<HostFacts> Probe() = 0;

  // Creates a transient VM (nothing is left when it stops), with its console attached from the first byte.
  virtual Status Start(const VmSpec& spec, ConsoleSink console) = 0;
  // Takes over a VM that an earlier lkd has started. The first `recorded` bytes of its console have already been
  // recorded; the sink gets the rest.
  virtual Status Reattach(const std::string& name, const std::filesystem::path& console_log, uint64_t recorded,
                          ConsoleSink console) = 0;
  // Returns OK if there is no such VM.
  virtual Status Destroy(const std::string& name) = 0;
  // Lists the VMs of this owner.
  virtual StatusOr<std::vector<VmInfo>> List(const std::string& owner) = 0;

  // Returns the device's alias.
  virtual StatusOr<std::string> AttachDimm(const std::string& name, uint64_t bytes) = 0;
  // Asks the guest to release the DIMM, and waits until the guest has done so (device removed event). Errors: kGuest
  // FAILED_PRECONDITION if the guest refuses, kGuest DEADLINE_EXCEEDED if it does neither within `patience`.
  virtual Status DetachDimm(const std::string& name, const std::string& alias, absl::Duration patience) = 0;
  virtual Status ResizeVirtioMem(const std::string& name, uint64_t bytes) = 0;
  // Removes the scratch disk with this number (see VmSpec::disks) and attaches it again. If the VM still has the disk,
  // asks the guest to release it, and waits as DetachDimm does.
  virtual Status ReplugDisk(const std::string& name, const campaign::Profile& profile, const ScratchDisk& disk,
                            unsigned number, absl::Duration patience) = 0;
  // Errors: UNIMPLEMENTED (kOurs) if QEMU does not support NMIs for the machine type, such as virt on aarch64.
  virtual Status InjectNmi(const std::string& name) = 0;
  // Reads the state of all vCPUs from QEMU's monitor. If QEMU does not respond, the call blocks until the VM is
  // destroyed.
  virtual StatusOr<std::vector<Vcpu>> VcpuState(const std::string& name) = 0;
  // How long the thread of each vCPU has been ready to run but has had to wait for a CPU, since it was started
  // (libvirt's vcpu.N.delay, which is run_delay of kernel/sched/stats.h). Does not wait for QEMU. Errors:
  // UNIMPLEMENTED if the host does not report it.
  virtual StatusOr<std::vector<absl::Duration>> VcpuDelays(const std::string& name) = 0;
  // Writes the guest's memory (without device state) to a compressed kdump file that crash and drgn can read. The path
  // must not exist. On a local host, the file is owned by the user of this process (mode 0600). On a remote host, the
  // path is on that host, and the file is owned by the daemon's user and in makedumpfile's flattened format. The VM is
  // paused during the dump. Errors: kGuest FAILED_PRECONDITION if QEMU cannot write such a file or the VM is not
  // running, kHost RESOURCE_EXHAUSTED if the disk is full, kHost ALREADY_EXISTS; no partial file is left.
  virtual Status DumpMemory(const std::string& name, const std::filesystem::path& path) = 0;
};

struct HypervisorOptions {
  // Test hook: discards all console output.
  bool drop_console = false;
};

// Connects to a host. Errors (both kHost): INVALID_ARGUMENT (libvirt does not support the URI), UNAVAILABLE (with
// libvirt's message).
StatusOr<std::unique_ptr<Hypervisor>> Connect(const std::string& uri, VmListener listener,
                                              HypervisorOptions options = {});

// How class Hosts connects: with Connect, or with a fake in tests.
using HypervisorFactory =
    std::function<StatusOr<std::unique_ptr<Hypervisor>>(const std::string& uri, VmListener listener)>;

}  // namespace lk::vm
