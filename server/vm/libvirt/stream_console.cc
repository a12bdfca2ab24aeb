// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "server/vm/libvirt/console.h"
#include "server/vm/libvirt/error.h"

namespace lk::vm::libvirt {
namespace {

class StreamConsole final : public Console {
 public:
  explicit StreamConsole(ConsoleSink sink) : sink_(std::move(sink)) {}
  ~StreamConsole() override { Close(); }

  Status Open(virDomain* domain) {
    stream_.reset(virStreamNew(virDomainGetConnect(domain), VIR_STREAM_NONBLOCK));
    // FORCE takes the console away from its current user, for example a connection that is already dead.
    if (!stream_ || virDomainOpenConsole(domain, nullptr, stream_.get(), VIR_DOMAIN_CONSOLE_FORCE) < 0 ||
        virStreamEventAddCallback(
            stream_.get(), VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP,
            [](virStreamPtr, int, void* self) { static_cast<StreamConsole*>(self)->OnEvent(); }, this, nullptr) < 0) {
      auto status = LastError("cannot open the console");
      if (stream_) virStreamAbort(std::exchange(stream_, nullptr).get());
      return status;
    }
    return absl::OkStatus();
  }

  void DomainEnded() override {
    if (ended_) return;
    ended_ = true;
    if (stream_) OnEvent();
    Close();
    if (sink_.on_end) std::exchange(sink_.on_end, nullptr)();
  }

  void Reconnected(virDomain* domain) override {
    Close();
    sink_.on_bytes(kGap);
    if (!Open(domain).ok()) DomainEnded();
  }

 private:
  void OnEvent() {
    std::array<char, 64 << 10> buffer;
    int got;
    while ((got = virStreamRecv(stream_.get(), buffer.data(), buffer.size())) > 0) {
      sink_.on_bytes({buffer.data(), static_cast<size_t>(got)});
    }
    // The stream has ended or failed, unless it just has no data at the moment (-2). Separate events report the end of
    // the domain or of the connection.
    if (got != -2) Close();
  }

  void Close() {
    if (!stream_) return;
    virStreamEventRemoveCallback(stream_.get());
    virStreamAbort(stream_.get());
    stream_.reset();
  }

  ConsoleSink sink_;
  StreamHandle stream_;
  bool ended_ = false;
};

}  // namespace

StatusOr<std::unique_ptr<Console>> OpenStream(virDomain* domain, bool gap, ConsoleSink sink) {
  if (gap) sink.on_bytes(kGap);
  auto console = std::make_unique<StreamConsole>(std::move(sink));
  LK_RETURN_IF_ERROR(console->Open(domain));
  return console;
}

}  // namespace lk::vm::libvirt
