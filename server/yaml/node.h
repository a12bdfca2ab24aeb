// SPDX-License-Identifier: Apache-2.0
// YAML nodes with their positions, and mistakes in them.
#pragma once

#include <absl/time/time.h>
#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/yaml/mistake.h"

namespace lk::yaml {

// A node and its path from the root: "spec.profiles[0].memory".
struct Item {
  YAML::Node node;
  std::string path;

  Item Child(const std::string& key, const YAML::Node& child) const {
    return {child, path.empty() ? key : path + "." + key};
  }
};

// Collects mistakes and remembers where in the file each path was read.
class Mistakes {
 public:
  // Values at and under the `overridden` paths come from --set rather than from the file, so they have no position.
  explicit Mistakes(std::vector<std::string> overridden) : overridden_(std::move(overridden)) {}

  void Remember(const std::string& path, const YAML::Mark& mark);
  // Adds a mistake at the path, or at its nearest ancestor in the file.
  void Add(const std::string& path, std::string message);
  void AddAt(const YAML::Mark& mark, const std::string& path, std::string message);
  // The position of the path, or of its nearest ancestor in the file, as a mistake without a message.
  Mistake Locate(const std::string& path) const;
  size_t size() const { return errors_.size(); }
  // Whether to stop reading: through aliases, even a small file may contain the same mistake an unlimited number of
  // times.
  bool full() const { return errors_.size() >= kMax; }
  // Returns the mistakes, sorted by position.
  std::vector<Mistake> Take();

 private:
  static constexpr size_t kMax = 1000;

  bool Overridden(const std::string& path) const;
  Mistake At(const YAML::Mark& mark, const std::string& path) const;

  std::vector<std::string> overridden_;
  std::map<std::string, YAML::Mark> places_;
  std::vector<Mistake> errors_;
};

// One key of a mapping.
struct Field {
  std::string_view key;
  std::function<void(const Item&)> read;
  bool required = false;
};

// Reads a mapping with these keys. Unknown keys, duplicate keys and missing required keys are mistakes.
void ReadMap(const Item& item, Mistakes& mistakes, const std::vector<Field>& fields);
// Reads a mapping with arbitrary keys.
void ReadAnyMap(const Item& item, Mistakes& mistakes,
                const std::function<void(const std::string& key, const Item&)>& read);
void ReadList(const Item& item, Mistakes& mistakes, bool may_be_empty, const std::function<void(const Item&)>& read);

// Scalars. If the value is invalid, these functions record a mistake and return nullopt.
std::optional<std::string> ReadText(const Item& item, Mistakes& mistakes);
std::optional<uint32_t> ReadNumber(const Item& item, Mistakes& mistakes, uint32_t min, uint32_t max);
std::optional<uint64_t> ReadBytes(const Item& item, Mistakes& mistakes);
std::optional<absl::Duration> ReadDuration(const Item& item, Mistakes& mistakes);  // greater than 0
std::optional<bool> ReadBool(const Item& item, Mistakes& mistakes);
// A word that is safe to use as a file name, a label and a command-line argument.
std::optional<std::string> ReadName(const Item& item, Mistakes& mistakes);

// Valid words and their values.
template <typename T>
using Vocabulary = std::vector<std::pair<std::string_view, T>>;

// `unknown architecture "aarch"; did you mean "aarch64"? Valid: x86_64, aarch64`; `where`, such as " of baseline",
// comes after the word.
std::string Unknown(std::string_view what, std::string_view word, const std::vector<std::string>& valid,
                    std::string_view where = "");

template <typename T>
std::optional<T> ReadWord(const Item& item, Mistakes& mistakes, std::string_view what, const Vocabulary<T>& words) {
  const std::optional<std::string> text = ReadText(item, mistakes);
  if (!text) return std::nullopt;
  std::vector<std::string> valid;
  for (const auto& [word, value] : words) {
    if (word == *text) return value;
    valid.emplace_back(word);
  }
  mistakes.Add(item.path, Unknown(what, *text, valid));
  return std::nullopt;
}

// Stores what a reader returned, if anything.
template <typename T, typename U>
void Store(T& target, const std::optional<U>& value) {
  if (value) target = *value;
}

}  // namespace lk::yaml
