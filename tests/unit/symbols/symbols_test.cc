// SPDX-License-Identifier: Apache-2.0
#include "server/symbols/symbols.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "support/file.h"
#include "tests/unit/kernels/fixtures.h"
#include "tests/unit/symbols/sample/include/note.h"

namespace lk::symbols {
namespace {

namespace fs = std::filesystem;
using detect::Frame;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Returns "<file>:<line>" of the line that contains `words`.
std::string LineOf(const std::string& file, const std::string& words) {
  std::ifstream source(fs::path(LK_SAMPLE_SOURCE) / file);
  int number = 1;
  for (std::string line; std::getline(source, line); ++number) {
    if (line.find(words) != std::string::npos) return fmt::format("{}:{}", file, number);
  }
  ADD_FAILURE() << words << " is not in " << file;
  return "";
}

Frame At(const std::string& function, uint32_t offset) {
  return {function, offset, "", ""};
}

std::string Content(const fs::path& file) {
  return ReadFile(file).value_or("");
}

class SymbolsTest : public ::testing::Test {
 protected:
  SymbolsTest() : library_(dlopen(LK_SAMPLE_KERNEL, RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) throw std::runtime_error(dlerror());
  }
  ~SymbolsTest() override { dlclose(library_); }

  // Calls a function of the sample kernel and returns the frame that it records.
  Frame Noted(const char* entry, const std::string& function, const std::string& module = "") const {
    place place{};
    reinterpret_cast<void (*)(struct place*)>(dlsym(library_, entry))(&place);
    return {.function = function,
            .offset = static_cast<uint32_t>(place.caller - place.function),
            .module = module,
            .location = ""};
  }
  static std::unique_ptr<Symbols> Open(const std::vector<fs::path>& files) {
    auto symbols = Symbols::Open(files);
    EXPECT_TRUE(symbols.ok()) << symbols.status();
    return *std::move(symbols);
  }
  static std::string Refusal(const fs::path& file) {
    const Status status = Symbols::Open({file}).status();
    EXPECT_THAT(std::string(status.message()), StartsWith(file.string() + ": "));
    return std::string(status.message()).substr(file.string().size() + 2);
  }

