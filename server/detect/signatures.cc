// SPDX-License-Identifier: Apache-2.0
#include "server/detect/signatures.h"

#include <re2/re2.h>

#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace lk::detect {
namespace {

class Compiled {
 public:
  explicit Compiled(const Signature& signature)
      : signature_(signature),
        pattern_(Piece(signature.pattern), RE2::Latin1),
        unless_(signature.unless.empty() ? nullptr : std::make_unique<RE2>(Piece(signature.unless), RE2::Latin1)) {
    for (const auto& [name, index] : pattern_.NamedCapturingGroups()) groups_.emplace_back(name, index);
  }

  std::optional<Match> Try(std::string_view text) const {
    std::array<re2::StringPiece, kMaxGroups> values;
    if (!pattern_.Match(Piece(text), 0, text.size(), RE2::ANCHOR_START, values.data(),
                        1 + pattern_.NumberOfCapturingGroups())) {
      return std::nullopt;
    }
    if (unless_ && RE2::PartialMatch(Piece(text), *unless_)) return std::nullopt;
    Match match{.signature = &signature_};
    for (const auto& [name, index] : groups_) {
      const std::string_view value(values[index].data(), values[index].size());
      const auto number = [&](auto& out) { std::from_chars(value.data(), value.data() + value.size(), out); };
      if (name == "cpu") number(match.cpu);
      if (name == "pid") number(match.pid);
      if (name == "secs") number(match.seconds);
      if (name == "task") match.task = value;
      if (name == "text") match.text = value;
      if (name == "func") match.function = value;
    }
    return match;
  }

 private:
  static constexpr size_t kMaxGroups = 8;
  static re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

  const Signature& signature_;
  RE2 pattern_;
  std::unique_ptr<RE2> unless_;
  std::vector<std::pair<std::string, int>> groups_;
};

// Rows with the same lines share the set.
const Names* MakeBody(Kind kind, std::string_view body) {
  static auto* const known = new std::map<std::pair<Kind, std::string_view>, Names>;
  const auto [it, added] = known->try_emplace({kind, body}, std::vector<Names::Pattern>());
  if (added) {
    std::vector<Names::Pattern> patterns;
    Names::Split(CommonBody(), '|', 1, patterns);
    Names::Split(FamilyOf(kind).body, '|', 1, patterns);
    Names::Split(body, '|', 1, patterns);
    it->second = Names(patterns);
  }
  return &it->second;
}

}  // namespace

std::optional<Match> MatchSignature(std::string_view text, const Rows& candidates) {
  // A pattern is compiled when its literal is first seen: a log needs few of them.
  static auto* const compiled = new std::array<std::unique_ptr<Compiled>, kMaxRows>;
  static auto* const once = new std::array<std::once_flag, kMaxRows>;
  const std::span<const Signature> signatures = Signatures();
  for (size_t i = 0; i < signatures.size(); ++i) {
    if (!candidates.test(i) || text.find(signatures[i].literal) == std::string_view::npos) continue;
    std::call_once((*once)[i], [&] { (*compiled)[i] = std::make_unique<Compiled>(signatures[i]); });
    if (auto match = (*compiled)[i]->Try(text)) return match;
  }
  return std::nullopt;
}

const Names& BodyOf(const Signature& signature) {
  static const auto* const bodies = [] {
    auto* all = new std::vector<const Names*>;
    for (const Signature& row : Signatures()) all->push_back(MakeBody(row.kind, row.body));
    return all;
  }();
  return *(*bodies)[static_cast<size_t>(&signature - Signatures().data())];
}

Reader ReaderOf(const Signature& signature) {
  return signature.read != nullptr ? signature.read : FamilyOf(signature.kind).read;
}

}  // namespace lk::detect
