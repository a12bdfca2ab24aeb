// SPDX-License-Identifier: Apache-2.0
#include "server/vm/libvirt/capabilities.h"

#include <fmt/format.h>

#include <pugixml.hpp>
#include <set>

namespace lk::vm::libvirt {
namespace {

// A feature that is listed in an enumeration of the domain capabilities.
struct EnumFeature {
  const char* path;   // of the <value> elements
  const char* value;  // nullptr if each value is a feature
  const char* feature;
};
constexpr EnumFeature kEnums[] = {
    {"/domainCapabilities/os/enum[@name='firmware']/value", "efi", "firmware:uefi"},
    {"/domainCapabilities/features/launchSecurity[@supported='yes']/enum[@name='sectype']/value", nullptr,
     "launchSecurity:"},
    {"/domainCapabilities/devices/panic[@supported='yes']/enum[@name='model']/value", nullptr, "panic:"},
};

// A feature that libvirt's domain capabilities do not list (as of 11.3), but that every QEMU since 8.0 has.
struct ArchFeature {
  const char* arch;
  const char* feature;
};
constexpr ArchFeature kArchs[] = {
    {"x86_64", "iommu:intel"},   {"x86_64", "iommu:amd"},         {"x86_64", "iommu:virtio"},
    {"x86_64", "memory:dimm"},   {"x86_64", "memory:virtio-mem"}, {"x86_64", "watchdog:i6300esb"},
    {"aarch64", "iommu:smmuv3"}, {"aarch64", "iommu:virtio"},     {"aarch64", "memory:virtio-mem"},
    {"aarch64", "memory:dimm"},  {"aarch64", "gic:v3"},
};

constexpr unsigned long kFirstGoodQemu = 8000000;

}  // namespace

Guests ParseCapabilities(std::string_view xml) {
  Guests guests;
  pugi::xml_document document;
  document.load_buffer(xml.data(), xml.size());
  guests.host_arch = document.select_node("/capabilities/host/cpu/arch").node().text().get();
  for (const auto& found : document.select_nodes("/capabilities/guest/arch")) {
    const std::string arch = found.node().attribute("name").value();
    if (!campaign::ParseArch(arch).ok()) continue;
    guests.archs.insert(arch == guests.host_arch ? guests.archs.begin() : guests.archs.end(), arch);
    if (arch == guests.host_arch && found.node().select_node("domain[@type='kvm']")) guests.kvm = true;
  }
  return guests;
}

std::vector<std::string> ParseFeatures(std::string_view xml) {
  pugi::xml_document document;
  document.load_buffer(xml.data(), xml.size());
  std::set<std::string> features;
  for (const auto& row : kEnums) {
    for (const auto& found : document.select_nodes(row.path)) {
      const std::string value = found.node().text().get();
      if (!row.value) {
        features.insert(row.feature + value);
      } else if (value == row.value) {
        features.insert(row.feature);
      }
    }
  }
  const std::string_view arch = document.select_node("/domainCapabilities/arch").node().text().get();
  for (const auto& row : kArchs) {
    if (arch == row.arch) features.insert(row.feature);
  }
  return {features.begin(), features.end()};
}

std::string BrokenQemu(unsigned long version) {
  if (version >= kFirstGoodQemu) return {};
  return fmt::format(
      "QEMU {}: emulation in QEMU 7.2 corrupts Linux 6.12 guests (in our tests, half of the boots crashed for reasons "
      "unrelated to the kernel); use 8.0 or newer",
      VersionText(version));
}

std::string VersionText(unsigned long version) {
  return fmt::format("{}.{}.{}", version / 1000000, version / 1000 % 1000, version % 1000);
}

}  // namespace lk::vm::libvirt
