// SPDX-License-Identifier: Apache-2.0
#include "server/detect/prefilter.h"

#include <hs.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>

namespace lk::detect {
namespace {

struct FreeDatabase {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
};
using Database = std::unique_ptr<hs_database_t, FreeDatabase>;

// Apart from running out of memory, the library's functions fail only if they are misused.
void Check(hs_error_t error) {
  if (error == HS_NOMEM) throw std::bad_alloc();
  if (error != HS_SUCCESS) throw std::logic_error("hyperscan: error " + std::to_string(error));
}

Database Compile(const std::vector<std::string>& literals) {
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  std::vector<unsigned> ids;
  for (const std::string& literal : literals) {
    ids.push_back(static_cast<unsigned>(ids.size()));
    texts.push_back(literal.data());
    sizes.push_back(literal.size());
  }
  const std::vector<unsigned> flags(literals.size(), 0);
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_lit_multi(texts.data(), flags.data(), ids.data(), sizes.data(), static_cast<unsigned>(literals.size()),
                           HS_MODE_STREAM, nullptr, &database, &error) != HS_SUCCESS) {
    const std::string message = error->message;
    hs_free_compile_error(error);
    throw std::logic_error("hyperscan: " + message);
  }
  return Database(database);
}

const hs_database_t* DatabaseOf(const std::vector<std::string>& literals) {
  static std::mutex mutex;
  static auto* const databases = new std::map<std::vector<std::string>, Database>;
  const std::lock_guard lock(mutex);
  Database& database = (*databases)[literals];
  if (!database) database = Compile(literals);
  return database.get();
}

}  // namespace

void Prefilter::CloseStream::operator()(hs_stream* stream) const {
  hs_close_stream(stream, nullptr, nullptr, nullptr);
}

void Prefilter::FreeScratch::operator()(hs_scratch* scratch) const {
  hs_free_scratch(scratch);
}

bool Prefilter::Supported() {
  return hs_valid_platform() == HS_SUCCESS;
}

Prefilter::Prefilter(const std::vector<std::string>& literals, std::string_view bytes, Wanted wanted)
    : literals_(static_cast<uint32_t>(literals.size())), bytes_(bytes), wanted_(std::move(wanted)) {
  const hs_database_t* const database = DatabaseOf(literals);
  hs_scratch_t* scratch = nullptr;
  Check(hs_alloc_scratch(database, &scratch));
  scratch_.reset(scratch);
  hs_stream_t* stream = nullptr;
  Check(hs_open_stream(database, 0, &stream));
  stream_.reset(stream);
}

std::span<const Prefilter::Hit> Prefilter::Scan(std::string_view bytes) {
  FindLiterals(bytes);
  const size_t known = hits_.size();
  FindCarriageReturns(bytes);
  FindBytes(bytes);
  if (hits_.size() > known) std::ranges::stable_sort(hits_, {}, &Hit::end);
  return hits_;
}

std::span<const Prefilter::Hit> Prefilter::ScanLine(std::string_view line) {
  line_.assign(line).append(1, '\n');
  FindLiterals(line_);
  return hits_;
}

void Prefilter::FindLiterals(std::string_view bytes) {
  hits_.clear();
  const auto on_match = [](unsigned id, unsigned long long, unsigned long long to, unsigned, void* context) {
    auto& self = *static_cast<Prefilter*>(context);
    self.hits_.push_back({.end = static_cast<size_t>(to - self.offset_), .literal = id});
    return 0;
  };
  Check(hs_scan_stream(stream_.get(), bytes.data(), static_cast<unsigned>(bytes.size()), 0, scratch_.get(), on_match,
                       this));
  offset_ += bytes.size();
}

void Prefilter::FindBytes(std::string_view bytes) {
  for (uint32_t i = 0; i < bytes_.size(); ++i) {
    for (size_t at = 0; (at = bytes.find(bytes_[i], at)) != std::string_view::npos; ++at) {
      if (wanted_(bytes, at)) hits_.push_back({.end = at + 1, .literal = literals_ + i});
    }
  }
}

void Prefilter::FindCarriageReturns(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto ends_a_line = [](char c) { return c == '\n' || c == '\r'; };
  if (last_ == '\r' && !ends_a_line(bytes.front())) hits_.push_back({.end = 1, .literal = kUnknown});
  last_ = bytes.back();
  for (size_t at = 0; (at = bytes.find('\r', at)) != std::string_view::npos; ++at) {
    const bool starts_a_line = at > 0 && bytes[at - 1] == '\n';
    if (at + 1 < bytes.size() && !starts_a_line && !ends_a_line(bytes[at + 1])) {
      hits_.push_back({.end = at + 2, .literal = kUnknown});
    }
  }
}

}  // namespace lk::detect
