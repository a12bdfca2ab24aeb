// SPDX-License-Identifier: Apache-2.0
#include "server/yaml/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>

#include "support/edit_distance.h"
#include "support/quantity.h"

namespace lk::yaml {
namespace {

constexpr size_t kMaxText = 4096;
constexpr size_t kMaxName = 63;

std::string_view TypeName(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map:
      return "a mapping";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Scalar:
      return "a single value";
    default:
      return "nothing";
  }
}

bool Expect(const Item& item, Mistakes& mistakes, YAML::NodeType::value type, std::string_view wanted) {
  if (item.node.Type() == type) return true;
  mistakes.Add(item.path, fmt::format("expected {}, found {}", wanted, TypeName(item.node)));
  return false;
}

// Reports mistakes in a key at the position of the key, and mistakes in a value at the position of the value.
void EachPair(const Item& item, Mistakes& mistakes,
              const std::function<void(const std::string& key, const YAML::Node& key_node, const Item& value)>& read) {
  if (!Expect(item, mistakes, YAML::NodeType::Map, "a mapping (key: value)")) return;
  std::set<std::string> seen;
  for (const auto& pair : item.node) {
    if (mistakes.full()) return;
    if (!pair.first.IsScalar()) {
      mistakes.AddAt(pair.first.Mark(), item.path, "a key must be a single value");
      continue;
    }
    const std::string& key = pair.first.Scalar();
    const Item value = item.Child(key, pair.second);
    if (!seen.insert(key).second) {
      mistakes.AddAt(pair.first.Mark(), value.path, fmt::format("duplicate key \"{}\"", key));
      continue;
    }
    mistakes.Remember(value.path, pair.second.IsNull() ? pair.first.Mark() : pair.second.Mark());
    read(key, pair.first, value);
  }
}

}  // namespace

void Mistakes::Remember(const std::string& path, const YAML::Mark& mark) {
  places_[path] = mark;
}

bool Mistakes::Overridden(const std::string& path) const {
  return std::ranges::any_of(overridden_, [&](const std::string& prefix) {
    return path.starts_with(prefix) &&
           (path.size() == prefix.size() || path[prefix.size()] == '.' || path[prefix.size()] == '[');
  });
}

Mistake Mistakes::At(const YAML::Mark& mark, const std::string& path) const {
  if (mark.is_null() || Overridden(path)) return {0, 0, path, ""};
  return {static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1, path, ""};
}

Mistake Mistakes::Locate(const std::string& path) const {
  for (std::string at = path;;) {
    if (const auto place = places_.find(at); place != places_.end()) return At(place->second, path);
    const size_t parent = at.find_last_of(".[");
    if (parent == std::string::npos) return At(YAML::Mark::null_mark(), path);
    at.erase(parent);
  }
}

void Mistakes::Add(const std::string& path, std::string message) {
  errors_.push_back(Locate(path));
  errors_.back().message = std::move(message);
}

void Mistakes::AddAt(const YAML::Mark& mark, const std::string& path, std::string message) {
  errors_.push_back(At(mark, path));
  errors_.back().message = std::move(message);
}

std::vector<Mistake> Mistakes::Take() {
  std::ranges::stable_sort(errors_, {}, [](const Mistake& error) { return std::tie(error.line, error.column); });
  return std::move(errors_);
}

void ReadMap(const Item& item, Mistakes& mistakes, const std::vector<Field>& fields) {
  std::set<std::string_view> present;
  EachPair(item, mistakes, [&](const std::string& key, const YAML::Node& key_node, const Item& value) {
    const auto field = std::ranges::find(fields, key, &Field::key);
    if (field == fields.end()) {
      std::vector<std::string> valid;
      valid.reserve(fields.size());
      for (const Field& known : fields) valid.emplace_back(known.key);
      mistakes.AddAt(key_node.Mark(), value.path, Unknown("key", key, valid));
      return;
    }
    present.insert(field->key);
    field->read(value);
  });
  if (!item.node.IsMap()) return;
  for (const Field& field : fields) {
    if (field.required && !present.contains(field.key)) {
      mistakes.Add(item.path, fmt::format("\"{}\" is missing", field.key));
    }
  }
}

void ReadAnyMap(const Item& item, Mistakes& mistakes,
                const std::function<void(const std::string& key, const Item&)>& read) {
  EachPair(item, mistakes, [&](const std::string& key, const YAML::Node&, const Item& value) { read(key, value); });
}

