// SPDX-License-Identifier: Apache-2.0
// `lkctl detect` with compressed, truncated and binary files, and with debug information.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstring>
#include <memory>
#include <span>
#include <thread>

#include "harness.h"

namespace lk::cli {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr char kTwoReports[] =
    "[    1.000000] Linux version 6.12.0 (build@host) #1 SMP\n"
    "[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [trigger:77]\n"
    "[  100.000001] CPU: 1 PID: 77 Comm: trigger Not tainted 6.12.0 #1\n"
    "[  100.000002] RIP: 0010:spin_forever+0x1f/0x40\n"
    "[  100.000003] Call Trace:\n"
    "[  100.000004]  <TASK>\n"
    "[  100.000005]  spin_forever+0x1f/0x40\n"
    "[  100.000006]  do_syscall_64+0x60/0x90\n"
    "[  100.000007]  entry_SYSCALL_64_after_hwframe+0x76/0x7e\n"
    "[  100.000008]  </TASK>\n"
    "[  200.000000] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!\n"
    "[  200.000001] Showing busy workqueues and worker pools:\n";

std::string Compress(const std::string& text, int (*filter)(archive*)) {
  std::string bytes(text.size() + (64 << 10), '\0');
  size_t used = 0;
  const std::unique_ptr<archive, decltype(&archive_write_free)> a(archive_write_new(), archive_write_free);
  archive_write_set_format_raw(a.get());
  filter(a.get());
  archive_write_set_bytes_in_last_block(a.get(), 1);
  archive_write_open_memory(a.get(), bytes.data(), bytes.size(), &used);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(a.get(), entry);
  archive_write_data(a.get(), text.data(), text.size());
  archive_entry_free(entry);
  archive_write_close(a.get());
  return bytes.substr(0, used);
}

const std::pair<const char*, int (*)(archive*)> kFilters[] = {{"gzip", archive_write_add_filter_gzip},
                                                              {"xz", archive_write_add_filter_xz},
                                                              {"zstd", archive_write_add_filter_zstd},
                                                              {"bzip2", archive_write_add_filter_bzip2},
                                                              {"lz4", archive_write_add_filter_lz4}};

TEST(DetectFiles, CompressedLogsAreDecompressed) {
  const TempDir directory;
  const auto expected = Lkctl({"-o", "json", "detect", "-"}, {.in = kTwoReports}).json()["findings"];
  ASSERT_EQ(expected.size(), 2u);
  for (const auto& [ending, filter] : kFilters) {
    const std::string file = directory.Write(std::string("console.log.") + ending, Compress(kTwoReports, filter));
    const Result result = Lkctl({"-o", "json", "detect", file});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.json()["findings"], expected) << ending;
  }
}

TEST(DetectFiles, FindingsInATruncatedFileAreShown) {
  const TempDir directory;
  // Incompressible noise, so that the truncation comes after the reports.
  std::string text = kTwoReports;
  for (uint32_t i = 0, x = 1; i < 1 << 18; ++i) text += static_cast<char>('!' + ((x = x * 1664525 + 1013904223) >> 26));
  // The blocks of bzip2 and lz4 are larger than this log.
  for (const auto& [name, filter] : std::span(kFilters).first(3)) {
    std::string bytes = Compress(text, filter);
    bytes.resize(bytes.size() - 1000);
    const std::string file = directory.Write("cut", bytes);
    const Result result = Lkctl({"-o", "json", "detect", file});
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.json()["findings"].size(), 2u) << name;
    EXPECT_THAT(result.err,
                testing::MatchesRegex("lkctl: " + file + ": truncated " + name + " input; [0-9]+ bytes were read\n"));
  }
}

TEST(DetectFiles, WhatPrecedesACutIsRead) {
  const TempDir directory;
  const std::string gzip = Compress(kTwoReports, archive_write_add_filter_gzip);
  for (const size_t cut : {1, 4, 8}) {
    const std::string file = directory.Write("cut.gz", gzip.substr(0, gzip.size() - cut));
    const Result result = Lkctl({"-o", "json", "detect", file});
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.json()["findings"].size(), 2u) << cut;
    EXPECT_EQ(result.err, "lkctl: " + file + ": truncated gzip input; " + std::to_string(strlen(kTwoReports)) +
                              " bytes were read\n");
  }
  std::string damaged = gzip;
  damaged[damaged.size() - 8] ^= 1;  // the checksum
  const Result result = Lkctl({"-o", "json", "detect", "-"}, {.in = damaged});
  EXPECT_EQ(result.json()["findings"].size(), 2u);
  EXPECT_THAT(result.err, HasSubstr("-: damaged gzip input; "));
}

