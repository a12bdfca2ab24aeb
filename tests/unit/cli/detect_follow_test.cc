// SPDX-License-Identifier: Apache-2.0
// `lkctl detect` with a log that grows.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <streambuf>
#include <thread>

#include "harness.h"

namespace lk::cli {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto kDeadline = std::chrono::seconds(30);

// A report that only later lines, silence or the end of the log complete.
std::string Unfinished(int seconds, const std::string& function) {
  std::string log;
  for (const std::string& line :
       {std::string("watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [tester:77]"),
        std::string("CPU: 1 PID: 77 Comm: tester Not tainted 6.12.0 #1"), "RIP: 0010:" + function + "+0x1f/0x40",
        std::string("Call Trace:"), std::string(" <TASK>"), " " + function + "+0x1f/0x40", std::string(" </TASK>")})
    log += "[  " + std::to_string(seconds) + ".000000] " + line + "\n";
  return log;
}

// A report, and lines so much later that it is complete.
std::string Finished(int seconds, const std::string& function) {
  const std::string later = "[  " + std::to_string(seconds + 90) + ".000000] usb 1-1: ";
  return Unfinished(seconds, function) + later + "detached\n" + later + "attached\n";
}

// Collects output, and waits for it.
class Output : public std::streambuf {
 public:
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  bool WaitFor(const std::string& part) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return text_.find(part) != std::string::npos; });
  }

 protected:
  int overflow(int c) override {
    const char byte = static_cast<char>(c);
    xsputn(&byte, 1);
    return c;
  }
  std::streamsize xsputn(const char* bytes, std::streamsize size) override {
    const std::lock_guard lock(mutex_);
    text_.append(bytes, static_cast<size_t>(size));
    changed_.notify_all();
    return size;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

// Runs `lkctl ARGS` in a thread, with a pipe as standard input.
class Following {
 public:
  explicit Following(const std::vector<std::string>& args, absl::Duration silence = absl::Hours(1)) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    in_ = UniqueFd(ends[0]);
    pipe_ = UniqueFd(ends[1]);
    thread_ = std::thread([this, args, silence] {
      std::istringstream none;
      std::ostream out(&out_), err(&err_);
      Io io{.in = none, .out = out, .err = err, .in_fd = in_.get()};
      Context context(io);
      context.silence = silence;
      code_ = RunCommandLine(args, context);
    });
  }
  ~Following() {
    if (thread_.joinable()) Close();
  }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

  void Write(const std::string& text) { EXPECT_FALSE(WriteAll(pipe_.get(), text)); }
  // Returns the exit code.
  int Join() {
    thread_.join();
    return code_;
  }
  int Close() {
    pipe_.reset();
    return Join();
  }
  Output& out() { return out_; }
  Output& err() { return err_; }

 private:
  UniqueFd in_, pipe_;
  Output out_, err_;
  int code_ = -1;
  std::thread thread_;
};

std::vector<nlohmann::json> Documents(const std::string& text) {
  return Result{.code = 0, .out = text, .err = ""}.lines();
}

TEST(DetectFollow, AFindingIsPrintedAsSoonAsItIsComplete) {
  Following lkctl({"detect"});
  lkctl.Write(Finished(100, "first_one"));
  ASSERT_TRUE(lkctl.out().WaitFor("first_one\n"));
  EXPECT_THAT(lkctl.out().text(), AllOf(StartsWith("  OFFSET  KIND"), Not(HasSubstr("-: "))));
  lkctl.Write(Finished(200, "second_one"));
  ASSERT_TRUE(lkctl.out().WaitFor("second_one\n"));
  EXPECT_EQ(lkctl.Close(), 0);
  EXPECT_THAT(lkctl.out().text(), EndsWith("second_one\n-: 2 findings\n"));
  EXPECT_EQ(lkctl.err().text(), "");
}

TEST(DetectFollow, SilenceCompletesAReport) {
  Following lkctl({"detect"}, absl::Milliseconds(1));
  lkctl.Write(Unfinished(200, "spins_here"));
  EXPECT_TRUE(lkctl.out().WaitFor("BUG: soft lockup in spins_here\n"));
  lkctl.Write(Unfinished(300, "spins_there"));
  EXPECT_TRUE(lkctl.out().WaitFor("BUG: soft lockup in spins_there\n")) << "silence may come again";
}

TEST(DetectFollow, AReportIsNotCompleteWhileTheLogIsSilentForAShortTime) {
  Following lkctl({"detect"});
  lkctl.Write(Finished(100, "before"));
  const std::string stall = Unfinished(200, "spins_here");
  const size_t half = stall.find("RIP");
  lkctl.Write(stall.substr(0, half));
  ASSERT_TRUE(lkctl.out().WaitFor("before\n"));
  lkctl.Write(stall.substr(half));
  EXPECT_EQ(lkctl.Close(), 0);
  EXPECT_THAT(lkctl.out().text(), HasSubstr("BUG: soft lockup in spins_here\n"));
}

TEST(DetectFollow, AReportThatRepeatsIsPrintedOnce) {
  Following lkctl({"-o", "json", "detect"});
  lkctl.Write(Finished(100, "same"));
  ASSERT_TRUE(lkctl.out().WaitFor("\n"));
  lkctl.Write(Finished(200, "same") + Finished(300, "other"));
  ASSERT_TRUE(lkctl.out().WaitFor("in other\""));
  EXPECT_EQ(lkctl.Close(), 0);
  EXPECT_THAT(Documents(lkctl.out().text()), testing::SizeIs(2));
}

