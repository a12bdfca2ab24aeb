// SPDX-License-Identifier: Apache-2.0
// Artifacts of a run as files here.
#pragma once

#include <filesystem>
#include <string>

#include "cli/context.h"
#include "support/status.h"

namespace lk::v1 {
class ListArtifactsResponse;
}

namespace lk::cli {

// Writes the artifacts into the directory (made where it is missing), each under its own name, with mode 0600: a memory
// dump holds what the guest held. Nothing is overwritten, and no part of a file is left when the download fails.
// Errors: ALREADY_EXISTS (one of the files is there: nothing is downloaded), INVALID_ARGUMENT (the directory can't be
// written, or a name is no file's), CANCELLED (interrupted by the user), DATA_LOSS (fewer bytes came than the artifact
// had), what the server says.
Status Download(Context& context, const std::string& run_id, const v1::ListArtifactsResponse& list,
                const std::filesystem::path& directory);

}  // namespace lk::cli