TEST(DetectFiles, ACompressedPartMayBeFollowedByOthers) {
  const std::string one = "[    1.000000] Kernel panic - not syncing: one\n";
  const std::string plain = "[    2.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [trigger:77]\n";
  for (const auto& [name, filter] : kFilters) {
    const std::string parts = Compress(one, filter) + Compress(kTwoReports, archive_write_add_filter_gzip) + plain;
    const auto findings = Lkctl({"-o", "json", "detect", "-"}, {.in = parts}).json()["findings"];
    ASSERT_FALSE(findings.empty()) << name;
    EXPECT_EQ(findings[0]["title"], "kernel panic: one");
    EXPECT_EQ(findings.back()["startOffset"], one.size() + strlen(kTwoReports)) << name;
  }
  EXPECT_EQ(Lkctl({"-o", "json", "detect", "-"},
                  {.in = Compress(one, archive_write_add_filter_gzip) + std::string(512, '\0')})
                .err,
            "")
      << "padding of tapes";
}

// The files of the documents in `result`, relative to the directory.
std::vector<std::string> Files(const Result& result, const TempDir& directory) {
  std::vector<std::string> files;
  for (const auto& document : result.lines())
    files.push_back(std::filesystem::path(document["file"].get<std::string>()).lexically_relative(directory.path()));
  return files;
}

TEST(DetectFiles, ADirectoryStandsForTheFilesUnderIt) {
  const TempDir directory;
  for (const char* name : {"b.log", "a/2.log", "a/1.log", "c.log", ".hidden.log", ".git/objects/x"})
    directory.Write(name, kTwoReports);
  const std::string odd = std::string("a/\n\x1b\xff|`<.log");
  directory.Write(odd, "");
  std::filesystem::create_symlink(directory.path() / "b.log", directory.path() / "link.log");
  std::filesystem::create_directory_symlink(directory.path(), directory.path() / "loop");
  ASSERT_EQ(mkfifo((directory.path() / "fifo").c_str(), 0600), 0);

  const Result result = Lkctl({"-o", "json", "detect", directory.path().string()});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(Files(result, directory),
              testing::ElementsAre("a/\n\x1b\xef\xbf\xbd|`<.log", "a/1.log", "a/2.log", "b.log", "c.log"));
  EXPECT_THAT(Lkctl({"detect", directory.path().string()}).out, EndsWith("\n5 files: 8 findings in 4\n"));

  const Result named = Lkctl({"-o", "json", "detect", (directory.path() / ".git").string(),
                              (directory.path() / "link.log").string(), (directory.path() / "loop/a").string()});
  EXPECT_THAT(Files(named, directory),
              testing::ElementsAre(".git/objects/x", "link.log", testing::_, "loop/a/1.log", "loop/a/2.log"))
      << "hidden files and links are read if they are named";
}

TEST(DetectFiles, AnUnreadableFileInADirectoryDoesNotHideTheOthers) {
  const TempDir directory;
  directory.Write("1.log", kTwoReports);
  directory.Write("2.log.gz", Compress(kTwoReports, archive_write_add_filter_gzip).substr(0, 30));
  directory.Write("3.log", kTwoReports);
  const Result result = Lkctl({"detect", directory.path().string()});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.out, EndsWith("3 files: 4 findings in 2; 1 unreadable\n"));
  EXPECT_THAT(result.err, AllOf(testing::StartsWith("lkctl: " + directory.path().string() + "/2.log.gz: "),
                                HasSubstr("truncated")));
}

TEST(DetectFiles, AnEmptyDirectoryIsMentioned) {
  const TempDir directory;
  const std::string empty = (directory.path() / "empty").string();
  std::filesystem::create_directory(empty);
  const Result result = Lkctl({"-o", "json", "detect", empty});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            "lkctl: " + empty + ": no file to read in this directory (hidden files and symbolic links are skipped)\n");
}

