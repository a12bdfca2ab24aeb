// SPDX-License-Identifier: Apache-2.0
// Wrappers for libcurl. Internal to this component.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "support/status.h"

namespace lk::webhooks {

struct CurlDelete {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using CurlHandle = std::unique_ptr<CURL, CurlDelete>;
using CurlList = std::unique_ptr<curl_slist, CurlDelete>;

// A handle that ignores its environment: no proxies, no .netrc, no redirects, no signals. Allows https, with
// certificates verified against `ca_file` (the system's CA certificates if it is empty), and also http if `plain` is
// set. Never null.
CurlHandle NewCurl(const std::string& ca_file, bool plain);

void Append(CurlList& list, const std::string& line);

// Converts the error of a transfer to a readable one: PERMISSION_DENIED for a bad certificate, otherwise UNAVAILABLE,
// which may be temporary.
Status CurlError(CURLcode code, const char* detail, const std::string& url);

// A parsed URL, with the host in the form that is used to connect: lower case, and numbers as dotted decimals ("0x7f.1"
// is 127.0.0.1).
struct Url {
  std::string scheme, host, path;
  uint16_t port = 0;
  std::string text;    // the whole URL, without the fragment
  std::string origin;  // scheme://host:port, always with the port
};
// Errors: INVALID_ARGUMENT (not a URL, neither https nor http, contains a user or password).
StatusOr<Url> ParseUrl(const std::string& text);

}  // namespace lk::webhooks
