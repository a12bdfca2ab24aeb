// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/elf.h"

#include <gtest/gtest.h>

#include "tests/unit/kernels/fixtures.h"

namespace lk::kernels {
namespace {

using lk::testing::Elf;
using lk::testing::Notes;

TEST(Elf, FindsASectionByItsWholeName) {
  const std::string elf = Elf({{".debug_info.dwo", "no"}, {".debug_info", "yes"}, {".empty", ""}});
  EXPECT_EQ(ElfSection(elf, ".debug_info"), "yes");
  EXPECT_EQ(ElfSection(elf, ".empty"), "");
  EXPECT_EQ(ElfSection(elf, ".debug"), std::nullopt);
}

TEST(Elf, TruncatedFileHasNoBuildId) {
  const std::string elf = Elf({{".notes", Notes("0123456789abcdef")}});
  EXPECT_EQ(KernelBuildId(elf), "0123456789abcdef");
  for (size_t size = 0; size < elf.size(); ++size) EXPECT_EQ(KernelBuildId(elf.substr(0, size)), "") << size;
  const std::string notes = Notes("0123456789abcdef");
  for (size_t size = 0; size < notes.size(); ++size) {
    EXPECT_EQ(KernelBuildId(Elf({{".notes", notes.substr(0, size)}})), "") << size;
  }
}

TEST(Elf, BuildIdMayBeMissing) {
  EXPECT_EQ(KernelBuildId(Elf({{".text", "code"}})), "");
  std::string hostile = Notes("id");
  hostile.replace(0, 8, std::string(8, '\xff'));  // sizes of the first note
  EXPECT_EQ(KernelBuildId(Elf({{".notes", hostile}})), "");
}

}  // namespace
}  // namespace lk::kernels
