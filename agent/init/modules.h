// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::agent {

// Parses a list of modules in load order, with one path relative to / per line. Returns absolute paths.
std::vector<std::string> ParseModuleList(std::string_view text);

// Returns the names, with underscores, of the modules that a kernel command line blacklists: modprobe.blacklist=a,b
// (modprobe(8)).
std::set<std::string> BlacklistedModules(std::string_view cmdline);

// Loads the modules listed in /lk/modules that the kernel command line does not blacklist. Logs failures, except for
// modules that are missing or already loaded.
void LoadModules();

// Loads a module listed in /lk/modules by name, with parameters in the form that insmod(8) expects. Returns when the
// module's initialisation returns. Errors: NOT_FOUND (the guest has no such module), those of finit_module(2).
Status LoadModule(const std::string& name, const std::string& parameters);

}  // namespace lk::agent
