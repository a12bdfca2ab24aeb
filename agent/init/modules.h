// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::agent {

// Paths of modules, from a list with one a line relative to /, in the order to load them.
std::vector<std::string> ParseModuleList(std::string_view text);

// Names of the modules that a kernel command line keeps from being loaded on nobody's request, with underscores:
// modprobe.blacklist=a,b (modprobe(8)).
std::set<std::string> BlacklistedModules(std::string_view cmdline);

// Loads what /lk/modules lists and the kernel's command line does not blacklist. A module that is not there or already
// loaded is nothing to speak of; others that fail are logged.
void LoadModules();

// Loads a module that /lk/modules lists, by name, with parameters as insmod(8) takes them. Returns when its
// initialisation does. Errors: NOT_FOUND (the guest has no such module), what finit_module(2) says.
Status LoadModule(const std::string& name, const std::string& parameters);

}  // namespace lk::agent
