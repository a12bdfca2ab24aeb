// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace lk::agent::gic_lpi_hotplug {

// Returns the kernel command line with maxcpus=`cpus` instead of what it says about maxcpus; 0 for no limit.
std::string WithBootCpus(const std::string& command_line, uint64_t cpus);

}  // namespace lk::agent::gic_lpi_hotplug
