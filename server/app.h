// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lk {

// lkd: 0 after SIGTERM or SIGINT, 1 when it cannot run, 2 for wrong usage or configuration.
int Main(int argc, char** argv);

}  // namespace lk