TEST(DetectFiles, OutputIsInTheOrderOfTheArguments) {
  const TempDir directory;
  const std::string line = "[    2.000000] usb 1-1: New USB device found, with nothing to worry about at all.\n";
  std::string text;
  while (text.size() < 8 << 20) text += line;
  std::vector<std::string> args = {"-o", "json", "detect", directory.Write("z-big.log", text + kTwoReports)};
  for (int i = 0; i < 100; ++i)
    args.push_back(directory.Write("small" + std::to_string(i), i % 3 == 0 ? kTwoReports : ""));
  args.insert(args.begin() + 50, "/nonexistent/x.log");
  const Result result = Lkctl(args);
  std::vector<std::string> expected(args.begin() + 3, args.end());
  std::erase(expected, "/nonexistent/x.log");
  std::vector<std::string> files;
  for (const auto& document : result.lines()) {
    files.push_back(document["file"]);
    const bool has_reports = files.size() == 1 || (files.size() - 2) % 3 == 0;
    EXPECT_EQ(document["findings"].size(), has_reports ? 2u : 0u) << files.back();
  }
  EXPECT_EQ(files, expected);
}

TEST(DetectFiles, AFifoAmongOtherFilesIsReadToItsEnd) {
  const TempDir directory;
  const std::string log = directory.Write("console.log", kTwoReports);
  const std::string fifo = (directory.path() / "fifo").string();
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(fifo) << kTwoReports; });
  const Result result = Lkctl({"-o", "json", "detect", fifo, log});
  writer.join();
  EXPECT_THAT(Files(result, directory), testing::ElementsAre("fifo", "console.log"));
  EXPECT_EQ(result.lines()[0]["findings"], result.lines()[1]["findings"]);
}

TEST(DetectFiles, BinaryDataHasNoFindings) {
  const TempDir directory;
  std::string binary(size_t{1} << 20, '\0');
  for (size_t i = 0; i < binary.size(); ++i) binary[i] = static_cast<char>(i * 7919 >> 3);
  const Result result = Lkctl({"-o", "json", "detect", directory.Write("binary", binary)});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.json()["findings"].size(), 0u);
  EXPECT_THAT(Lkctl({"detect", LK_SAMPLE_KERNEL}).err, HasSubstr("no line looks like the kernel's"));

  const Result both = Lkctl({"detect", "-"}, {.in = binary + "\n" + kTwoReports + binary});
  EXPECT_THAT(both.out, HasSubstr("-: 2 findings\n"));
}

TEST(DetectFiles, ReadsStdinIfNoFileIsGiven) {
  EXPECT_EQ(Lkctl({"-o", "json", "detect"}, {.in = kTwoReports}).json()["file"], "-");

  std::istringstream in(kTwoReports);
  std::ostringstream out, err;
  Io io{.in = in, .out = out, .err = err};
  io.in_terminal = true;
  EXPECT_EQ(RunCommandLine({"detect"}, io), 2);
  EXPECT_THAT(err.str(), HasSubstr("no input: pass a log file"));
}

TEST(DetectFiles, KindsCanBeSelected) {
  const auto kinds = [](const std::vector<std::string>& options) {
    std::vector<std::string> args = {"-o", "json", "detect", "-"};
    args.insert(args.end(), options.begin(), options.end());
    std::vector<std::string> found;
    const auto json = Lkctl(args, {.in = kTwoReports}).json();
    for (const auto& finding : json["findings"]) found.push_back(finding["kind"]);
    return found;
  };
  EXPECT_THAT(kinds({"--kind", "workqueue_lockup"}), testing::ElementsAre("workqueue_lockup"));
  EXPECT_THAT(kinds({"--kind", "soft_lockup", "--kind", "workqueue_lockup"}), testing::SizeIs(2));
  const Result wrong = Lkctl({"detect", "--kind", "soft_lokup", "-"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("unknown finding kind \"soft_lokup\"; did you mean \"soft_lockup\"? Valid: "));
}

TEST(DetectFiles, ATableHasARowPerFindingAndASummary) {
  const TempDir directory;
  const std::string bad = directory.Write("bad.log", kTwoReports);
  const std::string good = directory.Write("good.log", "");
  const Result result = Lkctl({"detect", bad, "/nonexistent", good});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.out, AllOf(HasSubstr("COUNT  TITLE"), HasSubstr("soft_lockup"), HasSubstr("trigger:77"),
                                HasSubstr("workqueue_lockup"), HasSubstr(good + ": 0 findings\n")));
  EXPECT_THAT(result.out, EndsWith("3 files: 2 findings in 1; 1 unreadable\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b"))) << "no colours unless stdout is a terminal";
  EXPECT_THAT(Lkctl({"detect", bad}, {.out_terminal = true}).out, HasSubstr("\x1b[1mKIND"));
}

TEST(DetectFiles, TheTitleIsAloneInItsColumn) {
  const std::string header = "[    2.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [trigger:77]\n";
  EXPECT_THAT(Lkctl({"detect", "-"}, {.in = header}).out,
              AllOf(HasSubstr("  TITLE                          NOTE\n"),
                    HasSubstr("  BUG: soft lockup in corrupted  unreliable stack\n")));
}

