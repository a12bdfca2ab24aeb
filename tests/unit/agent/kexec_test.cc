// SPDX-License-Identifier: Apache-2.0
// Tests the next kernel's initramfs, device tree and memory layout, without booting anything.
#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "agent/kexec/arm64_image.h"
#include "agent/kexec/device_tree.h"
#include "agent/kexec/initramfs.h"
#include "agent/session/carried.h"
#include "lk/v1/agent.pb.h"

namespace lk::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

namespace fs = std::filesystem;

// ---- initramfs ---------------------------------------------------------------------------------

struct Entry {
  mode_t mode = 0;
  std::string content;
};

// Reads the archive with libarchive, an independent implementation.
std::map<std::string, Entry> Read(const std::string& cpio) {
  std::map<std::string, Entry> entries;
  archive* const a = archive_read_new();
  archive_read_support_format_cpio(a);
  EXPECT_EQ(archive_read_open_memory(a, cpio.data(), cpio.size()), ARCHIVE_OK);
  for (archive_entry* entry = nullptr; archive_read_next_header(a, &entry) == ARCHIVE_OK;) {
    std::string content(static_cast<size_t>(archive_entry_size(entry)), '\0');
    if (S_ISLNK(archive_entry_mode(entry))) {
      content = archive_entry_symlink(entry);
    } else {
      EXPECT_EQ(archive_read_data(a, content.data(), content.size()), static_cast<la_ssize_t>(content.size()));
    }
    entries[archive_entry_pathname(entry)] = {archive_entry_mode(entry), content};
  }
  archive_read_free(a);
  return entries;
}

class Initramfs : public testing::Test {
 protected:
  Initramfs() {
    root_ = testing::TempDir() + "lk-initramfs.XXXXXX";
    EXPECT_NE(mkdtemp(root_.data()), nullptr);
  }
  ~Initramfs() override { fs::remove_all(root_); }
  void Write(const std::string& path, const std::string& content) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << content;
  }
  std::string root_;
};

TEST_F(Initramfs, ContainsFilesAndReplacements) {
  Write("/init", "program");
  chmod((root_ + "/init").c_str(), 0755);
  Write("/lk/run/config", "token=1\n");
  Write("/lk/run/carried", "old");
  Write("/lib/modules/6.1/a.ko", std::string(5, 'x'));
  fs::create_symlink("lib", root_ + "/lib64");
  const auto packed = PackInitramfs(root_, {{"lk/run/carried", "new"}, {"lk/run/more", ""}});
  ASSERT_TRUE(packed.ok()) << packed.status();
  const auto entries = Read(*packed);
  EXPECT_EQ(entries.at("init").content, "program");
  EXPECT_EQ(entries.at("init").mode, S_IFREG | 0755U);
  EXPECT_EQ(entries.at("lk/run/config").content, "token=1\n");
  EXPECT_EQ(entries.at("lk/run/carried").content, "new");
  EXPECT_EQ(entries.at("lk/run/more").content, "");
  EXPECT_EQ(entries.at("lib/modules/6.1/a.ko").content, "xxxxx");
  EXPECT_EQ(entries.at("lib64").content, "lib");
  EXPECT_TRUE(S_ISDIR(entries.at("lib/modules").mode));
  EXPECT_TRUE(S_ISCHR(entries.at("dev/console").mode));
}

TEST_F(Initramfs, ReportsAMissingRoot) {
  EXPECT_TRUE(absl::IsNotFound(PackInitramfs(root_ + "/none", {}).status()));
}

// ---- state passed to the next boot -------------------------------------------------------------

