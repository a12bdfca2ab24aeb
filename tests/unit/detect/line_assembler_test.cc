// SPDX-License-Identifier: Apache-2.0
#include "server/detect/line_assembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fuzz/lines.h"

namespace lk::detect {
namespace {

using testing::ElementsAre;

struct Kept {
  uint64_t start, end;
  std::string text;
  bool operator==(const Kept&) const = default;
};
void PrintTo(const Kept& line, std::ostream* out) {
  *out << line.start << ".." << line.end << " " << line.text;
}

class LineAssemblerTest : public testing::Test {
 protected:
  void Keep(const Line& line) { lines_.push_back({line.start, line.end, std::string(line.text)}); }
  void Feed(LineAssembler& assembler, std::string_view bytes) {
    detect::Feed(assembler, bytes, [this](const Line& line) { Keep(line); });
  }
  void Feed(std::string_view bytes) { Feed(assembler_, bytes); }
  void Finish() {
    if (const auto line = assembler_.Finish()) Keep(*line);
  }

  std::vector<Kept> lines_;
  LineAssembler assembler_;
};

TEST_F(LineAssemblerTest, OffsetsIncludeRemovedCarriageReturns) {
  Feed("a\r\n\r\nb\rc\n");
  EXPECT_THAT(lines_, ElementsAre(Kept{0, 3, "a"}, Kept{3, 5, ""}, Kept{5, 9, "bc"}));
}

TEST_F(LineAssemblerTest, UnfinishedLineIsHeldBackUntilItEnds) {
  Feed("par");
  EXPECT_TRUE(lines_.empty());
  Feed("tial");
  Finish();
  EXPECT_THAT(lines_, ElementsAre(Kept{0, 7, "partial"}));
  Finish();
  EXPECT_EQ(lines_.size(), 1u);
}

TEST_F(LineAssemblerTest, EndOfAnOverlongLineIsKept) {
  const std::string junk(1 << 20, 'x');
  Feed(junk);
  Feed("[    1.000000] the kernel\n");
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_LE(lines_[0].text.size(), LineAssembler::kMaxLine);
  EXPECT_TRUE(lines_[0].text.ends_with("[    1.000000] the kernel"));
  EXPECT_EQ(lines_[0].end, junk.size() + 26);
}

TEST_F(LineAssemblerTest, TruncationDoesNotDependOnTheSizesOfReads) {
  const std::string junk = std::string(3 * LineAssembler::kMaxLine + 17, 'y') + "end\n";
  Feed(junk);
  const auto whole = std::exchange(lines_, {});
  LineAssembler bytewise;
  for (const char& c : junk) Feed(bytewise, {&c, 1});
  EXPECT_EQ(lines_, whole);
}

}  // namespace
}  // namespace lk::detect
