// SPDX-License-Identifier: Apache-2.0
// Records a guest's console output and runs detection on it as it arrives.
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

// Name of the console log in its directory.
inline constexpr char kFileName[] = "console.log";

// on_bytes is called on the thread that feeds the recorder, the others on the thread that runs detection. None of them
// may block.
struct Events {
  std::function<void(detect::Finding)> on_finding;
  std::function<void(detect::Finding)> on_header;  // the first line of a report; `open` is set
  std::function<void(std::string_view nonce)> on_canary;
  std::function<void(uint64_t start_offset)> on_over;  // see detect::Callbacks
  // Called after OnEnd, once the last finding has been reported.
  std::function<void()> on_end;
  // The console log has grown to this size.
  std::function<void(uint64_t bytes)> on_bytes;
};

struct RecorderOptions {
  std::filesystem::path directory;  // created if necessary
  uint64_t max_bytes = 0;           // of the console log
  detect::Options detection;
  // Detection runs on this executor under this key, not on the thread that feeds the recorder.
  Executor* executor = nullptr;
  std::string key;
};

// One run's console log, <directory>/kFileName. It is append-only and limited in size. Thread-safe.
class Recorder : public std::enable_shared_from_this<Recorder> {
 public:
  // Opens or creates the console log. Existing contents (after a restart of lkd) are fed to the engine first, on the
  // calling thread, so that the same findings are reported again; receivers recognise them by kind and offset.
  // Errors: those of open(2) and read(2), with the path.
  static StatusOr<std::shared_ptr<Recorder>> Open(RecorderOptions options, Events events);

  // Records the bytes and runs detection on them. At max_bytes, recording stops with a note in the log, but detection
  // continues. If a write fails, recording stops without the note.
  void OnBytes(std::string_view bytes);
  // Call when no more bytes will come. Completes the reports being read.
  void OnEnd();
  // Call when no bytes have come for a while. Completes the reports being read.
  void OnQuiet();
  // Call when the guest has announced a reboot, which is then not a finding.
  void AnnounceBoot();
  // Number of bytes of the guest's stream recorded so far. After a restart of lkd, the stream must continue there.
  uint64_t stream_offset() const;

 private:
  Recorder(RecorderOptions options, std::filesystem::path path, UniqueFd fd, Events events);

  // Feeds the contents of the file to the engine.
  Status Replay();
  void Record(std::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Feeds the engine the bytes that have arrived since the last call, then calls `then`.
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
  uint64_t recorded_ ABSL_GUARDED_BY(mutex_) = 0;  // bytes of the guest's stream
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;    // recording stopped: the limit was reached, or a write failed
};

}  // namespace lk::console
