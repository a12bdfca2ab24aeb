// SPDX-License-Identifier: Apache-2.0
#include "agent/scenarios/gic_lpi_hotplug/boot_cpus.h"

#include <fmt/format.h>

#include <sstream>

namespace lk::agent::gic_lpi_hotplug {

std::string WithBootCpus(const std::string& command_line, uint64_t cpus) {
  // In front, because the kernel ignores what follows "--".
  std::string result = cpus > 0 ? fmt::format("maxcpus={}", cpus) : "";
  std::istringstream words(command_line);
  for (std::string word; words >> word;) {
    if (!word.starts_with("maxcpus=")) result += (result.empty() ? "" : " ") + word;
  }
  return result;
}

}  // namespace lk::agent::gic_lpi_hotplug
