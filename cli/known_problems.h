// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server/known/known.h"
#include "support/status.h"

namespace lk::cli {

struct KnownProblems {
  std::string text;
  known::List list;
};

// Reads a file with a list of known problems. Error: INVALID_ARGUMENT (the file cannot be read, or has mistakes, one
// per line: "known.yaml:3:12: [0].until: ...").
StatusOr<KnownProblems> ReadKnownProblems(const std::string& path);

}  // namespace lk::cli
