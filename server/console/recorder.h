// SPDX-License-Identifier: Apache-2.0
// Keeps what a guest prints, and has it looked at as it comes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/detect/engine.h"
#include "support/executor.h"
#include "support/mutex.h"
#include "support/status.h"
#include "support/unique_fd.h"

namespace lk::console {

// Name of the record in its directory.
inline constexpr char kFileName[] = "console.log";

// on_bytes is called on the thread that feeds the recorder, the others where detection runs; none may block.
struct Events {
  std::function<void(detect::Finding)> on_finding;
  std::function<void(detect::Finding)> on_header;  // open
  std::function<void(std::string_view nonce)> on_canary;
  // After OnEnd, when the last finding was reported.
  std::function<void()> on_end;
  // The record has grown to this size.
  std::function<void(uint64_t bytes)> on_bytes;
};

struct RecorderOptions {
  std::filesystem::path directory;  // made if need be
  uint64_t max_bytes = 0;           // of the record
  detect::Options detection;
  // Detection runs there under this key, off the thread that feeds the recorder.
  Executor* executor = nullptr;
  std::string key;
};

// One run's console record: <directory>/kFileName, appended to, bounded. Thread-safe.
class Recorder : public std::enable_shared_from_this<Recorder> {
 public:
  // Opens or creates the record. What is in it already (lkd was restarted) is fed to the engine first, on this thread,
  // so findings come again as they did; receivers know them by kind and offset.
  // Errors: what open(2) and read(2) say, with the path.
  static StatusOr<std::shared_ptr<Recorder>> Open(RecorderOptions options, Events events);

  // Records, and has the bytes looked at. Past max_bytes the record keeps what it has, says so once in the record, and
  // detection goes on. The same when the disk does not take the bytes.
  void OnBytes(std::string_view bytes);
  // No more bytes will come: the report being read is closed.
  void OnEnd();
  // Nothing came for a while: closes the report being read.
  void OnQuiet();
  void AnnounceBoot();
  // Bytes of the guest's stream recorded so far: where a reader of the same stream goes on after a restart.
  uint64_t stream_offset() const;

 private:
  Recorder(RecorderOptions options, std::filesystem::path path, UniqueFd fd, Events events);

  // Feeds what the file holds to the engine.
  Status Replay();
  void Record(std::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Feeds what has come since the last time to the engine, then does `then`.
  void Detect(const std::function<void(detect::Engine&)>& then = {});
  void PostDetect(std::function<void(detect::Engine&)> then = {});

  const RecorderOptions options_;
  const std::filesystem::path path_;
  const UniqueFd fd_;
  const std::function<void(uint64_t)> on_bytes_;
  const std::function<void()> on_end_;

  Mutex engine_mutex_;  // taken before mutex_
  detect::Engine engine_ ABSL_GUARDED_BY(engine_mutex_);
  mutable Mutex mutex_;
  std::string unread_ ABSL_GUARDED_BY(mutex_);     // not fed to the engine yet
  uint64_t recorded_ ABSL_GUARDED_BY(mutex_) = 0;  // of the guest's stream
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;    // no more is recorded: the bound was reached, or a write failed
};

}  // namespace lk::console
