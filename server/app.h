// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk {

// Runs lkd. Returns 0 after SIGTERM or SIGINT, and after --help, --version or a successful --check-config; 1 if lkd
// cannot start; 2 for wrong usage or an invalid configuration.
int Main(int argc, char** argv);

}  // namespace lk
