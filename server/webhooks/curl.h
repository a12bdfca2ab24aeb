// SPDX-License-Identifier: Apache-2.0
// libcurl, tamed. Internal to this room.
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

// A handle that takes nothing from its surroundings: no proxies, no .netrc, no redirects, no signals. https alone, with
// verified certificates (`ca_file`: instead of the system's), and http if `plain`. Never null.
CurlHandle NewCurl(const std::string& ca_file, bool plain);

void Append(CurlList& list, const std::string& line);

// What is wrong with a transfer, for people. UNAVAILABLE, which may pass; but PERMISSION_DENIED for a certificate that
// is not good.
Status CurlError(CURLcode code, const char* detail, const std::string& url);

// A URL taken apart, the host in the form that is connected to: lower case, and numbers as dotted decimals ("0x7f.1" is
// 127.0.0.1).
struct Url {
  std::string scheme, host, path;
  uint16_t port = 0;
  std::string text;    // whole, without user and fragment
  std::string origin;  // scheme://host:port, the port always there
};
// Errors: INVALID_ARGUMENT (no URL, no https or http, a user or a password in it).
StatusOr<Url> ParseUrl(const std::string& text);

}  // namespace lk::webhooks
