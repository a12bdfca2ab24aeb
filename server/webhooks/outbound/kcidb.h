// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server/webhooks/outbound/outcome.h"

namespace lk::webhooks {

// A submission in KCIDB's I/O schema 5.0 (https://docs.kernelci.org/kcidb): a checkout and a build for each kernel, a
// test for each run that counts. `origin`: who submits, as agreed with KernelCI.
std::string KcidbSubmission(const Outcome& outcome, const std::string& origin);

}  // namespace lk::webhooks
