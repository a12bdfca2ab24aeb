// SPDX-License-Identifier: Apache-2.0
#include "server/symbols/debug_file.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "support/random.h"
#include "support/unique_fd.h"

namespace lk::symbols {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstSource = "/init/main.c";

std::string BuildIdOf(int fd) {
  const std::unique_ptr<Elf, decltype(&elf_end)> elf(elf_begin(fd, ELF_C_READ_MMAP, nullptr), elf_end);
  const void* bits = nullptr;
  const ssize_t size = elf == nullptr ? -1 : dwelf_elf_gnu_build_id(elf.get(), &bits);
  return size <= 0 ? "" : std::string(static_cast<const char*>(bits), static_cast<size_t>(size));
}

// libdwfl calls this for a file without debug information. Unlike libdwfl's default, which may query debuginfod
// servers, this function never uses the network. Returns a file descriptor, or -1.
int FindDebugInfo(Dwfl_Module* module, void**, const char*, Dwarf_Addr, const char* file, const char*, GElf_Word,
                  char**) {
  const unsigned char* bits = nullptr;
  GElf_Addr address = 0;
  const int size = dwfl_module_build_id(module, &bits, &address);
  if (size < 2 || file == nullptr) return -1;
  const std::string id(reinterpret_cast<const char*>(bits), static_cast<size_t>(size));
  const std::string hex = ToHex(id);
  const std::string by_id = fmt::format(".build-id/{}/{}.debug", hex.substr(0, 2), hex.substr(2));
  for (const fs::path& path : {fs::path(std::string(file) + ".debug"), fs::path(file).parent_path() / by_id,
                               "/usr/lib/debug" / fs::path(by_id)}) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    if (BuildIdOf(fd) == id) return fd;
    close(fd);
  }
  return -1;
}

constexpr Dwfl_Callbacks kCallbacks = {.find_elf = dwfl_build_id_find_elf,
                                       .find_debuginfo = FindDebugInfo,
                                       .section_address = dwfl_offline_section_address,
                                       .debuginfo_path = nullptr};

std::string_view Text(const char* text) {
  return text == nullptr ? std::string_view() : text;
}

std::string_view CompilationDirectory(Dwarf_Die* unit) {
  Dwarf_Attribute attribute;
  return Text(dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute)));
}

bool IsCode(Elf* elf, GElf_Word index) {
  GElf_Shdr header;
  return gelf_getshdr(elf_getscn(elf, index), &header) != nullptr && (header.sh_flags & SHF_EXECINSTR) != 0;
}

struct Line {
  std::string_view source;
  int number = 0;
};

// The call site of the outermost function inlined at `pc`; its line number is 0 if no function is inlined there.
Line InliningCall(Dwarf_Die* unit, Dwarf_Addr pc) {
  Dwarf_Die* list = nullptr;
  const int count = dwarf_getscopes(unit, pc, &list);
  const std::unique_ptr<Dwarf_Die, decltype(&std::free)> scopes(list, std::free);
  Line line;
  for (int i = 0; i < count && dwarf_tag(&list[i]) != DW_TAG_subprogram; ++i) {
    if (dwarf_tag(&list[i]) != DW_TAG_inlined_subroutine) continue;
    Dwarf_Attribute attribute;
    Dwarf_Word number = 0;
    Dwarf_Word file = 0;
    Dwarf_Files* files = nullptr;
    size_t file_count = 0;
    const bool known = dwarf_formudata(dwarf_attr(&list[i], DW_AT_call_line, &attribute), &number) == 0 &&
                       dwarf_formudata(dwarf_attr(&list[i], DW_AT_call_file, &attribute), &file) == 0 &&
                       dwarf_getsrcfiles(unit, &files, &file_count) == 0 && file < file_count;
    if (known) line = {Text(dwarf_filesrc(files, file, nullptr, nullptr)), static_cast<int>(number)};
  }
  return line;
}

// Returns the path relative to `directory` if it is under that directory, otherwise the path unchanged.
std::string_view Below(std::string_view path, std::string_view directory) {
  if (directory.empty() || !path.starts_with(directory)) return path;
  const std::string_view rest = path.substr(directory.size());
  return rest.starts_with('/') ? rest.substr(1) : path;
}

}  // namespace

