// SPDX-License-Identifier: Apache-2.0
#include "server/vm/domain_xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <pugixml.hpp>
#include <set>
#include <sstream>

namespace lk::vm {
namespace {

using campaign::Arch;
using campaign::Confidential;
using campaign::Iommu;
using campaign::MemoryHotplug;

// Granularity of a virtio-mem device. 2 MiB is the minimum on x86_64, and on arm64 with 4 KiB pages
// (QEMU hw/virtio/virtio-mem.c: the size of a transparent huge page).
constexpr uint64_t kVirtioMemBlock = uint64_t{2} << 20;

// <launchSecurity>: libvirt's name for each type, and which of its settings are attributes rather than child elements
// (libvirt's schema, domaincommon.rng, and formatdomain.html#launch-security).
struct LaunchSecurity {
  Confidential::Type type;
  const char* name;
  std::set<std::string> attributes;
};
const std::array<LaunchSecurity, 3> kLaunchSecurity = {{
    {Confidential::Type::kSev, "sev", {"kernelHashes"}},
    {Confidential::Type::kSevSnp, "sev-snp", {"kernelHashes", "authorKey", "vcek"}},
    {Confidential::Type::kTdx, "tdx", {}},
}};

struct IommuModel {
  Iommu::Model model;
  const char* name;
};
constexpr std::array<IommuModel, 3> kIommuModels = {{
    {Iommu::Model::kIntel, "intel"},
    {Iommu::Model::kSmmuv3, "smmuv3"},
    {Iommu::Model::kVirtio, "virtio"},
}};

pugi::xml_node Child(pugi::xml_node parent, const char* name) {
  return parent.append_child(name);
}

pugi::xml_node Child(pugi::xml_node parent, const char* name, const std::string& text) {
  auto node = parent.append_child(name);
  node.text().set(text.c_str());
  return node;
}

void Set(pugi::xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name).set_value(value.c_str());
}

void Size(pugi::xml_node parent, const char* name, uint64_t bytes) {
  Set(Child(parent, name, std::to_string(bytes >> 10)), "unit", "KiB");
}

std::string Print(const pugi::xml_node& node) {
  std::ostringstream out;
  node.print(out, "  ", pugi::format_default | pugi::format_no_declaration);
  return out.str();
}

// /dev/vda to /dev/vdz.
constexpr size_t kMaxDisks = 26;

// Why the combination is impossible; empty if it is valid.
std::string Refusal(const VmSpec& spec) {
  const auto& profile = spec.profile;
  if (spec.disks.size() > kMaxDisks)
    return fmt::format("{} scratch disks are too many (maximum: {})", spec.disks.size(), kMaxDisks);
  const bool x86 = profile.arch == Arch::kX86_64;
  if (profile.iommu) {
    const auto& iommu = *profile.iommu;
    const bool intel = iommu.model == Iommu::Model::kIntel;
    if (intel && (!x86 || profile.machine != "q35")) return "iommu intel requires x86_64 and machine q35";
    if (iommu.model == Iommu::Model::kSmmuv3 && x86) return "iommu smmuv3 requires aarch64";
    const bool amd = iommu.model == Iommu::Model::kAmd;
    if (amd && (!x86 || profile.machine != "q35")) return "iommu amd requires x86_64 and machine q35";
    if (!intel && (iommu.caching_mode || iommu.scalable)) return "cachingMode and scalable require iommu intel";
    if (!intel && !amd && (iommu.intremap || iommu.device_iotlb)) {
      return "intremap and deviceIotlb require iommu intel or amd";
    }
  }
  if (profile.memory_hotplug && profile.memory_hotplug->max_bytes <= profile.memory_bytes) {
    return "memoryHotplug.max must be greater than memory";
  }
  if (profile.memory_hotplug && profile.memory_hotplug->model == MemoryHotplug::Model::kVirtioMem &&
      (profile.memory_hotplug->max_bytes - profile.memory_bytes) % kVirtioMemBlock != 0) {
    return "memoryHotplug.max minus memory must be a multiple of 2MiB, the block size of virtio-mem";
  }
  if (profile.confidential.type != Confidential::Type::kNone) {
    if (!x86) return "sev, sev-snp and tdx require x86_64";
    if (!profile.uefi) return "sev, sev-snp and tdx require firmware: uefi";
    if (spec.accelerator != "kvm") return "sev, sev-snp and tdx require KVM";
  }
  return {};
}

void AddMetadata(pugi::xml_node domain, const VmSpec& spec) {
  auto run = Child(Child(domain, "metadata"), "lk:run");
  Set(run, "xmlns:lk", kMetadataUri);
  Set(run, "id", spec.run_id);
  Set(run, "owner", spec.owner);
}

void AddMemory(pugi::xml_node domain, const campaign::Profile& profile) {
  if (profile.memory_hotplug) {
    auto max = Child(domain, "maxMemory", std::to_string(profile.memory_hotplug->max_bytes >> 10));
    Set(max, "slots", std::to_string(std::max(1u, profile.memory_hotplug->slots)));
    Set(max, "unit", "KiB");
  }
  Size(domain, "memory", profile.memory_bytes);
  Child(domain, "vcpu", std::to_string(profile.vcpus));
}

void AddOs(pugi::xml_node domain, const VmSpec& spec) {
  const auto& profile = spec.profile;
  auto os = Child(domain, "os");
  if (profile.uefi) Set(os, "firmware", "efi");
  auto type = Child(os, "type", "hvm");
  Set(type, "arch", std::string(ToString(profile.arch)));
  Set(type, "machine", profile.machine);
  if (profile.uefi) {
    // Secure Boot off: builds under test are not signed.
    auto feature = Child(Child(os, "firmware"), "feature");
    Set(feature, "enabled", "no");
    Set(feature, "name", "secure-boot");
    // SNP and TDX firmware is a ROM without variables. For other firmware, lk specifies the file with the variables,
    // because libvirt would create one and leave it behind when the transient domain ends.
    const auto confidential = profile.confidential.type;
    if (confidential != Confidential::Type::kSevSnp && confidential != Confidential::Type::kTdx) {
      Child(os, "nvram", NvramPath(spec).string());
    }
  }
  if (!spec.kernel.empty()) Child(os, "kernel", spec.kernel.string());
  if (!spec.initrd.empty()) Child(os, "initrd", spec.initrd.string());
  if (!spec.cmdline.empty()) Child(os, "cmdline", spec.cmdline);
}

void AddFeatures(pugi::xml_node domain, const campaign::Profile& profile) {
  auto features = Child(domain, "features");
  const bool x86 = profile.arch == Arch::kX86_64;
  // On arm64, ACPI requires UEFI; without it, the guest uses a device tree.
  if (x86 || profile.uefi) Child(features, "acpi");
  if (x86) Child(features, "apic");
  if (!x86) Set(Child(features, "gic"), "version", "3");
  // Interrupt remapping requires that QEMU rather than KVM emulates the I/O APIC (QEMU hw/i386/intel_iommu.c).
  if (profile.iommu && profile.iommu->intremap) Set(Child(features, "ioapic"), "driver", "qemu");
}

// With KVM, guests have the host's own CPU. With TCG on x86_64, they have everything that TCG implements ("maximum"):
// Debian's 6.1 and 6.12 cloud kernels reach /init as fast with it as with qemu64, Nehalem or Haswell (1.8 s and 2.2 s),
// and kernels built for newer ISA levels run as well. On arm64, TCG's maximum CPU would spend its time on pointer
// authentication, so guests have a Cortex-A57.
void AddCpu(pugi::xml_node domain, const VmSpec& spec) {
  const auto& profile = spec.profile;
  auto cpu = Child(domain, "cpu");
  if (spec.accelerator == "kvm") {
    Set(cpu, "mode", "host-passthrough");
  } else if (profile.arch == Arch::kX86_64) {
    Set(cpu, "mode", "maximum");
  } else {
    Set(cpu, "mode", "custom");
    Set(cpu, "match", "exact");
    Set(Child(cpu, "model", "cortex-a57"), "fallback", "forbid");
  }
  if (profile.memory_hotplug) {  // hotplugged memory needs a NUMA node to join
    auto cell = Child(Child(cpu, "numa"), "cell");
    Set(cell, "id", "0");
    Set(cell, "cpus", profile.vcpus == 1 ? "0" : fmt::format("0-{}", profile.vcpus - 1));
    Set(cell, "memory", std::to_string(profile.memory_bytes >> 10));
    Set(cell, "unit", "KiB");
  }
}

bool UsesIommuPlatform(const campaign::Profile& profile) {
  return profile.iommu || profile.confidential.type != Confidential::Type::kNone;
}

// Virtio devices use the vIOMMU, and avoid encrypted memory, only if they are configured to.
void SetIommuPlatform(pugi::xml_node driver, const campaign::Profile& profile) {
  if (!UsesIommuPlatform(profile)) return;
  Set(driver, "iommu", "on");
  if (profile.iommu && profile.iommu->device_iotlb) Set(driver, "ats", "on");
}

void AddNetwork(pugi::xml_node devices, const campaign::Profile& profile) {
  auto interface = Child(devices, "interface");
  Set(interface, "type", "user");
  Set(Child(interface, "model"), "type", "virtio");
  if (UsesIommuPlatform(profile)) SetIommuPlatform(Child(interface, "driver"), profile);
  // Without an option ROM, the firmware does not try to boot from the network.
  Set(Child(interface, "rom"), "enabled", "no");
}

void AddDisk(pugi::xml_node parent, const campaign::Profile& profile, const ScratchDisk& scratch, unsigned number) {
  auto disk = Child(parent, "disk");
  Set(disk, "type", "file");
  Set(disk, "device", "disk");
  auto driver = Child(disk, "driver");
  Set(driver, "name", "qemu");
  Set(driver, "type", "raw");
  // Use the host's page cache, because not every file system supports O_DIRECT (tmpfs before Linux 6.6, overlays).
  // Ignore flushes, because nobody reads these files after the host has crashed. O_DIRECT in the guest is not
  // affected.
  Set(driver, "cache", "unsafe");
  // An I/O error of the host pauses the VM, which lkd notices, so that an I/O error in the guest is the guest's own.
  Set(driver, "error_policy", "stop");
  Set(driver, "io", "threads");
  Set(driver, "discard", "unmap");
  SetIommuPlatform(driver, profile);
  Set(Child(disk, "source"), "file", scratch.path.string());
  auto target = Child(disk, "target");
  Set(target, "dev", fmt::format("vd{}", static_cast<char>('a' + number)));
  Set(target, "bus", "virtio");
  Child(disk, "serial", fmt::format("lk-scratch-{}", number));
  Set(Child(disk, "alias"), "name", DiskAlias(number));
}

void AddConsole(pugi::xml_node devices, const VmSpec& spec) {
  auto serial = Child(devices, "serial");
  Set(serial, "type", "pty");
  if (!spec.console_log.empty()) {
    // Truncate an old log, so that byte n of the log is byte n of the console.
    auto log = Child(serial, "log");
    Set(log, "file", spec.console_log.string());
    Set(log, "append", "off");
  }
  Set(Child(serial, "target"), "port", "0");
}

void AddIommu(pugi::xml_node devices, const Iommu& iommu) {
  auto node = Child(devices, "iommu");
  for (const auto& [model, name] : kIommuModels) {
    if (model == iommu.model) Set(node, "model", name);
  }
  if (!iommu.intremap && !iommu.caching_mode && !iommu.device_iotlb) return;
  auto driver = Child(node, "driver");
  if (iommu.intremap) Set(driver, "intremap", "on");
  if (iommu.caching_mode) Set(driver, "caching_mode", "on");
  if (iommu.device_iotlb) Set(driver, "iotlb", "on");
}

constexpr char kQemuUri[] = "http://libvirt.org/schemas/domain/qemu/1.0";

// libvirt (as of 11.3) has no model for AMD's IOMMU, so QEMU gets it as raw arguments
// (https://libvirt.org/drvqemu.html#pass-through-of-arbitrary-qemu-commands). QEMU creates devices in JSON after all
// others; created first, the IOMMU's PCI function would take an address that libvirt has assigned to another device.
void AddAmdIommu(pugi::xml_node domain, const Iommu& iommu) {
  Set(domain, "xmlns:qemu", kQemuUri);
  auto arguments = Child(domain, "qemu:commandline");
  Set(Child(arguments, "qemu:arg"), "value", "-device");
  Set(Child(arguments, "qemu:arg"), "value",
      fmt::format(R"({{"driver":"amd-iommu","intremap":"{}","device-iotlb":{}}})", iommu.intremap ? "on" : "off",
                  iommu.device_iotlb));
}

// libvirt's <iommu> (as of 11.3) has no setting for VT-d scalable mode, but QEMU has an experimental one:
// https://libvirt.org/drvqemu.html#overriding-properties-of-qemu-devices. libvirt's alias for the only IOMMU of a
// domain is iommu0.
void AddScalableMode(pugi::xml_node domain) {
  Set(domain, "xmlns:qemu", kQemuUri);
  auto device = Child(Child(domain, "qemu:override"), "qemu:device");
  Set(device, "alias", "iommu0");
  auto property = Child(Child(device, "qemu:frontend"), "qemu:property");
  Set(property, "name", "x-scalable-mode");
  Set(property, "type", "bool");
  Set(property, "value", "true");
}

void AddDevices(pugi::xml_node domain, const VmSpec& spec) {
  const auto& profile = spec.profile;
  auto devices = Child(domain, "devices");
  // By default, libvirt adds a USB controller and a memory balloon (but no video device). Neither is wanted.
  auto usb = Child(devices, "controller");
  Set(usb, "type", "usb");
  Set(usb, "model", "none");
  for (unsigned i = 0; i < spec.disks.size(); ++i) AddDisk(devices, profile, spec.disks[i], i);
  AddNetwork(devices, profile);
  AddConsole(devices, spec);
  if (profile.watchdog) {
    auto watchdog = Child(devices, "watchdog");
    Set(watchdog, "model", profile.watchdog->model);
    Set(watchdog, "action", profile.watchdog->action);
  }
  Set(Child(devices, "memballoon"), "model", "none");
  Set(Child(devices, "panic"), "model", profile.arch == Arch::kX86_64 ? "isa" : "pvpanic");
  if (profile.memory_hotplug && profile.memory_hotplug->model == MemoryHotplug::Model::kVirtioMem) {
    auto memory = Child(devices, "memory");
    Set(memory, "model", "virtio-mem");
    auto target = Child(memory, "target");
    Size(target, "size", profile.memory_hotplug->max_bytes - profile.memory_bytes);
    Child(target, "node", "0");
    Size(target, "block", kVirtioMemBlock);
    Size(target, "requested", 0);
    Set(Child(memory, "alias"), "name", "ua-lk-virtio-mem");
  }
  if (profile.iommu && profile.iommu->model != Iommu::Model::kAmd) AddIommu(devices, *profile.iommu);
}

void AddLaunchSecurity(pugi::xml_node domain, const Confidential& confidential) {
  for (const auto& row : kLaunchSecurity) {
    if (row.type != confidential.type) continue;
    auto node = Child(domain, "launchSecurity");
    Set(node, "type", row.name);
    for (const auto& [name, value] : confidential.fields) {
      if (row.attributes.contains(name)) {
        Set(node, name.c_str(), value);
      } else {
        Child(node, name.c_str(), value);
      }
    }
  }
}

// The aliases of all devices of a type, which is the name of their elements.
std::set<std::string, std::less<>> Aliases(std::string_view domain_xml, const std::string& type) {
  pugi::xml_document document;
  document.load_buffer(domain_xml.data(), domain_xml.size());
  std::set<std::string, std::less<>> aliases;
  for (const auto& alias : document.select_nodes(("/domain/devices/" + type + "/alias/@name").c_str())) {
    aliases.insert(alias.attribute().value());
  }
  return aliases;
}

uint64_t Bytes(const pugi::xml_node& node) {
  // libvirt always writes KiB, whatever unit it was given.
  return node.text().as_ullong() << 10;
}

}  // namespace