  lk::testing::TempDir directory_;
  void* library_;
};

TEST_F(SymbolsTest, AReturnAddressResolvesToTheLineOfTheCall) {
  const auto symbols = Open({LK_SAMPLE_KERNEL});
  const Frame frame = Noted("spins", "spins");
  EXPECT_EQ(symbols->Locate(frame, false), LineOf("init/main.c", "spins calls"));
  EXPECT_EQ(symbols->Locate(frame, true), LineOf("init/main.c", "spins continues"));
}

TEST_F(SymbolsTest, InlinedCodeResolvesToTheLineOfTheCaller) {
  EXPECT_EQ(Open({LK_SAMPLE_KERNEL})->Locate(Noted("inlines", "inlines"), false),
            LineOf("init/main.c", "inlines calls"));
}

TEST_F(SymbolsTest, UnknownFunctionsAndOffsetsHaveNoLocation) {
  const auto symbols = Open({LK_SAMPLE_KERNEL});
  EXPECT_EQ(symbols->Locate(At("no_such_function", 4), false), "");
  EXPECT_EQ(symbols->Locate(At("spins", 1 << 20), false), "")
      << "an offset past the end of the function has no location";
  EXPECT_EQ(symbols->Locate(At("progress", 0), true), "") << "a variable has no location";
  EXPECT_EQ(symbols->Locate(Noted("spins", "spins", "some_module"), false), "");
}

TEST_F(SymbolsTest, TheOffsetMayDisambiguateFunctionsWithTheSameName) {
  const auto symbols = Open({LK_SAMPLE_KERNEL});
  EXPECT_EQ(symbols->Locate(Noted("long_twin", "twin"), false), LineOf("kernel/long.c", "long twin calls"));
  EXPECT_EQ(symbols->Locate(At("twin", 0), true), "");
  EXPECT_EQ(symbols->Locate(At("even", 1), true), "");
  EXPECT_EQ(symbols->Locate(Noted("long_in_header", "in_header"), false),
            LineOf("include/in_header.h", "in_header calls"));
}

TEST_F(SymbolsTest, ReadsRelocatableAndCompressedModules) {
  using lk::testing::Compress;
  using lk::testing::Filter;
  const std::string module = Content(LK_SAMPLE_MODULE);
  directory_.Write("kernel/spin-it.ko", module);
  directory_.Write("kernel/packed.ko.xz", Compress(module, Filter::kXz));
  directory_.Write("kernel/zipped.ko.gz", Compress(module, Filter::kGzip));
  directory_.Write("kernel/broken.ko", "not ELF");
  const auto symbols = Open({directory_.path()});
  for (const char* name : {"spin_it", "packed", "zipped"}) {
    EXPECT_EQ(symbols->Locate(Noted("spins", "spins", name), false), LineOf("init/main.c", "spins calls")) << name;
  }
  EXPECT_EQ(symbols->Locate(Noted("spins", "spins", "broken"), false), "");
  EXPECT_EQ(symbols->Locate(Noted("spins", "spins"), false), "") << "the directory has only modules, no kernel";
}

TEST_F(SymbolsTest, FindsSeparateDebugInformationByItsBuildId) {
  const fs::path kernel = directory_.Write("vmlinux", Content(LK_SAMPLE_STRIPPED));
  EXPECT_THAT(Refusal(kernel), HasSubstr("no debug information"));

  directory_.Write("vmlinux.debug", Content(LK_SAMPLE_STRIPPED ".debug"));
  const std::string expected = LineOf("init/main.c", "spins calls");
  EXPECT_EQ(Open({kernel})->Locate(Noted("spins", "spins"), false), expected);
  // The .debug file alone, as in debug symbol packages.
  EXPECT_EQ(Open({directory_.path() / "vmlinux.debug"})->Locate(Noted("spins", "spins"), false), expected);

  std::string other = Content(LK_SAMPLE_STRIPPED ".debug");
  const size_t note = other.find(std::string("GNU\0", 4));
  ASSERT_NE(note, std::string::npos);
  other[note + 4] ^= 1;
  directory_.Write("vmlinux.debug", other);
  EXPECT_THAT(Refusal(kernel), HasSubstr("no debug information")) << "the .debug file belongs to a different build";
}

TEST_F(SymbolsTest, DifferentBuildsInADirectoryAreNotMixedUp) {
  directory_.Write("boot/vmlinux-1", Content(LK_SAMPLE_KERNEL));
  directory_.Write("boot/vmlinux-2", Content(LK_SAMPLE_KERNEL));
  directory_.Write("lib/modules/1/spin.ko", Content(LK_SAMPLE_MODULE));
  const auto symbols = Open({directory_.path()});
  EXPECT_EQ(symbols->Locate(Noted("spins", "spins"), false), LineOf("init/main.c", "spins calls"))
      << "both builds have the same location";
  EXPECT_EQ(symbols->Locate(At("even", 1), true), "");
}

TEST_F(SymbolsTest, NamesAnUnusableFile) {
  EXPECT_EQ(Symbols::Open({directory_.path() / "none"}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Refusal(directory_.Write("text", "hello")), HasSubstr("not an ELF file"));
  EXPECT_THAT(Refusal(directory_.path()), HasSubstr("neither vmlinux nor a module"));
  EXPECT_THAT(Refusal(directory_.Write("empty", "")), HasSubstr("not an ELF file"));
}

TEST_F(SymbolsTest, LocatesAllStacksOfAFinding) {
  const Frame call = Noted("spins", "spins");
  detect::Finding finding;
  finding.excerpt = fmt::format("RIP: 0010:spins+{:#x}/0x40\nCall Trace:\n", call.offset);
  finding.frames = {call, Noted("long_twin", "twin")};
  finding.others = {{1, "", "", {Noted("main_in_header", "in_header"), At("gone", 0)}}};
  Open({LK_SAMPLE_KERNEL})->Locate(finding);
  EXPECT_EQ(finding.frames[0].location, LineOf("init/main.c", "spins continues"))
      << "the instruction pointer, not the preceding call";
  EXPECT_EQ(finding.frames[1].location, LineOf("kernel/long.c", "long twin calls"));
  EXPECT_EQ(finding.others[0].frames[0].location, LineOf("include/in_header.h", "in_header calls"));
  EXPECT_EQ(finding.others[0].frames[1].location, "");

  finding.excerpt = fmt::format("pc : spins+{:#x}/0x40\n", call.offset);
  Open({LK_SAMPLE_KERNEL})->Locate(finding);
  EXPECT_EQ(finding.frames[0].location, LineOf("init/main.c", "spins continues"));
}

TEST_F(SymbolsTest, DetectsDebugInformationInAFile) {
  EXPECT_TRUE(HasDebugInfo(LK_SAMPLE_KERNEL));
  EXPECT_TRUE(HasDebugInfo(LK_SAMPLE_MODULE));
  EXPECT_TRUE(HasDebugInfo(LK_SAMPLE_STRIPPED ".debug"));
  EXPECT_FALSE(HasDebugInfo(LK_SAMPLE_STRIPPED));
  EXPECT_FALSE(HasDebugInfo(directory_.Write("text", "hello")));
  EXPECT_FALSE(HasDebugInfo(directory_.path() / "none"));
}

}  // namespace
}  // namespace lk::symbols
