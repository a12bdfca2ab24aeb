// SPDX-License-Identifier: Apache-2.0
#include "server/known/known.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/known/reader.h"

namespace lk::known {
namespace {

using detect::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const absl::CivilDay kEnd(2027, 3, 31);
const absl::Time kNow = absl::FromCivil(absl::CivilDay(2027, 1, 15), absl::UTCTimeZone());

detect::Finding Found(Kind kind, std::string title, std::vector<std::string> alternates = {}) {
  detect::Finding finding;
  finding.kind = kind;
  finding.title = std::move(title);
  finding.alt_titles = std::move(alternates);
  return finding;
}

std::string Reason(const Problem& problem, const detect::Finding& finding) {
  return List({problem}).ReasonFor(finding, kNow);
}
std::string Reason(const std::string& pattern, const std::string& title) {
  return Reason({pattern, std::nullopt, "reported", kEnd}, Found(Kind::kWarning, title));
}

TEST(List, APatternMatchesTheWholeTitle) {
  EXPECT_EQ(Reason("WARNING in tick_setup", "WARNING in tick_setup"), "reported");
  EXPECT_EQ(Reason("WARNING in tick_setup", "WARNING in tick_setup_device"), "");
  EXPECT_EQ(Reason("tick_setup", "WARNING in tick_setup"), "");
  EXPECT_EQ(Reason("WARNING in tick_.*", "WARNING in tick_setup"), "reported");
  EXPECT_EQ(Reason("(BUG|WARNING) in tick_setup", "WARNING in tick_setup"), "reported");
}

TEST(List, ATitleMatchesItselfWhateverItsCharacters) {
  EXPECT_EQ(Reason("UBSAN: shift (u32)", "UBSAN: shift (u32)"), "reported");
  EXPECT_EQ(Reason("UBSAN: shift \\(u32\\)", "UBSAN: shift (u32)"), "reported");
}

TEST(List, AlternateTitlesMatchToo) {
  const detect::Finding stall = Found(Kind::kRcuStall, "INFO: rcu detected stall in spin", {"stall in spin"});
  EXPECT_EQ(Reason({"stall in spin", std::nullopt, "reported", kEnd}, stall), "reported");
  EXPECT_EQ(Reason({"stall in poll", std::nullopt, "reported", kEnd}, stall), "");
}

TEST(List, AKindLimitsAPattern) {
  const Problem oopses{".*", Kind::kOops, "reported", kEnd};
  EXPECT_EQ(Reason(oopses, Found(Kind::kOops, "BUG in f")), "reported");
  EXPECT_EQ(Reason(oopses, Found(Kind::kPanic, "BUG in f")), "");
}

TEST(List, InvariantsAreKnownOnlyByKind) {
  const detect::Finding invariant = Found(Kind::kInvariant, "invariant trylock");
  EXPECT_EQ(Reason({".*", std::nullopt, "reported", kEnd}, invariant), "");
  EXPECT_EQ(Reason({"invariant trylock", Kind::kInvariant, "reported", kEnd}, invariant), "reported");
  for (int kind = 0; kind <= static_cast<int>(detect::kLastKind); ++kind) {
    if (static_cast<Kind>(kind) == Kind::kInvariant) continue;
    EXPECT_EQ(Reason({".*", std::nullopt, "reported", kEnd}, Found(static_cast<Kind>(kind), "title")), "reported");
  }
}

TEST(List, TheFirstProblemThatAppliesGivesTheReason) {
  const absl::CivilDay past(2026, 12, 31);
  const List list({{"W.*", std::nullopt, "ended", past},
                   {"WARNING.*", std::nullopt, "first", kEnd},
                   {"WARNING in f", std::nullopt, "second", kEnd}});
  EXPECT_EQ(list.ReasonFor(Found(Kind::kWarning, "WARNING in f"), kNow), "first");
}

TEST(List, AProblemAppliesToTheEndOfItsLastDayInUtc) {
  const List list({{"WARNING in f", std::nullopt, "reported", kEnd}});
  const detect::Finding finding = Found(Kind::kWarning, "WARNING in f");
  const absl::Time midnight = absl::FromCivil(kEnd + 1, absl::UTCTimeZone());
  EXPECT_EQ(list.ReasonFor(finding, midnight - absl::Microseconds(1)), "reported");
  EXPECT_THAT(list.Ended(midnight - absl::Microseconds(1)), IsEmpty());
  EXPECT_EQ(list.ReasonFor(finding, midnight), "");
  EXPECT_THAT(list.Ended(midnight), ElementsAre("known problem \"WARNING in f\" ended on 2027-03-31: it counts again"));
}

// ---- reading -------------------------------------------------------------------------------------

std::vector<std::string> Mistakes(const std::string& text) {
  std::vector<yaml::Mistake> mistakes;
  ParseList(text, mistakes);
  std::vector<std::string> lines;
  for (const yaml::Mistake& mistake : mistakes) {
    lines.push_back(fmt::format("{}:{} {}: {}", mistake.line, mistake.column, mistake.path, mistake.message));
  }
  return lines;
}

TEST(ParseList, ReadsEveryKey) {
  std::vector<yaml::Mistake> mistakes;
  const List list = ParseList(
      "# from the triage of January\n"
      "- title: WARNING in tick_.*\n"
      "  reason: fix is queued\n"
      "  until: 2027-03-31\n"
      "- { title: BUG in f, kind: oops, reason: bug 7, until: \"2028-02-29\" }\n",
      mistakes);
  EXPECT_THAT(mistakes, IsEmpty());
  EXPECT_THAT(list.problems(), ElementsAre(Problem{"WARNING in tick_.*", std::nullopt, "fix is queued", kEnd},
                                           Problem{"BUG in f", Kind::kOops, "bug 7", absl::CivilDay(2028, 2, 29)}));
  EXPECT_THAT(ParseList("[]", mistakes).problems(), IsEmpty());
  EXPECT_THAT(mistakes, IsEmpty());
}

TEST(ParseList, ReportsAllMistakesWithTheirPositions) {
  EXPECT_THAT(Mistakes("- title: WARNING in f(\n"
                       "  kind: opps\n"
                       "  reason: \" \"\n"
                       "  until: 31.3.2027\n"
                       "- title: BUG in f\n"
                       "  reasons: none\n"
                       "  until: 2027-02-29\n"),
              ElementsAre(testing::AllOf(HasSubstr("1:10 [0].title: invalid pattern \"WARNING in f(\": missing )"),
                                         HasSubstr("put \\ before it")),
                          HasSubstr("2:9 [0].kind: unknown kind \"opps\"; did you mean \"oops\"?"),
                          HasSubstr("3:11 [0].reason: the reason is empty; "),
                          "4:10 [0].until: invalid date \"31.3.2027\" (expected YYYY-MM-DD, such as 2027-03-31)",
                          "5:3 [1]: \"reason\" is missing",
                          HasSubstr("6:3 [1].reasons: unknown key \"reasons\"; did you mean \"reason\"?"),
                          HasSubstr("7:10 [1].until: invalid date \"2027-02-29\"")));
}

TEST(ParseList, ADateHasOneForm) {
  for (const char* date : {"2027-3-31", "2027-03", "2027-03-31T10:00", "' 2027-03-31'", "never", "''"}) {
    EXPECT_THAT(Mistakes(fmt::format("[ {{ title: a, reason: b, until: {} }} ]", date)),
                ElementsAre(HasSubstr("invalid date")))
        << date;
  }
}

TEST(ParseList, DuplicatesAreMistakes) {
  EXPECT_THAT(Mistakes("- { title: BUG in f, reason: a, until: 2027-03-31 }\n"
                       "- { title: BUG in f, kind: oops, reason: a, until: 2027-03-31 }\n"
                       "- { title: BUG in f, reason: b, until: 2027-04-30 }\n"),
              ElementsAre("3:12 [2].title: duplicate known problem \"BUG in f\""));
}

TEST(ParseList, ATitleOfAnInvariantRequiresItsKind) {
  EXPECT_THAT(Mistakes("[ { title: invariant trylock, reason: a, until: 2027-03-31 } ]"),
              ElementsAre("1:12 [0].title: \"invariant trylock\" requires kind: invariant"));
  EXPECT_THAT(Mistakes("[ { title: invariant trylock, kind: invariant, reason: a, until: 2027-03-31 } ]"), IsEmpty());
}

TEST(ParseList, TheFileIsOneList) {
  EXPECT_THAT(Mistakes(""), ElementsAre("0:0 : the file is empty (expected a YAML document)"));
  EXPECT_THAT(
      Mistakes("- title: BUG: bad page state\n"),
      ElementsAre(testing::AllOf(HasSubstr("1:13 "), HasSubstr("; put quotes around a text that contains \": \""))));
  EXPECT_THAT(Mistakes("known: []"), ElementsAre("1:1 : expected a list, found a mapping"));
  EXPECT_THAT(Mistakes("- { title"), ElementsAre(HasSubstr("invalid YAML: ")));
  EXPECT_THAT(Mistakes("[ { title: '', reason: a, until: 2027-03-31 } ]"),
              ElementsAre(HasSubstr("1:12 [0].title: the title is empty")));
}

}  // namespace
}  // namespace lk::known
