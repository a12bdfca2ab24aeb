// SPDX-License-Identifier: Apache-2.0
#include "server/webhooks/transport.h"

#include <array>

#include "server/webhooks/curl.h"

namespace lk::webhooks {
namespace {

// Response bodies up to this size are read and dropped. A larger one ends the connection, after the status is known.
constexpr size_t kMaxReplyBytes = 1 << 20;

size_t Drop(char*, size_t, size_t size, void* user) {
  auto& left = *static_cast<size_t*>(user);
  if (size > left) return 0;
  left -= size;
  return size;
}

int StopSending(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<bool>*>(user) ? 1 : 0;
}

class CurlTransport final : public Transport {
 public:
  CurlTransport(std::string ca_file, absl::Duration timeout, const std::atomic<bool>& stop)
      : ca_file_(std::move(ca_file)), timeout_(timeout), stop_(stop) {}

  StatusOr<PostReply> Post(const PostRequest& request) override {
    const CurlHandle curl = NewCurl(ca_file_, true);
    std::array<char, CURL_ERROR_SIZE> detail{};
    CurlList headers;
    Append(headers, "Content-Type: application/json");
    // Do not wait for "100 Continue".
    Append(headers, "Expect:");
    for (const std::string& header : request.headers) Append(headers, header);
    size_t left = kMaxReplyBytes;
    curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail.data());
    curl_easy_setopt(curl.get(), CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Drop);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &left);
    curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, StopSending);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &stop_);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(timeout_)));
    const CURLcode code = curl_easy_perform(curl.get());
    if (code == CURLE_ABORTED_BY_CALLBACK) return absl::CancelledError("lkd is stopping");
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK && (code != CURLE_WRITE_ERROR || status == 0)) {
      return CurlError(code, detail.data(), request.url);
    }
    PostReply reply{.status = static_cast<uint32_t>(status), .retry_after = std::nullopt};
    curl_off_t seconds = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) reply.retry_after = absl::Seconds(seconds);
    return reply;
  }

 private:
  const std::string ca_file_;
  const absl::Duration timeout_;
  const std::atomic<bool>& stop_;
};

}  // namespace

std::unique_ptr<Transport> NewTransport(const std::filesystem::path& ca_file, absl::Duration timeout,
                                        const std::atomic<bool>& stop) {
  return std::make_unique<CurlTransport>(ca_file.string(), timeout, stop);
}

}  // namespace lk::webhooks
