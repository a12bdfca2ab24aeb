// SPDX-License-Identifier: Apache-2.0
#include "server/api/authorizer.h"

#include <fmt/format.h>
#include <grpc/grpc_security_constants.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pwd.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "server/api/call.h"
#include "support/mutex.h"

namespace lk::api {
namespace {

using access::Printable;
using access::Role;

// Connection property, set on the first call: the uid at the other end of the Unix socket.
constexpr char kUserProperty[] = "lk_uid";
constexpr std::string_view kBearer = "Bearer ";
constexpr std::string_view kRolePrefix = "lk-";
// Longer headers are refused without being parsed. A token is 68 bytes long.
constexpr size_t kMaxHeaderBytes = 256;

std::string_view View(const grpc::string_ref& text) {
  return {text.data(), text.size()};
}

std::optional<std::string_view> Only(const Metadata& metadata, const char* key, bool& several) {
  const auto [first, last] = metadata.equal_range(key);
  several = first != last && std::next(first) != last;
  if (first == last) return std::nullopt;
  return View(first->second);
}

std::string NameOfUser(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return fmt::format("uid {}", uid);
  }
  return fmt::format("uid {} ({})", uid, Printable(entry.pw_name));
}

// All values of one attribute of a subject.
std::vector<std::string> Entries(const X509_NAME* subject, int nid) {
  std::vector<std::string> values;
  for (int at = X509_NAME_get_index_by_NID(subject, nid, -1); at >= 0;
       at = X509_NAME_get_index_by_NID(subject, nid, at)) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) continue;
    values.emplace_back(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
    OPENSSL_free(utf8);
  }
  return values;
}

}  // namespace

class AuthorizerProcessor final : public grpc::AuthMetadataProcessor {
 public:
  AuthorizerProcessor(Authorizer& authorizer, std::function<uid_t()> user)
      : authorizer_(authorizer), user_(std::move(user)) {}

  // Looking up a token waits for the store.
  bool IsBlocking() const override { return true; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata*,
                       OutputMetadata*) override {
    if (user_) {
      // Calls on one connection share its context; the property is set once, before any of the calls is handled.
      const MutexLock lock(&mutex_);
      if (context->FindPropertyValues(kUserProperty).empty()) {
        context->AddProperty(kUserProperty, std::to_string(user_()));
      }
    }
    return ToGrpc(authorizer_.Check(*context, metadata));
  }

 private:
  Authorizer& authorizer_;
  const std::function<uid_t()> user_;
  Mutex mutex_;
};

Caller CallerOfCertificate(std::string_view pem) {
  Caller caller;
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr),
                                                           X509_free);
  if (!certificate) return caller;
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  const std::vector<std::string> names = Entries(subject, NID_commonName);
  std::vector<std::string> roles = Entries(subject, NID_organizationalUnitName);
  std::erase_if(roles, [](const std::string& unit) { return !unit.starts_with(kRolePrefix); });
  caller.known = true;
  caller.name = fmt::format("certificate CN={}", names.empty() ? "" : Printable(names.front(), 64));
  // A certificate that names more than one role is taken for a mistake and gets no role.
  if (roles.size() != 1) return caller;
  caller.role = access::ParseRole(roles.front().substr(kRolePrefix.size())).value_or(Role::kNone);
  caller.name += fmt::format(",OU={}", Printable(roles.front(), 64));
  return caller;
}

StatusOr<Caller> Authorizer::Identify(const grpc::AuthContext& connection, const Metadata& metadata) const {
  if (const auto user = connection.FindPropertyValues(kUserProperty); !user.empty()) {
    uid_t uid = 0;
    const std::string_view text = View(user.front());
    std::from_chars(text.data(), text.data() + text.size(), uid);
    // The socket's mode controls who can connect; everyone who can is an admin.
    return Caller{NameOfUser(uid), Role::kAdmin, true};
  }
  bool several = false;
  if (const auto header = Only(metadata, "authorization", several)) {
    if (several || !header->starts_with(kBearer) || header->size() > kMaxHeaderBytes) {
      return absl::UnauthenticatedError("invalid \"authorization\" header (expected a single \"Bearer TOKEN\")");
    }
    const auto token = store_.FindToken(access::HashToken(header->substr(kBearer.size())));
    if (absl::IsNotFound(token.status())) return absl::UnauthenticatedError("no such token");
    if (!token.ok()) return token.status();
    if (!token->Live(clock_.Now())) {
      return absl::UnauthenticatedError(
          fmt::format("token {} ({}) {}", token->name, token->id,
                      token->revoked == absl::InfinitePast() ? "has expired" : "has been revoked"));
    }
    return Caller{fmt::format("token {} ({})", token->name, token->id), token->role, true};
  }
  // gRPC has verified the certificate, if any, against operator.clientCa.
  const auto certificate = connection.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  return certificate.empty() ? Caller{} : CallerOfCertificate(View(certificate.front()));
}

std::shared_ptr<grpc::AuthMetadataProcessor> Authorizer::Processor(std::function<uid_t()> user) {
  return std::make_shared<AuthorizerProcessor>(*this, std::move(user));
}

Status Authorizer::Check(const grpc::AuthContext& connection, const Metadata& metadata) {
  bool several = false;
  const std::string_view method = Only(metadata, ":path", several).value_or("");
  // Methods that are open to all do not require a known caller, but an invalid token is refused even for them.
  const auto caller = Identify(connection, metadata);
  Status decision = caller.ok() ? Decide(method, *caller) : caller.status();
  if (decision.ok()) return decision;
  LogRefusal(method, decision);
  const Rule* rule = FindRule(method);
  if (caller.ok() && caller->known && rule != nullptr && rule->changes()) refused_(*rule, *caller, decision);
  return decision;
}

void Authorizer::LogRefusal(std::string_view method, const Status& status) {
  const auto left_out = log_throttle_.Take(clock_.Now());
  if (!left_out) return;
  spdlog::warn("refused {}: {}{}", Printable(method, 128), Printable(std::string(status.message()), 512),
               *left_out == 0 ? "" : fmt::format(" ({} earlier refusals not logged)", *left_out));
}

}  // namespace lk::api