StatusOr<std::unique_ptr<DebugFile>> DebugFile::Open(const fs::path& path) {
  const auto error = [&](std::string_view why) { return fmt::format("{}: {}", path.string(), why); };
  const UniqueFd readable(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable) return absl::NotFoundError(error(std::strerror(errno)));

  std::unique_ptr<DebugFile> file(new DebugFile());
  file->dwfl_.reset(dwfl_begin(&kCallbacks));
  dwfl_report_begin(file->dwfl_.get());
  file->module_ = dwfl_report_offline(file->dwfl_.get(), path.c_str(), path.c_str(), -1);
  dwfl_report_end(file->dwfl_.get(), nullptr, nullptr);
  if (file->module_ == nullptr) return absl::InvalidArgumentError(error("not an ELF file"));
  Dwarf_Addr bias = 0;
  if (dwfl_module_getdwarf(file->module_, &bias) == nullptr) {
    return absl::InvalidArgumentError(error("no debug information (CONFIG_DEBUG_INFO)"));
  }
  file->ReadSymbols();
  file->source_root_ = file->FindSourceRoot();
  return file;
}

void DebugFile::ReadSymbols() {
  const int count = dwfl_module_getsymtab(module_);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    GElf_Word section = SHN_UNDEF;
    Elf* elf = nullptr;
    Dwarf_Addr bias = 0;
    const std::string_view name = Text(dwfl_module_getsym_info(module_, i, &symbol, &address, &section, &elf, &bias));
    const auto type = GELF_ST_TYPE(symbol.st_info);
    // Functions written in assembly may lack a type. '$' starts the mapping symbols of arm64 (AAELF64).
    if ((type != STT_FUNC && type != STT_NOTYPE) || name.empty() || name.front() == '$' || elf == nullptr) continue;
    if (IsCode(elf, section)) functions_.push_back({name, address, symbol.st_size});
  }
  std::sort(functions_.begin(), functions_.end(), [](const Symbol& a, const Symbol& b) { return a.name < b.name; });
}

std::string DebugFile::FindSourceRoot() const {
  Dwarf_Addr bias = 0;
  for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module_, unit, &bias)) != nullptr;) {
    const fs::path source = fs::path(CompilationDirectory(unit)) / Text(dwarf_diename(unit));
    const std::string normal = source.lexically_normal();
    if (normal.ends_with(kFirstSource)) return normal.substr(0, normal.size() - kFirstSource.size());
  }
  return "";
}

void DebugFile::Locate(std::string_view function, uint32_t offset, bool exact, std::set<std::string>& locations) const {
  // A return address points after the call, which may be the last instruction of the function.
  const uint64_t at = exact || offset == 0 ? offset : uint64_t{offset} - 1;
  const auto [begin, end] = std::equal_range(functions_.begin(), functions_.end(), Symbol{function, 0, 0},
                                             [](const Symbol& a, const Symbol& b) { return a.name < b.name; });
  for (auto symbol = begin; symbol != end; ++symbol) {
    if (symbol->size == 0 || at < symbol->size) locations.insert(LocationOf(symbol->address + at));
  }
}

std::string DebugFile::LocationOf(Dwarf_Addr address) const {
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dwfl_module_addrdie(module_, address, &bias);
  // clang does not emit .debug_aranges, without which dwfl_module_addrdie finds no unit: search every unit.
  if (unit == nullptr) {
    do unit = dwfl_module_nextcu(module_, unit, &bias);
    while (unit != nullptr && dwarf_haspc(unit, address - bias) <= 0);
  }
  if (unit == nullptr) return "";
  Line line = InliningCall(unit, address - bias);
  if (line.number == 0) {
    Dwarf_Line* own = dwarf_getsrc_die(unit, address - bias);
    line.source = Text(dwarf_linesrc(own, nullptr, nullptr));
    dwarf_lineno(own, &line.number);
  }
  if (line.source.empty() || line.number == 0) return "";
  return fmt::format("{}:{}", Shorten(line.source, CompilationDirectory(unit)), line.number);
}

std::string DebugFile::Shorten(std::string_view source, std::string_view compiled_in) const {
  const std::string path = fs::path(source).lexically_normal();
  const std::string_view generated = Below(path, fs::path(compiled_in).lexically_normal().string());
  return std::string(generated == path ? Below(path, source_root_) : generated);
}

}  // namespace lk::symbols
