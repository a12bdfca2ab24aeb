// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/fetcher.h"

#include <absl/time/clock.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "server/webhooks/curl.h"
#include "support/file.h"
#include "support/random.h"
#include "support/unique_fd.h"

namespace lk::webhooks {

// Receives a response body.
struct Sink {
  UniqueFd file;
  uint64_t most_bytes = 0;
  uint64_t bytes = 0;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  // The transfer. Asked for the response status, since only the body of a 200 response is kept.
  CURL* curl = nullptr;
  std::vector<IpAddress> allowed;
  Status error;
  const std::atomic<bool>* stop = nullptr;
};

namespace {

constexpr int kMaxRedirects = 5;
constexpr absl::Duration kConnect = absl::Seconds(15);
// A transfer that stays below this rate for this long is aborted.
constexpr long kLeastBytesPerSecond = 1024;
constexpr long kSlowSeconds = 60;

size_t Write(char* data, size_t, size_t size, void* user) {
  auto& sink = *static_cast<Sink*>(user);
  long status = 0;
  curl_easy_getinfo(sink.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return size;
  if (size > sink.most_bytes - sink.bytes) {
    sink.error = absl::ResourceExhaustedError(
        fmt::format("larger than {} bytes (webhooks.artifacts.maxBytes)", sink.most_bytes));
    return 0;
  }
  if (const std::error_code error = WriteAll(sink.file.get(), {data, size})) {
    sink.error = absl::UnavailableError(fmt::format("cannot write: {}", error.message()));
    return 0;
  }
  EVP_DigestUpdate(sink.digest.get(), data, size);
  sink.bytes += size;
  return size;
}

int StopFetching(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& sink = *static_cast<Sink*>(user);
  if (*sink.stop) sink.error = absl::CancelledError("lkd is stopping");
  return *sink.stop ? 1 : 0;
}

// libcurl calls this to connect. Accepts only the addresses in Sink::allowed.
curl_socket_t OpenSocket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& sink = *static_cast<Sink*>(user);
  const StatusOr<IpAddress> ip = FromSockaddr(&address->addr);
  if (!ip.ok() || std::ranges::find(sink.allowed, *ip) == sink.allowed.end()) {
    sink.error = absl::PermissionDeniedError("refusing to connect to an unchecked address");
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

}  // namespace

StatusOr<Fetcher> Fetcher::Create(const config::Webhooks::Artifacts& config, Resolver resolver) {
  std::vector<Origin> origins;
  for (const config::ArtifactOrigin& configured : config.origins) {
    const StatusOr<Url> url = ParseUrl(configured.url);
    if (!url.ok() || url->scheme != "https") {
      return absl::FailedPreconditionError(
          fmt::format("webhooks.artifacts.origins: \"{}\" is not an https origin", configured.url));
    }
    Origin& origin = origins.emplace_back();
    origin.origin = url->origin;
    origin.private_addresses = configured.private_addresses;
    if (configured.token_file.empty()) continue;
    LK_ASSIGN_OR_RETURN(Secret token, ReadSecret(configured.token_file));
    origin.token.push_back(std::move(token));
  }
  return Fetcher(config, std::move(origins), std::move(resolver));
}

StatusOr<const Fetcher::Origin*> Fetcher::Allowed(const Url& url) const {
  const auto origin = std::ranges::find(origins_, url.origin, &Origin::origin);
  if (origin == origins_.end()) {
    return absl::PermissionDeniedError(fmt::format("{}: origin not listed in webhooks.artifacts.origins", url.text));
  }
  return &*origin;
}

StatusOr<std::vector<IpAddress>> Fetcher::Addresses(const Url& url, const Origin& origin) const {
  const bool literal = url.host.starts_with('[') && url.host.ends_with(']');
  LK_ASSIGN_OR_RETURN(const std::vector<IpAddress> addresses,
                      resolver_(literal ? url.host.substr(1, url.host.size() - 2) : url.host));
  if (addresses.empty()) return absl::NotFoundError(fmt::format("{}: the host has no address", url.text));
  for (const IpAddress& address : addresses) {
    if (IsPublic(address) || origin.private_addresses) continue;
    return absl::PermissionDeniedError(
        fmt::format("{}: {} resolves to {}, which is not a public address", url.text, url.host, address.ToString()));
  }
  return addresses;
}

StatusOr<std::vector<IpAddress>> Fetcher::Check(const std::string& text) const {
  LK_ASSIGN_OR_RETURN(const Url url, ParseUrl(text));
  LK_ASSIGN_OR_RETURN(const Origin* origin, Allowed(url));
  return Addresses(url, *origin);
}

StatusOr<std::string> Fetcher::Once(const Url& url, Sink& sink, absl::Time deadline) const {
  LK_ASSIGN_OR_RETURN(const Origin* origin, Allowed(url));
  LK_ASSIGN_OR_RETURN(sink.allowed, Addresses(url, *origin));
  const absl::Duration left = deadline - absl::Now();
  if (left <= absl::ZeroDuration()) return absl::UnavailableError(fmt::format("{}: timed out", url.text));

  const CurlHandle curl = NewCurl(config_.ca_file, false);
  std::array<char, CURL_ERROR_SIZE> detail{};
  sink.curl = curl.get();
  CurlList resolved, headers;
  std::string pinned;
  for (const IpAddress& address : sink.allowed) {
    if (!pinned.empty()) pinned += ',';
    pinned += address.v6 ? fmt::format("[{}]", address.ToString()) : address.ToString();
  }
  // Pins the checked addresses, so that the name is not resolved again. Literal IPv6 addresses are not resolved at all.
  if (!url.host.starts_with('[')) Append(resolved, fmt::format("{}:{}:{}", url.host, url.port, pinned));
  for (const Secret& token : origin->token) Append(headers, fmt::format("Authorization: Bearer {}", token.Reveal()));
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.text.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_RESOLVE, resolved.get());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETFUNCTION, OpenSocket);
  curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETDATA, &sink);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Write);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &sink);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, StopFetching);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &sink);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(kConnect)));
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS,
                   static_cast<long>(std::max<int64_t>(1, absl::ToInt64Milliseconds(left))));
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, kLeastBytesPerSecond);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, kSlowSeconds);
  const CURLcode code = curl_easy_perform(curl.get());
  if (!sink.error.ok()) {
    return Status(sink.error.code(), fmt::format("{}: {}", url.text, std::string(sink.error.message())));
  }
  if (code != CURLE_OK) return CurlError(code, detail.data(), url.text);
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 200) return "";
  const char* location = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_REDIRECT_URL, &location);
  if (status >= 300 && status < 400 && location != nullptr) return location;
  const std::string text = fmt::format("{}: the server responded with {}", url.text, status);
  const bool passing = status >= 500 || status == 408 || status == 429;
  return passing ? absl::UnavailableError(text) : absl::NotFoundError(text);
}

Status Fetcher::Fetch(const std::string& text, const std::filesystem::path& file, const std::string& sha256,
                      const std::atomic<bool>& stop) const {
  Sink sink;
  sink.file = UniqueFd(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!sink.file) return absl::UnavailableError(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  sink.most_bytes = config_.max_bytes;
  sink.stop = &stop;
  EVP_DigestInit_ex(sink.digest.get(), EVP_sha256(), nullptr);
  const absl::Time deadline = absl::Now() + config_.timeout;
  std::string next = text;
  int redirects = 0;
  do {
    if (redirects++ > kMaxRedirects) {
      return absl::NotFoundError(fmt::format("{}: more than {} redirects", text, kMaxRedirects));
    }
    LK_ASSIGN_OR_RETURN(const Url url, ParseUrl(next));
    LK_ASSIGN_OR_RETURN(next, Once(url, sink, deadline));
  } while (!next.empty());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(sink.digest.get(), digest.data(), &size);
  const std::string got = ToHex(std::string(digest.begin(), digest.begin() + size));
  if (!sha256.empty() && got != sha256) {
    return absl::DataLossError(fmt::format("{}: expected SHA-256 {}, found {}", text, sha256, got));
  }
  return absl::OkStatus();
}

}  // namespace lk::webhooks
