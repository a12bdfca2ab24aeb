// SPDX-License-Identifier: Apache-2.0
#include "server/api/find_kernel.h"

#include <fmt/format.h>

#include <vector>

namespace lk::api {

StatusOr<campaign::KernelBuild> FindKernel(store::Store& store, const std::string& name) {
  LK_ASSIGN_OR_RETURN(const std::vector<campaign::KernelBuild> kernels, store.ListKernels());
  std::vector<std::string> ids;
  for (const campaign::KernelBuild& kernel : kernels) {
    if (kernel.id == name) return store.GetKernel(kernel.id);
    if (!name.empty() && (kernel.id.starts_with(name) || kernel.release == name)) ids.push_back(kernel.id);
  }
  if (ids.empty()) return absl::NotFoundError(fmt::format("no kernel \"{}\" (see lkctl kernel list)", name));
  if (ids.size() > 1) {
    return absl::FailedPreconditionError(
        fmt::format("\"{}\" matches {} builds: {}", name, ids.size(), fmt::join(ids, ", ")));
  }
  return store.GetKernel(ids.front());
}

}  // namespace lk::api
