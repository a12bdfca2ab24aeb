// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "support/status.h"
#include "support/unique_fd.h"

struct evp_md_ctx_st;

namespace lk::kernels {

// The status of the last failed system call: "<what>: <strerror>".
Status Errno(const std::string& what);

// The text up to the first space.
inline std::string FirstWord(std::string_view text) {
  return std::string(text.substr(0, text.find(' ')));
}

// Number of bytes read or written at a time.
inline constexpr size_t kChunk = 256 << 10;

// Creates a file for writing, with exactly this mode regardless of the umask. The file must not exist yet.
StatusOr<UniqueFd> CreateFile(const std::filesystem::path& path, mode_t mode = 0644);

// A file mapped into memory, for files that are too large to be read as a whole.
class MappedFile {
 public:
  static StatusOr<MappedFile> Open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();
  std::string_view bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

// Incremental SHA-256.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void Update(std::string_view bytes);
  Status UpdateFile(const std::filesystem::path& path);
  // Returns 64 lower-case hexadecimal digits. The object must not be used afterwards.
  std::string Hex();

 private:
  evp_md_ctx_st* context_;
};

}  // namespace lk::kernels
