// SPDX-License-Identifier: Apache-2.0
#include "server/vm/image.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <thread>

#include "server/kernels/files.h"
#include "support/file.h"
#include "tests/unit/kernels/fixtures.h"

namespace lk::vm {
namespace {

namespace fs = std::filesystem;
using kernels::Library;
using lk::testing::BzImage;
using lk::testing::Entry;
using lk::testing::Module;
using lk::testing::PackageEntries;
using ::testing::HasSubstr;

constexpr const char* kRelease = "6.1.0-40-cloud-amd64";

struct File {
  mode_t mode = 0;
  dev_t device = 0;
  std::string content;
};

// Unpacks like the kernel (init/initramfs.c): a sequence of cpio archives, each at a multiple of four bytes, with zeros
// in between.
std::map<std::string, File> Unpack(std::string_view image) {
  std::map<std::string, File> files;
  size_t at = 0;
  while (at < image.size()) {
    if (image[at] == '\0') {
      ++at;
      continue;
    }
    EXPECT_EQ(at % 4, 0u);
    EXPECT_EQ(image.substr(at, 6), "070701");
    archive* a = archive_read_new();
    archive_read_support_format_cpio(a);
    EXPECT_EQ(archive_read_open_memory(a, image.data() + at, image.size() - at), ARCHIVE_OK);
    archive_entry* entry = nullptr;
    while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
      const std::string path = archive_entry_pathname(entry);
      const std::string parent = fs::path(path).parent_path();
      EXPECT_TRUE(parent.empty() || S_ISDIR(files[parent].mode)) << "the directory comes before " << path;
      std::string content(static_cast<size_t>(archive_entry_size(entry)), '\0');
      EXPECT_EQ(archive_read_data(a, content.data(), content.size()), static_cast<la_ssize_t>(content.size()));
      files[path] = {archive_entry_mode(entry), archive_entry_rdev(entry), content};
    }
    archive_read_free(a);
    // libarchive stops at the trailer; the next archive, if any, begins after the zeros that follow the trailer.
    const size_t trailer = image.find("TRAILER!!!", at);
    at = std::min(image.find('\0', trailer), image.size());
  }
  return files;
}

class ImageBuilderTest : public ::testing::Test {
 protected:
  ImageBuilderTest() { SetAgent("the agent"); }
  void SetAgent(const std::string& content) { dir_.Write("agents/lk-agent", content); }
  std::string AddKernel(const std::vector<kernels::Upload>& uploads) {
    const auto build = library_.Ingest(uploads);
    EXPECT_TRUE(build.ok()) << build.status();
    return build.ok() ? build->id : "";
  }
  std::string AddPackage(const std::vector<Entry>& entries = PackageEntries()) {
    return AddKernel({lk::testing::PackageUpload(dir_, entries)});
  }
  ImageBuilder::Request Request(const std::string& kernel) {
    return {kernel, {}, false, {{{"run_id", "r1"}, {"token", "secret"}}, "-----BEGIN"}, dir_.path() / "runs/r1"};
  }
  std::map<std::string, File> Build(const ImageBuilder::Request& request) {
    const auto image = builder_.Build(request);
    EXPECT_TRUE(image.ok()) << image.status();
    return image.ok() ? Unpack(ReadFile(image->initrd).value_or("")) : std::map<std::string, File>();
  }
  std::vector<fs::path> Bases() {
    std::vector<fs::path> bases;
    for (const auto& entry : fs::directory_iterator(cache_)) bases.push_back(entry.path());
    return bases;
  }

