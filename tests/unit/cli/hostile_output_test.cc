// SPDX-License-Identifier: Apache-2.0
// No text from a guest, in any field or output format, can control the user's terminal.
#include <gmock/gmock.h>

#include "fake_lkd.h"
#include "harness.h"
#include "samples.h"

namespace lk::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// An escape sequence, BEL, a C1 control sequence in UTF-8, backspace, a fake line, a right-to-left override, DEL.
constexpr char kEvil[] =
    "\x1b]0;owned\x07\xc2\x9b"
    "2J\b\r\nfake line\xe2\x80\xae\x7f";

// Appends kEvil to every string in the message, at any nesting depth.
void Poison(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 0;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && field->type() == FieldDescriptor::TYPE_STRING) {
      if (!field->is_repeated()) {
        reflection.SetString(&message, field, reflection.GetString(message, field) + kEvil);
      } else {
        reflection.AddString(&message, field, kEvil);
      }
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field->message_type()->full_name().starts_with("google.protobuf.")) continue;
      for (int j = 0; j < count; ++j) Poison(*reflection.MutableRepeatedMessage(&message, field, j));
      if (!field->is_repeated() && reflection.HasField(message, field)) {
        Poison(*reflection.MutableMessage(&message, field));
      }
    }
  }
}

// Lists the places in the text that a terminal would interpret, other than lkctl's own colours and progress line.
std::string Dangerous(std::string text) {
  for (const char* own :
       {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[35m", "\r\x1b[K"}) {
    for (size_t at = 0; (at = text.find(own)) != std::string::npos;) text.erase(at, std::string_view(own).size());
  }
  std::string found;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    const bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    const bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;
    if (control || c1 || text.compare(i, 3, "\xe2\x80\xae") == 0) {
      found += std::to_string(i) + ": " + text.substr(i < 20 ? 0 : i - 20, 40) + "\n";
    }
  }
  return found;
}

TEST(HostileOutput, NothingControlsTheTerminal) {
  FakeLkd lkd;
  lkd.campaigns.campaign = SampleCampaign();
  lkd.runs.run = SampleCampaign().runs(0);
  *lkd.runs.run.add_findings() = SampleFinding();
  v1::PostMortemStep& step = *lkd.runs.run.add_post_mortem();
  step.set_step("registers");
  step.set_outcome("done");
  lkd.runs.run.add_counters()->set_name("ops");
  Poison(lkd.campaigns.campaign);
  Poison(lkd.runs.run);
  lkd.campaigns.campaign.set_id("c00000000abc");
  lkd.campaigns.campaign.set_state("finished");
  lkd.runs.run.set_id("r1");
  lkd.campaigns.listed = {lkd.campaigns.campaign};
  lkd.campaigns.notes = {kEvil};
  for (uint32_t sequence = 1; sequence <= 3; ++sequence) {
    v1::CampaignEvent& event = lkd.campaigns.events.emplace_back();
    event.set_sequence(sequence);
  }
  *lkd.campaigns.events[0].mutable_run() = lkd.runs.run;
  lkd.campaigns.events[1].mutable_finding()->set_run_id(kEvil);
  *lkd.campaigns.events[1].mutable_finding()->mutable_finding() = lkd.runs.run.findings(0);
  *lkd.campaigns.events[2].mutable_campaign() = lkd.campaigns.campaign;
  lkd.runs.console = std::string("[    1.000000] ") + kEvil + "\n";
  lkd.runs.artifacts = {{"console.log", "x"}};

  const std::vector<std::vector<std::string>> commands = {
      {"campaign", "list"},       {"campaign", "show", "c00000000abc"}, {"campaign", "watch", "c00000000abc"},
      {"campaign", "start", "-"}, {"campaign", "validate", "-"},        {"run", "show", "r1"},
      {"run", "logs", "r1"},      {"run", "artifacts", "r1"},           {"host", "add", std::string("qemu:") + kEvil},
      {"run", "show", kEvil},     {"campaign", "show", kEvil}};
  for (const std::string format : {"table", "json", "yaml"}) {
    for (std::vector<std::string> command : commands) {
      command.insert(command.begin(), {"-o", format});
      const Result result = lkd.Lkctl(command, {.in = "spec: {}", .out_terminal = true, .err_terminal = true});
      SCOPED_TRACE(format + ": " + command[2] + " " + command[3]);
      EXPECT_EQ(Dangerous(result.out), "");
      EXPECT_EQ(Dangerous(result.err), "");
      EXPECT_FALSE(result.out.empty() && result.err.empty());
    }
  }
  // Dangerous() does detect unescaped text.
  EXPECT_NE(Dangerous(kEvil), "");
}

}  // namespace
}  // namespace lk::cli
