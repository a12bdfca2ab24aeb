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

// An ELF file and its debug information, which is either in the file itself or in a separate file with the same build
// ID, next to it (<file>.debug, .build-id/xx/yyyy.debug) or under /usr/lib/debug. Modules may be relocatable (.ko) and
// compressed (gzip, xz; zstd if libdwfl was built with it); compressed ones are held in memory. Not thread-safe, like
// libdw.
class DebugFile {
 public:
  // Errors: NOT_FOUND (cannot be opened), INVALID_ARGUMENT (not ELF, no debug information), with the path of the file.
  static StatusOr<std::unique_ptr<DebugFile>> Open(const std::filesystem::path& path);

  // Adds the location of `offset` in each function with this name: "file:line", or "" if the line is unknown. Unless
  // `exact` is set, `offset` is that of a return address (see Symbols). Skips functions that end before `offset`.
  void Locate(std::string_view function, uint32_t offset, bool exact, std::set<std::string>& locations) const;

  // The directory of the kernel sources at build time, derived from the path of init/main.c; empty if unknown.
  const std::string& source_root() const { return source_root_; }
  // Paths of source files are given relative to their compilation directory if they are under it, otherwise to `root`.
  void set_source_root(const std::string& root) { source_root_ = root; }

 private:
  struct DwflEnd {
    void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
  };
  struct Symbol {
    std::string_view name;  // in libdw's memory
    GElf_Addr address;
    GElf_Xword size;  // 0 if unknown (assembly)
  };

  DebugFile() = default;
  void ReadSymbols();
  std::string FindSourceRoot() const;
  std::string LocationOf(Dwarf_Addr address) const;
  std::string Shorten(std::string_view source, std::string_view compiled_in) const;

  std::unique_ptr<Dwfl, DwflEnd> dwfl_;
  Dwfl_Module* module_ = nullptr;
  std::vector<Symbol> functions_;  // sorted by name
  std::string source_root_;
};

}  // namespace lk::symbols
