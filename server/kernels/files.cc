// SPDX-License-Identifier: Apache-2.0
#include "server/kernels/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "support/random.h"

namespace lk::kernels {

Status Errno(const std::string& what) {
  return absl::ErrnoToStatus(errno, what);
}

StatusOr<UniqueFd> CreateFile(const std::filesystem::path& path, mode_t mode) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  // lkd's umask makes its files private, but QEMU, which runs as a different user, must be able to read kernels.
  if (!fd || fchmod(fd.get(), mode) != 0) return Errno(path.string());
  return fd;
}

StatusOr<MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!fd || fstat(fd.get(), &info) != 0) return Errno(path.string());
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return MappedFile(std::string_view());
  void* start = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (start == MAP_FAILED) return Errno(path.string());
  return MappedFile(std::string_view(static_cast<const char*>(start), size));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  // Fails only if libcrypto is out of memory or lacks SHA-256.
  if (context_ == nullptr || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) != 1) std::abort();
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_);
}

void Sha256::Update(std::string_view bytes) {
  if (EVP_DigestUpdate(context_, bytes.data(), bytes.size()) != 1) std::abort();
}

Status Sha256::UpdateFile(const std::filesystem::path& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Errno(path.string());
  std::string buffer(kChunk, '\0');
  while (true) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Errno(path.string());
    if (got == 0) return absl::OkStatus();
    Update(std::string_view(buffer).substr(0, static_cast<size_t>(got)));
  }
}

std::string Sha256::Hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (EVP_DigestFinal_ex(context_, digest.data(), &size) != 1) std::abort();
  return ToHex({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace lk::kernels
