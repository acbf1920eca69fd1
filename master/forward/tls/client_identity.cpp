#include "master/forward/tls/client_identity.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/tls/openssl.hpp"
#include "master/forward/tls/limits.hpp"

namespace tandem::master::tls {

namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

// It needs no quotes, and means the same to every reader.
bool is_plain(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c <= '~' && c != ',' && c != ';' && c != '=' && c != '"' && c != '\\';
  });
}

template <class Visit>
void for_each_name(X509* certificate, int type, Visit visit) {
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
                           X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
                       &GENERAL_NAMES_free);
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != type) continue;
    const auto text =
        tandem::tls::text_of(type == GEN_URI ? name->d.uniformResourceIdentifier : name->d.dNSName);
    if (is_plain(text)) visit(text);
  }
}

// RFC 2253, with quotes, backslashes and what is not ASCII escaped, so that it can stand in quotes.
std::string subject_of(X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()), &BIO_free_all);
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  const std::string_view text(data, size > 0 ? static_cast<std::size_t>(size) : 0);
  const bool is_visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return is_visible && text.size() <= limits::client_subject_bytes_max ? std::string(text)
                                                                       : std::string();
}

std::string hash_of(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), hash.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", hash[i]);
  return text;
}

}  // namespace

std::string client_identity(SSL* ssl) {
  X509* const shown = SSL_get0_peer_certificate(ssl);
  if (shown == nullptr) return {};
  std::string element;
  X509* const own = SSL_get_certificate(ssl);
  if (own != nullptr) {
    for_each_name(own, GEN_URI, [&](std::string_view uri) {
      if (element.empty()) element = fmt::format("By={};", uri);
    });
  }
  element += "Hash=" + hash_of(shown);
  element += fmt::format(";Subject=\"{}\"", subject_of(shown));
  const auto add = [&](std::string_view key, std::string_view name) {
    if (element.size() + name.size() + 8 > limits::client_names_bytes_max) return;
    element += fmt::format(";{}={}", key, name);
  };
  for_each_name(shown, GEN_URI, [&](std::string_view uri) { add("URI", uri); });
  for_each_name(shown, GEN_DNS, [&](std::string_view name) { add("DNS", name); });
  return element;
}

bool is_of_this_time(SSL* ssl) {
  X509* const shown = SSL_get0_peer_certificate(ssl);
  return shown == nullptr || (X509_cmp_current_time(X509_get0_notBefore(shown)) < 0 &&
                              X509_cmp_current_time(X509_get0_notAfter(shown)) > 0);
}

}  // namespace tandem::master::tls
