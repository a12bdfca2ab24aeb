// SPDX-License-Identifier: Apache-2.0
// Where a function's offset stands in the source: file:line out of a kernel's debug information, read with elfutils.
// lkctl links it too.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "server/detect/finding.h"
#include "support/status.h"

namespace lk::symbols {

// Thread-safe, one call at a time. Nothing is fetched from the network.
class Symbols {
 public:
  // Files with debug information: vmlinux, modules (.ko, .ko.debug, .ko.xz ...), or directories that are searched for
  // them. The kernel's own is read at once (hundreds of megabytes), a module's when a frame asks for it; in a directory
  // modules without it are passed over. Debug information may also stand apart: see DebugFile.
  // Errors: NOT_FOUND (no such file), INVALID_ARGUMENT (not ELF, without debug information, nothing in a directory).
  static StatusOr<std::unique_ptr<Symbols>> Open(const std::vector<std::filesystem::path>& files);
  ~Symbols();

  // "drivers/iommu/intel/dmar.c:1364", in the function itself where others are inlined into it; empty: not known, or
  // functions of the same name stand at several places. `offset` is that of a return address (the line of the call is
  // given) unless `exact`: the instruction pointer itself.
  std::string Locate(const detect::Frame& frame, bool exact) const;
  // Fills in `location` of all frames of a finding, its own and those of other CPUs. Exact are those that its excerpt
  // has as instruction pointers ("RIP: 0010:f+0x1/0x2", arm64 "pc : f+0x1/0x2").
  void Locate(detect::Finding& finding) const;

 private:
  class Impl;
  explicit Symbols(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Whether an ELF file has debug information in it.
bool HasDebugInfo(const std::filesystem::path& file);

}  // namespace lk::symbols
