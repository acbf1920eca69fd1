#include "master/forward/tls/ocsp_staple.hpp"

#include <ctime>
#include <optional>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include "common/tls/openssl.hpp"
#include "common/base/log.hpp"
#include "common/base/small_file.hpp"
#include "master/forward/tls/limits.hpp"
#include "master/forward/tls/pem_file.hpp"

namespace tandem::master::tls {

namespace {

using Time = OcspStaple::Time;
using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)>;
using IdPtr = std::unique_ptr<OCSP_CERTID, decltype(&OCSP_CERTID_free)>;
using StorePtr = std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)>;

void free_stack(STACK_OF(X509) * stack) { sk_X509_free(stack); }
using StackPtr = std::unique_ptr<STACK_OF(X509), decltype(&free_stack)>;

X509* issuer_of(X509* certificate, const std::vector<X509*>& issuers) {
  for (X509* const each : issuers) {
    if (X509_check_issued(each, certificate) == X509_V_OK) return each;
  }
  return X509_check_issued(certificate, certificate) == X509_V_OK ? certificate : nullptr;
}

// By the authority itself, or by one that it has appointed (RFC 6960 §4.2.2.2).
bool is_signed(OCSP_BASICRESP* basic, X509* issuer) {
  const StorePtr store(X509_STORE_new(), &X509_STORE_free);
  const StackPtr known(sk_X509_new_null(), &free_stack);
  X509_STORE_add_cert(store.get(), issuer);
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  sk_X509_push(known.get(), issuer);
  return OCSP_basic_verify(basic, known.get(), store.get(), OCSP_TRUSTOTHER) == 1;
}

struct Judged {
  const char* why_not = nullptr;  // null: it can be shown
  Time until{};
};

Judged judge(const std::string& bytes, X509* certificate, X509* issuer, Time now) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = data + bytes.size();
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &data, static_cast<long>(bytes.size())),
                             &OCSP_RESPONSE_free);
  if (response == nullptr || data != end) return {"it is no answer of OCSP in DER"};
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return {"the authority has given no answer"};
  }
  const BasicPtr basic(OCSP_response_get1_basic(response.get()), &OCSP_BASICRESP_free);
  if (basic == nullptr) return {"it is no basic answer of OCSP"};
  if (issuer == nullptr) return {"the chain of the certificate does not have its authority"};
  int status = 0;
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  bool found = false;
  for (const auto* digest : {EVP_sha1(), EVP_sha256()}) {
    const IdPtr id(OCSP_cert_to_id(digest, certificate, issuer), &OCSP_CERTID_free);
    found = found || OCSP_resp_find_status(basic.get(), id.get(), &status, nullptr, nullptr,
                                           &this_update, &next_update) == 1;
  }
  if (!found) return {"it is about another certificate"};
  if (!is_signed(basic.get(), issuer)) return {"it is not signed by the certificate's authority"};
  if (status != V_OCSP_CERTSTATUS_GOOD) return {"the authority does not call the certificate good"};
  const auto from = tandem::tls::time_of(this_update);
  const auto until = tandem::tls::time_of(next_update);
  if (!from || !until) return {"it does not say until when it holds"};
  if (*from > now + limits::ocsp_clock_skew) return {"it is from the future"};
  if (*until <= now) return {"it has expired"};
  return {nullptr, *until};
}

}  // namespace

std::shared_ptr<const OcspStaple> OcspStaple::load(const std::string& file, X509* certificate,
                                                   const std::vector<X509*>& issuers, Time now) {
  auto content = read_small_file(file, limits::ocsp_bytes_max);
  if (!content) {
    if (content.error().code == ErrorCode::not_found) return nullptr;
    log::warn("ocsp staple not used file={} reason=\"it {}\"", file, content.error().message);
    return nullptr;
  }
  const auto judged = judge(*content, certificate, issuer_of(certificate, issuers), now);
  ERR_clear_error();
  if (judged.why_not != nullptr) {
    log::warn("ocsp staple not used file={} reason=\"{}\"", file, judged.why_not);
    return nullptr;
  }
  return std::shared_ptr<const OcspStaple>(new OcspStaple(std::move(*content), judged.until));
}

}  // namespace tandem::master::tls
