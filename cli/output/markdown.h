// SPDX-License-Identifier: Apache-2.0
// Markdown for comments on pull requests (GitHub's and GitLab's dialects).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/output/finding_view.h"

namespace lk::cli {

// Text from a log in the font of code, without any other effect: neither markup nor a new cell of a table.
std::string MarkdownCode(std::string_view text);

std::unique_ptr<FindingPrinter> MakeMarkdownPrinter(LocalContext& context, FindingStyle style);

}  // namespace lk::cli
