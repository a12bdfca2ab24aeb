// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/status.h"

namespace lk::symbols {

// An ELF file and its debug information: in the file itself, or in one of the same build id that stands beside it
// (<file>.debug, .build-id/xx/yyyy.debug) or below /usr/lib/debug. Modules need not be linked (.ko), and may be
// compressed (gzip, xz; zstd where libdwfl was built with it); then they are held in memory. Not thread-safe, like
// libdw.
class DebugFile {
 public:
  // Errors: NOT_FOUND (can't be opened), INVALID_ARGUMENT (not ELF, no debug information); the file is named.
  static StatusOr<std::unique_ptr<DebugFile>> Open(const std::filesystem::path& path);

  // Adds where each function of this name has its `offset`: "file:line", or "" where the line is not known. `offset` is
  // that of a return address (see Symbols) unless `exact`. Functions that end before it are left out.
  void Locate(std::string_view function, uint32_t offset, bool exact, std::set<std::string>& locations) const;

  // Where the kernel's sources lay when the kernel was built: the directory of init/main.c; empty: not known.
  const std::string& source_root() const { return source_root_; }
  // A source file named relative to this directory as well as to its own compilation directory.
  void set_source_root(const std::string& root) { source_root_ = root; }

 private:
  struct DwflEnd {
    void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
  };
  struct Symbol {
    std::string_view name;  // libdw's memory
    GElf_Addr address;
    GElf_Xword size;  // 0: not said (assembly)
  };

  DebugFile() = default;
  void ReadSymbols();
  std::string FindSourceRoot() const;
  std::string LocationOf(Dwarf_Addr address) const;
  std::string Shorten(std::string_view source, std::string_view compiled_in) const;

  std::unique_ptr<Dwfl, DwflEnd> dwfl_;
  Dwfl_Module* module_ = nullptr;
  std::vector<Symbol> functions_;  // by name
  std::string source_root_;
};

}  // namespace lk::symbols