TEST(Carried, HasAFixedSize) {
  v1::Carried little, much;
  much.set_boots(3);
  much.set_state(std::string(1000, '\0'));
  const std::string a = *EncodeCarried(little);
  const std::string b = *EncodeCarried(much);
  EXPECT_EQ(a.size(), b.size());
  EXPECT_EQ(DecodeCarried(a)->boots(), 0u);
  EXPECT_EQ(DecodeCarried(b)->state().size(), 1000u);
  much.set_state(std::string(1 << 20, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(EncodeCarried(much).status()));
}

TEST(Carried, RejectsCorruptContents) {
  std::string content = *EncodeCarried(v1::Carried());
  EXPECT_TRUE(absl::IsDataLoss(DecodeCarried("").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeCarried(content.substr(1)).status()));
  content[3] = '\x7f';  // length beyond the end
  EXPECT_TRUE(absl::IsDataLoss(DecodeCarried(content).status()));
}

// ---- device tree -------------------------------------------------------------------------------

// A tree like the ones that QEMU and the EFI stub make: a reservation, /chosen with properties, and another node.
class Tree {
 public:
  Tree() {
    Begin("");
    Property("model", std::string("virt\0", 5));
    Begin("chosen");
    Property("bootargs", std::string("old words\0", 10));
    Property("kaslr-seed", std::string(8, '\x5a'));
    Property("linux,uefi-system-table", std::string(8, '\x11'));
    block_ += BigEndian32(4);  // NOP
    End();
    Begin("psci");
    Property("bootargs", "no");  // not in /chosen
    End();
    End();
    block_ += BigEndian32(9);
  }
  std::string Bytes() const {
    const std::string reservations = BigEndian64(0x4000) + BigEndian64(0x1000) + std::string(16, '\0');
    std::string out;
    const auto at = static_cast<uint32_t>(40 + reservations.size());
    const auto size = static_cast<uint32_t>(block_.size());
    const auto strings = static_cast<uint32_t>(strings_.size());
    for (const uint32_t word : {0xd00dfeedU, at + size + strings, at, at + size, 40U, 17U, 16U, 7U, strings, size}) {
      out += BigEndian32(word);
    }
    return out + reservations + block_ + strings_;
  }

 private:
  static std::string Padded(std::string text) {
    while (text.size() % 4 != 0) text += '\0';
    return text;
  }
  void Begin(const std::string& name) { block_ += BigEndian32(1) + Padded(name + '\0'); }
  void End() { block_ += BigEndian32(2); }
  void Property(const std::string& name, const std::string& value) {
    block_ += BigEndian32(3) + BigEndian32(static_cast<uint32_t>(value.size())) +
              BigEndian32(static_cast<uint32_t>(strings_.size())) + Padded(value);
    strings_ += name + '\0';
  }
  std::string block_, strings_;
};

uint32_t Word(const std::string& bytes, size_t at) {
  uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return be32toh(word);
}

// Returns the value of each property, by "node/property".
std::map<std::string, std::string> Flatten(const std::string& tree) {
  std::map<std::string, std::string> properties;
  std::vector<std::string> path;
  const size_t strings = Word(tree, 12);
  for (size_t at = Word(tree, 8); Word(tree, at) != 9;) {
    const uint32_t token = Word(tree, at);
    at += 4;
    if (token == 1) {
      path.emplace_back(tree.c_str() + at);
      at += (path.back().size() + 4) / 4 * 4;
    } else if (token == 2) {
      path.pop_back();
    } else if (token == 3) {
      const uint32_t size = Word(tree, at);
      properties[path.back() + "/" + (tree.c_str() + strings + Word(tree, at + 4))] = tree.substr(at + 8, size);
      at += 8 + (size + 3) / 4 * 4;
    } else {
      ADD_FAILURE() << "token " << token;
      break;
    }
  }
  return properties;
}

TEST(DeviceTree, ChangesOnlyChosen) {
  const auto changed =
      WithChosen(Tree().Bytes(), {{"bootargs", std::string("new\0", 4)}, {"rng-seed", "12345"}}, {"kaslr-seed"});
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_THAT(Flatten(*changed),
              ElementsAre(Pair("/model", std::string("virt\0", 5)), Pair("chosen/bootargs", std::string("new\0", 4)),
                          Pair("chosen/linux,uefi-system-table", std::string(8, '\x11')),
                          Pair("chosen/rng-seed", "12345"), Pair("psci/bootargs", "no")));
  EXPECT_EQ(Word(*changed, 4), changed->size());
  EXPECT_EQ(Word(*changed, 28), 7u) << "the boot CPU is preserved";
  EXPECT_EQ(changed->substr(Word(*changed, 16), 32), BigEndian64(0x4000) + BigEndian64(0x1000) + std::string(16, '\0'));
  // The output is valid input.
  const auto again = WithChosen(*changed, {{"bootargs", std::string("third\0", 6)}}, {});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(Flatten(*again).at("chosen/bootargs"), std::string("third\0", 6));
}

TEST(DeviceTree, RejectsMalformedTrees) {
  const std::string tree = Tree().Bytes();
  EXPECT_FALSE(WithChosen("", {}, {}).ok());
  EXPECT_FALSE(WithChosen("not a device tree, but long enough to contain one", {}, {}).ok());
  for (size_t size = 1; size < tree.size(); ++size) {
    EXPECT_FALSE(WithChosen(tree.substr(0, size), {}, {}).ok())
        << "a tree truncated to " << size << " of " << tree.size() << " bytes is rejected";
  }
  // With any single byte corrupted, the call must return and must not access memory out of bounds (AddressSanitizer).
  for (size_t i = 0; i < tree.size(); ++i) {
    std::string wrong = tree;
    wrong[i] = static_cast<char>(wrong[i] ^ 0xff);
    (void)WithChosen(wrong, {{"bootargs", "x"}}, {"kaslr-seed"});
  }
}

// ---- memory layout -----------------------------------------------------------------------------

constexpr char kIomem[] = R"(09000000-09000fff : pl011@9000000
40000000-47ffffff : System RAM
  40010000-4206ffff : Kernel code
  42070000-426effff : reserved
  426f0000-428fffff : Kernel data
48000000-b7ffffff : System RAM
  48000000-4aaaafff : reserved
  b0000000-b7ffffff : reserved
b8000000-bbffffff : reserved
bc000000-bfffffff : System RAM
)";

