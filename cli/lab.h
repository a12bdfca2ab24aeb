// SPDX-License-Identifier: Apache-2.0
// Lab kernels and their mutants, built by deploy/kernels/lab.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/context.h"
#include "support/status.h"

namespace lk::cli {

// Path of the `lab` script. Searches $LK_KERNELS_DIR if set; otherwise share/lk/kernels of the installation that this
// binary belongs to, then deploy/kernels of the source tree that it was built from. Errors: NOT_FOUND, listing the
// directories searched.
StatusOr<std::filesystem::path> FindLab();

// Runs `lab` with `args`, forwarding its stderr to io.err. Returns the directory that `lab` prints. SIGINT and SIGTERM
// terminate it and all its children. Errors: INVALID_ARGUMENT (`lab` failed; its stderr says why), CANCELLED
// (interrupted).
StatusOr<std::filesystem::path> RunLab(Io& io, const std::filesystem::path& lab, const std::vector<std::string>& args);

// The directory of the kernel that a mutant was made from. Errors: those of ReadLabels; NOT_FOUND (not a mutant).
StatusOr<std::filesystem::path> UnmutatedFolder(const std::filesystem::path& mutant);

}  // namespace lk::cli
