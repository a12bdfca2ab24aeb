// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/signature.h"

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "support/random.h"

namespace lk::webhooks {
namespace {

constexpr size_t kDigestBytes = 32;
using Digest = std::array<unsigned char, kDigestBytes>;

// Limit on signatures checked per header.
constexpr size_t kMaxSignatures = 16;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Digest Hmac(std::string_view key, std::string_view text) {
  Digest digest{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text), text.size(), digest.data(), nullptr);
  return digest;
}

Digest Sha256(std::string_view text) {
  Digest digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

// A signature of a different length is compared as zeros and is never equal.
bool Equal(const Digest& right, std::string_view given) {
  Digest other{};
  const bool sized = given.size() == other.size();
  if (sized) std::copy(given.begin(), given.end(), reinterpret_cast<char*>(other.data()));
  return (CRYPTO_memcmp(right.data(), other.data(), right.size()) == 0) & sized;
}

// Decodes the hexadecimal digits after the prefix. Returns "" if `given` does not have this form.
std::string FromHex(std::string_view prefix, std::string_view given) {
  if (!given.starts_with(prefix)) return "";
  const std::string text(given.substr(prefix.size()));
  if (text.size() != 2 * kDigestBytes || !std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isxdigit(static_cast<unsigned char>(c));
      })) {
    return "";
  }
  return absl::HexStringToBytes(text);
}

// Whether any of the signatures was made with any of the secrets.
bool AnyGood(const Secrets& secrets, std::string_view text, std::span<const std::string> signatures) {
  static const std::string missing;
  if (signatures.empty()) signatures = {&missing, 1};
  bool good = false;
  for (const Secret& secret : secrets) {
    const Digest right = Hmac(secret.Reveal(), text);
    for (const std::string& signature : signatures) good |= Equal(right, signature);
  }
  return good;
}

}  // namespace

std::string HmacSha256(std::string_view key, std::string_view text) {
  const Digest digest = Hmac(key, text);
  return {digest.begin(), digest.end()};
}

std::string Sha256Hex(std::string_view text) {
  const Digest digest = Sha256(text);
  return ToHex(std::string(digest.begin(), digest.end()));
}

bool GitHubSignatureGood(const Secrets& secrets, std::string_view header, std::string_view body) {
  const std::string signature = FromHex("sha256=", header);
  return AnyGood(secrets, body, {&signature, 1});
}

bool TokenGood(const Secrets& secrets, std::string_view header) {
  // Digests always have the same length, and the position where two differ reveals nothing about the token.
  const Digest given = Sha256(header);
  bool good = false;
  for (const Secret& secret : secrets) {
    const Digest right = Sha256(secret.Reveal());
    good |= CRYPTO_memcmp(right.data(), given.data(), right.size()) == 0;
  }
  return good;
}

StandardResult CheckStandard(const Secrets& secrets, const StandardHeaders& headers, std::string_view body,
                             absl::Time now, absl::Duration tolerance) {
  std::vector<std::string> signatures;
  for (absl::string_view signature : absl::StrSplit(headers.signature, ' ', absl::SkipEmpty())) {
    if (signatures.size() == kMaxSignatures) break;
    // Signatures of other schemes (v1a: ed25519) are ignored.
    std::string bytes;
    if (absl::ConsumePrefix(&signature, "v1,") && absl::Base64Unescape(signature, &bytes)) signatures.push_back(bytes);
  }
  // "." separates the signed parts, so an id that contains one would be ambiguous.
  const bool formed = !headers.id.empty() && headers.id.find('.') == std::string::npos;
  int64_t seconds = 0;
  const bool timed =
      std::all_of(headers.timestamp.begin(), headers.timestamp.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
      absl::SimpleAtoi(headers.timestamp, &seconds);
  const std::string text = fmt::format("{}.{}.{}", headers.id, headers.timestamp, body);
  if (!(AnyGood(secrets, text, signatures) & formed & timed)) return StandardResult::kWrong;
  const absl::Duration off = absl::AbsDuration(now - absl::FromUnixSeconds(seconds));
  return off <= tolerance ? StandardResult::kGood : StandardResult::kStale;
}

StandardHeaders SignStandard(const Secrets& secrets, std::string id, absl::Time now, std::string_view body) {
  StandardHeaders headers{std::move(id), fmt::format("{}", absl::ToUnixSeconds(now)), ""};
  const std::string text = fmt::format("{}.{}.{}", headers.id, headers.timestamp, body);
  for (const Secret& secret : secrets) {
    if (!headers.signature.empty()) headers.signature += ' ';
    headers.signature += fmt::format("v1,{}", absl::Base64Escape(HmacSha256(secret.Reveal(), text)));
  }
  return headers;
}

}  // namespace lk::webhooks
