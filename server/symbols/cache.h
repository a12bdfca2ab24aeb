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

// The symbols of kernel builds, opened when first asked for; those used last stay open. Thread-safe.
class Cache {
 public:
  // The files with debug information of a build, by its id; none: it came without.
  using Files = std::function<std::vector<std::filesystem::path>(const std::string& kernel_id)>;

  // Open symbols hold an index of the kernel's functions: some 10 MB a build.
  explicit Cache(Files files, size_t capacity = 4) : files_(std::move(files)), capacity_(capacity) {}

  // Whether SymbolsOf has anything to open.
  bool Has(const std::string& kernel_id) const { return !files_(kernel_id).empty(); }
  // May read hundreds of megabytes from disk, with others waiting meanwhile. Errors: NOT_FOUND (the build has no debug
  // information), or those of Symbols::Open.
  StatusOr<std::shared_ptr<const Symbols>> SymbolsOf(const std::string& kernel_id);

 private:
  const Files files_;
  const size_t capacity_;
  Mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<const Symbols>>> open_;  // last used first
};

}  // namespace lk::symbols
