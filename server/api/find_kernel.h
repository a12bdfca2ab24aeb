// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server/store/store.h"

namespace lk::api {

// Finds a kernel, with its configuration, by id, id prefix or release. Errors: NOT_FOUND, FAILED_PRECONDITION
// (ambiguous), those of the store.
StatusOr<campaign::KernelBuild> FindKernel(store::Store& store, const std::string& name);

}  // namespace lk::api
