// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/curl.h"

#include <absl/strings/ascii.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

namespace lk::webhooks {
namespace {

using CurlUrl = std::unique_ptr<CURLU, CurlDelete>;

std::string Part(const CurlUrl& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return "";
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
  return text;
}

}  // namespace

CurlHandle NewCurl(const std::string& ca_file, bool plain) {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  CurlHandle curl(initialized == CURLE_OK ? curl_easy_init() : nullptr);
  if (!curl) std::abort();  // out of memory
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, plain ? "https,http" : "https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl.get(), CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "lk");
  if (!ca_file.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_CAINFO, ca_file.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_CAPATH, nullptr);
  }
  return curl;
}

void Append(CurlList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) std::abort();  // out of memory
  (void)list.release();
  list.reset(longer);
}

Status CurlError(CURLcode code, const char* detail, const std::string& url) {
  const std::string text = fmt::format("{}: {}", url, detail[0] != '\0' ? detail : curl_easy_strerror(code));
  if (code == CURLE_PEER_FAILED_VERIFICATION) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

StatusOr<Url> ParseUrl(const std::string& text) {
  const CurlUrl parts(curl_url());
  const bool good = curl_url_set(parts.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
  Url url;
  url.scheme = Part(parts, CURLUPART_SCHEME);
  if (!good || (url.scheme != "https" && url.scheme != "http")) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is not an https URL", text));
  }
  if (!Part(parts, CURLUPART_USER).empty() || !Part(parts, CURLUPART_PASSWORD).empty()) {
    return absl::InvalidArgumentError("a URL with a user or password is not accepted");
  }
  curl_url_set(parts.get(), CURLUPART_FRAGMENT, nullptr, 0);
  url.host = absl::AsciiStrToLower(Part(parts, CURLUPART_HOST));
  url.path = Part(parts, CURLUPART_PATH);
  url.text = Part(parts, CURLUPART_URL);
  const std::string port = Part(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  std::from_chars(port.data(), port.data() + port.size(), url.port);
  url.origin = fmt::format("{}://{}:{}", url.scheme, url.host, url.port);
  if (url.host.empty() || url.port == 0) return absl::InvalidArgumentError(fmt::format("\"{}\" has no host", text));
  return url;
}

}  // namespace lk::webhooks
