// SPDX-License-Identifier: Apache-2.0
#include "agent/session/kmsg.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <utility>

namespace lk::agent {
namespace {

// Removes a decimal number and the separator after it from the front of `text`.
bool TakeNumber(std::string_view& text, char separator, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto length = static_cast<size_t>(end - text.data());
  if (error != std::errc() || length == text.size() || text[length] != separator) return false;
  text.remove_prefix(length + 1);
  return true;
}

std::string Unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x') {
      const auto [end, error] = std::from_chars(&text[i + 2], &text[i + 2] + 2, byte, 16);
      if (error == std::errc() && end == &text[i + 2] + 2) {
        plain.push_back(static_cast<char>(byte));
        i += 3;
        continue;
      }
    }
    plain.push_back(text[i]);
  }
  return plain;
}

}  // namespace

std::optional<KmsgRecord> ParseKmsgRecord(std::string_view raw) {
  uint64_t priority = 0, sequence = 0, timestamp = 0;
  if (!TakeNumber(raw, ',', priority) || !TakeNumber(raw, ',', sequence) || !TakeNumber(raw, ',', timestamp)) return {};
  const size_t semicolon = raw.find(';');
  if (semicolon == raw.npos) return {};
  raw.remove_prefix(semicolon + 1);
  return KmsgRecord{.sequence = sequence,
                    .timestamp_us = timestamp,
                    .level = static_cast<uint32_t>(priority & 7),  // the rest is the facility
                    .text = Unescape(raw.substr(0, raw.find('\n')))};
}

StatusOr<KmsgReader> KmsgReader::Open(From from) {
  UniqueFd fd(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return absl::ErrnoToStatus(errno, "/dev/kmsg");
  lseek(fd.get(), 0, from == From::kOldest ? SEEK_SET : SEEK_END);
  // The kernel numbers its records from 0 (kernel/printk/printk_ringbuffer.c).
  return KmsgReader(std::move(fd), from == From::kOldest ? std::optional<uint64_t>(0) : std::nullopt);
}

uint64_t LostBefore(uint64_t sequence, std::optional<uint64_t>& next) {
  const uint64_t expected = next.value_or(sequence);
  next = sequence + 1;
  return sequence > expected ? sequence - expected : 0;
}

KmsgPiece KmsgReader::Read(size_t max_bytes) {
  KmsgPiece piece;
  std::array<char, 8192> buffer;  // CONSOLE_EXT_LOG_MAX, the maximum size of a record
  for (size_t bytes = 0; bytes < max_bytes;) {
    const ssize_t got = read(fd_.get(), buffer.data(), buffer.size());
    // EPIPE means that records were overwritten; the next read continues with the oldest remaining record.
    if (got < 0 && (errno == EPIPE || errno == EINTR)) continue;
    if (got <= 0) break;
    bytes += static_cast<size_t>(got);
    auto record = ParseKmsgRecord({buffer.data(), static_cast<size_t>(got)});
    if (!record) continue;
    piece.lost += LostBefore(record->sequence, next_);
    piece.records.push_back(std::move(*record));
  }
  return piece;
}

}  // namespace lk::agent
