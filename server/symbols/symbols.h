// SPDX-License-Identifier: Apache-2.0
// Resolves a function and offset to file:line from the debug information of a kernel, using elfutils. Also linked into
// lkctl.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "server/detect/finding.h"
#include "support/status.h"

namespace lk::symbols {

// Thread-safe; calls are serialised. Never uses the network.
class Symbols {
 public:
  // Opens files with debug information: vmlinux, modules (.ko, .ko.debug, .ko.xz ...), or directories to search for
  // them. Files given by path, and the kernel in a directory, are read immediately (hundreds of megabytes). Modules in
  // a directory are read when a frame needs them, and skipped if they have no debug information. Debug information may
  // also be in separate files; see DebugFile. Errors: NOT_FOUND (no such file), INVALID_ARGUMENT (not ELF, no debug
  // information, neither a kernel nor a module in a directory).
  static StatusOr<std::unique_ptr<Symbols>> Open(const std::vector<std::filesystem::path>& files);
  ~Symbols();

  // "drivers/iommu/intel/dmar.c:1364". For inlined code, the line of the call in the function that it was inlined
  // into. Empty if unknown, or if functions with the same name have different locations. The offset in `frame` is that
  // of a return address (the result is the line of the call) or, if `exact` is set, of the instruction pointer itself.
  std::string Locate(const detect::Frame& frame, bool exact) const;
  // Fills in `location` in all frames of a finding, including those of other CPUs. Frames that its excerpt shows as
  // instruction pointers ("RIP: 0010:f+0x1/0x2", on arm64 "pc : f+0x1/0x2") are exact.
  void Locate(detect::Finding& finding) const;

 private:
  class Impl;
  explicit Symbols(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Whether an ELF file itself contains debug information.
bool HasDebugInfo(const std::filesystem::path& file);

}  // namespace lk::symbols
