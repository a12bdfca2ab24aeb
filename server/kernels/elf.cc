// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/elf.h"

#include <elf.h>

#include <cstdint>
#include <cstring>

namespace lk::kernels {
namespace {

template <typename T>
std::optional<T> StructAt(std::string_view bytes, uint64_t offset) {
  if (bytes.size() < sizeof(T) || offset > bytes.size() - sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace

std::optional<std::string_view> ElfSection(std::string_view elf, std::string_view wanted) {
  const auto header = StructAt<Elf64_Ehdr>(elf, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_shoff > elf.size()) {
    return std::nullopt;
  }
  const auto section = [&](unsigned i) { return StructAt<Elf64_Shdr>(elf, header->e_shoff + i * sizeof(Elf64_Shdr)); };
  const auto content = [&](const Elf64_Shdr& s) -> std::optional<std::string_view> {
    if (s.sh_type == SHT_NOBITS || s.sh_offset > elf.size() || s.sh_size > elf.size() - s.sh_offset)
      return std::nullopt;
    return elf.substr(s.sh_offset, s.sh_size);
  };
  const auto names_section = section(header->e_shstrndx);
  const auto names = names_section ? content(*names_section) : std::nullopt;
  if (!names) return std::nullopt;
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    const auto s = section(i);
    if (!s || s->sh_name >= names->size()) return std::nullopt;
    const std::string_view name = names->substr(s->sh_name);
    if (name.substr(0, name.find('\0')) == wanted) return content(*s);
  }
  return std::nullopt;
}

std::string_view KernelBuildId(std::string_view vmlinux) {
  constexpr std::string_view kOwner("GNU\0", 4);
  const auto aligned = [](uint64_t size) { return (size + 3) & ~uint64_t{3}; };
  const std::string_view notes = ElfSection(vmlinux, ".notes").value_or("");
  for (uint64_t at = 0;;) {
    const auto note = StructAt<Elf64_Nhdr>(notes, at);
    if (!note) return "";
    const uint64_t owner = at + sizeof(*note);
    const uint64_t id = owner + aligned(note->n_namesz);
    const uint64_t next = id + aligned(note->n_descsz);
    if (next > notes.size()) return "";
    if (note->n_type == NT_GNU_BUILD_ID && notes.substr(owner, note->n_namesz) == kOwner) {
      return notes.substr(id, note->n_descsz);
    }
    at = next;
  }
}

}  // namespace lk::kernels