StatusOr<std::string> DomainXml(const VmSpec& spec) {
  if (const auto refusal = Refusal(spec); !refusal.empty()) {
    return WithFault(absl::InvalidArgumentError(fmt::format("profile {}: {}", spec.profile.name, refusal)),
                     Fault::kOurs);
  }
  pugi::xml_document document;
  auto domain = Child(document, "domain");
  Set(domain, "type", spec.accelerator == "kvm" ? "kvm" : "qemu");
  Child(domain, "name", spec.name);
  AddMetadata(domain, spec);
  AddMemory(domain, spec.profile);
  AddOs(domain, spec);
  AddFeatures(domain, spec.profile);
  AddCpu(domain, spec);
  // A crashed guest is kept for inspection by the controller. A guest that reboots (QEMU does not notice kexec) keeps
  // running.
  Child(domain, "on_poweroff", "destroy");
  Child(domain, "on_reboot", "restart");
  Child(domain, "on_crash", "preserve");
  AddDevices(domain, spec);
  AddLaunchSecurity(domain, spec.profile.confidential);
  if (spec.profile.iommu && spec.profile.iommu->scalable) AddScalableMode(domain);
  if (IommuIs(spec.profile, Iommu::Model::kAmd)) AddAmdIommu(domain, *spec.profile.iommu);
  return Print(document);
}

