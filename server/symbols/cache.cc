// SPDX-License-Identifier: Apache-2.0
#include "server/symbols/cache.h"

#include <fmt/format.h>

#include <algorithm>

namespace lk::symbols {

StatusOr<std::shared_ptr<const Symbols>> Cache::SymbolsOf(const std::string& kernel_id) {
  const MutexLock lock(&mutex_);
  const auto known =
      std::find_if(open_.begin(), open_.end(), [&](const auto& entry) { return entry.first == kernel_id; });
  if (known != open_.end()) {
    open_.splice(open_.begin(), open_, known);
    return known->second;
  }
  const std::vector<std::filesystem::path> files = files_(kernel_id);
  if (files.empty()) return absl::NotFoundError(fmt::format("kernel {} has no debug information", kernel_id));
  LK_ASSIGN_OR_RETURN(std::shared_ptr<const Symbols> symbols, Symbols::Open(files));
  open_.emplace_front(kernel_id, symbols);
  if (open_.size() > capacity_) open_.pop_back();
  return symbols;
}

}  // namespace lk::symbols
