#include "common/tls/shown_chain.hpp"

#include "common/base/assert.hpp"

namespace tandem::tls {

ShownChain::ShownChain(SSL* ssl, const ClusterCredentials& accepted_by)
    : own_(SSL_get1_peer_certificate(ssl)),
      between_(sk_X509_new_null()),
      shown_by_(SSL_is_server(ssl) == 1 ? Side::calls : Side::serves),
      judged_by_(accepted_by.authorities()) {
  TANDEM_ASSERT(own_ != nullptr && between_ != nullptr);
  auto* const shown = SSL_get_peer_cert_chain(ssl);  // null: there is none, or it is forgotten
  for (int i = 0; i < sk_X509_num(shown); ++i) {
    auto* const each = sk_X509_value(shown, i);
    TANDEM_ASSERT(X509_up_ref(each) == 1);
    TANDEM_ASSERT(sk_X509_push(between_.get(), each) > 0);
  }
}

const std::string& ShownChain::why_refused(const ClusterCredentials& credentials) {
  if (judged_by_ == credentials.authorities()) return refusal_;
  judged_by_ = credentials.authorities();
  refusal_ = credentials.why_refused(own_.get(), between_.get(), shown_by_);
  return refusal_;
}

}  // namespace tandem::tls
