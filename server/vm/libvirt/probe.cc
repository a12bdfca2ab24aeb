// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/probe.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <pugixml.hpp>
#include <set>
#include <sstream>

#include "server/vm/domain_xml.h"
#include "server/vm/libvirt/capabilities.h"
#include "server/vm/libvirt/console.h"
#include "server/vm/libvirt/error.h"
#include "server/vm/libvirt/event_loop.h"
#include "server/vm/libvirt/probe_guest.h"
#include "support/mutex.h"
#include "support/random.h"

namespace lk::vm::libvirt {
namespace {

constexpr absl::Duration kProbeTime = absl::Seconds(5);

// A directory that QEMU can read, whatever user it runs as.
class SharedFolder {
 public:
  SharedFolder() : path_(std::filesystem::temp_directory_path() / ("lk-probe-" + RandomHex(6))) {
    std::filesystem::create_directory(path_);
    chmod(path_.c_str(), 0755);
  }
  ~SharedFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The smallest domain with a vCPU and a serial console; without a kernel, the firmware prints on the console.
std::string ProbeXml(const std::string& arch, const std::string& kernel) {
  const bool x86 = arch == "x86_64";
  pugi::xml_document document;
  auto domain = document.append_child("domain");
  domain.append_attribute("type") = "kvm";
  domain.append_child("name").text().set(("lk-probe-" + RandomHex(6)).c_str());
  auto memory = domain.append_child("memory");
  memory.append_attribute("unit") = "MiB";
  memory.text().set(x86 ? 64 : 256);
  auto os = domain.append_child("os");
  if (!x86 && kernel.empty()) os.append_attribute("firmware") = "efi";
  auto type = os.append_child("type");
  type.append_attribute("machine") = x86 ? "q35" : "virt";
  type.append_attribute("arch") = arch.c_str();
  type.text().set("hvm");
  if (!kernel.empty()) os.append_child("kernel").text().set(kernel.c_str());
  if (x86) os.append_child("bios").append_attribute("useserial") = "yes";
  if (!x86) {
    auto features = domain.append_child("features");
    if (kernel.empty()) features.append_child("acpi");
    features.append_child("gic").append_attribute("version") = "3";
  }
  domain.append_child("cpu").append_attribute("mode") = "host-passthrough";  // as in runs
  auto devices = domain.append_child("devices");
  auto usb = devices.append_child("controller");
  usb.append_attribute("type") = "usb";
  usb.append_attribute("model") = "none";
  devices.append_child("serial").append_attribute("type") = "pty";
  devices.append_child("memballoon").append_attribute("model") = "none";
  std::ostringstream out;
  document.print(out);
  return out.str();
}

// Boots the domain with KVM and waits until it prints `word`.
Status BootsWithKvm(virConnect* connection, const std::string& arch, const std::string& kernel, std::string_view word) {
  // If lkd dies here, the domain is destroyed with the connection.
  const DomainHandle domain(virDomainCreateXML(connection, ProbeXml(arch, kernel).c_str(),
                                               VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY));
  if (!domain) return LastError("cannot start a guest with KVM");

  struct Heard {
    Mutex mutex;
    std::string text;
    std::string_view word;
    bool Has() const { return text.find(word) != std::string::npos; }
  } heard;
  heard.word = word;
  StatusOr<std::unique_ptr<Console>> console = nullptr;
  EventLoop::Get().Run([&] {
    console = OpenStream(domain.get(), /*gap=*/false,
                         {[&](std::string_view bytes) {
                            MutexLock lock(&heard.mutex);
                            heard.text += bytes;
                          },
                          [] {}});
  });
  Status status = console.status();
  if (status.ok() && virDomainResume(domain.get()) < 0) status = LastError("cannot resume a guest with KVM");
  if (status.ok()) {
    MutexLock lock(&heard.mutex);
    if (!heard.mutex.AwaitWithTimeout(absl::Condition(&heard, &Heard::Has), kProbeTime)) {
      status = absl::DeadlineExceededError(
          fmt::format("a guest with KVM did not print \"{}\" within {} s", word, absl::ToInt64Seconds(kProbeTime)));
    }
  }
  EventLoop::Get().Run([&] { console = nullptr; });
  virDomainDestroy(domain.get());
  return status;
}

struct Accelerator {
  std::string name;
  std::string reason;
};

Accelerator FindAccelerator(virConnect* connection, const Guests& guests, bool local) {
  if (!guests.kvm) return {"tcg", "libvirt does not offer KVM on this host (no usable /dev/kvm)"};
  const bool x86 = guests.host_arch == "x86_64";
  if (!x86 && guests.host_arch != "aarch64") return {"tcg", "KVM is used only on x86_64 and aarch64 hosts"};
  // Only a local hypervisor can read lkd's files. On a remote host, only the firmware is booted.
  const bool guest = local && !ProbeGuest().empty();
  const std::string firmware = x86 ? "SeaBIOS" : "UEFI firmware";
  const SharedFolder folder;
  std::string kernel;
  if (guest) {
    kernel = folder.path() / "guest";
    std::ofstream(kernel, std::ios::binary) << ProbeGuest();
    chmod(kernel.c_str(), 0644);
  }
  const auto status = BootsWithKvm(connection, guests.host_arch, kernel, guest ? kProbeWord : firmware);
  if (!status.ok()) return {"tcg", "libvirt offers KVM, but it does not work: " + std::string(status.message())};
  return {"kvm", guest ? "a KVM guest reached 64-bit mode" : firmware + " ran under KVM"};
}

// libvirt does not report whether QEMU supports scalable mode, so this function starts QEMU to find out. The guest
// never runs.
bool StartsScalableIommu(virConnect* connection) {
  VmSpec spec;
  spec.name = "lk-probe-" + RandomHex(6);
  spec.profile.name = "probe";
  spec.profile.machine = "q35";
  spec.profile.vcpus = 1;
  spec.profile.memory_bytes = uint64_t{64} << 20;
  spec.profile.iommu = campaign::Iommu{.model = campaign::Iommu::Model::kIntel, .scalable = true};
  spec.accelerator = "tcg";
  const auto xml = DomainXml(spec);
  if (!xml.ok()) return false;
  const DomainHandle domain(
      virDomainCreateXML(connection, xml->c_str(), VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY));
  if (!domain) return false;
  virDomainDestroy(domain.get());
  return true;
}

}  // namespace

StatusOr<HostFacts> ProbeHost(virConnect* connection, bool local) {
  HostFacts facts;
  virNodeInfo node;
  if (virNodeGetInfo(connection, &node) < 0) return LastError("cannot read node information");
  facts.cpus = node.cpus;
  facts.memory_bytes = static_cast<uint64_t>(node.memory) << 10;

  unsigned long libvirt_version = 0, qemu_version = 0;
  if (virConnectGetLibVersion(connection, &libvirt_version) < 0 ||
      virConnectGetVersion(connection, &qemu_version) < 0) {
    return LastError("cannot read versions");
  }
  facts.libvirt_version = VersionText(libvirt_version);
  facts.hypervisor_version = fmt::format("{} {}", virConnectGetType(connection), VersionText(qemu_version));
  if (utsname machine; local && uname(&machine) == 0) facts.kernel_release = machine.release;
  facts.broken_reason = BrokenQemu(qemu_version);
  facts.broken_qemu = !facts.broken_reason.empty();

  char* xml = virConnectGetCapabilities(connection);
  if (!xml) return LastError("cannot read capabilities");
  const auto guests = ParseCapabilities(TakeString(xml));
  if (guests.archs.empty()) {
    return WithFault(absl::FailedPreconditionError("no QEMU for x86_64 or aarch64 on the host"), Fault::kHost);
  }
  facts.archs = guests.archs;

  auto accelerator = FindAccelerator(connection, guests, local);
  facts.accelerator = std::move(accelerator.name);
  facts.accelerator_reason = std::move(accelerator.reason);

  std::set<std::string> features;
  for (const auto& arch : facts.archs) {
    const bool kvm = facts.accelerator == "kvm" && arch == guests.host_arch;
    char* domain = virConnectGetDomainCapabilities(connection, nullptr, arch.c_str(), arch == "x86_64" ? "q35" : "virt",
                                                   kvm ? "kvm" : "qemu", 0);
    if (!domain) return LastError("cannot read domain capabilities");
    for (auto& feature : ParseFeatures(TakeString(domain))) features.insert(std::move(feature));
  }
  if (features.contains("iommu:intel") && StartsScalableIommu(connection)) features.insert("iommu:intel-scalable");
  facts.features.assign(features.begin(), features.end());
  return facts;
}

}  // namespace lk::vm::libvirt
