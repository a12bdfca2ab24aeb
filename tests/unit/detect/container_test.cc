// SPDX-License-Identifier: Apache-2.0
#include "server/detect/container.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/detect/engine.h"
#include "server/detect/hints.h"

namespace lk::detect {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Titles(std::string_view log, std::string* container = nullptr, bool prefilter = true) {
  std::vector<std::string> titles;
  Callbacks callbacks;
  callbacks.on_finding = [&](const Finding& finding) { titles.push_back(finding.title); };
  Engine engine({.invariants = {}, .prefilter = prefilter, .containers = true}, std::move(callbacks));
  engine.Feed(log);
  engine.Finish();
  if (container != nullptr) *container = engine.facts().container;
  return titles;
}

struct ContainedCase {
  std::string_view container, line, text;
  bool kernel = false;
  bool program = false;
};

TEST(Unwrapper, LinesAreUnwrapped) {
  const ContainedCase cases[] = {
      {"journalctl, rsyslog", "Mar  3 10:02:11 box kernel: text", "text", true},
      {"journalctl, rsyslog", "Mar 03 10:02:11 box kernel:  indented", " indented", true},
      {"journalctl, rsyslog", "Mar 03 10:02:11 box sshd[17]: text", "text", false, true},
      {"journalctl, rsyslog", "Mar 03 10:02:11 kernel: text", "text", true},
      {"journalctl, rsyslog", "<4>Mar  3 10:02:11 box kernel: text", "text", true},
      {"journalctl, rsyslog", "Mar  3 10:02:11 box kern.warn kernel: text", "text", true},
      {"journalctl, rsyslog", "Mon Mar  3 10:02:11 2031 kern.warn kernel: text", "text", true},
      {"journalctl -o short-iso, rsyslog", "2031-03-03T10:02:11+0100 box kernel: text", "text", true},
      {"rsyslog (RFC 5424)", "<4>1 2031-03-03T10:02:11.5Z box kernel - - - text", "text", true},
      {"rsyslog (RFC 5424)", "<30>1 2031-03-03T10:02:11Z box cron 7 - [x y=\"z\"] text", "text", false, true},
      {"journalctl -o short-full", "Mon 2031-03-03 10:02:11 CET box kernel: text", "text", true},
      {"journalctl -o short-monotonic", "[   12.345678] box kernel: text", "text", true},
      {"journalctl -o short-monotonic", "[   12.345678 <    0.000001 >] box kernel: text", "text", true},
      {"journalctl -o short-unix", "1930300931.345678 box kernel: text", "text", true},
      {"dmesg -T", "[Mon Mar  3 10:02:11 2031] text", "text", true},
      {"dmesg -H", "[Mar 3 10:02] text", "text", true},
      {"dmesg -H", "[  +0.000012] text", "text", true},
      {"dmesg -H", "kern  :warn  : [  +0.000012] text", "text", true},
      {"dmesg -H", "user  :warn  : [  +0.000012] text", "text", false, true},
      {"dmesg -d", "[   12.345678 <    0.000012>] text", "text", true},
      {"dmesg --time-format iso", "2031-03-03T10:02:11,345678+01:00 text", "text", true},
      {"/dev/kmsg", "4,17,12345678,-,caller=T1;text", "text", true},
      {"/dev/kmsg", "6.12.9-lk,4,17,12345678,-;text", "text", true},
      {"/dev/kmsg", "12,17,12345678,-;text", "text", false, true},
      {"xl dmesg", "(XEN) [2031-03-03 10:02:11] text", "text", true},
      {"conserver", "[Mon Mar  3 10:02:11 2031][   12.345678] text", "[   12.345678] text"},
      {"logcat -b kernel", "03-03 10:02:11.345     0     0 W rcu     : INFO: text", "rcu: INFO: text", true},
      {"logcat -b kernel", "03-03 10:02:11.345  root     0     0 W text", "text", true},
      {"logcat -b kernel", "03-03 10:02:11.345   411   412 W app     : text", "app: text", false, true},
      {"Kubernetes", "2031-03-03T10:02:11.345678901Z stdout F text", "text"},
      {"GitLab CI", "2031-03-03T10:02:11.345678Z 00O text", "text"},
      {"GitHub Actions", "2031-03-03T10:02:11.3456789Z text", "text"},
      {"GitHub Actions", "job name\tstep\t2031-03-03T10:02:11.3456789Z text", "text"},
      {"docker compose", "guest-1  | [   12.345678] text", "[   12.345678] text"},
      {"docker compose", "[pod/guest-5d/qemu] text", "text"},
      {"timestamps", "2031-03-03T10:02:11.345Z text", "text"},
      {"timestamps", "[2031-03-03 10:02:11] text", "text"},
      {"timestamps", "10:02:11.345678  [   12.345678] text", " [   12.345678] text"},
      {"timestamps", "Mar 03 10:02:11 [   12.345678] text", "[   12.345678] text"},
      {"timestamps", "2031-03-03T10:02:11.769382  kern  :emerg : text", "text", true},
      {"docker json-file", R"({"log":"a \u003cb\u003e\tc\n","stream":"stdout","time":"2031"})", "a <b>\tc"},
      {"docker json-file", R"({"log":"\u001b[31ma\u001b[0m\r\n","stream":"stdout"})", "a"},
      {"journalctl -o json", R"({"_TRANSPORT":"kernel","MESSAGE":"say \"a\"","__CURSOR":"x"})", R"(say "a")", true},
      {"journalctl -o json", R"({ "MESSAGE" : [116, 101, 120, 116], "_TRANSPORT" : "kernel" })", "text", true},
      {"journalctl -o json", R"({"MESSAGE":"text","_TRANSPORT":"stdout","SYSLOG_IDENTIFIER":"a"})", "", false, true},
      {"journalctl -o json", R"({"MESSAGE":"text","_TRANSPORT":"kernel","SYSLOG_IDENTIFIER":"a"})", "", false, true},
      {"journalctl -o json", R"(data: {"MESSAGE":"text","_TRANSPORT":"kernel"})", "text", true},
      {"JSON lines", R"({"level":"info","message":"text"})", "text"},
      {"LAVA", R"(- {"dt": "2031-03-03T10:02:11.3", "lvl": "target", "msg": "text"})", "text"},
      {"LAVA", "- {dt: '2031-03-03T10:02:11.3', lvl: target, msg: 'it''s text'}", "it's text"},
      {"LAVA", "- {dt: 2031-03-03T10:02:11.3, lvl: target, msg: text}", "text"},
      {"LAVA", R"(- {"dt": "2031-03-03T10:02:11.3", "lvl": "info", "msg": "text"})", "", false, true},
      {"", "> > >[   12.345678] text", "[   12.345678] text"},
      {"", "Jo> Al>> text", "text"},
      {"", "  | text", "text"},
      {"", "&lt;TASK&gt; a&nbsp;b &amp; c", "<TASK> a b & c"},
      {"", "\x1b[1;31mtext\x1b[0m\xc2\xa0more", "text more"},
      {"dmesg -x", "kern  :err   : [   12.345678] text", "[   12.345678] text", true},
  };
  for (const ContainedCase& c : cases) {
    Unwrapper unwrapper;
    const Unwrapped unwrapped = unwrapper.Unwrap(c.line, true);
    EXPECT_EQ(unwrapper.name(), c.container) << c.line;
    EXPECT_EQ(unwrapped.kernel, c.kernel) << c.line;
    EXPECT_EQ(unwrapped.program, c.program) << c.line;
    if (!c.text.empty()) {
      EXPECT_EQ(unwrapped.text, c.text) << c.line;
    }
  }
}

TEST(Unwrapper, TextIsNotTakenForAContainer) {
  for (const std::string_view line :
       {"divide error: 0000 [#1] SMP", "BUG: soft lockup - CPU#1 stuck for 22s! [a:1]", "Call Trace:", " <TASK>",
        "[   12.345678] text", "[Hardware Error]: text", "{1}[Hardware Error]: text", "INFO: task a:1 blocked",
        "10:02:11 up 3 days", "2 locks held by a/1:", "[ffff888000000000] pgd=0", "- {", "4,5"}) {
    Unwrapper unwrapper;
    EXPECT_EQ(unwrapper.Unwrap(line, true).text, line);
    EXPECT_EQ(unwrapper.name(), "") << line;
  }
}

TEST(Unwrapper, AnotherContainerMustLastToBecomeThePresentOne) {
  Unwrapper unwrapper;
  for (int i = 0; i < 100; ++i) unwrapper.Unwrap("[   12.345678] text", true);
  for (int i = 0; i < 15; ++i) {
    EXPECT_FALSE(unwrapper.Unwrap("Mar 03 10:02:11 box kernel: text", true).kernel) << i;
    EXPECT_EQ(unwrapper.name(), "");
  }
  EXPECT_TRUE(unwrapper.Unwrap("Mar 03 10:02:11 box kernel: text", true).kernel);
  EXPECT_EQ(unwrapper.name(), "journalctl, rsyslog");
  unwrapper.Unwrap("[Mon Mar  3 10:02:11 2031] text", false);
  EXPECT_EQ(unwrapper.name(), "journalctl, rsyslog");
}

TEST(Containers, TextOfProgramsNeverCounts) {
  const std::string_view report = "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [spinner:812]";
  const auto log = [&](std::string_view kernel, std::string_view program) {
    return std::string(kernel) + "usb 1-1: new device\n" + std::string(program) + std::string(report) + "\n" +
           std::string(program) + "[   12.345678] " + std::string(report) + "\n";
  };
  EXPECT_THAT(Titles(log("Mar 03 10:02:11 box kernel: ", "Mar 03 10:02:11 box alice[7]: ")), IsEmpty());
  EXPECT_THAT(Titles(log("Mar 03 10:02:11 box kernel: ", "Mar 03 10:02:11 box alice: ")), IsEmpty());
  // A message of several lines.
  EXPECT_THAT(Titles(log("Mar 03 10:02:11 box kernel: ", "                            ")), IsEmpty());
  EXPECT_THAT(Titles(log("2031-03-03T10:02:11+00:00 box kernel: ", "2031-03-03T10:02:11+00:00 box alice: ")),
              IsEmpty());
  EXPECT_THAT(Titles(log("[   12.345678] box kernel: ", "[   12.345678] box alice[7]: ")), IsEmpty());
  EXPECT_THAT(Titles(log("4,17,12345678,-;", "12,17,12345678,-;")), IsEmpty());
  EXPECT_THAT(Titles(log("kern  :warn  : ", "user  :warn  : ")), IsEmpty());
  EXPECT_THAT(Titles(log("<4>[   12.345678] ", "<12>[   12.345678] ")), IsEmpty());
  EXPECT_THAT(Titles("guest-1  | [   12.345678] usb 1-1: new device\nguest-1  | " + std::string(report) + "\n"),
              IsEmpty());
  // The same from the kernel.
  EXPECT_THAT(Titles(log("", "Mar 03 10:02:11 box kernel: ")).size(), 2);
}

TEST(Containers, WordsOfAnyJournalDoNotMatter) {
  EXPECT_THAT(Titles("Mon 2031-03-03 10:02:11.000001 UTC [s=6f;i=1]\n    MESSAGE=Kernel panic - not syncing: Oops\n"
                     "    _TRANSPORT=syslog\n"
                     "Mon 2031-03-03 10:02:12.000001 UTC [s=6f;i=2]\n    _TRANSPORT=kernel\n"
                     "    MESSAGE=Kernel panic - not syncing: sysrq\n"),
              ElementsAre("kernel panic: sysrq"));
  EXPECT_THAT(Titles("__CURSOR=s=6f;i=1\nMESSAGE=Kernel panic - not syncing: Oops\n_TRANSPORT=syslog\n\n"
                     "__CURSOR=s=6f;i=2\n_TRANSPORT=kernel\nMESSAGE=Kernel panic - not syncing: sysrq\n\n"),
              ElementsAre("kernel panic: sysrq"));
}

TEST(Containers, PartsOfADumpInPstoreAreReadInTheirOrder) {
  const std::string header =
      "<0>[   12.000100] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [spinner:812]\n"
      "<4>[   12.000101] RIP: 0010:spin_on_it+0x12/0x40\n";
  const std::string rest =
      "<4>[   12.000103] Call Trace:\n<4>[   12.000105]  spin_write+0x54/0x90\n"
      "<4>[   12.000106]  vfs_write+0x54/0x90\n<4>[   12.000106]  ksys_write+0x54/0x90\n";
  const std::vector<std::string> titles = Titles(header + rest);
  EXPECT_EQ(titles.size(), 1);
  std::string container;
  EXPECT_EQ(Titles("Panic#1 Part2\n" + header + "Panic#1 Part1\n" + rest, &container), titles);
  EXPECT_EQ(container, "pstore");
  EXPECT_EQ(Titles("Panic#1 Part1\n" + rest + "Panic#1 Part2\n" + header), titles);
}

TEST(Containers, Utf16IsRead) {
  const std::string_view line = "[   12.000100] Kernel panic - not syncing: sysrq\n";
  std::string little = "\xff\xfe";
  std::string big = "\xfe\xff";
  for (const char c : line) {
    little += std::string(1, c) + '\0';
    big += '\0' + std::string(1, c);
  }
  EXPECT_THAT(Titles(little), ElementsAre("kernel panic: sysrq"));
  EXPECT_THAT(Titles(big), ElementsAre("kernel panic: sysrq"));
}

TEST(Containers, LinesThatAMailerHasWrappedAreJoined) {
  EXPECT_THAT(Titles("> [   57.618454] BUG: kernel NULL pointer dereference, address: \n> 0000000000000094\n"
                     "> [   57.630952] CPU: 3 PID: 1064 Comm: writer Not tainted\n> 6.12.9-lk #77\n"
                     "> [   57.640952] RIP: 0010:write_it+0x1a/0x30\n"),
              ElementsAre("BUG: unable to handle kernel NULL pointer dereference in write_it"));
  // Format=flowed, without times.
  EXPECT_THAT(Titles("WARNING: CPU: 0 PID: 281 at fs/transaction/some_file.c:2022 \ncommit_what_there_is+0x69/0xa0\n"),
              ElementsAre("WARNING in commit_what_there_is"));
}

TEST(Containers, ExcerptsMayBeIndented) {
  EXPECT_THAT(Titles("It says:\n\n    Kernel panic - not syncing: sysrq\n"), ElementsAre("kernel panic: sysrq"));
  EXPECT_THAT(Titles("It says:\n  Kernel panic - not syncing: sysrq\n"), ElementsAre("kernel panic: sysrq"));
  EXPECT_THAT(Titles("It says: Kernel panic - not syncing: sysrq\n"), IsEmpty());
}

TEST(Containers, IndentationOfAnExcerptIsThatOfItsHeader) {
  // The kernel indents the last two lines itself, without which they would end the report.
  const std::string log =
      "  BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 31s!\n"
      "  Showing busy workqueues and worker pools:\n"
      "  workqueue events: flags=0x0\n"
      "    pwq 6: cpus=1 node=0 flags=0x0 nice=0 active=2 refcnt=3\n"
      "      in-flight: 41:pump_work\n";
  std::string encoded = log;
  for (size_t at = 0; (at = encoded.find("    ", at)) != std::string::npos;) encoded.replace(at, 4, "  &nbsp; ");
  for (const std::string& same : {log, encoded}) {
    EXPECT_THAT(Titles(same), ElementsAre("BUG: workqueue lockup in pump_work"));
    EXPECT_EQ(Titles(same, nullptr, false), Titles(same));
  }
}

TEST(Containers, BytesAreReadOnlyAsEncodersWriteThem) {
  struct Case {
    std::string_view first, others;  // separators
    bool read;
  };
  const Case cases[] = {{",", ",", true},   {", ", ", ", true}, {", ", ",", false},
                        {" ,", ",", false}, {" ", " ", false},  {"\xc2\xa0,", ",", false}};
  for (const Case& c : cases) {
    std::string log = R"({"__REALTIME_TIMESTAMP":"1","_TRANSPORT":"kernel","MESSAGE":"up"})"
                      "\n"
                      R"({"__REALTIME_TIMESTAMP":"2","_TRANSPORT":"kernel","MESSAGE":[75)";
    std::string_view separator = c.first;
    for (const char byte : std::string_view("ernel panic - not syncing: sysrq")) {
      log += fmt::format("{}{}", std::exchange(separator, c.others), static_cast<int>(byte));
    }
    log += "]}\n";
    EXPECT_EQ(Titles(log).size(), c.read ? 1 : 0) << log;
    EXPECT_EQ(Titles(log, nullptr, false), Titles(log)) << log;
  }
}

TEST(Containers, LinesWithoutATextDoNotIndentLaterOnes) {
  for (const std::string prefix : {"Mar  3 10:02:11 box kernel:", "[  +0.000012]", "[Mon Mar  3 10:02:11 2031]"}) {
    EXPECT_THAT(Titles(prefix + " up\n" + prefix + "\n" + prefix + " Kernel panic - not syncing: sysrq\n"),
                ElementsAre("kernel panic: sysrq"))
        << prefix;
  }
}

// Elsewhere, whether a line is read depends on the prefilter.
TEST(Containers, MailIsRecognisedOnlyWhereAllLinesAreRead) {
  std::string log;
  const auto add = [&] {
    for (int i = 0; i < 8000; ++i) log += "[    7.000000] stage 4 of the pump holds its pressure\n";
  };
  add();
  log += "[    7.000000] stage 4 of the pump: registers of its valve in base64 YWI=\n";
  add();
  log += "[    8.000000] Kernel panic - not syncing: valve=EA\n";
  EXPECT_THAT(Titles(log), ElementsAre("kernel panic: valve=EA"));
  EXPECT_EQ(Titles(log, nullptr, false), Titles(log));
}

TEST(Containers, TagsAreTakenOffInWebPages) {
  const std::string_view title = "kernel panic: sysrq";
  for (const std::string_view log :
       {"<pre>\nKernel panic - not syncing: sysrq</pre>\n", "<p>Kernel panic - not syncing: sysrq<br/>\n",
        "<span id=\"7\">[    7.000000]</span> Kernel panic - not syncing: <em>sysrq</em>\n",
        "[    6.000000] up<br />[    7.000000] Kernel panic - not syncing: sysrq<br />[    7.000001] down\n"}) {
    EXPECT_THAT(Titles(log), ElementsAre(title)) << log;
  }
}

TEST(Containers, TagsElsewhereAreText) {
  for (const std::string_view tag : {"<b>x</b>", "<br>", "<span class=a>"}) {
    const std::string text = "usage: " + std::string(tag) + " y";
    Unwrapper unwrapper;
    EXPECT_EQ(unwrapper.Unwrap("[    6.000000] up", true).text, "[    6.000000] up");
    EXPECT_EQ(unwrapper.Unwrap("[    7.000000] " + text, true).text, "[    7.000000] " + text);
    EXPECT_FALSE(unwrapper.html()) << tag;
  }
  Unwrapper unwrapper;
  unwrapper.Unwrap("<html>", true);
  EXPECT_EQ(unwrapper.Unwrap("[    7.000000]  <TASK>", true).text, "[    7.000000]  <TASK>");
}

TEST(Hints, LiteralsInOtherFormsAreFound) {
  const std::vector<std::string> hints = Hints({"BUG: \"a\" <b>", "it's"});
  for (const std::string_view hint :
       {R"(BUG: \"a\" <b>)", R"(BUG: \"a\" \u003cb\u003e)", R"(BUG: \"a\" \u003Cb\u003E)", "66,85,71,58,32,34,97,34",
        "66, 85, 71, 58, 32, 34, 97, 34", "BUG     : \"a\" <b>", "it''s"}) {
    EXPECT_THAT(hints, testing::Contains(hint));
  }
}

TEST(Hints, SeamsAreWhereLiteralsAreSplit) {
  const Seams seams({"soft lockup"});
  const std::string end(32, '.');
  const auto splits = [&](std::string_view text) {
    const std::string bytes = ".." + std::string(text) + end;
    return seams.Splits(bytes, bytes.find_first_of(Seams::kBytes));
  };
  for (const std::string_view text : {"a s\x1b[1moft lockup", "a so\x1b[1;31mft lockup", "a soft lock\x1b[0mup",
                                      "a soft locku\x1b[0mp", "a soft\x1b[0m\x1b[1m lockup", "a soft\xc2\xa0lockup",
                                      "115,1\x1b[1m11", "115\xc2\xa0,111", "115, \x1b[1m111"}) {
    EXPECT_TRUE(splits(text)) << text;
  }
  for (const std::string_view text : {"a \x1b[1msoft lockup", "a soft lockup\x1b[0m", "a hard\x1b[1m lock",
                                      "a \xc2\xa0soft lockup", "a soft\xc2\xa9lockup", "pump 7\x1b[0m: on"}) {
    EXPECT_FALSE(splits(text)) << text;
  }
}

}  // namespace
}  // namespace lk::detect