TEST(DetectFiles, OneFindingIsOne) {
  const TempDir directory;
  const std::string log = directory.Write("1.log", "[    1.000000] Kernel panic - not syncing: one\n");
  for (const std::string format : {"table", "markdown"}) {
    EXPECT_THAT(Lkctl({"-o", format, "detect", log, directory.Write("2.log", "")}).out,
                EndsWith("2 files: 1 finding in 1\n"));
  }
}

TEST(DetectFiles, StandardInputIsReadOnce) {
  const Result result = Lkctl({"detect", "-", "-"}, {.in = kTwoReports});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "lkctl: duplicate input \"-\": standard input can be read once\n");
}

TEST(DetectFiles, LongTextIsCut) {
  const std::string panic = "[    1.000000] Kernel panic - not syncing: " + std::string(3000, 'x') + "\n";
  const auto finding = Lkctl({"-o", "json", "detect", "--show", "-"}, {.in = panic}).json()["findings"][0];
  EXPECT_EQ(finding["title"].get<std::string>().size(), 120u);
  EXPECT_LE(finding["excerpt"].get<std::string>().size(), 16u << 10);
}

TEST(DetectFiles, ProgressOfABigFileIsShownOnATerminal) {
  const TempDir directory;
  const std::string line = "[    2.000000] usb 1-1: New USB device found, with nothing to worry about at all.\n";
  std::string text;
  while (text.size() < 70 << 20) text += line;
  const std::string big = directory.Write("big.log", text);
  const Result terminal = Lkctl({"detect", big}, {.err_terminal = true});
  EXPECT_EQ(terminal.code, 0);
  EXPECT_THAT(terminal.err, HasSubstr("50%"));
  EXPECT_EQ(Lkctl({"detect", big}).err, "");
}

TEST(DetectFiles, YamlHasADocumentPerFile) {
  const Result result = Lkctl({"-o", "yaml", "detect", "-"}, {.in = kTwoReports});
  EXPECT_THAT(result.out, AllOf(testing::StartsWith("---\nfile: \"-\"\n"), HasSubstr("kind: \"soft_lockup\"")));
}

TEST(DetectFiles, DebugInformationMustExist) {
  const TempDir directory;
  const std::string log = directory.Write("console.log", kTwoReports);
  const Result none = Lkctl({"detect", "--vmlinux", "/nonexistent/vmlinux", log});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("/nonexistent/vmlinux: No such file or directory"));
  EXPECT_EQ(none.out, "");
  EXPECT_THAT(Lkctl({"detect", "--vmlinux", log, log}).err, HasSubstr("not an ELF file"));
  EXPECT_THAT(Lkctl({"detect", "--debug", directory.path().string(), log}).err, HasSubstr("neither vmlinux nor"));
}

TEST(DetectFiles, DebugInformationLocatesFrames) {
  const std::string log =
      "[  100.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [trigger:77]\n"
      "[  100.000001] CPU: 1 PID: 77 Comm: trigger Not tainted 6.12.0 #1\n"
      "[  100.000002] RIP: 0010:spins+0x1/0x40\n"
      "[  100.000003] Call Trace:\n"
      "[  100.000004]  <TASK>\n"
      "[  100.000005]  spins+0x1/0x40\n"
      "[  100.000006]  do_syscall_64+0x60/0x90\n"
      "[  100.000008]  </TASK>\n"
      "[  100.000009] end of it\n";
  const auto finding =
      Lkctl({"-o", "json", "detect", "--vmlinux", LK_SAMPLE_KERNEL, "-"}, {.in = log}).json()["findings"][0];
  EXPECT_EQ(finding["function"], "spins");
  EXPECT_THAT(finding["frames"][0]["location"], testing::StartsWith("init/main.c:"));
  EXPECT_EQ(finding["frames"].back()["location"], "");
  const std::string location = finding["frames"][0]["location"];
  EXPECT_THAT(Lkctl({"detect", "--vmlinux", LK_SAMPLE_KERNEL, "-"}, {.in = log}).out,
              AllOf(HasSubstr("  AT "), HasSubstr("BUG: soft lockup in spins  " + location)));
  EXPECT_THAT(Lkctl({"detect", "--show", "--vmlinux", LK_SAMPLE_KERNEL, "-"}, {.in = log}).out,
              HasSubstr("spins+0x1  " + location));
}

}  // namespace
}  // namespace lk::cli