TEST(DetectFollow, DocumentsOfAFollowedLogAreThoseOfAFile) {
  Following lkctl({"-o", "json", "detect", "-"});
  lkctl.Write(Finished(100, "first_one"));
  ASSERT_TRUE(lkctl.out().WaitFor("\n"));
  lkctl.Write(Finished(200, "second_one"));
  EXPECT_EQ(lkctl.Close(), 0);
  const auto documents = Documents(lkctl.out().text());
  const auto file =
      Lkctl({"-o", "json", "detect", "-"}, {.in = Finished(100, "first_one") + Finished(200, "second_one")}).json();
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0]["file"], "-");
  ASSERT_EQ(file["findings"].size(), 2u);
  EXPECT_EQ(documents[0]["findings"], nlohmann::json::array({file["findings"][0]}));
  EXPECT_EQ(documents[1]["findings"], nlohmann::json::array({file["findings"][1]}));
}

TEST(DetectFollow, AQuietLogHasOneDocument) {
  Following lkctl({"-o", "json", "detect", "--exit-status"});
  lkctl.Write("[    1.000000] Linux version 6.12.0\n");
  EXPECT_EQ(lkctl.Close(), 0);
  const auto documents = Documents(lkctl.out().text());
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ(documents[0]["findings"], nlohmann::json::array());
}

TEST(DetectFollow, EveryFormatHasAllFindings) {
  for (const std::string format : {"table", "json", "yaml", "sarif", "markdown"}) {
    Following lkctl({"-o", format, "detect", "--show", "--exit-status"});
    lkctl.Write(Finished(100, "first_one"));
    ASSERT_TRUE(lkctl.out().WaitFor("first_one")) << format;
    EXPECT_THAT(lkctl.out().text(), Not(HasSubstr("second_one")));
    lkctl.Write(Finished(200, "second_one"));
    EXPECT_EQ(lkctl.Close(), 1);
    EXPECT_THAT(lkctl.out().text(), HasSubstr("second_one")) << format;
    if (format == "sarif") {
      EXPECT_EQ(nlohmann::json::parse(lkctl.out().text())["runs"][0]["results"].size(), 2u);
    }
  }
}

TEST(DetectFollow, AnInterruptEndsTheLog) {
  for (const bool complete : {true, false}) {
    Following lkctl({"detect"});
    lkctl.Write(Finished(100, "first_one") + (complete ? "" : Unfinished(200, "spins_here")));
    ASSERT_TRUE(lkctl.out().WaitFor("first_one\n"));
    kill(getpid(), SIGINT);
    EXPECT_EQ(lkctl.Join(), 0);
    EXPECT_THAT(lkctl.out().text(), EndsWith(complete ? "-: 1 finding\n" : "spins_here\n-: 2 findings\n"));
    EXPECT_EQ(lkctl.err().text(), "");
  }
}

TEST(DetectFollow, ACompressedPipeIsDecompressed) {
  std::string bytes(64 << 10, '\0');
  size_t used = 0;
  archive* a = archive_write_new();
  archive_write_set_format_raw(a);
  archive_write_add_filter_gzip(a);
  archive_write_open_memory(a, bytes.data(), bytes.size(), &used);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(a, entry);
  const std::string log = Finished(100, "first_one") + Unfinished(200, "spins_here");
  archive_write_data(a, log.data(), log.size());
  archive_entry_free(entry);
  archive_write_free(a);
  bytes.resize(used);

  Following whole({"detect"});
  whole.Write(bytes);
  EXPECT_EQ(whole.Close(), 0);
  EXPECT_THAT(whole.out().text(), HasSubstr("-: 2 findings\n"));

  Following cut({"detect"});
  cut.Write(bytes.substr(0, bytes.size() / 2));
  EXPECT_EQ(cut.Close(), 2);
  EXPECT_THAT(cut.err().text(), StartsWith("lkctl: -: "));
}

TEST(DetectFollow, AFifoIsFollowed) {
  const TempDir directory;
  const std::string fifo = (directory.path() / "console").string();
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  Following lkctl({"detect", fifo});
  UniqueFd writer(open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_FALSE(WriteAll(writer.get(), Finished(100, "first_one")));
  EXPECT_TRUE(lkctl.out().WaitFor("first_one\n"));
  writer.reset();
  EXPECT_EQ(lkctl.Join(), 0);
  EXPECT_THAT(lkctl.out().text(), EndsWith(fifo + ": 1 finding\n"));
}

TEST(DetectFollow, FindingsInAFastPipeDoNotWaitForItsEnd) {
  Following lkctl({"detect"});
  const std::string line = "[  190.000000] usb 1-1: New USB device found, with nothing to worry about at all.\n";
  std::string chunk;
  while (chunk.size() < 64 << 10) chunk += line;
  lkctl.Write(Finished(100, "first_one"));
  const auto give_up = std::chrono::steady_clock::now() + kDeadline;
  while (lkctl.out().text().find("first_one\n") == std::string::npos && std::chrono::steady_clock::now() < give_up)
    lkctl.Write(chunk);
  EXPECT_THAT(lkctl.out().text(), HasSubstr("first_one\n"));
}

}  // namespace
}  // namespace lk::cli