  lk::testing::TempDir dir_;
  fs::path cache_ = dir_.path() / "cache";
  Library library_{dir_.path() / "kernels"};
  ImageBuilder builder_{library_, dir_.path() / "agents", cache_};
};

TEST_F(ImageBuilderTest, ContainsWhatTheGuestNeeds) {
  const std::string id = AddPackage();
  auto files = Build(Request(id));
  EXPECT_EQ(files["init"].content, "the agent");
  EXPECT_EQ(files["init"].mode, S_IFREG | 0755u);
  for (const char* directory : {"dev", "proc", "sys", "run", "etc"}) EXPECT_EQ(files[directory].mode, S_IFDIR | 0755u);
  EXPECT_EQ(files["tmp"].mode, S_IFDIR | 01777u);
  EXPECT_EQ(files["dev/console"].mode, S_IFCHR | 0600u);
  EXPECT_EQ(files["dev/console"].device, makedev(5, 1));
  const std::string modules = "lib/modules/" + std::string(kRelease) + "/kernel/";
  EXPECT_EQ(files["lk/modules"].content, modules + "net/core/failover.ko\n" + modules +
                                             "drivers/net/net_failover.ko\n" + modules + "drivers/net/virtio_net.ko\n" +
                                             modules + "drivers/misc/pvpanic/pvpanic.ko\n" + modules +
                                             "drivers/misc/pvpanic/pvpanic-pci.ko\n");
  EXPECT_EQ(files[modules + "drivers/net/net_failover.ko"].content,
            Module({.depends = "failover", .release = kRelease}));
  EXPECT_EQ(files["lk/run/config"].content, "run_id=r1\ntoken=secret\n");
  EXPECT_EQ(files["lk/run/config"].mode, S_IFREG | 0600u);
  EXPECT_EQ(files["lk/run/ca.pem"].content, "-----BEGIN");
  EXPECT_FALSE(files.contains("lk/kernel"));
  EXPECT_FALSE(files.contains(modules + "fs/xfs/xfs.ko"));
}

TEST_F(ImageBuilderTest, AddsModulesAndTheKernelOnRequest) {
  auto request = Request(AddPackage());
  request.extra_modules = {"xfs"};
  request.kernel_image = true;
  auto files = Build(request);
  EXPECT_THAT(files["lk/modules"].content, HasSubstr("/kernel/fs/xfs/xfs.ko\n"));
  EXPECT_EQ(files["lk/kernel"].content, BzImage(kRelease));
}

TEST_F(ImageBuilderTest, HashIdentifiesTheKernelAndTheBase) {
  auto request = Request(AddPackage());
  const std::string hash = builder_.Build(request).value().sha256;
  EXPECT_EQ(hash.size(), 64u);
  // Computed independently: the kernel, and the initramfs up to the run's own files.
  kernels::Sha256 sum;
  sum.Update(ReadFile(library_.Image(request.kernel_id)).value());
  ASSERT_EQ(Bases().size(), 1u);
  sum.Update(ReadFile(Bases().front()).value());
  EXPECT_EQ(hash, sum.Hex());

  request.run.config["token"] = "other";
  request.directory = dir_.path() / "runs/r2";
  EXPECT_EQ(builder_.Build(request).value().sha256, hash) << "the hash does not cover a run's secrets";
  SetAgent("another agent");
  EXPECT_NE(builder_.Build(request).value().sha256, hash);
}

TEST_F(ImageBuilderTest, KeepsTheTokenPrivateAndReplacesAnEarlierAttempt) {
  auto request = Request(AddPackage());
  Build(request);
  request.run.config["token"] = "other";
  EXPECT_THAT(Build(request)["lk/run/config"].content, HasSubstr("token=other"));
  struct stat info;
  ASSERT_EQ(stat((request.directory / "initrd.img").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ImageBuilderTest, BaseIsReusedUntilItsContentsChange) {
  auto request = Request(AddPackage());
  Build(request);
  ASSERT_EQ(Bases().size(), 1u);
  // The guest gets the file from the cache.
  dir_.Write("cache" / Bases()[0].filename(), "the cached base");
  const auto image = builder_.Build(request);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_TRUE(ReadFile(image->initrd).value_or("").starts_with("the cached base070701"));

  request.extra_modules = {"xfs"};
  Build(request);
  EXPECT_EQ(Bases().size(), 2u);
  request.kernel_image = true;
  Build(request);
  EXPECT_EQ(Bases().size(), 3u);
  SetAgent("a newer agent");
  EXPECT_EQ(Build(request)["init"].content, "a newer agent");
  EXPECT_EQ(Bases().size(), 4u);
}

TEST_F(ImageBuilderTest, TheSameInputsGiveTheSameBytes) {
  const auto request = Request(AddPackage());
  Build(request);
  const std::string first = ReadFile(request.directory / "initrd.img").value_or("1");
  fs::remove_all(cache_);
  fs::create_directories(cache_);
  Build(request);
  EXPECT_EQ(ReadFile(request.directory / "initrd.img").value_or("2"), first);
}

TEST_F(ImageBuilderTest, SimultaneousRunsShareOneBase) {
  const std::string id = AddPackage();
  std::vector<std::thread> threads;
  std::vector<StatusOr<ImageBuilder::Image>> images(8, absl::UnknownError("not built"));
  for (size_t i = 0; i < images.size(); ++i) {
    threads.emplace_back([&, i] {
      auto request = Request(id);
      request.directory = dir_.path() / "runs" / std::to_string(i);
      images[i] = builder_.Build(request);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(images[0].ok()) << images[0].status();
  const std::string first = ReadFile(images[0]->initrd).value_or("");
  for (const auto& image : images) {
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(ReadFile(image->initrd).value_or("none"), first);
  }
  EXPECT_EQ(Bases().size(), 1u);
}

TEST_F(ImageBuilderTest, RemovesTheLeastRecentlyUsedBases) {
  const std::string id = AddPackage();
  Build(Request(id));
  const fs::path used = Bases()[0];
  const auto now = fs::file_time_type::clock::now();
  for (int i = 0; i < 30; ++i) {
    const fs::path old = dir_.Write("cache/" + std::to_string(i) + ".cpio", "old");
    fs::last_write_time(old, now - std::chrono::hours(1 + i));
  }
  fs::last_write_time(used, now - std::chrono::hours(100));
  Build(Request(id));  // uses the first base again, so it is no longer the oldest
  auto other = Request(id);
  other.extra_modules = {"xfs"};
  Build(other);
  EXPECT_EQ(Bases().size(), 20u);
  EXPECT_TRUE(fs::exists(used));
  EXPECT_TRUE(fs::exists(cache_ / "17.cpio"));
  EXPECT_FALSE(fs::exists(cache_ / "18.cpio"));
}

TEST_F(ImageBuilderTest, RemovesFilesLeftOverByACrash) {
  dir_.Write("cache/.tmp-0123", "half a base");
  const ImageBuilder next(library_, dir_.path() / "agents", cache_);
  EXPECT_TRUE(fs::is_empty(cache_));
}

TEST_F(ImageBuilderTest, ReportsWhatIsMissing) {
  const auto code = [&](const std::string& id) { return builder_.Build(Request(id)).status().code(); };
  EXPECT_EQ(code("k000000000000"), absl::StatusCode::kNotFound);

  const auto image = [&](std::string_view bytes) {
    return kernels::Upload{"image", "image", dir_.Write("image", bytes)};
  };
  const auto config = [&](std::string_view text) {
    return kernels::Upload{"config", "config", dir_.Write("config", text)};
  };
  // There is no agent for arm64.
  EXPECT_EQ(code(AddKernel({image(lk::testing::Arm64Image("6.12.95"))})), absl::StatusCode::kNotFound);
  EXPECT_THAT(builder_.HasAgent(campaign::Arch::kAarch64).message(),
              HasSubstr("LK_AGENT_ARCHS=x86_64,aarch64 ./deploy/build"));
  EXPECT_TRUE(builder_.HasAgent(campaign::Arch::kX86_64).ok());
  // Without a configuration, it is unknown whether the kernel has networking. With one, networking must be built in.
  EXPECT_EQ(code(AddKernel({image(BzImage("6.12.95"))})), absl::StatusCode::kOk);
  EXPECT_EQ(code(AddKernel({image(BzImage("6.12.95")), config("CONFIG_VIRTIO_NET=y\n")})), absl::StatusCode::kOk);
  EXPECT_EQ(code(AddKernel({image(BzImage("6.12.95")), config("CONFIG_VIRTIO_NET=m\n")})),
            absl::StatusCode::kFailedPrecondition);
  std::vector<Entry> entries = PackageEntries();
  std::erase_if(entries, [](const Entry& e) { return e.path.ends_with("/virtio_net.ko"); });
  EXPECT_EQ(code(AddPackage(entries)), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      std::count_if(fs::directory_iterator(cache_), {}, [](const auto& e) { return e.path().extension() != ".cpio"; }),
      0);
}

TEST(RunArchive, RefusesNewlinesAndEqualsSignsInKeys) {
  EXPECT_EQ(RunArchive({{{"token", "a\nrun_id=evil"}}, ""}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RunArchive({{{"a=b", "c"}}, ""}).status().code(), absl::StatusCode::kInvalidArgument);
  const auto empty = RunArchive({});
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(empty->size() % 512, 0u);
}

}  // namespace
}  // namespace lk::vm
