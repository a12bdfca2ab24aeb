// SPDX-License-Identifier: Apache-2.0
// Lab kernels and their mutants, built by deploy/kernels/lab.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/context.h"
#include "support/status.h"

namespace lk::cli {

// Where the script `lab` is: $LK_KERNELS_DIR; or share/lk/kernels of the installation that this binary belongs to; or
// deploy/kernels of the source tree that it was built from. Errors: NOT_FOUND naming these.
StatusOr<std::filesystem::path> FindLab();

// Runs it with `args`; what it says about its progress goes to io.err as it comes. Gives the folder that it printed.
// While it runs, SIGINT and SIGTERM end it with all that it started. Errors: INVALID_ARGUMENT (it failed, and said
// why), CANCELLED (interrupted).
StatusOr<std::filesystem::path> RunLab(Io& io, const std::filesystem::path& lab, const std::vector<std::string>& args);

// The folder of the unmutated kernel that goes with a mutant's. Errors: as ReadLabels; NOT_FOUND (it is no mutant's).
StatusOr<std::filesystem::path> UnmutatedFolder(const std::filesystem::path& mutant);

}  // namespace lk::cli
