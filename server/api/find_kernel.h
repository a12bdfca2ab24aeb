// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server/store/store.h"

namespace lk::api {

// With its configuration. By id, a beginning of one, or a release. Errors: NOT_FOUND, FAILED_PRECONDITION (several),
// what the store says.
StatusOr<campaign::KernelBuild> FindKernel(store::Store& store, const std::string& name);

}  // namespace lk::api
