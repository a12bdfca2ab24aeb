// SPDX-License-Identifier: Apache-2.0
#include "server/api/pki.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>

#include "support/random.h"

namespace lk::api {
namespace {

X509* Parse(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return certificate;
}

TEST(Pki, CreatesACertificateForLkdSignedByItsCa) {
  const std::filesystem::path directory = std::filesystem::path(testing::TempDir()) / RandomHex(8);
  const auto pki = LoadOrCreatePki(directory);
  ASSERT_TRUE(pki.ok()) << pki.status();
  X509* ca = Parse(pki->ca_pem);
  X509* certificate = Parse(pki->certificate_pem);
  ASSERT_TRUE(ca && certificate);
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, ca);
  // The second time is that of a guest that has just booted without a driver for its RTC: 30 seconds after the epoch.
  for (const time_t now : {time(nullptr), time_t{30}}) {
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, certificate, nullptr);
    X509_STORE_CTX_set_time(context, 0, now);
    EXPECT_EQ(X509_verify_cert(context), 1) << X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    X509_STORE_CTX_free(context);
  }
  EXPECT_EQ(X509_check_host(certificate, "lkd", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate, "other", 0, 0, nullptr), 0);
  X509_STORE_free(store);
  X509_free(certificate);
  X509_free(ca);

  struct stat status {};
  ASSERT_EQ(stat((directory / "agent.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const auto again = LoadOrCreatePki(directory);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->ca_pem, pki->ca_pem) << "a restart must not lock out running agents";
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace lk::api
