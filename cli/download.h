// SPDX-License-Identifier: Apache-2.0
// Downloads the artifacts of a run.
#pragma once

#include <filesystem>
#include <string>

#include "cli/context.h"
#include "support/status.h"

namespace lk::v1 {
class ListArtifactsResponse;
}

namespace lk::cli {

// Saves the artifacts under their own names in the directory, which is created if missing. File modes are 0600 because
// a memory dump may contain secrets from the guest. Never overwrites a file; removes a partial file if its download
// fails.
// Errors: ALREADY_EXISTS (one of the files exists; nothing is downloaded), INVALID_ARGUMENT (the directory cannot be
// written, or a name is not a plain file name), CANCELLED (interrupted by the user), DATA_LOSS (received fewer bytes
// than the size of the artifact), errors from the server.
Status Download(Context& context, const std::string& run_id, const v1::ListArtifactsResponse& list,
                const std::filesystem::path& directory);

}  // namespace lk::cli