void ReadList(const Item& item, Mistakes& mistakes, bool may_be_empty, const std::function<void(const Item&)>& read) {
  if (!Expect(item, mistakes, YAML::NodeType::Sequence, "a list")) return;
  if (item.node.size() == 0 && !may_be_empty)
    mistakes.Add(item.path, "the list is empty; at least one entry is required");
  for (size_t i = 0; i < item.node.size() && !mistakes.full(); ++i) {
    const Item entry{item.node[i], fmt::format("{}[{}]", item.path, i)};
    mistakes.Remember(entry.path, entry.node.Mark());
    read(entry);
  }
}

std::optional<std::string> ReadText(const Item& item, Mistakes& mistakes) {
  if (!Expect(item, mistakes, YAML::NodeType::Scalar, "a single value")) return std::nullopt;
  const std::string& text = item.node.Scalar();
  if (text.size() > kMaxText) {
    mistakes.Add(item.path, fmt::format("text of {} bytes is too long (maximum: {})", text.size(), kMaxText));
    return std::nullopt;
  }
  if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    mistakes.Add(item.path, "newlines and other control characters are not allowed");
    return std::nullopt;
  }
  return text;
}

std::optional<uint32_t> ReadNumber(const Item& item, Mistakes& mistakes, uint32_t min, uint32_t max) {
  const std::optional<std::string> text = ReadText(item, mistakes);
  if (!text) return std::nullopt;
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error == std::errc() && end == text->data() + text->size() && number >= min && number <= max) return number;
  mistakes.Add(item.path, fmt::format("\"{}\" is not a whole number from {} to {}", *text, min, max));
  return std::nullopt;
}

std::optional<uint64_t> ReadBytes(const Item& item, Mistakes& mistakes) {
  const std::optional<std::string> text = ReadText(item, mistakes);
  if (!text) return std::nullopt;
  const StatusOr<uint64_t> bytes = ParseBytes(*text);
  if (bytes.ok()) return *bytes;
  mistakes.Add(item.path, std::string(bytes.status().message()));
  return std::nullopt;
}

std::optional<absl::Duration> ReadDuration(const Item& item, Mistakes& mistakes) {
  const std::optional<std::string> text = ReadText(item, mistakes);
  if (!text) return std::nullopt;
  const StatusOr<absl::Duration> duration = ParseDuration(*text);
  if (duration.ok() && *duration > absl::ZeroDuration()) return *duration;
  mistakes.Add(item.path,
               duration.ok() ? "the duration must be greater than 0" : std::string(duration.status().message()));
  return std::nullopt;
}

std::optional<bool> ReadBool(const Item& item, Mistakes& mistakes) {
  return ReadWord<bool>(item, mistakes, "boolean", {{"true", true}, {"false", false}});
}

std::optional<std::string> ReadName(const Item& item, Mistakes& mistakes) {
  std::optional<std::string> text = ReadText(item, mistakes);
  if (!text) return std::nullopt;
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool good =
      !text->empty() && text->size() <= kMaxName && alphanumeric(text->front()) &&
      std::ranges::all_of(*text, [&](char c) { return alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
  if (good) return text;
  mistakes.Add(
      item.path,
      fmt::format(
          "invalid name \"{}\" (expected lower-case letters, digits, \".\", \"_\" and \"-\", beginning with a letter "
          "or digit, at most {} characters)",
          *text, kMaxName));
  return std::nullopt;
}

std::string Unknown(std::string_view what, std::string_view word, const std::vector<std::string>& valid,
                    std::string_view where) {
  std::string text = fmt::format("unknown {} \"{}\"{}", what, word, where);
  if (valid.empty()) return text + " (there are none)";
  const auto nearest =
      std::ranges::min_element(valid, {}, [&](const std::string& known) { return EditDistance(word, known); });
  // Up to two wrong letters, or a third of the letters, count as a typo.
  const bool typo = EditDistance(word, *nearest) <= std::max<size_t>(2, nearest->size() / 3) && word.size() > 1;
  text += typo ? fmt::format("; did you mean \"{}\"? Valid", *nearest) : "; valid";
  return text + fmt::format(": {}", fmt::join(valid, ", "));
}

}  // namespace lk::yaml
