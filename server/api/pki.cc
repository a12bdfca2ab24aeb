// SPDX-License-Identifier: Apache-2.0
#include "server/api/pki.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <random>

#include "support/file.h"
#include "support/unique_fd.h"

namespace lk::api {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

constexpr long kTenYears = 10L * 365 * 24 * 3600;

Status OpensslError(std::string_view doing) {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  return absl::InternalError(fmt::format("{}: {}", doing, text));
}

// Creates a certificate for the key `subject`, signed with `issuer_key`; self-signed if `issuer` is null.
StatusOr<Certificate> Sign(const char* name, EVP_PKEY* subject, const X509* issuer, EVP_PKEY* issuer_key,
                           std::initializer_list<std::pair<int, const char*>> extensions) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  // Two certificates from one issuer must not share a serial number.
  std::random_device random;
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), (uint64_t{random()} << 31) | random());
  // A guest without a driver for its RTC believes that it is 1970, so the certificate is valid from then on.
  ASN1_TIME_set_string(X509_getm_notBefore(certificate.get()), "19700101000000Z");
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kTenYears);
  X509_set_pubkey(certificate.get(), subject);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  const X509* signer = issuer ? issuer : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  X509V3_CTX context;
  X509V3_set_ctx(&context, const_cast<X509*>(signer), certificate.get(), nullptr, nullptr, 0);
  for (const auto& [id, value] : extensions) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, id, value));
    if (!extension || X509_add_ext(certificate.get(), extension.get(), -1) != 1)
      return OpensslError("cannot add a certificate extension");
  }
  if (X509_sign(certificate.get(), issuer_key, EVP_sha256()) == 0) return OpensslError("cannot sign a certificate");
  return certificate;
}

template <typename Write>
std::string Pem(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

StatusOr<Pki> Create() {
  const Key ca_key(EVP_EC_gen("P-256"));
  const Key key(EVP_EC_gen("P-256"));
  if (!ca_key || !key) return OpensslError("cannot generate a key");
  LK_ASSIGN_OR_RETURN(const Certificate ca, Sign("lkd agents", ca_key.get(), nullptr, ca_key.get(),
                                                 {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                                  {NID_key_usage, "critical,keyCertSign"},
                                                  {NID_subject_key_identifier, "hash"}}));
  LK_ASSIGN_OR_RETURN(const Certificate certificate, Sign("lkd", key.get(), ca.get(), ca_key.get(),
                                                          {{NID_basic_constraints, "critical,CA:FALSE"},
                                                           {NID_key_usage, "critical,digitalSignature"},
                                                           {NID_ext_key_usage, "serverAuth"},
                                                           {NID_subject_alt_name, "DNS:lkd"}}));
  Pki pki;
  pki.ca_pem = Pem([&](BIO* bio) { PEM_write_bio_X509(bio, ca.get()); });
  pki.certificate_pem = Pem([&](BIO* bio) { PEM_write_bio_X509(bio, certificate.get()); });
  pki.key_pem = Pem([&](BIO* bio) { PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  return pki;
}

std::string ReadPem(const std::filesystem::path& path) {
  return ReadFile(path).value_or("");
}

// Writes the file atomically; it is never readable by others.
Status WriteFile(const std::filesystem::path& path, const std::string& content) {
  const std::filesystem::path temporary = path.string() + ".new";
  const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd || WriteAll(fd.get(), content) || fsync(fd.get()) != 0 || rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::InternalError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<Pki> LoadOrCreatePki(const std::filesystem::path& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return absl::InternalError(fmt::format("{}: {}", directory.string(), failed.message()));
  Pki pki{ReadPem(directory / "ca.pem"), ReadPem(directory / "agent.pem"), ReadPem(directory / "agent.key")};
  if (!pki.ca_pem.empty() && !pki.certificate_pem.empty() && !pki.key_pem.empty()) return pki;
  LK_ASSIGN_OR_RETURN(pki, Create());
  LK_RETURN_IF_ERROR(WriteFile(directory / "agent.key", pki.key_pem));
  LK_RETURN_IF_ERROR(WriteFile(directory / "agent.pem", pki.certificate_pem));
  LK_RETURN_IF_ERROR(WriteFile(directory / "ca.pem", pki.ca_pem));
  return pki;
}

}  // namespace lk::api