std::string Image(uint64_t text_offset, uint64_t image_size, size_t bytes) {
  std::string image(bytes, 'k');
  const auto put = [&](size_t at, uint64_t value) {
    value = htole64(value);
    std::memcpy(image.data() + at, &value, sizeof value);
  };
  put(8, text_offset);
  put(16, image_size);
  image.replace(56, 4, "ARM\x64");
  return image;
}

Arm64Boot Boot(const std::string& kernel, const std::string& initramfs, const std::string& tree) {
  return {.kernel = kernel,
          .initramfs = initramfs,
          .device_tree = tree,
          .command_line = "console=ttyAMA0",
          .random = std::string(64, 'r'),
          .page_size = 4096};
}

TEST(PlanArm64, FreeMemoryExcludesReservedRanges) {
  EXPECT_EQ(ToString(FreeMemory(kIomem)),
            "0x40000000-0x4000ffff 0x42900000-0x47ffffff 0x4aaab000-0xafffffff 0xbc000000-0xbfffffff");
}

TEST(PlanArm64, PutsAllSegmentsIntoOneFreeRange) {
  const std::string kernel = Image(0, 40 << 20, 1000), initramfs(5000, 'i'), tree = Tree().Bytes();
  const auto plan = PlanArm64(Boot(kernel, initramfs, tree), FreeMemory(kIomem));
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->segments.size(), 4u);
  const KexecSegment& image = plan->segments[0];
  EXPECT_EQ(image.address, 0x42a00000u) << "expected the first 2 MiB boundary with room for 40 MiB";
  EXPECT_EQ(image.bytes, uint64_t{40} << 20) << "expected image_size, not the size of the file";
  EXPECT_EQ(image.content, kernel);
  uint64_t end = 0;
  for (const KexecSegment& segment : plan->segments) {
    EXPECT_EQ(segment.address % 4096, 0u);
    EXPECT_EQ(segment.bytes % 4096, 0u);
    EXPECT_GE(segment.bytes, segment.content.size());
    EXPECT_GE(segment.address, end) << "segments do not overlap";
    end = segment.address + segment.bytes;
  }
  EXPECT_LE(end, 0x48000000u);

  // The trampoline is the entry point, and contains the addresses of kernel and device tree.
  const KexecSegment& trampoline = plan->segments[1];
  EXPECT_EQ(plan->entry, trampoline.address);
  uint64_t addresses[2];
  std::memcpy(addresses, trampoline.content.data() + 24, sizeof addresses);
  EXPECT_EQ(le64toh(addresses[0]), image.address);
  EXPECT_EQ(le64toh(addresses[1]), plan->segments[2].address);
  const auto chosen = Flatten(plan->segments[2].content);
  EXPECT_EQ(chosen.at("chosen/bootargs"), std::string("console=ttyAMA0\0", 16));
  EXPECT_EQ(chosen.at("chosen/linux,initrd-start"), BigEndian64(plan->segments[3].address));
  EXPECT_EQ(chosen.at("chosen/linux,initrd-end"), BigEndian64(plan->segments[3].address + initramfs.size()));
  EXPECT_FALSE(chosen.contains("chosen/kaslr-seed"));
}

TEST(PlanArm64, UsesTheNextRangeIfNecessaryAndAppliesTextOffset) {
  const std::string kernel = Image(0x80000, 90 << 20, 1000), none, tree = Tree().Bytes();
  const auto plan = PlanArm64(Boot(kernel, none, tree), FreeMemory(kIomem));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->segments[0].address, 0x4ac80000u);
  // With larger pages the segment begins before the image.
  Arm64Boot large = Boot(kernel, none, tree);
  large.page_size = 1 << 20;
  const auto padded = PlanArm64(large, FreeMemory(kIomem));
  ASSERT_TRUE(padded.ok()) << padded.status();
  EXPECT_EQ(padded->segments[0].address, 0x4ac00000u);
  EXPECT_EQ(padded->segments[0].content.substr(0x80000), kernel);
}

TEST(PlanArm64, ReportsErrors) {
  const std::string tree = Tree().Bytes();
  EXPECT_THAT(std::string(PlanArm64(Boot(std::string(1000, 'x'), "", tree), FreeMemory(kIomem)).status().message()),
              HasSubstr("not an arm64 Image"));
  EXPECT_TRUE(absl::IsInvalidArgument(PlanArm64(Boot("", "", tree), FreeMemory(kIomem)).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(PlanArm64(Boot(Image(0, 1 << 20, 100), "", "tree"), FreeMemory(kIomem)).status()));
  EXPECT_THAT(
      std::string(PlanArm64(Boot(Image(0, uint64_t{1} << 40, 100), "", tree), FreeMemory(kIomem)).status().message()),
      HasSubstr("no free memory range"));
  EXPECT_THAT(FreeMemory(""), IsEmpty());
}

}  // namespace
}  // namespace lk::agent
