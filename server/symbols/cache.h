// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/symbols/symbols.h"
#include "support/mutex.h"
#include "support/status.h"

namespace lk::symbols {

// Symbols of kernel builds, opened on first use; the most recently used ones stay open. Thread-safe.
class Cache {
 public:
  // Returns the files with debug information for a build; empty if there are none.
  using Files = std::function<std::vector<std::filesystem::path>(const std::string& kernel_id)>;

  // Open symbols hold an index of the kernel's functions: about 10 MB per build.
  explicit Cache(Files files, size_t capacity = 4) : files_(std::move(files)), capacity_(capacity) {}

  // Whether the build has files with debug information.
  bool Has(const std::string& kernel_id) const { return !files_(kernel_id).empty(); }
  // May read hundreds of megabytes from disk while other callers wait. Errors: NOT_FOUND (the build has no debug
  // information), or those of Symbols::Open.
  StatusOr<std::shared_ptr<const Symbols>> SymbolsOf(const std::string& kernel_id);

 private:
  const Files files_;
  const size_t capacity_;
  Mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<const Symbols>>> open_;  // most recently used first
};

}  // namespace lk::symbols
