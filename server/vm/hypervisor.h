// SPDX-License-Identifier: Apache-2.0
// What lk needs of a hypervisor host. One implementation: vm/libvirt.
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

// Whose fault an error is. Every Status of this interface carries one (payload); anything without one is ours.
enum class Fault {
  kOurs,   // lk asked for something wrong: bad XML, unknown domain
  kHost,   // connection lost, libvirtd down, no memory on the host, QEMU does not start
  kGuest,  // the domain is not there any more or does not answer
};
Fault FaultOf(const Status& status);
Status WithFault(Status status, Fault fault);

struct HostFacts {
  uint32_t cpus = 0;
  uint64_t memory_bytes = 0;
  std::string libvirt_version;
  std::string hypervisor_version;  // "QEMU 10.0.2"
  std::string kernel_release;      // uname -r of this machine; empty: the host is another, and libvirt does not tell
  bool broken_qemu = false;        // a version known to break guests
  std::string broken_reason;
  std::string accelerator;         // kvm, tcg: what works for the host's own architecture
  std::string accelerator_reason;  // how that was found out
  std::vector<std::string> archs;  // the host's own first
  std::vector<std::string>
      features;  // iommu:intel, memory:dimm, memory:virtio-mem, launchSecurity:sev, firmware:uefi ...
};

// An empty disk of the run's own: a sparse file that is there before the VM starts. Its content dies with the run.
struct ScratchDisk {
  std::filesystem::path path;
  uint64_t bytes = 0;
};

struct VmSpec {
  std::string name;    // "lk-<run id>"
  std::string run_id;  // kept in the domain's metadata
  // Identity of the controller (state directory), kept in the metadata: only its own VMs are ever touched.
  std::string owner;
  campaign::Profile profile;
  std::string accelerator;  // kvm, tcg
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string cmdline;
  std::vector<ScratchDisk> disks;  // /dev/vda and so on in this order, virtio, with the serials lk-scratch-0 ...
  // Copy of the console that the hypervisor itself keeps, for the time lkd is away.
  std::filesystem::path console_log;
};

// Receives a VM's console. Called on the hypervisor's event thread, which all its VMs share: must not wait for anything
// but a local file.
struct ConsoleSink {
  std::function<void(std::string_view bytes)> on_bytes;
  std::function<void()> on_end;
};

struct VmEvent {
  enum class Kind {
    kStopped,    // shut down by itself or by the guest
    kCrashed,    // QEMU died, or the domain crashed
    kDestroyed,  // destroyed (by us or by somebody)
    kPanicked,   // panic device
    kWatchdog,   // watchdog device
    kPaused,     // `by_itself`: an I/O error, a watchdog, a crash; else somebody paused it
    kResumed,
    kHostLost,  // connection to the host lost; `name` is empty
    kHostBack,
  };
  Kind kind = Kind::kStopped;
  std::string name;
  std::string detail;  // libvirt's words
  bool by_itself = false;
};
// Called on the hypervisor's event thread; must not block.
using VmListener = std::function<void(const VmEvent&)>;

// One virtual CPU, looked at from outside.
struct Vcpu {
  uint32_t index = 0;
  bool halted = false;  // waits for an interrupt, or is switched off
  // Interrupts are off: RFLAGS.IF is clear (x86-64), PSTATE.I is set (aarch64). An idle aarch64 CPU has them off and is
  // halted; a halted x86-64 CPU that has them off will not come back.
  bool interrupts_off = false;
  uint64_t instruction_pointer = 0;
  std::string registers;  // as the monitor prints them
};

struct VmInfo {
  std::string name;
  std::string run_id;
  bool running = false;
};

// One host. Calls block and are made on worker threads; each has the deadline of libvirt's keepalive (15 s without an
// answer closes the connection: kHost, UNAVAILABLE). Thread-safe.
class Hypervisor {
 public:
  virtual ~Hypervisor() = default;

  // Looks at the host and tries its accelerators by booting something (some seconds; kept for the connection).
  virtual StatusOr<HostFacts> Probe() = 0;

  // Creates the VM (transient: nothing of it stays when it stops), console attached from the first byte.
  virtual Status Start(const VmSpec& spec, ConsoleSink console) = 0;
  // Takes over a VM of an earlier lkd. `recorded` bytes of its console are recorded already; the sink gets the rest.
  virtual Status Reattach(const std::string& name, const std::filesystem::path& console_log, uint64_t recorded,
                          ConsoleSink console) = 0;
  // No such VM: OK.
  virtual Status Destroy(const std::string& name) = 0;
  // VMs of this owner.
  virtual StatusOr<std::vector<VmInfo>> List(const std::string& owner) = 0;

  // Returns the device's alias.
  virtual StatusOr<std::string> AttachDimm(const std::string& name, uint64_t bytes) = 0;
  // Returns when the guest has let go (device removed event) or refused (FAILED_PRECONDITION), 30 s at most.
  virtual Status DetachDimm(const std::string& name, const std::string& alias) = 0;
  virtual Status ResizeVirtioMem(const std::string& name, uint64_t bytes) = 0;
  // Errors: UNIMPLEMENTED (kOurs) where QEMU has no NMI for the machine type, as for aarch64's virt.
  virtual Status InjectNmi(const std::string& name) = 0;
  // All vCPUs, through QEMU's monitor. A QEMU that does not answer blocks the call until the VM is destroyed.
  virtual StatusOr<std::vector<Vcpu>> VcpuState(const std::string& name) = 0;
  // Guest memory alone (no device state) into a compressed kdump file that crash and drgn read. Nothing may be at the
  // path. It is one of this host, and the file this process's own (mode 0600); or, for a remote host, one of that host,
  // and the file that of its daemon, in makedumpfile's flattened format. The VM stands still meanwhile. Errors: kGuest
  // FAILED_PRECONDITION where QEMU cannot, kHost RESOURCE_EXHAUSTED where the disk is full, kHost ALREADY_EXISTS; no
  // part of a file is left.
  virtual Status DumpMemory(const std::string& name, const std::filesystem::path& path) = 0;
};

struct HypervisorOptions {
  // Test hook: console bytes are thrown away in the adapter.
  bool drop_console = false;
};

// Connects. Errors: INVALID_ARGUMENT (not a URI libvirt knows), UNAVAILABLE (with libvirt's words), both kHost.
StatusOr<std::unique_ptr<Hypervisor>> Connect(const std::string& uri, VmListener listener,
                                              HypervisorOptions options = {});

// How Hosts connects: Connect, or a test's fake.
using HypervisorFactory =
    std::function<StatusOr<std::unique_ptr<Hypervisor>>(const std::string& uri, VmListener listener)>;

}  // namespace lk::vm