std::filesystem::path NvramPath(const VmSpec& spec) {
  return spec.console_log.parent_path() / (spec.name + ".nvram");
}

Ownership ParseOwnership(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return {};
  const auto run = document.document_element();
  return {run.attribute("id").value(), run.attribute("owner").value()};
}

std::string DimmXml(uint64_t bytes, const std::string& alias) {
  pugi::xml_document document;
  auto memory = Child(document, "memory");
  Set(memory, "model", "dimm");
  auto target = Child(memory, "target");
  Size(target, "size", bytes);
  Child(target, "node", "0");
  Set(Child(memory, "alias"), "name", alias);
  return Print(document);
}

std::string FreeDimmAlias(std::string_view domain_xml) {
  const auto taken = Aliases(domain_xml, "memory");
  for (unsigned n = 0;; ++n) {
    auto alias = fmt::format("{}{}", kDimmAlias, n);
    if (!taken.contains(alias)) return alias;
  }
}

std::string DiskAlias(unsigned number) {
  return fmt::format("ua-lk-scratch-{}", number);
}

std::string DiskXml(const campaign::Profile& profile, const ScratchDisk& disk, unsigned number) {
  pugi::xml_document document;
  AddDisk(document, profile, disk, number);
  return Print(document.first_child());
}

bool HasDisk(std::string_view domain_xml, std::string_view alias) {
  return Aliases(domain_xml, "disk").contains(alias);
}

bool HasMemoryDevice(std::string_view domain_xml, std::string_view alias) {
  return Aliases(domain_xml, "memory").contains(alias);
}

StatusOr<std::string> VirtioMemXml(std::string_view domain_xml, uint64_t bytes) {
  pugi::xml_document document;
  document.load_buffer(domain_xml.data(), domain_xml.size());
  auto memory = document.select_node("/domain/devices/memory[@model='virtio-mem']").node();
  if (!memory) return WithFault(absl::FailedPreconditionError("the VM has no virtio-mem device"), Fault::kOurs);
  auto target = memory.child("target");
  const uint64_t size = Bytes(target.child("size"));
  const uint64_t block = Bytes(target.child("block"));
  if (bytes > size || block == 0 || bytes % block != 0) {
    return WithFault(absl::InvalidArgumentError(fmt::format(
                         "virtio-mem size {} B: must be a multiple of {} B and at most {} B", bytes, block, size)),
                     Fault::kOurs);
  }
  target.child("requested").text().set(std::to_string(bytes >> 10).c_str());
  return Print(memory);
}

}  // namespace lk::vm
